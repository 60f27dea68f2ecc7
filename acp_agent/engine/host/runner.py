"""Generating answers with mlx_lm, on the worker's thread.

Owns the loaded model, the decode loop and its stops. Does not own threads (``worker``)
or HTTP. mlx is imported in functions: a model is bound to the thread that loaded it,
and the server answers while that thread still imports.
"""

import gc
import importlib
import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from acp_agent.engine.folder import read_context_size
from acp_agent.engine.host.api import ChatRequest, Finished, Progress, Text
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.models import load_weights
from acp_agent.engine.host.tokenizer import ChatTokenizer, StopTexts, StreamDecoder
from acp_agent.engine.host.worker import Job

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """What was computed since the start; the model's thread alone writes here."""

    decoded_tokens: int = 0
    prefilled_tokens: int = 0


@dataclass(slots=True, frozen=True)
class _Prompt:
    tokens: list[int]
    limit: int
    context_size: int | None


class MlxRunner:
    """Runs jobs on at most one loaded model.

    Args:
        prefill_step: prompt tokens between two looks at the channel, None for what suits
            the device.
        has_fast_blas: whether a CPU gains from long steps at all (``blas``).
        progress_after: seconds that a step takes before its progress is told, and
            between two such reports.
    """

    def __init__(
        self, *, prefill_step: int | None, has_fast_blas: bool, progress_after: float
    ) -> None:
        self.counters = Counters()
        self._prefill_step = prefill_step
        self._has_fast_blas = has_fast_blas
        self._progress_after = progress_after
        self._loaded: tuple[Path, Any] | None = None
        self._tokenizer: tuple[Path, ChatTokenizer] | None = None

    @property
    def model(self) -> Path | None:
        """The folder of the loaded model."""
        return self._loaded[0] if self._loaded else None

    def prepare(self) -> None:
        """Imports mlx_lm ahead of the first job; a failure is that job's to tell."""
        try:
            _import_mlx_lm()
        except ApiError:
            _LOG.exception("MLX does not work here")

    def run(self, job: Job) -> None:
        """Answers ``job``."""
        tokenizer = self._get_tokenizer(job.model)
        prompt = _make_prompt(job, tokenizer)
        module = self._get_module(job)
        self._generate(job, module, tokenizer, prompt)

    def close(self) -> None:
        """Frees the model, after what mlx still computes, and the thread's streams.

        A stream that outlives its thread aborts the process while that exits.
        """
        if self._loaded is not None:
            self._unload()
        if "mlx.core" in sys.modules:
            import mlx.core as mx

            mx.clear_streams()

    def _get_tokenizer(self, folder: Path) -> ChatTokenizer:
        if self._tokenizer is None or self._tokenizer[0] != folder:
            self._tokenizer = folder, ChatTokenizer(folder)
        return self._tokenizer[1]

    def _get_module(self, job: Job) -> Any:
        if self._loaded is not None and self._loaded[0] == job.model:
            return self._loaded[1]
        if self._loaded is not None:
            self._unload()
        started = time.monotonic()
        report = _Reporter(job, "load", after=0.0).report
        report(0, 0)
        _import_mlx_lm()
        module = load_weights(job.model, report)
        _LOG.info("loaded %s in %.2f s", job.model.name, time.monotonic() - started)
        self._loaded = job.model, module
        return module

    def _unload(self) -> None:
        import mlx.core as mx
        from mlx_lm.generate import generation_stream

        mx.synchronize(generation_stream)
        self._loaded = None
        gc.collect()
        mx.clear_cache()

    def _generate(self, job: Job, module: Any, tokenizer: ChatTokenizer, prompt: _Prompt) -> None:
        decoder, stops = StreamDecoder(tokenizer), StopTexts(job.request.stop_texts)
        reason: Literal["stop", "length"] = "length"
        count = 0
        with closing(self._tokens(job, module, prompt)) as tokens:
            for token in tokens:
                count += 1
                self.counters.decoded_tokens += 1
                if token in tokenizer.end_tokens:
                    reason = "stop"
                    _put_text(job, stops.finish())
                    break
                text, met = stops.add(decoder.add(token))
                _put_text(job, text)
                if met:
                    reason = "stop"
                    break
            else:
                _put_text(job, stops.finish())
        job.channel.put(Finished(reason, len(prompt.tokens), count, prompt.context_size))

    def _tokens(self, job: Job, module: Any, prompt: _Prompt) -> Generator[int, None, None]:
        """At most ``prompt.limit`` tokens; raises ``Abandoned`` between two of them."""
        import mlx.core as mx
        from mlx_lm.generate import generate_step, generation_stream, wired_limit

        steps: Any = generate_step(
            mx.array(prompt.tokens),
            module,
            max_tokens=prompt.limit,
            sampler=_make_sampler(job.request),
            prefill_step_size=self._prefill_step or self._step_for_device(),
            prompt_progress_callback=self._watch_prefill(job),
        )
        streams: list[Any] = [generation_stream]
        with wired_limit(module, streams), closing(steps):
            for count, (token, _) in enumerate(steps, start=1):
                yield token
                job.channel.check()
                if count == prompt.limit:
                    break

    def _step_for_device(self) -> int:
        """Long enough to be fast, short enough that a cancel waits about a second at most."""
        import mlx.core as mx

        if mx.default_device().type != mx.DeviceType.cpu:
            return 512
        return 128 if self._has_fast_blas else 16

    def _watch_prefill(self, job: Job) -> Callable[[int, int], None]:
        reporter = _Reporter(job, "prompt", after=self._progress_after)
        known = 0

        def watch(done: int, total: int) -> None:
            nonlocal known
            self.counters.prefilled_tokens += done - known
            known = done
            reporter.report(done, total)

        return watch


