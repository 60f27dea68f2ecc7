"""Which model answers a prompt in mode ``auto``, by a rubric that can be read and measured.

Owns the features of a prompt (``features``), their weighing (``rubric``, ``weights.json``),
the measure of both (``evaluation``), the small model's proposals (``proposer``), the gates of
availability and memory (``gates``), the tool's arguments (``generate``), the log of decisions
and what is learnt from it. Does not own delegation itself (``turn/auto``).
"""
