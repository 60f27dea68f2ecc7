"""Mode ``auto`` with real models for both parts, through the official SDKs.

The small one is the built-in model, the large one the tiny gpt-oss; both run in one engine.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.auto import (
    ALWAYS,
    CALL,
    HEAVY,
    Delegation,
    assert_played,
    decisions,
    delegations,
    reset_threshold,
    set_threshold,
    source_of,
)
from tests.e2e.editor import Editor, Spawn
from tests.e2e.gptoss import gptoss_environ
from tests.e2e.session import OpenSession, Turn, open_session
from tests.tiny_gptoss.dialogues import FIX, Call, Dialogue

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

LIGHT = "What is the capital of France?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with a bug in it."""
    (tmp_path / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    return tmp_path


@pytest.fixture
def home(model_home: Path) -> Iterator[Path]:
    """Where the agents live."""
    reset_threshold(model_home)
    yield model_home
    reset_threshold(model_home)


@pytest.mark.slow
async def test_the_small_model_answers_and_delegates_what_is_heavy(
    spawn: Spawn, home: Path, tiny_gptoss: Path, project: Path
) -> None:
    environ = gptoss_environ(home, tiny_gptoss, ACP_AGENT_MLX_MAX_TOKENS="16")
    async with spawn(environ) as editor:
        session = await open_session(editor, str(project), "auto")
        assert_answered_locally(await session.ask(LIGHT))
        assert_delegated(await session.ask(HEAVY.prompt), HEAVY, tiny_gptoss)
        assert_logged(home, session, tiny_gptoss)
        set_threshold(home, ALWAYS)
        async with session.asking(FIX.prompt) as turn:
            question = await editor.next_question()
            question.choose("allow_once")
            assert await turn.stop_reason() == "end_turn"
        delegation = assert_delegated(turn, FIX, tiny_gptoss)
        assert [each["kind"] for each in delegation.calls] == ["read", "edit"]
        written = FIX.steps[1]
        assert isinstance(written, Call)
        assert (project / "calc.py").read_text() == written.arguments["content"]
        assert question.params["toolCall"]["_meta"] == delegation.calls[1]["_meta"]
        assert_mode_kept(editor, session)


def assert_answered_locally(turn: Turn) -> None:
    """Fails unless the small model answered in its own name."""
    assert "Paris" in turn.answer
    assert len(turn.chunks) > 3
    assert delegations(turn) == []
    assert [each for each in turn.updates() if source_of(each)] == []


def assert_delegated(turn: Turn, dialogue: Dialogue, model: Path) -> Delegation:
    """The one delegation; fails unless it has a call with its reason, progress and summary."""
    [delegation] = delegations(turn)
    assert_played(delegation, dialogue)
    assert turn.answer == ""
    shown = delegation.shown
    assert shown["title"].startswith(f"{CALL}: {model.name}, ")
    assert shown["rawInput"]["user_prompt"] == dialogue.prompt
    assert delegation.reason.startswith("Score ")
    assert delegation.statuses == ["in_progress", "completed"]
    assert delegation.texts[0] == delegation.reason
    assert f"{model.name} is answering." in delegation.texts[1:-1]
    assert delegation.texts[-1].startswith(f"{model.name} answered (")
    sources = [source_of(each) for each in delegation.inner]
    expected = {"mode": "gptoss_20b", "model": model.name, "toolCallId": shown["toolCallId"]}
    assert all(each == expected for each in sources)
    return delegation


def assert_mode_kept(editor: Editor, session: OpenSession) -> None:
    """Fails if the editor was told of another mode."""
    updates = [each["update"] for each in editor.notices("session/update")]
    assert not [each for each in updates if each["sessionUpdate"] == "current_mode_update"]
    for update in updates:
        if update["sessionUpdate"] == "config_option_update":
            [mode] = [each for each in update["configOptions"] if each["id"] == "mode"]
            assert mode["currentValue"] == "auto"
    assert "auto" in [each["id"] for each in session.response["modes"]["availableModes"]]


def assert_logged(home: Path, session: OpenSession, model: Path) -> None:
    """Fails unless both decisions are in the log, with reasons and figures, without prompts."""
    light, heavy = decisions(home, session.id)
    assert (light["delegate"], heavy["delegate"]) == (False, True)
    assert light["effective"] == light["selected"] == "mlx/smollm2-135m"
    assert heavy["effective"] == heavy["selected"] == f"gptoss_20b/{model.name}"
    assert "is below" in light["reason"]
    assert "reaches" in heavy["reason"]
    for each in (light, heavy):
        assert each["origin"] == "prompt"
        assert each["stop_reason"] == "end_turn"
        assert 0 < each["first_token_seconds"] <= each["seconds"]
        assert each["generated_tokens"] > 0
        assert "prompt" not in each
