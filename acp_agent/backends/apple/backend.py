"""The backend of mode ``apple``.

Owns which threads run, and how long they are waited for. Does not own what they do
(``answer``, ``sdk``).
"""

from collections.abc import AsyncGenerator, Callable
from functools import partial

import anyio
import anyio.to_thread

from acp_agent.backends.apple import faults
from acp_agent.backends.apple.answer import write_answer
from acp_agent.backends.apple.sdk import MODEL_ID, Sdk, describe, load_sdk
from acp_agent.backends.apple.thread import ModelThread
from acp_agent.backends.base import Done, Event, ModelRequest, Readiness
from acp_agent.errors import BackendError, ModelNotInstalled

PROBE_LIMIT = 1.0
"""Seconds that importing the SDK and asking macOS may take; it goes on for the next probe."""
STALL_LIMIT = 120.0
"""Seconds without a sign of life after which an answer is given up."""
CLOSE_LIMIT = 0.5
"""Seconds that are waited at the end for answers that were stopped."""
CROWD = 4
"""Stopped answers that may still be at work before no other is begun."""


class AppleBackend:
    """The on-device model of macOS. Nothing is imported before the first probe or prompt.

    Each answer has a thread and a session of its own. An answer that is stopped is left at
    once; its thread ends with the model's next snapshot, as the SDK cannot be interrupted
    while it waits for one.
    """

    id = "apple"
    name = "Apple"
    description = "The small on-device model of Apple Intelligence (macOS 26 or newer); no tools"

    def __init__(self, load: Callable[[], Sdk] = load_sdk) -> None:
        self._load = load
        self._hanging: ModelThread[Readiness] | None = None
        self._answers: list[ModelThread[Event]] = []

    async def probe(self) -> Readiness:
        """As ``Backend.probe``: at most ``PROBE_LIMIT``."""
        if self._hanging and self._hanging.is_running():
            return Readiness(False, _NO_ANSWER)
        thread: ModelThread[Readiness] = ModelThread(partial(_describe, self._load))
        thread.start()
        try:
            with anyio.move_on_after(PROBE_LIMIT):
                return await thread.next()
        except BackendError as error:
            return Readiness(False, error.message)
        finally:
            thread.stop()
        self._hanging = thread
        return Readiness(False, _NO_ANSWER)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """As ``Backend.stream``."""
        if request.model and request.model != MODEL_ID:
            raise ModelNotInstalled(
                f"Apple's on-device model is called {MODEL_ID}. Choose it in the option model.",
                model=request.model,
            )
        self._answers = [each for each in self._answers if each.is_running()]
        if sum(each.is_stopped() for each in self._answers) >= CROWD:
            raise faults.crowded()
        thread: ModelThread[Event] = ModelThread(partial(write_answer, self._load, request))
        self._answers.append(thread)
        thread.start()
        try:
            while True:
                event = await _next(thread)
                if isinstance(event, Done):
                    self._answers.remove(thread)  # at its end; it is no burden any more
                    yield event
                    return
                yield event
        finally:
            thread.stop()

    async def aclose(self) -> None:
        """Stops what runs, and waits a little for it.

        The SDK should have let go of its streams before the interpreter ends.
        """
        running = [each for each in self._answers if each.is_running()]
        for thread in running:
            thread.stop()
        with anyio.move_on_after(CLOSE_LIMIT):
            for thread in running:
                join = partial(thread.join, CLOSE_LIMIT)
                await anyio.to_thread.run_sync(join, abandon_on_cancel=True)


_NO_ANSWER = (
    "macOS has not said yet whether its on-device model can be used. Try again in a moment."
)


async def _describe(load: Callable[[], Sdk], tell: Callable[[Readiness], None]) -> None:
    tell(describe(load()))


async def _next(thread: ModelThread[Event]) -> Event:
    try:
        with anyio.fail_after(STALL_LIMIT):
            return await thread.next()
    except TimeoutError:
        raise faults.stalled(STALL_LIMIT) from None
