"""What fails when a heavy prompt is delegated, or a light one answered: what the user sees,
what stays in the history, what is logged. Issue 5, section "resolved when", 3."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import anyio
import pytest

from acp_agent.backends.base import Model, Progress, Readiness
from acp_agent.config.settings import AutoSettings
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.errors import BackendError, BackendUnavailable
from acp_agent.routing.gates import Load
from tests.fixtures.fake_backend import Step
from tests.protocol.backend import MISSING
from tests.turn.auto.talk import (
    DOWN,
    HASTY,
    HEAVY,
    LARGE,
    LIGHT,
    NO_OLLAMA,
    SILENT,
    SMALL,
    AutoTalk,
    generates,
    large_backend,
    says,
    small_backend,
    unready,
)
from tests.turn.output import FakeOutput

pytestmark = pytest.mark.anyio

EMPTY = Readiness(
    True, "Type `/install gpt-oss-20b`.", False, (Model("gpt-oss-20b", "GPT-OSS 20B"),), "none"
)
SHORT = Load(shortage="The machine is short of memory now: close other large programs.")
BUSY = Load(waiting=2)
NO_GPT_OSS = "Ollama has no gpt-oss model; `ollama pull gpt-oss:20b` gets it."


@dataclass(slots=True)
class Lost:
    """A large model that cannot answer at all: the ``gate``, and the reason that is told."""

    name: str
    gate: str
    reason: str
    state: Readiness | None = None
    load: Load = field(default_factory=Load)
    window: int = 131_072
    steps: Sequence[Step] = ()
    hangs: bool = False

    def talk(self, settings: AutoSettings | None = None) -> AutoTalk:
        """With a user who lets nothing be installed."""
        large = large_backend(self.window)
        if self.state is not None:
            large.readiness = self.state
        if self.gate == "failed":
            large.script(*self.steps, *([anyio.Event()] if self.hangs else []))
        talk = AutoTalk(large=large, settings=settings or HASTY)
        talk.output = FakeOutput(False)
        talk.load = self.load
        return talk

    def __str__(self) -> str:
        return self.gate if self.gate != "failed" else self.reason.partition(" ")[0]


OUT_OF_MEMORY = BackendUnavailable("There is no memory for the model: close other programs.")
LOST = [
    Lost("gptoss_20b", "not_ready", DOWN.reason, state=DOWN),
    Lost("gptoss_20b", "not_installed", EMPTY.reason, state=EMPTY),
    Lost(LARGE, "memory", SHORT.shortage, load=SHORT),
    Lost(LARGE, "busy", "2 prompts wait for it already.", load=BUSY),
    Lost(LARGE, "too_long", "do not fit its window of 8.", window=8),
    Lost(LARGE, "failed", OUT_OF_MEMORY.message, steps=[OUT_OF_MEMORY]),
    Lost(LARGE, "failed", SILENT, hangs=True),
    Lost(LARGE, "failed", MISSING.message, steps=[MISSING]),
    Lost(
        LARGE,
        "failed",
        "Loading broke off.",
        steps=[Progress("load", "Loading", 1, 10, "B"), BackendError("Loading broke off.")],
    ),
]


@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_the_small_model_answers_and_says_so_where_the_large_one_cannot(lost: Lost) -> None:
    talk = lost.talk()

    assert await talk.say(HEAVY) == "end_turn"

    assert talk.output.text == "ok"
    [notice] = talk.output.notices
    assert notice.startswith(f"Tiny (Ollama) answers instead. {lost.name}: ")
    assert lost.reason.rstrip(".") in notice
    assert talk.history == [UserMessage(HEAVY), AssistantMessage("ok")]
    record = talk.record
    first, second = record.skipped
    assert (second.candidate, second.reason) == ("ollama", NO_GPT_OSS)
    assert (first.candidate, first.gate) == (lost.name, lost.gate)
    assert first.reason.endswith(lost.reason)
    assert (record.effective, record.outcome.error) == (SMALL, None)
    assert record.selected == lost.name
    if lost.gate == "failed":
        assert talk.output.statuses(talk.delegation)[-1] == "failed"
        assert talk.told(talk.delegation)[-1] == lost.reason
    else:
        assert not talk.output.shown
        assert not talk.large.streams
    talk.check()
    talk.load = Load()
    await talk.go_on()


@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_a_call_is_given_back_with_the_reason_where_the_large_model_cannot(
    lost: Lost,
) -> None:
    if lost.state is not None:
        lost = replace(lost, state=None, gate="failed", reason=f"is not ready: {DOWN.reason}")
    talk = lost.talk()
    talk.small.script(generates(HEAVY))
    if "is not ready" in lost.reason:  # it goes away after the turn began

        async def lose(model: str) -> Load:
            talk.large.readiness = talk.modes.readiness["gptoss_20b"] = DOWN
            return Load()

        talk.services.read_load = lose

    assert await talk.say(LIGHT) == "end_turn"

    assert talk.output.text == "ok"
    [result] = talk.results
    assert result.failed
    assert result.text.startswith("The larger model could not do it. ")
    assert lost.reason.rstrip(".") in result.text
    assert result.text.endswith("Tell the user so, or do it yourself.")
    assert talk.output.statuses("c1")[-1] == "failed"
    [call] = talk.calls()
    assert call.outcome.error is not None
    assert lost.reason.rstrip(".") in call.outcome.error
    talk.check()
    await talk.go_on()


@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_without_fallback_the_reason_is_the_answer(lost: Lost) -> None:
    talk = lost.talk(HASTY.model_copy(update={"fallback": False}))
    if lost.gate == "busy":
        assert await talk.say(HEAVY) == "end_turn"  # it is waited for
        assert talk.record.skipped == []
        assert not talk.output.notices
        return

    with pytest.raises(BackendError) as raised:
        await talk.say(HEAVY)

    message = raised.value.message
    assert lost.reason.rstrip(".") in message
    if lost.gate != "failed":
        assert message.startswith(f"No model can take this task now. {lost.name}: ")
        assert message.endswith("Send the prompt again later, or choose another mode.")
    assert not talk.small.streams
    assert talk.history == []
    assert talk.record.outcome.error == message
    talk.check()
    talk.load = Load()
    await talk.go_on()


async def test_loading_is_shown_in_the_call_and_waited_for() -> None:
    talk = AutoTalk(settings=HASTY.model_copy(update={"progress_timeout": 20.0}))
    gate = anyio.Event()
    playing = talk.large.script(Progress("load", "Loading", 5, 10, "B"), gate, *says("Done."))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, HEAVY)
            await playing.started.wait()
            while not talk.output.shown or "Loading: 50 %" not in talk.told(
                talk.output.shown[0].id
            ):
                await anyio.lowlevel.checkpoint()
            assert talk.output.statuses(talk.output.shown[0].id)[-1] == "in_progress"
            gate.set()
    assert talk.output.branches[0].text == "Done."
    assert talk.output.statuses(talk.delegation)[-1] == "completed"
    assert talk.record.effective == LARGE
    talk.check()


async def test_a_model_that_is_loaded_answers_however_short_memory_is() -> None:
    talk = AutoTalk()
    talk.load = Load(is_loaded=True, shortage=SHORT.shortage)
    await talk.say(HEAVY)
    assert talk.record.effective == LARGE


async def test_a_busy_model_is_waited_for_where_the_user_asked_for_it() -> None:
    talk = AutoTalk()
    talk.load = BUSY
    await talk.say(f"Use gpt-oss: {HEAVY}")
    assert talk.record.decision.reason_code == "explicit_request"
    assert talk.record.effective == LARGE
    assert not talk.output.notices


async def test_a_busy_model_is_waited_for_where_nobody_else_is_there() -> None:
    talk = AutoTalk(unready(small_backend(), NO_OLLAMA))
    talk.load = BUSY
    assert await talk.say(HEAVY) == "end_turn"
    assert talk.record.effective == LARGE
    assert talk.record.skipped == []
