"""The BLAS under MLX's CPU build on Linux.

Owns putting the system's OpenBLAS in front of the reference BLAS that the wheel carries.
Measured with SmolLM2 in float32 on two cores: reading a prompt 13 times, decoding 1.5
times as fast. Does not own installing it. Must run before mlx is imported: symbols that
are global by then win over those of MLX's own libraries.
"""

import ctypes
import logging
import sys

_LOG = logging.getLogger(__name__)

_NAMES = ("libopenblas.so.0", "libopenblas.so")


def prefer_openblas() -> bool:
    """Loads OpenBLAS for all that comes after; False where there is none to load."""
    if not sys.platform.startswith("linux") or "mlx.core" in sys.modules:
        return False
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        if hasattr(library, "cblas_sgemm"):
            _LOG.info("computing with %s", name)
            return True
    return False
