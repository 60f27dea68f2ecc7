"""The levels of memory pressure: signals, rising at once, falling after calm."""

import pytest

from acp_agent.config.machine import Stall
from acp_agent.engine.host.memory.pressure import (
    CALM,
    LASTING,
    Pressure,
    PressureGauge,
    read_signal,
)

NORMAL, WARN, FULL, CRITICAL = Pressure


@pytest.mark.parametrize(
    ("level", "stall", "signal"),
    [
        (None, None, NORMAL),
        (1, None, NORMAL),
        (2, None, WARN),
        (4, None, CRITICAL),
        (None, Stall(9.9, 0), NORMAL),
        (None, Stall(10, 0), WARN),
        (None, Stall(30, 0), FULL),
        (None, Stall(12, 10), FULL),
        (None, Stall(60, 40), CRITICAL),
        (2, Stall(60, 40), CRITICAL),
    ],
)
def test_signals(level: int | None, stall: Stall | None, signal: Pressure) -> None:
    assert read_signal(level, stall) is signal


def test_it_rises_at_once() -> None:
    gauge = PressureGauge()
    assert [gauge.update(signal, now) for now, signal in enumerate([NORMAL, WARN, CRITICAL])] == [
        NORMAL,
        WARN,
        CRITICAL,
    ]


def test_it_falls_after_a_calm_time_and_not_before() -> None:
    gauge = PressureGauge()
    gauge.update(CRITICAL, 0)
    assert gauge.update(NORMAL, 1) is CRITICAL
    assert gauge.update(NORMAL, 1 + CALM - 0.1) is CRITICAL
    assert gauge.update(NORMAL, 1 + CALM) is NORMAL


def test_a_relapse_begins_the_calm_time_anew() -> None:
    gauge = PressureGauge()
    gauge.update(FULL, 0)
    gauge.update(NORMAL, 1)
    gauge.update(FULL, 20)
    assert gauge.update(NORMAL, 21) is FULL
    assert gauge.update(NORMAL, 1 + CALM) is FULL
    assert gauge.update(NORMAL, 21 + CALM) is NORMAL


def test_it_falls_to_the_worst_of_the_calm_time() -> None:
    gauge = PressureGauge()
    gauge.update(CRITICAL, 0)
    for now, signal in ((1, NORMAL), (10, WARN), (20, NORMAL)):
        gauge.update(signal, now)
    assert gauge.update(NORMAL, 1 + CALM) is WARN


def test_a_flapping_signal_does_not_flap_the_level() -> None:
    gauge = PressureGauge()
    gauge.update(CRITICAL, 0)
    levels = {gauge.update(signal, now) for now in range(1, 300) for signal in (NORMAL, CRITICAL)}
    assert levels == {CRITICAL}


def test_a_lasting_warning_becomes_full_and_goes_again() -> None:
    gauge = PressureGauge()
    assert gauge.update(WARN, 0) is WARN
    assert gauge.update(WARN, LASTING - 0.1) is WARN
    assert gauge.update(WARN, LASTING) is FULL
    assert gauge.update(NORMAL, LASTING + 1) is FULL
    assert gauge.update(NORMAL, LASTING + 1 + CALM) is NORMAL


def test_an_interrupted_warning_does_not_add_up() -> None:
    gauge = PressureGauge()
    for now in range(0, 200, 10):
        level = gauge.update(NORMAL if now % 20 else WARN, now)
        assert level < FULL
