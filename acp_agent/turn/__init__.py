"""The course of a prompt, and the modes it can run in."""
