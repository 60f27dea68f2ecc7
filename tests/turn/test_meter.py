"""The figures of a turn, as its events pass."""

from acp_agent.backends.base import (
    Done,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.conversation import ToolCall
from acp_agent.turn.meter import Meter


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_requests_of_a_turn_add_up() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.ask("MLX", "mlx", "tiny")
    clock.now += 2
    meter.take(ThoughtDelta("hm"))
    clock.now += 3
    meter.take(TextDelta("yes"))
    meter.take(Usage(100, 10, 512, 40, 5, 1.0, 3.0, 2.0, 70))
    meter.take(Done())
    meter.ask("MLX", "mlx", "tiny")
    meter.take(Usage(120, 20, 512, 100, 5, 0.5, 1.0, 4.0, 60))
    record = meter.record("end_turn")
    assert record is not None
    assert (record.backend, record.mode, record.model) == ("MLX", "mlx", "tiny")
    assert record.first_token_seconds == 2
    assert record.total_seconds == 5
    assert (record.prompt_tokens, record.cached_tokens, record.generated_tokens) == (220, 140, 30)
    assert record.prefill_rate == 80 / 4
    assert record.decode_rate == 30 / 6
    assert record.queue_seconds == 1.5
    assert record.memory_peak == 70
    assert (record.stop_reason, record.cancelled) == ("end_turn", False)


def test_the_depth_is_that_of_the_last_request() -> None:
    meter = Meter(Clock())
    meter.ask("OpenMythos", "mythos", "mythos_1b")
    meter.take(Usage(100, 10, n_loops=4))
    meter.take(Usage(100, 10, n_loops=8))
    record = meter.record("end_turn")
    assert record is not None
    assert record.n_loops == 8


def test_a_call_that_comes_whole_is_a_first_word() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.ask("Ollama", "ollama", "qwen")
    clock.now += 2
    meter.take(ToolCallRequested(ToolCall("c1", "look", "{}")))
    record = meter.record("end_turn")
    assert record is not None
    assert record.first_token_seconds == 2


def test_what_a_backend_does_not_tell_stays_unknown() -> None:
    meter = Meter(Clock())
    meter.ask("Ollama", "ollama", "qwen")
    meter.take(Usage(100, 10))
    record = meter.record(None, cancelled=True)
    assert record is not None
    assert record.prompt_tokens == 100
    assert record.cancelled
    unknown = (
        record.first_token_seconds,
        record.cached_tokens,
        record.prefill_rate,
        record.decode_rate,
        record.memory_peak,
        record.queue_seconds,
        record.stop_reason,
    )
    assert set(unknown) == {None}


def test_a_prompt_whose_reading_was_cancelled_has_a_length() -> None:
    meter = Meter(Clock())
    meter.ask("MLX", "mlx", "tiny")
    meter.take(Progress("load", "Loading", 5, 10, "B"))
    meter.take(Progress("prefill", "Reading the prompt", 512, 4000, "tokens"))
    cut = meter.record("cancelled", cancelled=True)
    assert cut is not None
    assert (cut.prompt_tokens, cut.cached_tokens, cut.generated_tokens) == (4000, None, None)
    meter.take(Usage(4000, 10))
    whole = meter.record("end_turn")
    assert whole is not None
    assert whole.prompt_tokens == 4000
    meter.ask("MLX", "mlx", "tiny")
    meter.take(Progress("prefill", "Reading the prompt", 512, 4100, "tokens"))
    cut = meter.record("cancelled", cancelled=True)
    assert cut is not None
    assert (cut.prompt_tokens, cut.generated_tokens) == (8100, 10)


def test_a_turn_that_asked_no_model_has_no_figures() -> None:
    assert Meter(Clock()).record("end_turn") is None


def test_an_installation_is_not_the_models_time() -> None:
    clock = Clock()
    meter = Meter(clock)
    clock.now += 600
    meter.restart()
    meter.ask("MLX", "mlx", "tiny")
    clock.now += 2
    meter.take(TextDelta("yes"))
    record = meter.record("end_turn")
    assert record is not None
    assert (record.first_token_seconds, record.total_seconds) == (2, 2)
