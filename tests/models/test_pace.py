"""Rate and remaining time of a download, in words."""

import pytest

from acp_agent.models.pace import Pace, format_duration


def test_rate_and_time_left() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.describe("Loading", 5_000_000_000, 10_000_000_000) == ""
    now[0] = 10.0
    text = pace.describe("Loading", 5_500_000_000, 10_000_000_000)
    assert text == ", 50 MB/s, 2 min left"
    assert pace.describe("Checking", 100, 200) == ""
    now[0] = 12.0
    assert pace.describe("Checking", 2_000_100, 2_000_100) == ", 1 MB/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3540, "59 min"), (3660, "1 h 1 min")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
