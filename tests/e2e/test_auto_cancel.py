"""A cancel during a delegation, through the official SDK: it ends, and nothing follows.

The small model is a script behind a real socket, the large one the tiny gpt-oss.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.e2e.auto import (
    ALWAYS,
    NEVER,
    Delegation,
    decisions,
    delegations,
    generating,
    set_threshold,
    small_model,
)
from tests.e2e.cancelled_work import assert_settled
from tests.e2e.editor import Editor
from tests.e2e.engine_probe import EngineProbe, until
from tests.e2e.gptoss import running_gptoss
from tests.e2e.python_client import python_editor
from tests.e2e.session import open_session
from tests.fixtures.ollama_replies import Reply, reply_of_words
from tests.tiny_gptoss.dialogues import COUNT, FIX, REMOVE

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

WRONG = "def add(a, b):\n    return a - b\n"
LONG = " ".join(f"Item {number} is of colour {number * 7}." for number in range(400))
COUNTING = f"Use gpt-oss for this: {COUNT.prompt}"
WHOLE = 400
"""Tokens of the long answer at least."""


@dataclass(frozen=True)
class Moment:
    """When a delegation is cancelled: once ``reached`` holds for each of ``count``."""

    prompt: str
    reached: Callable[[Delegation], bool]
    threshold: float = ALWAYS
    replies: tuple[Reply, ...] = ()
    count: int = 1


def _is_read(delegation: Delegation) -> bool:
    return any(text.startswith("Reading the prompt:") for text in delegation.texts)


def _is_answered(delegation: Delegation) -> bool:
    return delegation.answer.count("\n") > 1


def _has_shown_its_change(delegation: Delegation) -> bool:
    return any(call.get("kind") == "edit" for call in delegation.calls)


MOMENTS = {
    "prefill": Moment(LONG, _is_read),
    "answer": Moment(COUNTING, _is_answered),
    "tool": Moment(FIX.prompt, _has_shown_its_change),
    "calls": Moment(
        "Do both.",
        _is_answered,
        NEVER,
        (generating({"user_prompt": COUNTING}, {"user_prompt": COUNTING}),),
        count=2,
    ),
}


@pytest.fixture(scope="module")
def environ(run_folder: Path, tiny_gptoss: Path) -> Iterator[dict[str, str]]:
    """Agents whose gpt-oss is the tiny one; its engine runs."""
    with running_gptoss(tiny_gptoss, run_folder) as environ:
        yield environ


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with a bug in it."""
    (tmp_path / "calc.py").write_text(WRONG)
    return tmp_path


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
async def test_a_delegation_ends_with_its_turn(
    environ: dict[str, str], project: Path, moment: Moment
) -> None:
    home = Path(environ["ACP_AGENT_HOME"])
    set_threshold(home, moment.threshold)
    engine = EngineProbe(home)
    before = await engine.until_idle()
    async with small_model(environ) as (server, environ), python_editor(environ) as editor:
        server.queue += moment.replies
        session = await open_session(editor, str(project), "auto")
        async with session.asking(moment.prompt) as turn:

            def is_reached() -> bool:
                found = delegations(turn)
                return len(found) == moment.count and all(map(moment.reached, found))

            await editor.wait_until(is_reached)
            await session.cancel()
            assert await turn.stop_reason() == "cancelled"
        after = await engine.until_idle()
        assert after["decoded_tokens"] - before["decoded_tokens"] < moment.count * WHOLE
        await editor.authenticate("local")
        assert turn.late() == []
        assert_settled(turn)
        assert [each.statuses[-1] for each in delegations(turn)] == ["failed"] * moment.count
        assert (project / "calc.py").read_text() == WRONG
        logged = decisions(home, session.id)
        assert len(logged) == 1 + len(moment.replies) * moment.count
        for each in logged:
            assert each["cancelled"]
            assert each["reason"]
        set_threshold(home, NEVER)
        server.queue[:] = [reply_of_words("Well.")]
        again = await session.ask("And now?")
        assert await again.stop_reason() == "end_turn"
        assert again.answer == "Well."


@pytest.mark.parametrize("is_called", [False, True], ids=["prompt", "call"])
async def test_a_command_of_the_large_model_ends_too(
    environ: dict[str, str],
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    is_called: bool,
) -> None:
    set_threshold(Path(environ["ACP_AGENT_HOME"]), NEVER if is_called else ALWAYS)
    programs = tmp_path_factory.mktemp("programs")
    (programs / "rm").write_text("#!/bin/sh\nexec sleep 1000\n")
    (programs / "rm").chmod(0o755)
    environ = {**environ, "PATH": f"{programs}{os.pathsep}{environ['PATH']}"}
    async with small_model(environ) as (server, environ), python_editor(environ) as editor:
        server.queue.append(generating({"user_prompt": REMOVE.prompt}))
        session = await open_session(editor, str(project), "auto")
        await editor.set_config_option(session.id, "permissions", "full")
        async with session.asking(REMOVE.prompt) as turn:
            await until(lambda: _runs(editor, "sleep"))
            await session.cancel()
            assert await turn.stop_reason() == "cancelled"
            assert not await _runs(editor, "sleep")
        assert_settled(turn)
        [delegation] = delegations(turn)
        assert [each["kind"] for each in delegation.calls] == ["execute"]
        assert delegation.statuses[-1] == "failed"


async def _runs(editor: Editor, program: str) -> bool:
    """Whether ``program`` runs below the agent."""
    below = psutil.Process(editor.pid).children(recursive=True)
    return program in [each.name() for each in below if each.status() != psutil.STATUS_ZOMBIE]
