"""One answer on its way: its prompt, its tokens, and what the reader gets of it.

Owns an answer's state from its arrival to its figures. Does not own whose turn it is
(``scheduler``) or the computation (``model``).
"""

from collections.abc import Hashable

from acp_agent.engine.host.errors import bad_request, context_exceeded
from acp_agent.engine.host.mythos.caches import KeptCaches
from acp_agent.engine.host.mythos.chat import AnswerReader, write_pieces
from acp_agent.engine.host.mythos.model import Cache, Model
from acp_agent.engine.host.mythos.spec import ModelSpec
from acp_agent.engine.host.outputs import Figures, Finished, Progress
from acp_agent.engine.host.sequence import Clock, Reporter
from acp_agent.engine.host.ticket import Counters, Ticket

_LONG = 256
"""Tokens whose reading at once is told before it begins: nothing can be told meanwhile."""


class Answer:
    """The answer of the model ``spec`` to ``ticket``'s request.

    ``tokens`` are its prompt and what was delivered, the first ``read`` of which are in
    ``cache``. No repr: the log holds no prompt.
    """

    def __init__(self, ticket: Ticket, spec: ModelSpec, clock: Clock) -> None:
        self.ticket = ticket
        self.job = ticket.job
        self.spec = spec
        self.writing: Writing | None = None
        self._clock = clock

    @property
    def key(self) -> Hashable:
        """What its cache is kept by: its session; without one, itself."""
        key = self.job.request.prompt_cache_key
        return self.ticket.number if key is None else key

    def begin(
        self, model: Model, kept: KeptCaches, load: tuple[float, float], progress_after: float
    ) -> "Writing":
        """Begins, or goes on after a pause, with what of ``kept`` can be used.

        Args:
            load: begin and end of the model's load, which is no wait for a turn.
            progress_after: seconds of reading until its progress is told.

        Raises:
            ApiError: 400, the prompt does not fit the model.
        """
        writing = self.writing
        if writing is None:
            now = self._clock()
            loading = max(0.0, load[1] - max(load[0], self.ticket.arrived))
            waited = max(0.0, now - self.ticket.arrived - loading)
            writing = Writing(self, model, waited, progress_after, self._clock)
        writing.take_cache(kept)
        self.writing = writing
        return writing

    def rest(self, kept: KeptCaches) -> None:
        """Gives its cache back: the answer waits, or is over."""
        if self.writing is not None:
            self.writing.give_cache(kept, self.is_worth_keeping)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether somebody may come back for what was read."""
        return self.job.request.prompt_cache_key is not None or not self.job.channel.finished


class Writing:
    """The state of an answer that has begun.

    Raises:
        ApiError: as ``Answer.begin``.
    """

    def __init__(
        self, answer: Answer, model: Model, waited: float, progress_after: float, clock: Clock
    ) -> None:
        request = answer.job.request
        self._answer, self._clock = answer, clock
        self._channel = answer.job.channel
        vocabulary = model.vocabulary
        pieces = write_pieces(request.messages)
        self.tokens = [token for piece in pieces for token in vocabulary.encode(piece)]
        self._prompt_length = len(self.tokens)
        self._limit = _find_limit(request.token_limit, self._prompt_length, model)
        if max(self.tokens, default=model.rows) >= model.rows:
            raise bad_request(
                "The tokenizer knows tokens that the model does not; set mythos.tokenizer to that "
                "of the checkpoint's training."
            )
        asked = request.mythos.n_loops if request.mythos is not None else None
        self.n_loops = model.default_loops if asked is None else asked
        self._context_size = model.context_size
        self._reader = AnswerReader(vocabulary.decode, vocabulary.end_tokens, request.stop_texts)
        self._sampler = model.make_sampler(request)
        self.read = 0
        self.cache: Cache = {}
        self.ended = False
        self._cached: int | None = None
        self._waited, self._began = waited, clock()
        self._first_token = self._paused = self._pauses = 0.0
        wanted = [self._channel] if request.return_progress else []
        self._wanted = wanted
        self._reporter = Reporter(lambda: wanted, "prompt", after=progress_after, clock=clock)

    @property
    def answered(self) -> int:
        """Tokens of the answer so far."""
        return len(self.tokens) - self._prompt_length

    def take_cache(self, kept: KeptCaches) -> None:
        """Takes what ``kept`` has of the tokens; ends a pause."""
        self.cache, self.read = kept.take(self._answer.key, self.n_loops, self.tokens)
        if self._cached is None:
            self._cached = self.read
        if self._paused:
            self._pauses += self._clock() - self._paused
            self._paused = 0.0

    def give_cache(self, kept: KeptCaches, keep: bool) -> None:
        """Gives the cache to ``kept``, if it is to be kept; begins a pause."""
        cache, self.cache = self.cache, {}
        if not keep:
            kept.forget(self._answer.key)
        elif self.read:
            kept.put(self._answer.key, self.n_loops, self.tokens[: self.read], cache)
        self.read, self._paused = 0, self._clock()

    def advance(self, model: Model, counters: Counters) -> None:
        """Lets ``model`` read what comes next, and delivers the token that follows.

        An empty cache takes as many tokens as the model reads at once, any other one.
        Nothing can end this step before it is over.
        """
        count = 1 if self.read else model.at_once
        chunk = self.tokens[self.read : self.read + count]
        if len(chunk) >= _LONG and not self.answered:
            self._tell_begin()
        logits = model.read(self.cache, chunk, self.read, self.n_loops)
        is_prompt = self.read < self._prompt_length
        self.read += len(chunk)
        if is_prompt:
            counters.prefilled_tokens += len(chunk)
        if self.read < len(self.tokens):
            if not self.answered:
                self._reporter.report(self.read, self._prompt_length)
            return
        token = self._sampler(logits)
        counters.decoded_tokens += 1  # before its reader can ask
        self._deliver(token)

    def _deliver(self, token: int) -> None:
        self.tokens.append(token)
        if self.answered == 1:
            self._first_token = self._clock()
            self._reporter.report(self._prompt_length, self._prompt_length)
        for delta in self._reader.add(token):
            self._channel.put(delta)
        if self._reader.ended or self.answered >= self._limit:
            self.ended = True
            self._finish()

    def _finish(self) -> None:
        for delta in self._reader.finish():
            self._channel.put(delta)
        self._channel.put(Finished(self._reader.reason, self._figures()))
        self._channel.finish()

    def _tell_begin(self) -> None:
        for channel in self._wanted:
            channel.put(Progress("prompt", self.read, self._prompt_length))

    def _figures(self) -> Figures:
        return Figures(
            prompt_tokens=self._prompt_length,
            completion_tokens=self.answered,
            context_size=self._context_size,
            cached_tokens=self._cached or 0,
            queue_seconds=self._waited,
            prompt_seconds=self._first_token - self._began,
            decode_seconds=self._clock() - self._first_token - self._pauses,
            n_loops=self.n_loops,
        )


def _find_limit(wanted: int | None, length: int, model: Model) -> int:
    """The most tokens of answer to a prompt of ``length``.

    Raises:
        ApiError: 400, there is no room for one.
    """
    room = model.context_size - length
    if room < 1:
        raise context_exceeded(length, model.context_size)
    return min(wanted or room, room, model.max_answer)
