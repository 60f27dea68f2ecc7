"""Libraries are imported by one thread at a time, whichever kind of model needs them."""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable

import pytest

from acp_agent.engine.host import importing
from acp_agent.engine.host.importing import import_alone
from acp_agent.engine.host.loaded import import_mlx_lm
from acp_agent.engine.host.mythos.library import load_open_mythos, load_torch


@pytest.mark.parametrize("load", [import_mlx_lm, load_torch, load_open_mythos])
def test_no_other_thread_imports_meanwhile(
    load: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    could_begin: list[bool] = []

    def try_to_begin() -> None:
        could_begin.append(importing.LOCK.acquire(blocking=False))

    def import_module(name: str) -> object:
        other = threading.Thread(target=try_to_begin)
        other.start()
        other.join()
        return object()

    monkeypatch.setattr(importlib, "import_module", import_module)
    load()
    assert could_begin == [False]
    assert not importing.LOCK.locked()


def test_a_library_may_be_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[object] = []

    def import_module(name: str) -> None:
        found.append(importlib.util.find_spec("wave"))

    monkeypatch.delitem(sys.modules, "wave", raising=False)
    monkeypatch.setattr(importlib, "import_module", import_module)
    import_alone("anything", without="wave")
    assert found == [None]
    assert importlib.util.find_spec("wave") is not None


def test_what_is_there_stays() -> None:
    assert import_alone("threading", without="threading") is threading
    assert sys.modules["threading"] is threading
