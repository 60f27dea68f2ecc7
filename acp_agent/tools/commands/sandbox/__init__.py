"""How the operating system keeps commands from harm, a module each mechanism.

Does not own the choice between them (``commands/containment``).
"""
