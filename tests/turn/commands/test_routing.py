"""``/routing``: what answers and why, what was decided, and saying that it was wrong."""

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from acp_agent.backends.base import Readiness
from acp_agent.routing.decision_log import DecisionLog
from acp_agent.routing.decisions import DecisionOutcome, Feedback, Logged, Skipped
from acp_agent.routing.proposal import Proposal
from tests.fixtures.fake_composed import FakeComposed
from tests.fixtures.routing_records import BIG, HEAVY, SMALL, make_feedback, make_record
from tests.protocol.backend import MODEL, fake, lacking_model
from tests.turn.commands.asking import Asking

pytestmark = pytest.mark.anyio

DOWN = Readiness(False, "Start it.")
SESSION = "s-1"


@pytest.fixture(autouse=True)
def half_past(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Local time is five hours and a half ahead."""
    monkeypatch.setenv("TZ", "IST-05:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(tmp_path / "routing.jsonl")


class BrokenLog:
    """A log that holds one decision and cannot be written."""

    problem = "Routing decisions are not logged: the disk is full."

    def __init__(self, *records: Logged) -> None:
        self._records = records

    def last(self, count: int, session: str | None = None) -> list[Logged]:
        return list(self._records)

    def mark(self, feedback: Feedback) -> bool:
        return False


async def test_routing_says_what_answers_and_why() -> None:
    asking = Asking([fake(readiness=DOWN), fake(mode="two")])
    text = await asking.read("/routing")
    assert "**This session**\n\n- mode: fake\n- state: unavailable\n" in text
    assert "in mode two, the best one that is ready" in text
    assert "- fake: not ready. Start it.\n- two: ready.\n" in text


async def test_routing_names_the_configured_mode() -> None:
    asking = Asking([fake(), fake(mode="two", readiness=DOWN)], configured="two")
    assert "in mode two, which the configuration names" in await asking.read("/routing")
    missing = lacking_model()
    assert "no mode is ready" in await Asking([missing]).read("/routing")
    asking = Asking([fake(mode="odd"), fake()])
    text = await asking.read("/routing")
    assert text.index("- fake: ready") < text.index("- odd: ready")
    assert MODEL.id in text


async def test_a_composed_mode_is_one_of_the_modes() -> None:
    asking = Asking([fake()], composed=[FakeComposed(parts=["fake"])])
    assert "- fake: ready.\n- auto: ready.\n" in await asking.read("/routing")


async def test_without_decisions_nothing_is_said_of_them(log: DecisionLog) -> None:
    plain = await Asking().read("/routing")
    assert await Asking(decisions=log).read("/routing") == plain
    assert "Nothing was decided yet" in await Asking(decisions=log).read("/routing 5")


async def test_a_decision_is_shown_with_its_reason_and_its_outcome(log: DecisionLog) -> None:
    outcome = DecisionOutcome(12.34, 2.1, 812, 1204, "end_turn")
    record = make_record("d1", HEAVY, session=SESSION, outcome=outcome)
    log.write(record)
    text = await Asking(decisions=log).read("/routing 1")
    decision = record.decision
    assert text == (
        "**The last decisions of this session**\n\n"
        f"- **08:34:05 delegated**; score {decision.score:.2f}, "
        f"threshold {decision.threshold:.2f}\n"
        f"  - {decision.reason} (`{decision.reason_code}`, balanced)\n"
        f"  - `{BIG}` answered.\n"
        "  - 12.3 s, the first words after 2.1 s; 812 tokens read; 1,204 written\n\n"
        "`/routing wrong` says that the one on this session's last prompt was wrong.\n"
    )


async def test_all_that_went_into_a_decision_is_shown(log: DecisionLog) -> None:
    record = make_record(
        "d1",
        HEAVY,
        session=SESSION,
        origin="tool_call",
        proposal=Proposal("local", "analysis", "local_answer_sufficient", 0.8),
        effective="",
        skipped=[Skipped(BIG, "memory", "It needs\n14 GB.")],
        outcome=DecisionOutcome(cancelled=True, error="The engine ended.", override="mlx"),
    )
    log.write(record)
    log.mark(make_feedback("d1", "mode_switched", mode="mlx"))
    log.mark(make_feedback("d1"))
    text = await Asking(decisions=log).read("/routing 20")
    for line in (
        "- **08:34:05 delegated**, asked for by the small model; score ",
        "  - The small model proposed `local` (`local_answer_sufficient`, confidence 0.80).\n",
        f"  - Nothing answered; `{BIG}` was to.\n",
        f"  - `{BIG}` was passed over (memory): It needs 14 GB.\n",
        "  - cancelled; you chose mode `mlx` meanwhile; failed: The engine ended.\n",
        "  - You chose another mode `mlx` right after it.\n",
        "  - You marked it as wrong at 08:35:00.\n",
    ):
        assert line in text


async def test_what_stood_in_for_another_and_why_there_was_no_proposal(log: DecisionLog) -> None:
    record = make_record(
        "d1", session=SESSION, selected=BIG, origin="mcp", proposal_problem="It took too long."
    )
    log.write(make_record("d0", session=SESSION, when="1 May", selected="", effective=""))
    log.write(record)
    first, second = (
        (await Asking(decisions=log).read("/routing")).split("- **1 May ")[1].split("- **")
    )
    assert "  - Nothing answered.\n" in first
    assert "not delegated**, asked for by another agent;" in second
    assert f"`{SMALL}` answered in place of `{BIG}`." in second
    assert "The small model proposed nothing: It took too long." in second


async def test_the_sessions_own_decisions_come_first(log: DecisionLog) -> None:
    for number in range(6):
        log.write(make_record(f"d{number}", session="other", setting="eager"))
    asking = Asking(decisions=log)
    text = await asking.read("/routing")
    assert "decisions of other sessions; this one has none" in text
    assert text.count("not delegated") == 3
    assert "about this session's decisions only: there is none to mark." in text
    assert (await asking.read("/routing 5")).count("not delegated") == 5
    log.write(make_record("mine", session=SESSION, setting="frugal"))
    text = await asking.read("/routing")
    assert text.startswith("**This session**")
    assert "**The last decisions of this session**" in text
    assert "none to mark" not in text
    assert (text.count(", frugal)"), text.count(", eager)")) == (1, 0)


async def test_wrong_marks_the_last_decision_of_the_session(log: DecisionLog) -> None:
    asking = Asking(decisions=log)
    log.write(make_record("other", session="other"))
    assert "no decision of this session" in await asking.read("/routing wrong")
    for name in ("first", "last"):
        log.write(make_record(name, HEAVY, session=SESSION))
    text = await asking.read("/routing wrong")
    assert text.startswith(
        "The decision on this session's last prompt (08:34:05 delegated) is marked as wrong."
    )
    assert "routing calibrate" in text
    assert [each.record.id for each in log.all() if each.was_wrong] == ["last"]
    assert "marked as wrong already" in await asking.read("/routing wrong")
    assert len(log.last(1)[0].feedback) == 1


async def test_a_log_that_cannot_be_written_is_told() -> None:
    broken = BrokenLog()
    assert broken.problem in await Asking(decisions=broken).read("/routing")
    assert await Asking(decisions=broken).read("/routing 2") == f"{broken.problem}\n"
    broken = BrokenLog(Logged(make_record("d1", session=SESSION)))
    text = await Asking(decisions=broken).read("/routing wrong")
    assert text == f"The decision was not marked. {broken.problem}"


@pytest.mark.parametrize("argument", ["wrong", "3"])
async def test_without_a_log_it_is_said_how_to_have_one(argument: str) -> None:
    assert "`log = true` under `[auto]`" in await Asking().read(f"/routing {argument}")


@pytest.mark.parametrize("argument", ["0", "21", "-1", "right", "wrong 2", "WRONG", "2 3", "²"])
async def test_what_is_not_understood_is_said_and_marks_nothing(
    argument: str, log: DecisionLog
) -> None:
    log.write(make_record("d1", session=SESSION))
    assert "is not understood" in await Asking(decisions=log).read(f"/routing {argument}")
    assert not log.last(1)[0].feedback


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (DecisionOutcome(first_token_seconds=1.0), "answered"),
        (DecisionOutcome(first_token_seconds=1.0, cancelled=True), "was answering"),
        (DecisionOutcome(first_token_seconds=1.0, error="It ended."), "was answering"),
        (DecisionOutcome(cancelled=True), "was to answer"),
        (DecisionOutcome(error="It ended."), "was to answer"),
    ],
)
async def test_what_did_not_end_well_did_not_answer(
    outcome: DecisionOutcome, words: str, log: DecisionLog
) -> None:
    log.write(make_record("d1", session=SESSION, outcome=outcome))
    log.write(make_record("d2", session=SESSION, outcome=outcome, selected=BIG))
    text = await Asking(decisions=log).read("/routing 2")
    assert f"  - `{SMALL}` {words}.\n" in text
    assert f"  - `{SMALL}` {words} in place of `{BIG}`.\n" in text


async def test_a_call_is_listed_after_its_prompt_and_the_prompt_is_marked(
    log: DecisionLog,
) -> None:
    call = "2026-01-02T03:04:06.000Z"
    log.write(make_record("call", HEAVY, session=SESSION, origin="tool_call", when=call))
    asking = Asking(decisions=log)
    assert "no decision of this session" in await asking.read("/routing wrong")
    log.write(make_record("prompt", session=SESSION))
    text = await asking.read("/routing 5")
    assert text.index("08:34:05 not delegated") < text.index("08:34:06 delegated**, asked for")
    assert "last prompt (08:34:05 not delegated)" in await asking.read("/routing wrong")
    assert [each.record.id for each in log.all() if each.was_wrong] == ["prompt"]


async def test_a_state_is_said_once() -> None:
    missing = Readiness(True, "Not installed yet.", installed=False)
    asking = Asking([fake(readiness=missing), fake(mode="two", readiness=Readiness(False))])
    text = await asking.read("/routing")
    assert "- fake: not installed yet.\n- two: not ready.\n" in text
