"""Saved lines: what comes back, what is refused, and how much there may be."""

import os
import resource
import stat
import sys
import time
from pathlib import Path

import mlx.core as mx
import pytest
from mlx_lm.models.cache import ArraysCache

from acp_agent.engine.saved_prompts import forget_saved
from tests.engine.host.cache.marked import (
    SAVED,
    answer,
    check,
    compute,
    files,
    make_store,
    prefill,
    save,
    usable,
)

PROMPT = SAVED


@pytest.mark.parametrize("note", [None, "", 'é € 😀 "quoted"\n\x00 {}'])
def test_a_new_store_goes_on_where_the_old_one_ended(tmp_path: Path, note: str | None) -> None:
    save(tmp_path / "saved", note=note)
    store = make_store(tmp_path / "saved")
    assert store.note("a") == note
    line = store.take("a", [*PROMPT, *range(40, 45), 90])
    assert line.tokens == [*PROMPT, *range(40, 45)]
    assert line.cache[0].keys.dtype == mx.bfloat16
    check(line)
    compute(line, range(90, 110), step=1)
    check(line)
    assert [(each.position, each.stable) for each in line.checkpoints] == [(20, True), (29, False)]
    line.rewind(20)
    check(line)


@pytest.mark.parametrize("length", [1, 5, 8, 9, 20])
def test_a_saved_line_of_any_length_goes_on(tmp_path: Path, length: int) -> None:
    store = make_store(tmp_path / "saved")
    answer(store, "a", PROMPT[:length])
    store.flush()
    line = make_store(tmp_path / "saved").take("a", [*PROMPT[:length], 99])
    assert line.tokens == PROMPT[:length]
    for step in (1, 3):
        compute(line, range(50, 60), step=step)
        check(line)


def test_a_saved_line_can_be_entered_at_its_checkpoint(tmp_path: Path) -> None:
    save(tmp_path / "saved")
    store = make_store(tmp_path / "saved")
    assert answer(store, "a", [*PROMPT[:25], 80, 81, 82]) == 20
    line = store.take("a", [*PROMPT[:25], 80, 81, 82, 83])
    assert line.tokens == [*PROMPT[:25], 80, 81, 82]
    check(line)


def test_files_are_private_and_name_no_session(tmp_path: Path) -> None:
    path = save(tmp_path / "state" / "saved", key="secret-session")
    assert "secret" not in path.name
    assert b"secret" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_unchanged_line_is_not_written_again(tmp_path: Path) -> None:
    path = save(tmp_path / "saved")
    store = make_store(tmp_path / "saved")
    assert store.note("a") == "note"
    before = path.stat().st_ino
    store.shrink(0)
    assert path.stat().st_ino == before
    assert store.note("a") == "note"
    store.set_note("a", "another")
    store.shrink(0)
    assert store.note("a") == "another"
    assert path.stat().st_ino != before


def test_another_models_lines_are_left_alone(tmp_path: Path) -> None:
    save(tmp_path / "saved")
    assert usable(tmp_path / "saved", fingerprint="other") == 0
    assert usable(tmp_path / "saved") == 29


def test_a_file_that_breaks_while_it_is_read_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "saved")
    store = make_store(tmp_path / "saved")
    assert store.note("a") == "note"
    os.truncate(path, 2500)
    line = store.take("a", [*PROMPT, 99])
    assert line.tokens == []
    assert not path.exists()


def test_a_full_disk_costs_only_the_saving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "saved")
    store = make_store(tmp_path / "saved")
    answer(store, "a", [*PROMPT, *range(40, 45), *range(50, 200)])
    content = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        store.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "not saved" in caplog.text
    assert str(tmp_path) not in caplog.text
    assert files(tmp_path / "saved") == [path]
    assert path.read_bytes() == content
    store.flush()
    assert path.read_bytes() != content


@pytest.mark.skipif(sys.platform == "win32", reason="needs a folder's mode")
def test_a_folder_that_cannot_be_used_costs_only_the_saving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "saved").write_text("no folder")
    store = make_store(tmp_path / "saved")
    answer(store, "a", PROMPT)
    store.flush()
    assert "not saved" in caplog.text
    assert answer(store, "a", [*PROMPT, 40]) == 30


