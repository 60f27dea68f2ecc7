"""The wording of ``/status``."""

from acp_agent.telemetry.turns import TurnRecord
from acp_agent.turn.status import SHOWN_TURNS, describe_status

SESSION = [("mode", "gptoss_20b"), ("model", "gpt-oss-20b")]


def turn(number: int, **fields: float | int | str | bool | None) -> TurnRecord:
    values = {"stop_reason": "end_turn", "first_token_seconds": float(number), **fields}
    return TurnRecord(
        when=f"2026-01-01T00:00:{number:02}Z",
        backend="GPT-OSS 20B",
        mode="gptoss_20b",
        model="/home/user/models/tiny",
        total_seconds=9.0,
        **values,  # pyright: ignore[reportArgumentType]
    )


def test_without_an_engine_and_turns() -> None:
    text = describe_status(SESSION, None, [])
    assert "- mode: gptoss_20b" in text
    assert "not running" in text
    assert "None is recorded." in text


def test_an_engine_is_told_with_memory_queue_and_cache() -> None:
    entry = {
        "id": "gpt-oss-20b",
        "state": "busy",
        "memory": 12 * 2**30,
        "sequences": 2,
        "cache": {"bytes": 90 * 2**20},
    }
    status = {
        "pid": 7,
        "version": "1.2",
        "models": [entry],
        "queued_requests": 3,
        "memory": {"rss": 13 * 2**30},
        "draining": True,
    }
    text = describe_status(SESSION, status, [])
    assert "- gpt-oss-20b: busy, 12 GB, 2 answered now, 90 MB of cache" in text
    assert "- 3 waiting" in text
    assert "- memory of the process: 13 GB" in text
    assert "about to leave" in text


def test_turns_are_counted_and_the_newest_listed() -> None:
    turns = [turn(number) for number in range(20)]
    turns += [
        turn(20, cancelled=True, stop_reason=None, decode_rate=12.5),
        turn(21, stop_reason=""),
    ]
    text = describe_status(SESSION, {}, turns)
    rows = [line for line in text.splitlines() if line.startswith("| 2026")]
    assert len(rows) == SHOWN_TURNS
    assert rows[0].startswith("| 2026-01-01T00:00:21Z | tiny | 21.00 s | - | - |")
    assert rows[0].endswith("| error |")
    assert rows[1].endswith("| cancelled |")
    assert "| 12.5 |" in rows[1]
    assert "22 recorded; median time to the first token 10.50 s, median rate 12.5." in text
    assert "/home" not in text


def test_the_depth_of_a_recurrent_model_is_told() -> None:
    told = describe_status(SESSION, None, [turn(1, n_loops=8), turn(2)])
    assert "| tiny (8 loops) |" in told
    assert "| tiny |" in told


def test_an_engine_that_cannot_tell_says_why() -> None:
    assert "- It hangs." in describe_status(SESSION, "It hangs.", [])
