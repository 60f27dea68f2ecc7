"""Which model is in memory: one at most.

Owns loading it in steps and unloading it. Does not own whose model it is to be
(``scheduler``) or the loading itself (``loading``).
"""

import logging
from collections.abc import Callable

from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError, without_traceback
from acp_agent.engine.host.mythos.caches import KeptCaches
from acp_agent.engine.host.mythos.loading import Load, Steps
from acp_agent.engine.host.mythos.model import Model
from acp_agent.engine.host.mythos.spec import ModelSpec
from acp_agent.engine.host.outputs import Output
from acp_agent.engine.host.sequence import Clock, Reporter

_LOG = logging.getLogger(__name__)


class Residency:
    """The model in memory, and the caches of what it has read.

    ``loading`` is the one that is being loaded, ``progress`` its bytes so far and all of
    them, ``load_times`` begin and end of the last load. ``closing``: the model goes as soon
    as nothing runs; ``closing_when_idle``: and nothing waits.

    Args:
        release: gives freed memory back to the system.
        on_change: is called before a step that takes long, and after it.
    """

    def __init__(
        self,
        load: Load,
        kept: KeptCaches,
        *,
        release: Callable[[], None],
        on_change: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.model: Model | None = None
        self.loading: ModelSpec | None = None
        self.unloading: Model | None = None
        self.progress = (0, 0)
        self.load_times = (0.0, 0.0)
        self.last_used = 0.0
        self.closing = False
        self.closing_when_idle = False
        self._load = load
        self._kept = kept
        self._release = release
        self._on_change = on_change
        self._clock = clock
        self._steps: Steps | None = None
        self._reporter: Reporter | None = None

    def begin(self, spec: ModelSpec, listeners: Callable[[], list[Channel[Output]]]) -> None:
        """Begins to load ``spec``, in the place of what is there; nothing may run on that.

        Args:
            listeners: those who want to know how far it is.
        """
        self.unload()
        _LOG.info("loading %s", spec.variant)
        self.loading, self.progress = spec, (0, 0)
        self.last_used = self._clock()
        self.load_times = (self.last_used, 0.0)
        self._steps = self._load(spec)
        self._reporter = Reporter(listeners, "load", after=0.0, clock=self._clock)
        self._on_change()

    def advance(self) -> ApiError | None:
        """Takes a step of the load.

        Returns:
            Why it has failed, if it has.
        """
        assert self._steps is not None
        assert self._reporter is not None
        try:
            self.progress = next(self._steps)
            self._reporter.report(*self.progress)
        except StopIteration as end:
            self._on_loaded(end.value)
            return None
        except ApiError as error:
            _LOG.warning("loading failed", exc_info=True)
            failure = without_traceback(error)
        except Exception:
            _LOG.exception("loading failed")
            message = "The model could not be loaded; the engine's log has the reason."
            failure = ApiError(500, "model_load_failed", message, param="model")
        else:
            return None
        self.abort()
        return failure

    def abort(self) -> None:
        """Gives up a load."""
        if self._steps is not None:
            self._steps.close()
            self._steps = self._reporter = self.loading = None
            self.closing_when_idle = False
            self._release()
            self._on_change()

    def unload(self) -> None:
        """Gives the memory of the model and all it has read back."""
        if self.model is None:
            return
        name = self.model.spec.variant
        self.unloading, self.model = self.model, None
        self._on_change()
        self.unloading = None
        self.closing = self.closing_when_idle = False
        self._kept.clear()
        self._release()
        self._on_change()
        _LOG.info("unloaded %s", name)

    def _on_loaded(self, model: Model) -> None:
        self.model = model
        self.last_used = self._clock()
        self.load_times = (self.load_times[0], self.last_used)
        self._steps = self._reporter = self.loading = None
        _LOG.info("loaded %s in %.2f s", model.spec.variant, self.last_used - self.load_times[0])
        self._on_change()
