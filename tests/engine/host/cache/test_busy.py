"""While answers run, eviction waits, up to a bound."""

from pathlib import Path

import pytest

pytest.importorskip("mlx.core", reason="MLX has no wheel for this platform")

from tests.engine.host.cache.marked import SAVED, answer, make_store


def test_while_answers_run_a_quarter_more_stays(tmp_path: Path) -> None:
    probe = make_store()
    answer(probe, "x", SAVED)
    size = probe.figures()["bytes"]
    store = make_store(tmp_path / "saved", memory_limit=4 * size)
    store.set_busy(True)
    for number in range(5):
        answer(store, str(number), [100 + number, *SAVED[1:]])
        store.set_note(str(number), "")
    assert (store.figures()["sessions"], store.figures()["saved"]) == (5, 0)
    answer(store, "5", [105, *SAVED[1:]])
    assert (store.figures()["sessions"], store.figures()["saved"]) == (5, 1)
    store.set_busy(False)
    assert (store.figures()["sessions"], store.figures()["saved"]) == (4, 2)
    store.set_note("5", "")
    answer(store, "6", [106, *SAVED[1:]])
    assert (store.figures()["sessions"], store.figures()["saved"]) == (4, 3)
