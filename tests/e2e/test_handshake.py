"""From ``initialize`` to a session with modes and options, through the official SDKs."""

from pathlib import Path

import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import CallFailed, Json, Spawn
from tests.e2e.session import open_session


def option_value(options: list[Json], option_id: str) -> str:
    """The current value of an option."""
    return next(each["currentValue"] for each in options if each["id"] == option_id)


@pytest.mark.anyio
async def test_initialize_says_what_the_agent_can_do(spawn: Spawn, isolated_home: Path) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        result = await editor.initialize()
        assert result["protocolVersion"] == 1
        assert result["agentInfo"]["name"] == "acp-agent"
        assert result["agentCapabilities"]["promptCapabilities"]["embeddedContext"] is True
        assert result["authMethods"]
        for method in result["authMethods"]:
            assert await editor.authenticate(method["id"]) == {}
        with pytest.raises(CallFailed) as refused:
            await editor.authenticate("password")
        assert refused.value.code == -32602


@pytest.mark.anyio
async def test_a_session_has_modes_and_the_same_as_an_option(
    spawn: Spawn, isolated_home: Path
) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        session = await open_session(editor, str(isolated_home))
        modes, options = session.response["modes"], session.response["configOptions"]
        listed = {mode["id"]: mode for mode in modes["availableModes"]}
        assert list(listed) == [
            *("gptoss_20b", "ollama", "openai", "mlx", "mythos", "scripted", "auto", "panel")
        ]
        assert "Not ready" in listed["ollama"]["description"]
        assert option_value(options, "mode") == modes["currentModeId"]
        choices = next(each["options"] for each in options if each["id"] == "mode")
        assert [choice["value"] for choice in choices] == list(listed)


@pytest.mark.anyio
async def test_mode_and_option_stay_in_step_both_ways(spawn: Spawn, isolated_home: Path) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        session = await open_session(editor, str(isolated_home), "scripted")
        told = editor.notices("session/update")[-1]["update"]
        assert told["sessionUpdate"] == "config_option_update"
        assert option_value(told["configOptions"], "mode") == "scripted"
        changed = await editor.set_config_option(session.id, "mode", "mlx")
        assert option_value(changed["configOptions"], "mode") == "mlx"
        told = editor.notices("session/update")[-1]["update"]
        assert told == {"sessionUpdate": "current_mode_update", "currentModeId": "mlx"}
        with pytest.raises(CallFailed, match="scripted") as refused:
            await session.choose("unheard-of")
        assert refused.value.code == -32602
        with pytest.raises(CallFailed, match="Ollama"):
            await session.choose("ollama")


@pytest.mark.anyio
async def test_a_closed_session_is_gone_and_another_goes_on(
    spawn: Spawn, isolated_home: Path
) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        first = await open_session(editor, str(isolated_home), "scripted")
        second = await open_session(editor, str(isolated_home), "scripted")
        assert await editor.close_session(first.id) == {}
        error = await (await first.ask("say gone")).error()
        assert error.code == -32002
        turn = await second.ask("think First\nsay He\nsay llo\nusage 3 4")
        assert await turn.stop_reason() == "end_turn"
        assert (turn.thought, turn.answer) == ("First", "Hello")
        [usage] = turn.updates("usage_update")
        assert usage["used"] == 7
