"""Mode ``ollama`` against the fixture server over a real socket, through the official SDKs."""

from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskStatus

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import LIMIT, CallFailed, Json, Spawn
from tests.e2e.session import open_session
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, Cut, Hold, Reply, Thinking, reply_of_words
from tests.fixtures.ollama_server import OllamaServer

MODELS = [
    OllamaModel("llama3.2:latest", modified_at="2026-02-01T00:00:00Z"),
    OllamaModel("qwen3:8b", capabilities=("completion", "thinking")),
]


def server_with_models() -> OllamaServer:
    """A server with a model that thinks and one, more recent, that does not."""
    return OllamaServer(models=list(MODELS))


def told(chat: Json) -> list[Json]:
    """The messages of a request without the agent's instructions and the context."""
    messages = [dict(each) for each in chat["messages"] if each["role"] != "system"]
    messages[0]["content"] = messages[0]["content"].rpartition("</context>\n\n")[2]
    return messages


def find_option(options: list[Json], option_id: str) -> Json | None:
    """The option with this id."""
    return next((each for each in options if each["id"] == option_id), None)


@pytest.mark.anyio
async def test_an_answer_is_streamed(spawn: Spawn, isolated_home: Path) -> None:
    async with server_with_models().running() as server:
        server.queue.append(reply_of_words("It is Paris, naïvely: 法国 🇫🇷."))
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url, ACP_AGENT_MERGE="0")
        async with spawn(environ) as editor:
            session = await open_session(editor, str(isolated_home), "ollama")
            turn = await session.ask("What is the capital of France?")
            assert await turn.stop_reason() == "end_turn"
            assert turn.answer == "It is Paris, naïvely: 法国 🇫🇷."
            assert len(turn.chunks) == 6
            assert len({chunk["messageId"] for chunk in turn.chunks}) == 1
            [usage] = turn.updates("usage_update")
            assert usage["size"] == 32_768
        [chat] = server.chats
        assert told(chat) == [{"role": "user", "content": "What is the capital of France?"}]


@pytest.mark.anyio
async def test_models_are_an_option_and_thinking_is_shown_apart(
    spawn: Spawn, isolated_home: Path
) -> None:
    async with server_with_models().running() as server:
        server.queue.append(Reply((Thinking("Hm."), Content("Yes."))))
        async with spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor:
            session = await open_session(editor, str(isolated_home), "ollama")
            options = session.response["configOptions"]
            model = find_option(options, "model")
            assert model is not None
            assert model["currentValue"] == "llama3.2:latest"
            assert {choice["value"] for choice in model["options"]} == {m.name for m in MODELS}
            assert find_option(options, "thought_level") is None
            options = (await editor.set_config_option(session.id, "model", "qwen3:8b"))[
                "configOptions"
            ]
            level = find_option(options, "thought_level")
            assert level is not None
            on = next(c["value"] for c in level["options"] if c["value"] != level["currentValue"])
            await editor.set_config_option(session.id, "thought_level", on)
            turn = await session.ask("Is it?")
            assert (turn.thought, turn.answer) == ("Hm.", "Yes.")
            ids = {each["messageId"] for each in turn.updates("agent_thought_chunk")}
            assert ids.isdisjoint({chunk["messageId"] for chunk in turn.chunks})
        assert [chat["model"] for chat in server.chats] == ["qwen3:8b"]


@pytest.mark.anyio
async def test_an_answer_that_breaks_off_is_an_error_and_the_session_goes_on(
    spawn: Spawn, isolated_home: Path
) -> None:
    async with server_with_models().running() as server:
        server.queue.append(Reply((Content("Half"), Cut())))
        async with spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor:
            session = await open_session(editor, str(isolated_home), "ollama")
            turn = await session.ask("Tell me")
            error = await turn.error()
            assert error.code == -32603
            assert "Ollama" in error.message
            assert turn.answer == "Half"
            again = await session.ask("And now?")
            assert again.answer.endswith("interrupted.)\n\nAnd now?")
        said = [message["content"] for message in told(server.chats[-1])]
        assert said[0] == "Tell me"
        assert said[1] == "Half"
        assert said[2].endswith("And now?")


