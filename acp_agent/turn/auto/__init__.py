"""Mode ``auto``: a small model answers, and what is heavy goes to GPT-OSS 20B.

Owns who decides and acts: the rubric and the small model's proposals (``judging``), who is
there to answer (``candidates``), delegations and how they are shown (``delegation``,
``shown``), the small model's tool (``generate_tool``), the course of a turn (``turn``). Does
not own the rubric, gates and log themselves (``acp_agent.routing``) nor a model's rounds
(``turn/loop``). Issue 5.
"""
