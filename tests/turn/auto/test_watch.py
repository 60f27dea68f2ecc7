"""What a change of mode by hand says about a decision."""

from acp_agent.routing.decisions import Feedback
from acp_agent.turn.auto.watch import Watch
from tests.fixtures.routing_records import make_record


class Marks:
    def __init__(self) -> None:
        self.feedback: list[Feedback] = []
        self.watch = Watch(self.feedback.append)

    @property
    def told(self) -> list[tuple[str, str, str | None]]:
        return [(each.decision, each.verdict, each.mode) for each in self.feedback]


def test_while_the_turn_runs_it_overrides() -> None:
    marks, record = Marks(), make_record("d1")
    marks.watch.begin("s", record)
    marks.watch.mode_chosen("s", "auto", "ollama")
    marks.watch.end("s")
    assert record.outcome.override == "ollama"
    assert marks.told == []


def test_right_after_the_turn_it_is_a_mark() -> None:
    marks, record = Marks(), make_record("d1")
    marks.watch.begin("s", record)
    marks.watch.end("s")
    marks.watch.mode_chosen("s", "auto", "ollama")
    assert record.outcome.override is None
    assert marks.told == [("d1", "mode_switched", "ollama")]


def test_a_decision_is_marked_once() -> None:
    marks = Marks()
    marks.watch.begin("s", make_record("d1"))
    marks.watch.end("s")
    for before, now in (("auto", "ollama"), ("ollama", "auto"), ("auto", "mlx")):
        marks.watch.mode_chosen("s", before, now)
    assert marks.told == [("d1", "mode_switched", "ollama")]


def test_a_decision_that_was_overridden_is_not_marked_too() -> None:
    marks, record = Marks(), make_record("d1")
    marks.watch.begin("s", record)
    marks.watch.mode_chosen("s", "auto", "ollama")
    marks.watch.mode_chosen("s", "ollama", "auto")
    marks.watch.end("s")
    marks.watch.mode_chosen("s", "auto", "mlx")
    assert record.outcome.override == "ollama"
    assert marks.told == []


def test_only_the_newest_decision_is_marked() -> None:
    marks = Marks()
    for id in ("d1", "d2"):
        marks.watch.begin("s", make_record(id))
        marks.watch.end("s")
    marks.watch.mode_chosen("s", "auto", "ollama")
    assert [decision for decision, *_ in marks.told] == ["d2"]


def test_a_change_later_from_another_mode_says_nothing() -> None:
    marks = Marks()
    marks.watch.begin("s", make_record("d1"))
    marks.watch.end("s")
    marks.watch.mode_chosen("s", "ollama", "auto")
    marks.watch.mode_chosen("s", "auto", "ollama")
    assert marks.told == []


def test_sessions_are_apart() -> None:
    marks, one, two = Marks(), make_record("d1"), make_record("d2")
    marks.watch.begin("s1", one)
    marks.watch.begin("s2", two)
    marks.watch.mode_chosen("s2", "auto", "ollama")
    assert (one.outcome.override, two.outcome.override) == (None, "ollama")


def test_a_closed_session_is_forgotten() -> None:
    marks = Marks()
    marks.watch.begin("s", make_record("d1"))
    marks.watch.end("s")
    marks.watch.forget("s")
    marks.watch.mode_chosen("s", "auto", "ollama")
    assert marks.told == []


def test_without_a_decision_nothing_is_marked() -> None:
    marks = Marks()
    marks.watch.mode_chosen("s", "auto", "ollama")
    marks.watch.end("s")
    assert marks.told == []
