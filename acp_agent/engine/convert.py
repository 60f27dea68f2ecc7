"""Running the GGUF conversion in a process of its own.

Owns starting, cancelling and reading that process. Does not own the conversion itself
(``engine/host/gguf``), which needs MLX; this module runs in the agent and does not.
"""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Final

import anyio

from acp_agent.errors import InstallError

_LOG = logging.getLogger(__name__)
_OUTPUT_TAIL: Final = 4000


async def convert_gguf(source: Path, target: Path) -> None:
    """Converts the GGUF file ``source`` into a new MLX model folder ``target``.

    Cancelling kills the process; what it wrote so far is the caller's to delete.

    Raises:
        InstallError: it failed; ``output`` is the end of what the process printed.
    """
    # -P: no module of the folder that the editor started us in may be imported.
    command = [sys.executable, "-P", "-m", "acp_agent.engine.host.gguf", str(source), str(target)]
    result = await anyio.run_process(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False
    )
    output = result.stdout.decode("utf-8", errors="replace")[-_OUTPUT_TAIL:].strip()
    if output:
        _LOG.info("conversion printed: %s", output)
    if result.returncode != 0:
        _LOG.info("conversion ended with status %d", result.returncode)
        raise InstallError(
            "The downloaded weights could not be converted for MLX: the log says why; "
            "if memory was short, close other programs and try again.",
            output=output,
        )
