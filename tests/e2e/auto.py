"""Sessions in mode ``auto``: their small model, what they delegate, and their decisions.

Owns a scripted small model behind a real socket, and reading delegations and the log of
decisions. Does not own the large model, the tiny gpt-oss (``gptoss``).
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from acp_agent.config.paths import find_paths
from acp_agent.routing.profile import Profile, fingerprint, remove_profile, save_profile
from acp_agent.routing.weights import load_weights
from tests.e2e.editor import Json
from tests.e2e.session import Turn
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Reply, ToolUse
from tests.fixtures.ollama_server import OllamaServer
from tests.tiny_gptoss.dialogues import UNKNOWN_ANSWER, Dialogue

CALL = "gptoss.generate"
SMALL = "small:latest"
"""The scripted small model."""
NEVER, ALWAYS = 1.0, 0.0
"""Thresholds: no prompt is delegated before the small model has seen it, or every one."""
HEAVY = Dialogue(
    "Refactor the parser into three classes, add type hints, and write tests for each.",
    (UNKNOWN_ANSWER,),
)
"""A heavy task, whatever the weights are, and what the tiny gpt-oss says to it."""


@dataclass
class Delegation:
    """A call ``gptoss.generate`` as an editor shows it, and what was written below it.

    ``shown`` is the call in the end, ``texts`` what it said in turn, ``statuses`` all it had;
    ``inner`` are the updates that name it as their source.
    """

    shown: Json = field(default_factory=dict[str, object])
    texts: list[str] = field(default_factory=list[str])
    statuses: list[str] = field(default_factory=list[str])
    inner: list[Json] = field(default_factory=list[Json])

    @property
    def reason(self) -> str:
        """Why it was delegated."""
        return self.shown["rawInput"]["reason"]

    @property
    def answer(self) -> str:
        """What the large model told the user, its words before calls included."""
        return self._joined("agent_message_chunk")

    @property
    def thought(self) -> str:
        """What the large model thought."""
        return self._joined("agent_thought_chunk")

    @property
    def calls(self) -> list[Json]:
        """The large model's own calls as they were first shown."""
        return [each for each in self.inner if each["sessionUpdate"] == "tool_call"]

    def add(self, update: Json) -> None:
        """Takes an update of the call itself."""
        self.shown.update({key: each for key, each in update.items() if each is not None})
        if update.get("status") and [update["status"]] != self.statuses[-1:]:
            self.statuses.append(update["status"])
        self.texts += [each["content"]["text"] for each in update.get("content") or ()]

    def _joined(self, kind: str) -> str:
        chunks = [each for each in self.inner if each["sessionUpdate"] == kind]
        return "".join(each["content"]["text"] for each in chunks)


def delegations(turn: Turn) -> list[Delegation]:
    """What ``turn`` has delegated so far, in the order in which it was shown."""
    found: dict[str, Delegation] = {}
    for update in turn.updates():
        source = source_of(update)
        if source is not None:
            found[source["toolCallId"]].inner.append(update)
        elif is_delegation(update):
            found[update["toolCallId"]] = Delegation()
        if update.get("toolCallId") in found and source is None:
            found[update["toolCallId"]].add(update)
    return list(found.values())


def is_delegation(update: Json) -> bool:
    """Whether ``update`` is the first one of a call that stands for a delegation."""
    return update["sessionUpdate"] == "tool_call" and update["title"].startswith(CALL)


def source_of(update: Json) -> Json | None:
    """Which delegation wrote ``update``; None: the turn itself."""
    meta: Json = update.get("_meta") or {}
    ours: Json = meta.get("acp-agent", {})
    return ours.get("source")


def assert_played(delegation: Delegation, dialogue: Dialogue) -> None:
    """Fails unless ``delegation`` is ``dialogue`` to the letter, once, with a short summary."""
    assert delegation.statuses[-1] == "completed"
    assert delegation.answer == dialogue.answer.text
    assert delegation.thought == "".join(step.thought for step in dialogue.steps)
    summary = delegation.texts[-1]
    assert " ".join(dialogue.answer.text.split())[:200] in summary
    assert len(summary) < 500


def decisions(home: Path, session_id: str) -> list[Json]:
    """The decisions of a session as they stand in the log, oldest first."""
    file = find_paths({"ACP_AGENT_HOME": str(home)}).decision_log
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [each for each in lines if each.get("session") == session_id]


def set_threshold(home: Path, threshold: float) -> None:
    """Makes ``threshold`` the user's own in ``home``, as ``routing calibrate`` does."""
    profile = Profile(
        threshold=threshold,
        when="2026-01-01T00:00:00Z",
        decisions=0,
        method="For a test.",
        weights=fingerprint(load_weights()),
    )
    save_profile(find_paths({"ACP_AGENT_HOME": str(home)}).routing_profile, profile)


def reset_threshold(home: Path) -> None:
    """Takes it back."""
    remove_profile(find_paths({"ACP_AGENT_HOME": str(home)}).routing_profile)


@asynccontextmanager
async def small_model(
    environ: Mapping[str, str],
) -> AsyncGenerator[tuple[OllamaServer, dict[str, str]], None]:
    """A scripted small model that can call tools, and ``environ`` with it.

    It is not asked for proposals unless ``environ`` says so.
    """
    model = OllamaModel(SMALL, capabilities=("completion", "tools"))
    async with OllamaServer(models=[model]).running() as server:
        yield (
            server,
            {
                "ACP_AGENT_AUTO_PROPOSE": "never",
                **environ,
                "OLLAMA_HOST": server.url,
                "ACP_AGENT_AUTO_ORCHESTRATOR": "ollama",
                "ACP_AGENT_AUTO_ORCHESTRATOR_MODEL": SMALL,
            },
        )


def generating(*tasks: Mapping[str, object]) -> Reply:
    """An answer of the small model's that hands ``tasks`` (arguments) on."""
    name = CALL.replace(".", "_")
    uses = [ToolUse(name, task, f"call_{number}") for number, task in enumerate(tasks, 1)]
    return Reply(tuple(uses))


def results(server: OllamaServer) -> list[str]:
    """What the small model was told of its calls when it was last asked."""
    return [each["content"] for each in server.chats[-1]["messages"] if each["role"] == "tool"]
