"""Commands that become a prompt, and the plan as it stands; pure.

Owns the words that a model is given in the user's place. Does not own running them.
"""

from collections.abc import Sequence

from acp_agent.conversation import PlanStep, UserMessage

_INIT = (
    "Look at this project and write the file AGENTS.md in its folder, for coding agents that "
    "come to it anew. If there is one, correct and complete it instead. Read the README, the "
    "build files and a few central source files first. Say in at most 60 lines: what the "
    "project is, how it is built, run, tested and checked (the exact commands, and how to run "
    "one test), where things are, and which rules of style a newcomer would get wrong. Write "
    "only what you saw; leave out what the names of files say already."
)
_PLAN = (
    "Plan this task, and change nothing yet: no edits, and no commands that change anything. "
    "Read what you need of the project first. Then give the plan with update_plan if you have "
    "that tool, else as a numbered list: few steps, each of which can be checked, with the "
    "files concerned. Name what is unclear. End there; the user says when to begin.\n\nTask: "
)
_MARKS = {"pending": "[ ]", "in_progress": "[~]", "completed": "[x]"}


def init(stress: str) -> UserMessage:
    """``/init``; ``stress`` is what the user typed behind it."""
    return UserMessage(f"{_INIT}\n\nWhat matters most: {stress}" if stress else _INIT)


def plan(task: str) -> UserMessage:
    """``/plan TASK``."""
    return UserMessage(_PLAN + task)


def describe_plan(steps: Sequence[PlanStep]) -> str:
    """``/plan`` alone."""
    if not steps:
        return "There is no plan yet. `/plan TASK` asks the model for one."
    done = sum(step.status == "completed" for step in steps)
    lines = [f"- {_MARKS[step.status]} {step.text}" for step in steps]
    return "\n".join([f"{done} of {len(steps)} steps are done.", "", *lines]) + "\n"
