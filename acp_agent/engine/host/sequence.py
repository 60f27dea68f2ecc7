"""One answer on its way: its prompt, its tokens and what the reader gets of it.

Owns an answer's state from its prompt to its figures. Does not own when it is its turn
(``workload``) or the computation (``loaded``, ``decoders``).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from acp_agent.engine.host.cache import layers
from acp_agent.engine.host.cache.line import Checkpoint, Line
from acp_agent.engine.host.cache.store import PromptCache
from acp_agent.engine.host.channel import Channel
from acp_agent.engine.host.errors import ApiError, bad_request
from acp_agent.engine.host.formats.base import ChatFormat, Prompt
from acp_agent.engine.host.outputs import Figures, Finished, Output, Progress
from acp_agent.engine.host.sampling import make_sampler
from acp_agent.engine.host.steps import Row
from acp_agent.engine.host.worker import Job

Clock = Callable[[], float]

_SPACING = 0.25
"""Seconds between two reports of progress."""


class Reporter:
    """Tells how far a step is: from ``after`` seconds on, spaced, and its end.

    Args:
        channels: those who want to know, at the time of a report.
    """

    def __init__(
        self,
        channels: Callable[[], list[Channel[Output]]],
        step: Literal["load", "prompt"],
        *,
        after: float,
        clock: Clock = time.monotonic,
    ) -> None:
        self._channels = channels
        self._step: Literal["load", "prompt"] = step
        self._clock = clock
        self._next = clock() + after
        self._told = False

    def report(self, done: int, total: int) -> None:
        """Tells ``done`` of ``total`` where it is time to."""
        now = self._clock()
        last = self._told and done == total
        if not last and now < self._next:
            return
        self._told = not last
        self._next = now + _SPACING
        for channel in self._channels():
            channel.put(Progress(self._step, done, total))


@dataclass(slots=True)
class Times:
    """Moments of an answer, in seconds of a monotonic clock; 0 for not yet.

    ``paused`` is when the pause began in which it is, ``pauses`` the length of all others.
    """

    queue_seconds: float
    admitted: float
    first_token: float = 0.0
    paused: float | None = None
    pauses: float = 0.0


class Sequence:
    """The answer to ``job``; ``tokens`` are its prompt and what was delivered.

    Args:
        chat_format: the model's.
        note: what the session kept of earlier answers.
        context_size: the model's window.

    Raises:
        ApiError: 400, the request cannot be told to the model or does not fit its window.
    """

    def __init__(
        self,
        job: Job,
        chat_format: ChatFormat,
        note: str | None,
        *,
        context_size: int | None,
        times: Times,
        reporter: Reporter,
    ) -> None:
        request = job.request
        self.job = job
        self.key = request.prompt_cache_key
        self.transcript = chat_format.transcript(note)
        prompt = chat_format.prompt(request, self.transcript)
        check_tokens(prompt, chat_format.vocabulary_size)
        self._limit = _answer_limit(request.token_limit, len(prompt.tokens), context_size)
        self._reader = chat_format.reader(request)
        self._sampler = make_sampler(request.temperature, request.top_p, request.seed)
        self._context_size = context_size
        self._times = times
        self._reporter = reporter
        self.tokens = list(prompt.tokens)
        self._prompt_length = len(prompt.tokens)
        self._stable = prompt.stable
        self._cached_tokens: int | None = None
        self.line: Line | None = None
        self.row: Row | None = None
        self.ended = False
        self._closed = False

    @property
    def answered(self) -> int:
        """Tokens of the answer so far."""
        return len(self.tokens) - self._prompt_length

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that came from the cache."""
        return self._cached_tokens or 0

    def take_line(self, cache: PromptCache, source: Line | None = None) -> Line:
        """Takes a line of ``cache`` for what is to be read.

        Args:
            source: a line in use that holds all but the last token, at least one, to copy.
        """
        self.line = cache.branch(source, self.key) if source else cache.take(self.key, self.tokens)
        if self._cached_tokens is None:
            self._cached_tokens = len(self.line.tokens)
        if self.line.tokens and len(self.line.tokens) in self._stable:
            self._checkpoint(self.line)
        return self.line

    def next_chunk(self, step: int) -> list[int]:
        """The tokens to read next, at most ``step``; none where decoding can begin."""
        assert self.line is not None
        done = len(self.line.tokens)
        end = min(done + step, len(self.tokens) - 1)
        if not _reaches_any_place(self.line):
            places = (*self._stable, self._prompt_length - 1)
            end = next((place for place in places if done < place < end), end)
        return self.tokens[done:end]

    def note_read(self, count: int) -> None:
        """Marks the places that later prompts may start from, and reports progress.

        Args:
            count: how many tokens were read last.
        """
        line = self.line
        assert line is not None
        end = len(line.tokens)
        for place in self._stable:
            if end - count < place < end:
                line.checkpoints.append(Checkpoint(place, True, (None,) * len(line.cache)))
        if end in self._stable or end == self._prompt_length - 1:
            self._checkpoint(line)
        self.report_read(end)

    def report_read(self, done: int) -> None:
        """Reports that ``done`` tokens of the prompt have been read, here or by another."""
        if not self.answered:
            self._reporter.report(done, self._prompt_length)

    def make_row(self) -> Row:
        """The row to decode, after all but the last token have been read."""
        import mlx.core as mx

        assert self.line is not None
        if not self.answered and self.line.tokens:
            self._checkpoint(self.line)
        pending = mx.array(self.tokens[-1:])
        self.row = Row(self.line, pending, self._sampler, self._prompt_length - 1)
        return self.row

    def take_token(self, now: float) -> bool:
        """Delivers the token that the row was fed last, unless it is an old one.

        Returns:
            Whether it was new. ``ended`` says whether it was the last.
        """
        assert self.line is not None
        if len(self.line.tokens) <= len(self.tokens):
            return False
        token = self.line.tokens[-1]
        self.tokens.append(token)
        if self.answered == 1:
            self._times.first_token = now
            self._reporter.report(self._prompt_length, self._prompt_length)
        for delta in self._reader.add(token):
            self.job.channel.put(delta)
        self.ended = self._reader.ended or self.answered == self._limit
        return True

    def finish(self, now: float, memory_peak: int) -> None:
        """Delivers the end of the whole answer."""
        channel = self.job.channel
        for delta in self._reader.finish():
            channel.put(delta)
        self._closed = True
        channel.put(Finished(self._reader.reason, self._figures(now, memory_peak)))
        channel.finish()

    def pause(self, now: float) -> None:
        """Notes that nothing is done until ``go_on``, as long as its reader is behind."""
        self._times.paused = now

    def go_on(self, now: float) -> None:
        """Ends the pause, if there is one."""
        times = self._times
        if times.paused is not None:
            times.pauses += now - times.paused
            times.paused = None

    def give_back(self, cache: PromptCache) -> None:
        """Returns the line to ``cache``; the answer may go on later with another."""
        line, self.line, self.row = self.line, None, None
        if line is not None:
            cache.put(line)

    def keep(self, cache: PromptCache) -> None:
        """Returns the line of a finished or cut answer, and notes what was said."""
        if self.answered:
            if not self._closed:
                self._reader.finish()
            self.transcript.keep(self._reader)
        self.give_back(cache)
        cache.set_note(self.key, self.transcript.dump())

    def lose_line(self) -> None:
        """Forgets the line, whose computation failed."""
        self.line = self.row = None

    def _checkpoint(self, line: Line) -> None:
        line.checkpoint(stable=len(line.tokens) in self._stable)

    def _figures(self, now: float, memory_peak: int) -> Figures:
        times = self._times
        return Figures(
            prompt_tokens=self._prompt_length,
            completion_tokens=self.answered,
            context_size=self._context_size,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=self._reader.reasoning_tokens,
            queue_seconds=times.queue_seconds,
            prompt_seconds=times.first_token - times.admitted,
            decode_seconds=now - times.first_token - times.pauses,
            memory_peak=memory_peak,
        )


def _reaches_any_place(line: Line) -> bool:
    """Whether the line can go back to any place, so that no chunk has to end there.

    Each chunk costs a pass over the weights.
    """
    return all(layers.kind_of(cache) == "full" for cache in line.cache)


def check_tokens(prompt: Prompt, vocabulary_size: int) -> None:
    """Refuses what the model has no row for: mlx would read beyond its memory.

    Raises:
        ApiError: 400.
    """
    if not prompt.tokens:
        raise bad_request("The messages are empty; send at least one.", param="messages")
    if not 0 <= min(prompt.tokens) <= max(prompt.tokens) < vocabulary_size:
        raise bad_request(
            "The model's files do not belong together: its tokenizer knows tokens that the "
            "model does not. Install the model again."
        )


def _answer_limit(wanted: int | None, length: int, window: int | None) -> int | None:
    """The most tokens of answer to a prompt of ``length``, None for as many as come."""
    if window is None:
        return wanted
    room = window - length
    if room < 1:
        raise ApiError(
            400,
            "context_length_exceeded",
            f"The conversation has {length} tokens, the model's window {window}; "
            "start a new session or send less.",
            param="messages",
            prompt_tokens=length,
            context_size=window,
        )
    return min(wanted or room, room)