class _Reporter:
    """Tells a step's progress: from ``after`` seconds on, spaced, and its end."""

    _SPACING = 0.25

    def __init__(self, job: Job, step: Literal["load", "prompt"], *, after: float) -> None:
        self._job = job
        self._step: Literal["load", "prompt"] = step
        self._next = time.monotonic() + after
        self._told = False

    def report(self, done: int, total: int) -> None:
        """Raises ``Abandoned`` when nobody waits for the step any more."""
        self._job.channel.check()
        last = self._told and done == total
        if not last and time.monotonic() < self._next:
            return
        self._told = not last
        self._next = time.monotonic() + self._SPACING
        if self._job.request.return_progress:
            self._job.channel.put(Progress(self._step, done, total))


def _import_mlx_lm() -> None:
    try:
        importlib.import_module("mlx_lm.generate")
    except (ImportError, OSError, RuntimeError) as error:
        message = "MLX does not work on this machine; the engine's log has the reason."
        raise ApiError(500, "mlx_unusable", message) from error


def _make_prompt(job: Job, tokenizer: ChatTokenizer) -> _Prompt:
    """The prompt of ``job`` with room for at least one token of answer."""
    messages = [message.for_template() for message in job.request.messages]
    tokens = tokenizer.encode_chat(messages)
    wanted, window = job.request.token_limit, read_context_size(job.model)
    if window is None:
        return _Prompt(tokens, wanted or -1, None)
    room = window - len(tokens)
    if room < 1:
        raise ApiError(
            400,
            "context_length_exceeded",
            f"The conversation has {len(tokens)} tokens, the model's window {window}; "
            "start a new session or send less.",
            param="messages",
            prompt_tokens=len(tokens),
            context_size=window,
        )
    return _Prompt(tokens, min(wanted or room, room), window)


def _make_sampler(request: ChatRequest) -> Any:
    import mlx.core as mx
    from mlx_lm.sample_utils import make_sampler

    if request.seed is not None:
        mx.random.seed(request.seed)
    return make_sampler(temp=request.temperature, top_p=request.top_p)


def _put_text(job: Job, text: str) -> None:
    if text:
        job.channel.put(Text(text))
