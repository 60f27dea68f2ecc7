"""What backends that talk HTTP to a model's server have in common.

Owns connections, time limits, reading bodies line by line, and making an error's text fit to
be shown. Does not own any API, nor the sentences for the user (each backend's ``faults``).
"""
