"""Prompts that nobody waits for any more, while their server still reads them.

Owns remembering that a request was given up before its answer began. llama.cpp, Ollama and
mlx_lm.server notice a closed connection late then; whoever asks next should know why it waits.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

from acp_agent.backends.base import Progress

BUSY_FOR = 60.0
"""Seconds for which a server may go on with a prompt whose request was closed."""


class Abandoned:
    """The last request to one server that was given up before its answer began."""

    def __init__(self) -> None:
        self._at: float | None = None

    @contextmanager
    def watching(self, has_begun: Callable[[], bool]) -> Generator[None]:
        """Notes it if what is done inside is cancelled, closed or given up by its time limit
        while ``has_begun`` is False."""
        try:
            yield
        except TimeoutError:
            self._note(has_begun)
            raise
        except Exception:
            raise
        except BaseException:
            self._note(has_begun)
            raise

    def take_wait(self) -> Progress | None:
        """The step ``busy`` of the next request, which may have to wait; None if it need not.
        Told once."""
        at, self._at = self._at, None
        if at is None or anyio.current_time() - at >= BUSY_FOR:
            return None
        return Progress("busy", "The server may still be busy with the prompt that was cancelled")

    def _note(self, has_begun: Callable[[], bool]) -> None:
        if not has_begun():
            self._at = anyio.current_time()
