"""The tool ``gptoss.generate`` as every caller sees it: its name, arguments and schema.

Owns what a call may say and whether its folder is allowed. Does not own what a call does:
in an editor's session that is ``turn/auto``, for other agents ``mcp_server``.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from acp_agent.tools.base import Arguments, parameters_of

NAME = "gptoss.generate"
PLAIN_NAME = "gptoss_generate"
"""The same for backends whose function names take no dot."""
NAMES = frozenset({NAME, PLAIN_NAME})

PURPOSE = (
    "Have the larger model GPT-OSS 20B do a heavy task: write or change much code, analyse, "
    "prove, design."
)
DESCRIPTION = f"{PURPOSE} The user sees its answer as it is written."

TaskType = Literal[
    "code_generation",
    "refactoring",
    "debugging",
    "testing",
    "code_review",
    "analysis",
    "documentation",
    "maths",
    "extraction",
    "planning",
    "other",
]
TASK_TYPES: tuple[TaskType, ...] = get_args(TaskType)

PROMPT_LIMIT = 256 * 1024
"""Bytes of a call's prompt; a longer one is for a file that the model can read."""
SHORTEN = "name the files to be read instead of copying them"
"""What to do about a longer one where the model has tools."""


class GenerateArguments(Arguments):
    """The arguments of a call."""

    user_prompt: str = Field(min_length=1, description="The whole task; it knows nothing else")
    task_type: TaskType = "other"
    workspace_root: str | None = Field(default=None, description="Absolute path")
    temperature: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)


def generate_schema() -> dict[str, Any]:
    """The JSON Schema of the arguments, as in ``schemas/gptoss.generate.schema.json``."""
    return parameters_of(GenerateArguments)


def find_fault(
    arguments: GenerateArguments, roots: Sequence[Path], *, shorten: str = SHORTEN
) -> str | None:
    """Why the call must not be made, in a sentence for the caller; None if it may.

    ``roots`` are the session's folders, all links followed; ``shorten`` is what the caller
    can do about a prompt that is too long. Follows the links of ``workspace_root``, so it
    reads the disk.
    """
    if not arguments.user_prompt.strip():
        return "user_prompt is empty: say the whole task in it."
    size = len(arguments.user_prompt.encode("utf-8", "surrogatepass"))
    if size > PROMPT_LIMIT:
        return f"user_prompt has {size:,} bytes, and {PROMPT_LIMIT:,} may be sent: {shorten}."
    root = arguments.workspace_root
    return None if root is None else _find_wrong_root(root, roots)


def _find_wrong_root(root: str, roots: Sequence[Path]) -> str | None:
    if not roots:
        return (
            "workspace_root cannot be used, since no folder is open: open the project's folder "
            "first, or leave workspace_root out and put what matters into user_prompt."
        )
    named = ", ".join(map(str, roots))
    if not os.path.isabs(root):
        return f"workspace_root must be an absolute path in one of the folders: {named}."
    try:
        path = Path(root).resolve()
        is_inside = any(path.is_relative_to(each) for each in roots)
        is_folder = is_inside and path.is_dir()
    except (OSError, RuntimeError, ValueError):
        is_inside = is_folder = False
    if not is_inside:
        return f"workspace_root lies outside of the folders that are open: {named}."
    return None if is_folder else "workspace_root is no folder."
