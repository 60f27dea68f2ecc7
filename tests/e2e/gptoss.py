"""Agents whose gpt-oss is the tiny one of the tests, and what it says in its dialogues.

Owns their environment, an engine that has the model loaded, and reading a played turn.
Does not own the dialogues (``tests/tiny_gptoss``).
"""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.client import EngineClient
from tests.e2e.agent_process import agent_environ
from tests.e2e.conftest import assert_no_traceback
from tests.e2e.editor import Json
from tests.e2e.session import Turn
from tests.tiny_gptoss.dialogues import Answer, Call, Dialogue

MARKUP = "<|"


@contextmanager
def running_gptoss(model: Path, run_folder: Path) -> Generator[dict[str, str]]:
    """The environment of agents whose gpt-oss is ``model``; its engine runs meanwhile."""
    home = Path(tempfile.mkdtemp(dir=run_folder))
    client = EngineClient(find_paths({"ACP_AGENT_HOME": str(home)}), EngineSettings())
    with start_blocking_portal() as portal:
        portal.call(_load, client, model)
        yield gptoss_environ(home, model)
        portal.call(client.stop)
        assert_no_traceback(home)


async def _load(client: EngineClient, model: Path) -> None:
    async for _ in client.load(str(model)):
        pass


def gptoss_environ(home: Path, model: Path, **settings: str) -> dict[str, str]:
    """The environment of agents below ``home`` whose gpt-oss is ``model``, at temperature 0."""
    return agent_environ(
        home,
        ACP_AGENT_GPTOSS_MODEL=str(model),
        ACP_AGENT_GPTOSS_TEMPERATURE="0",
        **settings,
    )


def answer_of(dialogue: Dialogue) -> str:
    """What the model says at the end of ``dialogue``."""
    last = dialogue.steps[-1]
    assert isinstance(last, Answer)
    return last.text


async def check_played(turn: Turn, dialogue: Dialogue) -> list[Json]:
    """Fails unless ``turn`` is ``dialogue`` to the letter; each of its calls as last shown."""
    assert await turn.stop_reason() == "end_turn"
    said = [step.preamble if isinstance(step, Call) else step.text for step in dialogue.steps]
    assert turn.thought == "".join(step.thought for step in dialogue.steps)
    assert turn.answer == "".join(said)
    assert MARKUP not in str(turn.updates())
    shown = shown_calls(turn)
    calls = [step for step in dialogue.steps if isinstance(step, Call)]
    assert [each["rawInput"] for each in shown] == [dict(call.arguments) for call in calls]
    return shown


def shown_calls(turn: Turn) -> list[Json]:
    """The model's calls as an editor shows them in the end; ``statuses`` are all they had."""
    shown: dict[str, Json] = {}
    for update in turn.updates():
        if not update.get("toolCallId", "").startswith("call-"):
            continue
        call = shown.setdefault(update["toolCallId"], {"statuses": []})
        call.update(update)
        if "status" in update and [update["status"]] != call["statuses"][-1:]:
            call["statuses"].append(update["status"])
    return list(shown.values())
