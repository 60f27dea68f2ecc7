"""Settings and the places of files."""
