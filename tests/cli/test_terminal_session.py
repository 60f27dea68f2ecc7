"""The terminal client's session, against the fake agent over real pipes."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.cli.terminal.session import AgentSession, Ask
from acp_agent.cli.terminal.turn import run_turn
from acp_agent.errors import AgentError, ClientError

pytestmark = pytest.mark.anyio
FAKE = [sys.executable, str(Path(__file__).parents[1] / "fixtures" / "fake_agent.py")]


def no_question(params: dict[str, Any]) -> str | None:
    raise AssertionError(params)


def open_session(
    *options: str, seen: list[Any] | None = None, ask: Ask = no_question
) -> AgentSession:
    log: list[Any] = [] if seen is None else seen
    return AgentSession([*FAKE, *options], "/", listener=log.append, ask=ask)


async def test_the_session_knows_modes_and_models() -> None:
    with anyio.fail_after(20):
        async with open_session() as session:
            assert session.agent == "fake-agent 1.2.3"
            assert session.startup > 0
            assert [mode.id for mode in session.modes] == ["mlx", "ollama"]
            assert session.modes[0].description == "A small model for trying out."
            assert session.mode == "ollama"
            assert [(model.id, model.name) for model in session.models] == [
                ("tiny", "Tiny"),
                ("large", "Large"),
            ]
            assert session.model == "tiny"
            assert await session.close() == 0


@pytest.mark.parametrize("name", ["mlx", "MLX", "Mlx"])
async def test_a_mode_is_chosen_by_id_or_label(name: str) -> None:
    with anyio.fail_after(20):
        async with open_session() as session:
            await session.set_mode(name)
            assert session.mode == "mlx"


async def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with anyio.fail_after(20):
        async with open_session() as session:
            with pytest.raises(AgentError, match="no mode 'gpt'; choose one of: mlx, ollama"):
                await session.set_mode("gpt")


async def test_the_model_is_the_option_of_that_category() -> None:
    with anyio.fail_after(20):
        async with open_session() as session:
            await session.set_model("large")
            assert session.model == "large"
            with pytest.raises(AgentError, match="There is no model 'unknown'"):
                await session.set_model("unknown")
            assert session.model == "large"


async def test_another_protocol_version_is_refused() -> None:
    with anyio.fail_after(20):
        with pytest.raises(ClientError, match="speaks ACP version 2; this client speaks 1"):
            await open_session("--version", "2").__aenter__()


async def test_a_permission_is_the_users_choice() -> None:
    asked: list[Any] = []
    seen: list[Any] = []

    def ask(params: dict[str, Any]) -> str:
        asked.append(params["toolCall"]["title"])
        return "once"

    with anyio.fail_after(20):
        async with open_session(seen=seen, ask=ask) as session:
            assert await session.prompt("ask") == "end_turn"
    assert asked == ["Install tiny (92 MB)?"]
    assert seen[-1]["content"]["text"] == "chosen: once"


async def test_no_choice_cancels_the_turn() -> None:
    with anyio.fail_after(20):
        async with open_session(ask=lambda params: None) as session:
            assert await session.prompt("ask") == "cancelled"
            assert await session.prompt("hi") == "end_turn"


async def test_a_cancelled_turn_is_not_asked_about() -> None:
    with anyio.fail_after(20):
        async with open_session() as session:

            async def cancel(scope: anyio.CancelScope) -> None:
                await session.cancel()

            assert await run_turn(session, "ask", cancel) == "cancelled"


async def test_the_agents_changes_of_the_state_are_followed() -> None:
    with anyio.fail_after(20):
        async with open_session() as session:
            assert await session.prompt("changes") == "end_turn"
            assert session.mode == "mlx"
            assert (session.model, session.models[0].name) == ("other", "other")
            assert session.commands == {"test"}


async def test_text_that_is_no_unicode_is_sent_all_the_same() -> None:
    with anyio.fail_after(20):
        seen: list[Any] = []
        async with open_session(seen=seen) as session:
            assert await session.prompt("echo odd \udc80 bytes") == "end_turn"
            assert seen[-1]["content"]["text"] == "echo odd ? bytes"
