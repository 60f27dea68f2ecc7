"""Harmony, the format of gpt-oss models: conversations to tokens, tokens to events."""