def test_the_oldest_files_make_room(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    size = save(folder).stat().st_size
    paths = {"a": files(folder)[0]}
    limit = 3 * size + 4096
    for age, key in enumerate("bcd"):
        paths[key] = save(folder, key=key, disk_limit=limit)
        os.utime(paths[key], (1000 - age, 1000 - age))
        assert sum(path.stat().st_size for path in files(folder)) <= limit
    assert set(files(folder)) == {paths["a"], paths["b"], paths["d"]}
    paths["e"] = save(folder, key="e", disk_limit=limit)
    assert set(files(folder)) == {paths["a"], paths["b"], paths["e"]}


def test_the_newest_are_saved_where_not_all_fit(tmp_path: Path) -> None:
    size = save(tmp_path / "probe").stat().st_size
    store = make_store(tmp_path / "saved", disk_limit=2 * size + 4096)
    for key in "abc":
        answer(store, key, [ord(key), *PROMPT], stable=[20])
    store.flush()
    again = make_store(tmp_path / "saved")
    assert [again.take(key, [ord(key), *PROMPT]).tokens != [] for key in "abc"] == [0, 1, 1]


def test_files_are_as_old_as_the_use_of_their_lines(tmp_path: Path) -> None:
    store = make_store(tmp_path / "saved")
    for key in "ab":
        answer(store, key, PROMPT)
    for key in "ba":
        store.put(store.take(key, [*PROMPT, 40]))
    store.flush()
    ages = {path.name: path.stat().st_mtime for path in files(tmp_path / "saved")}
    forget_saved(tmp_path / "saved", "b")
    (last,) = files(tmp_path / "saved")
    assert ages[last.name] == max(ages.values()) > min(ages.values())


def test_a_line_saved_again_displaces_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    old = save(folder)
    limit = 2 * old.stat().st_size + 4096
    path = save(folder, key="b", disk_limit=limit)
    store = make_store(folder, disk_limit=limit)
    assert answer(store, "b", [*PROMPT, 99]) == 29
    store.flush()
    assert files(folder) == sorted([old, path])


def test_a_smaller_limit_holds_from_the_start(tmp_path: Path) -> None:
    save(tmp_path / "saved")
    make_store(tmp_path / "saved", disk_limit=0)
    assert files(tmp_path / "saved") == []
    store = make_store(tmp_path / "saved", disk_limit=100)
    answer(store, "a", PROMPT)
    store.flush()
    assert files(tmp_path / "saved") == []


def test_what_a_killed_engine_left_is_never_used_and_goes_in_time(tmp_path: Path) -> None:
    path = save(tmp_path / "saved")
    left = path.with_name(".unfinished-abc.safetensors")
    left.write_bytes(path.read_bytes()[:2000])
    assert make_store(tmp_path / "saved").figures()["disk_bytes"] == path.stat().st_size
    assert left.exists()
    os.utime(left, (0, time.time() - 7200))
    make_store(tmp_path / "saved")
    assert files(tmp_path / "saved") == [path]


def test_a_deleted_session_goes_for_every_model(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    for fingerprint in ("one", "two"):
        save(folder, fingerprint=fingerprint)
    other = save(folder, key="b")
    forget_saved(folder, "a")
    assert files(folder) == [other]
    forget_saved(tmp_path / "missing", "a")


def test_layers_of_unknown_content_are_not_saved(tmp_path: Path) -> None:
    store = make_store(tmp_path / "saved", caches=lambda: [ArraysCache(1)])
    line = store.take("a", PROMPT)
    line.cache[0][0] = mx.zeros((1, 4))
    line.tokens.extend(PROMPT)
    store.put(line)
    store.flush()
    assert files(tmp_path / "saved") == []


def test_a_busy_sessions_older_file_serves_its_second_request(tmp_path: Path) -> None:
    save(tmp_path / "saved")
    store = make_store(tmp_path / "saved")
    first = store.take("a", [*PROMPT, 99])
    second = store.take("a", [*PROMPT, 98])
    assert first.tokens == second.tokens == PROMPT[:29]
    for line, token in ((first, 99), (second, 98)):
        prefill(line, [*PROMPT, token, token])
        check(line)
        store.put(line)
    assert store.take("a", [*PROMPT, 98, 98]).tokens == [*PROMPT, 98]
