"""OpenMythos, a recurrent-depth transformer in PyTorch, as the engine's second kind of model.

Owns its models, their memory and their answers. Does not own the thread (``worker``) or
the wire (``routes``, ``chunks``). torch and open_mythos belong to that thread and are
imported with the first model, in ``library``.
"""
