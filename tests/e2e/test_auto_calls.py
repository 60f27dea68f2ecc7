"""The small model of mode ``auto`` hands work on by itself; wishes, proposals, fallback.

The small model is a script behind a real socket, the large one the tiny gpt-oss.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.rubric import decide
from acp_agent.routing.weights import load_weights
from tests.e2e.agent_process import agent_environ
from tests.e2e.auto import (
    ALWAYS,
    HEAVY,
    NEVER,
    SMALL,
    assert_played,
    decisions,
    delegations,
    generating,
    results,
    set_threshold,
    small_model,
    source_of,
)
from tests.e2e.cancelled_work import assert_settled
from tests.e2e.gptoss import running_gptoss
from tests.e2e.python_client import python_editor
from tests.e2e.session import Turn, open_session
from tests.e2e.test_install_offer import option_of_kind
from tests.fixtures.ollama_replies import Reply, reply_of_words
from tests.tiny_gptoss.dialogues import FIX, HELLO, PARAGRAPHS

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]

CLOSING = "That is all."
LIGHT = "Translate this word into French: thanks"


@pytest.fixture(scope="module")
def environ(run_folder: Path, tiny_gptoss: Path) -> Iterator[dict[str, str]]:
    """Agents whose gpt-oss is the tiny one; its engine runs."""
    with running_gptoss(tiny_gptoss, run_folder) as environ:
        yield environ


@pytest.fixture
def home(environ: dict[str, str]) -> Path:
    """Where those agents live; the small model sees every prompt first."""
    home = Path(environ["ACP_AGENT_HOME"])
    set_threshold(home, NEVER)
    return home


async def test_the_small_model_calls_the_large_one(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    task = {"user_prompt": HEAVY.prompt, "task_type": "refactoring"}
    async with (
        small_model(environ) as (server, environ),
        python_editor(environ) as editor,
    ):
        server.queue += [generating(task), reply_of_words(CLOSING)]
        session = await open_session(editor, str(tmp_path), "auto")
        turn = await session.ask(HEAVY.prompt)
        assert await turn.stop_reason() == "end_turn"
        [delegation] = delegations(turn)
        assert_played(delegation, HEAVY)
        assert delegation.shown["title"].endswith(", refactoring")
        assert delegation.shown["rawInput"].items() >= task.items()
        assert delegation.statuses == ["pending", "in_progress", "completed"]
        assert turn.answer == CLOSING
        [offered] = [each for each in server.chats[0]["tools"] if "gptoss" in str(each)]
        assert offered["function"]["name"] == "gptoss_generate"
        [told] = results(server)
        assert "Do not repeat it." in told
        assert told.endswith(HEAVY.answer.text)
        by_prompt, by_call = sorted(decisions(home, session.id), key=lambda each: each["origin"])
        assert (by_prompt["origin"], by_call["origin"]) == ("prompt", "tool_call")
        assert by_prompt["effective"] == f"ollama/{SMALL}"
        assert by_call["reason"] == delegation.reason
        assert by_call["reason"].startswith("The small model called for it.")
        assert by_call["generated_tokens"] > 0
        # The delegation is one call with its result in what follows.
        await session.ask("And now?")
        roles = [each["role"] for each in server.chats[-1]["messages"] if each["role"] != "system"]
        assert roles == ["user", "assistant", "tool", "assistant", "user"]


async def test_two_calls_at_once_keep_apart(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    tasks = [{"user_prompt": FIX.prompt, "task_type": kind} for kind in ("debugging", "other")]
    async with (
        small_model(environ) as (server, environ),
        python_editor(environ) as editor,
    ):
        server.queue += [generating(*tasks), reply_of_words(CLOSING)]
        session = await open_session(editor, str(tmp_path), "auto")
        async with session.asking(FIX.prompt) as turn:
            # Neither gets further before it may write its file, so both run.
            await editor.wait_until(lambda: _both_would_write(turn))
            first = await editor.next_question()
            assert len(editor.questions) == 1
            first.choose("allow_once")
            (await editor.next_question(2)).choose("allow_once")
            assert await turn.stop_reason() == "end_turn"
        for delegation in delegations(turn):
            assert_played(delegation, FIX)
            assert [each["kind"] for each in delegation.calls] == ["read", "edit"]
        asked = [source_of(each.params["toolCall"]) for each in editor.questions]
        assert len({str(each) for each in asked}) == 2
        assert_settled(turn)
        assert turn.answer == CLOSING
        assert [told.endswith(FIX.answer.text) for told in results(server)] == [True, True]
        assert [each["origin"] for each in decisions(home, session.id)].count("tool_call") == 2


async def test_what_was_answered_is_not_handed_on_again(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    calling = generating({"user_prompt": HEAVY.prompt})
    async with (
        small_model(environ) as (server, environ),
        python_editor(environ) as editor,
    ):
        server.queue += [calling, calling, reply_of_words(CLOSING)]
        session = await open_session(editor, str(tmp_path), "auto")
        turn = await session.ask(HEAVY.prompt)
        done, refused = delegations(turn)
        assert_played(done, HEAVY)
        assert (refused.statuses[-1], refused.inner) == ("failed", [])
        assert "the user has read the answer" in results(server)[1]
        assert turn.answer == CLOSING
        last = decisions(home, session.id)[1]
        assert [each["gate"] for each in last["skipped"]] == ["refused"]


async def test_a_light_task_is_not_handed_on(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    async with (
        small_model(environ) as (server, environ),
        python_editor(environ) as editor,
    ):
        server.queue += [generating({"user_prompt": LIGHT}), reply_of_words("One, two.")]
        session = await open_session(editor, str(tmp_path), "auto")
        turn = await session.ask(LIGHT)
        assert turn.answer == "One, two."
        [delegation] = delegations(turn)
        assert (delegation.statuses[-1], delegation.inner) == ("failed", [])
        [told] = results(server)
        assert told.startswith("The call was not made.")
        assert "light enough" in told
        assert [each["delegate"] for each in decisions(home, session.id)] == [False, False]


async def test_who_asks_for_the_large_model_gets_it(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    async with (
        small_model(environ) as (server, environ),
        python_editor(environ) as editor,
    ):
        session = await open_session(editor, str(tmp_path), "auto")
        turn = await session.ask(f"Use gpt-oss for this: {HELLO.prompt}")
        assert await turn.stop_reason() == "end_turn"
        [delegation] = delegations(turn)
        assert_played(delegation, HELLO)
        [decision] = decisions(home, session.id)
        assert decision["reason_code"] == "explicit_request"
        assert decision["reason"] == delegation.reason
        assert server.chats == []


async def test_who_asks_for_a_quick_answer_gets_the_small_models(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    set_threshold(home, ALWAYS)
    async with (
        small_model(environ) as (server, environ),
        python_editor(environ) as editor,
    ):
        server.queue += [generating({"user_prompt": HEAVY.prompt}), reply_of_words(CLOSING)]
        session = await open_session(editor, str(tmp_path), "auto")
        turn = await session.ask(f"Quick answer: {HEAVY.prompt}")
        assert turn.answer == CLOSING
        [delegation] = delegations(turn)
        assert (delegation.statuses[-1], delegation.inner) == ("failed", [])
        assert "quick answer" in results(server)[0]
        made = decisions(home, session.id)
        assert {each["reason_code"] for each in made} == {"explicit_request"}
        assert [each["delegate"] for each in made] == [False, False]


async def test_the_small_model_is_asked_where_the_rubric_is_uncertain(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    rated = decide(read_features(Prompt(PARAGRAPHS.prompt)), load_weights())
    set_threshold(home, rated.score + 0.01)
    proposal = {
        "task_class": "documentation",
        "candidate": "gptoss_20b",
        "reason_code": "needs_delegation",
        "confidence": 0.9,
    }
    async with (
        small_model({**environ, "ACP_AGENT_AUTO_PROPOSE": "uncertain"}) as (server, environ),
        python_editor(environ) as editor,
    ):
        server.queue.append(Reply(reply_of_words(json.dumps(proposal)).steps))
        session = await open_session(editor, str(tmp_path), "auto")
        turn = await session.ask(PARAGRAPHS.prompt)
        [asked] = server.chats
        assert asked["format"]["properties"]["candidate"]["enum"] == ["local", "gptoss_20b"]
        [delegation] = delegations(turn)
        assert_played(delegation, PARAGRAPHS)
        assert "the small model proposes to delegate" in delegation.reason
        assert turn.answer == ""


async def test_a_model_that_is_not_installed_is_replaced_aloud(
    isolated_home: Path, tmp_path: Path
) -> None:
    async with (
        small_model(agent_environ(isolated_home)) as (_, environ),
        python_editor(environ) as editor,
    ):
        session = await open_session(editor, str(tmp_path), "auto")
        turn = await session.ask(HEAVY.prompt)
        assert await turn.stop_reason() == "end_turn"
        assert turn.answer == f"You said: {HEAVY.prompt}"
        assert delegations(turn) == []
        [notice] = [each for each in turn.notices if "instead" in each]
        assert notice.startswith("*small (Ollama) answers instead.")
        assert "GPT-OSS 20B is not installed; `/install` gets it." in notice
        [decision] = decisions(isolated_home, session.id)
        assert decision["delegate"]
        assert decision["effective"] == f"ollama/{SMALL}"
        gates = {each["candidate"]: each["gate"] for each in decision["skipped"]}
        assert gates[decision["selected"]] == "not_installed"


async def test_without_fallback_a_missing_model_is_offered_and_refused_an_error(
    isolated_home: Path, tmp_path: Path
) -> None:
    environ = agent_environ(isolated_home, ACP_AGENT_AUTO_FALLBACK="0")
    async with (
        small_model(environ) as (server, environ),
        python_editor(environ) as editor,
    ):
        session = await open_session(editor, str(tmp_path), "auto")
        async with session.asking(HEAVY.prompt) as turn:
            question = await editor.next_question()
            question.choose(option_of_kind(question.params, "reject_once"))
            error = await turn.error()
        assert "GPT-OSS 20B is not installed." in error.message
        assert "/install" not in error.message  # it was just refused
        assert server.chats == []


def _both_would_write(turn: Turn) -> bool:
    """Whether both delegations show the change that they would make."""
    changes = [each for each in delegations(turn) if '"type": "diff"' in json.dumps(each.inner)]
    return len(changes) == 2