@pytest.mark.anyio
async def test_a_server_that_stops_in_an_answer_and_comes_back(
    spawn: Spawn, isolated_home: Path
) -> None:
    server, stopped, stop = server_with_models(), anyio.Event(), anyio.Event()
    server.queue.append(Reply((Content("Half"), Hold())))
    async with anyio.create_task_group() as tasks:
        await tasks.start(_serve, server, stop, stopped)
        async with spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor:
            session = await open_session(editor, str(isolated_home), "ollama")
            async with session.asking("Tell me") as turn:
                await turn.wait_for_chunks(1)
                stop.set()
                assert "Ollama" in (await turn.error()).message
            await stopped.wait()
            error = await (await session.ask("Still there?")).error()
            assert "does not answer" in error.message
            async with server.running(server.port):
                assert (await session.ask("Back?")).answer.endswith("Back?")


@pytest.mark.anyio
async def test_a_model_that_is_gone_is_pulled_when_the_user_allows_it(
    spawn: Spawn, isolated_home: Path
) -> None:
    async with (
        server_with_models().running() as server,
        spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor,
    ):
        session = await open_session(editor, str(isolated_home), "ollama")
        server.library, server.models = list(server.models), server.models[1:]
        async with session.asking("Hello") as turn:
            question = await editor.next_question()
            assert "llama3.2" in question.params["toolCall"]["title"]
            question.choose("allow")
            assert await turn.stop_reason() == "end_turn"
        assert turn.answer == "You said: Hello"
        pulls = turn.updates("tool_call")[1:]
        assert pulls
        ended = [each for each in turn.updates("tool_call_update") if "status" in each]
        assert {each["toolCallId"] for each in pulls} <= {each["toolCallId"] for each in ended}
        assert {each["status"] for each in ended} == {"completed"}


@pytest.mark.anyio
async def test_a_cancel_closes_the_connection(spawn: Spawn, isolated_home: Path) -> None:
    async with server_with_models().running() as server:
        server.queue.append(Reply((Content("One "), Content("two"), Hold())))
        async with spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor:
            session = await open_session(editor, str(isolated_home), "ollama")
            async with session.asking("Count") as turn:
                await editor.wait_until(lambda: turn.answer == "One two")
                await session.cancel()
                assert await turn.stop_reason() == "cancelled"
            with anyio.fail_after(LIMIT):
                await server.wait_left("/api/chat")
            assert (await session.ask("Go on")).answer.endswith("interrupted.)\n\nGo on")
            assert turn.updates("agent_message_chunk") == turn.chunks
        said = [message["content"] for message in told(server.chats[-1])]
        assert said[1] == "One two"
        assert "interrupted" in said[2]


@pytest.mark.anyio
async def test_another_mode_gets_the_whole_conversation_without_thoughts(
    spawn: Spawn, isolated_home: Path
) -> None:
    async with server_with_models().running() as server:
        async with spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor:
            session = await open_session(editor, str(isolated_home), "scripted")
            await session.ask("think It is a secret.\nsay First answer")
            await session.choose("ollama")
            assert (await session.ask("Second")).answer == "You said: Second"
            await session.choose("scripted")
            assert (await session.ask("say Third answer")).answer == "Third answer"
            await editor.set_config_option(session.id, "mode", "ollama")
            await session.ask("Fourth")
        [first, second] = [told(chat) for chat in server.chats]
        assert first == [
            {"role": "user", "content": "think It is a secret.\nsay First answer"},
            {"role": "assistant", "content": "First answer"},
            {"role": "user", "content": "Second"},
        ]
        assert second == [
            *first,
            {"role": "assistant", "content": "You said: Second"},
            {"role": "user", "content": "say Third answer"},
            {"role": "assistant", "content": "Third answer"},
            {"role": "user", "content": "Fourth"},
        ]


@pytest.mark.anyio
async def test_a_mode_chosen_during_a_turn_is_for_the_next(
    spawn: Spawn, isolated_home: Path
) -> None:
    gate = anyio.Event()
    async with server_with_models().running() as server:
        server.queue.append(Reply((Content("Slow "), Hold(gate), Content("answer"))))
        async with spawn(agent_environ(isolated_home, OLLAMA_HOST=server.url)) as editor:
            session = await open_session(editor, str(isolated_home), "ollama")
            async with session.asking("Think about it") as turn:
                await turn.wait_for_chunks(1)
                await session.choose("scripted")
                with pytest.raises(CallFailed, match="still answering"):
                    await (await session.ask("say too early")).result()
                gate.set()
                assert await turn.stop_reason() == "end_turn"
            assert turn.answer == "Slow answer"
            assert (await session.ask("say now")).answer == "now"


async def _serve(
    server: OllamaServer,
    stop: anyio.Event,
    stopped: anyio.Event,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    async with server.running():
        task_status.started()
        await stop.wait()
    stopped.set()
