"""Slash commands: which there are, and what each answers. Does not own the wire."""
