"""ACP v1 messages as pydantic models, one module per group of types.

Owns shapes only. Does not own what any method does, nor framing (``rpc``). This file
imports nothing, so that a process loads and builds only the groups it meets: the answer
to ``initialize`` needs ``base`` and ``initialize`` alone.
"""
