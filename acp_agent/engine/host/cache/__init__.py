"""The prompt cache: what was computed for a session, kept for its next request."""
