"""Which model answers a prompt in mode ``auto``, by a rubric that can be read and measured.

Owns the features of a prompt (``features``), their weighing (``rubric``, ``weights.json``)
and the measure of both (``evaluation``); all of it pure. Does not own delegation itself,
nor whether the big model is there to take it: those are separate gates.
"""
