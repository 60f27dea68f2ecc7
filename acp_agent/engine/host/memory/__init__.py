"""Memory in the engine: what a model needs, what there is, and what to do when it runs short.

Owns the check before a load (``needs``, ``guard``), the limits and figures of MLX
(``device``) and the reaction to the system's own signals (``pressure``). Does not own
reading those signals (``config/machine``), nor unloading itself, which is the scheduler's.
"""
