"""Choosing the BLAS: what is loaded, when it is too late, and the step it allows."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from acp_agent.engine.host import blas

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have their own")


class _Library:
    def __init__(self, name: str, mode: int) -> None:
        self.name = name
        self.mode = mode
        if name == "libopenblas.so":
            self.cblas_sgemm = object()


def test_a_library_with_the_wanted_symbol_is_made_global(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[_Library] = []

    def load(name: str, mode: int) -> _Library:
        loaded.append(_Library(name, mode))
        return loaded[-1]

    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert blas.prefer_fast_blas()
    assert [library.name for library in loaded] == ["libopenblas.so.0", "libopenblas.so"]
    assert all(library.mode == ctypes.RTLD_GLOBAL for library in loaded)


def test_a_system_without_openblas_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, mode: int) -> _Library:
        raise OSError(name)

    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not blas.prefer_fast_blas()


def test_mkl_of_this_environment_is_the_next_choice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = tmp_path / "lib" / "libmkl_rt.so.3"
    library.parent.mkdir()
    library.touch()
    asked: list[str] = []

    class Found:
        cblas_sgemm = object()

    def load(name: str, mode: int) -> Found:
        asked.append(name)
        if name != str(library):
            raise OSError(name)
        assert mode == ctypes.RTLD_GLOBAL
        return Found()

    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert blas.prefer_fast_blas()
    assert asked == ["libopenblas.so.0", "libopenblas.so", str(library)]


def test_it_is_too_late_once_mlx_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, mode: int) -> _Library:
        raise AssertionError("nothing may be loaded now")

    monkeypatch.setitem(sys.modules, "mlx.core", object())
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not blas.prefer_fast_blas()


def test_importing_it_imports_no_mlx() -> None:
    code = "import sys, acp_agent.engine.host.process; print('mlx.core' in sys.modules)"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
