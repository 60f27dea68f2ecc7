"""Everything that one model has to do: who waits, reads, decodes or is parked.

Owns the order among a model's answers and their ends. Does not own when the model is in
memory (``residency``), nor the order among models (``scheduler``).
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from acp_agent.engine.host.cache.line import Line
from acp_agent.engine.host.errors import ApiError, model_failed, without_traceback
from acp_agent.engine.host.loaded import LoadedModel, peak_memory
from acp_agent.engine.host.outputs import Failed
from acp_agent.engine.host.parked import Parked
from acp_agent.engine.host.reading import Reading
from acp_agent.engine.host.sequence import Clock, Sequence
from acp_agent.engine.host.steps import Row
from acp_agent.engine.host.ticket import Counters, Ticket
from acp_agent.engine.host.waiting import Waiting

_LOG = logging.getLogger(__name__)


class Workload:
    """The work on the model in ``folder``.

    ``closing``: the model goes as soon as what runs has ended; ``closing_when_idle``: and
    what waits, too. ``load_times`` are begin and end of its last load.

    Args:
        max_sequences: answers that are read or decoded at the same time.
        progress_after: seconds that reading a prompt takes before its progress is told.
        on_end: is called with each ticket that is over.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_sequences: int,
        progress_after: float,
        clock: Clock,
        counters: Counters,
        on_end: Callable[[Ticket], None],
    ) -> None:
        self.folder = folder
        self.waiting = Waiting()
        self.model: LoadedModel | None = None
        self.closing = False
        self.closing_when_idle = False
        self.last_used = clock()
        self.load_times = (0.0, 0.0)
        self._max_sequences = max_sequences
        self._progress_after = progress_after
        self._clock = clock
        self._counters = counters
        self._on_end = on_end
        self._reading = Reading()
        self._decoding: dict[Row, Ticket] = {}
        self._parked = Parked(max_sequences)

    @property
    def running(self) -> int:
        """Answers that are decoded now or whose prompt is read."""
        return len(self._reading) + len(self._decoding)

    @property
    def parked(self) -> int:
        """Answers whose reader is behind."""
        return len(self._parked)

    @property
    def wants_model(self) -> bool:
        """Whether the model has to be loaded."""
        return self.model is None and bool(self.waiting or self.waiting.loads)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to remember."""
        return not (self.model or self.waiting or self.waiting.loads or self._parked)

    def tickets(self) -> list[Ticket]:
        """All that are not over."""
        return [*self.waiting, *self._reading, *self._decoding.values(), *self._parked]

    def submit(self, ticket: Ticket) -> None:
        """Lets ``ticket`` wait for its turn."""
        self.waiting.push(ticket)

    def admit(self, may_admit: Callable[[Ticket], bool]) -> None:
        """Begins what waits, as far as there is room.

        Args:
            may_admit: whether an answer that has not begun may begin now.
        """
        while self.model is not None and not self.closing and self.running < self._max_sequences:
            ticket = self.waiting.pop(lambda each: each.sequence is not None or may_admit(each))
            if ticket is None:
                return
            self.last_used = self._clock()
            ticket.tell_place(0)
            self._guarded(ticket, partial(self._begin, ticket, self.model))

    def read_chunk(self) -> bool:
        """Reads a chunk of the prompt whose turn it is; False where none waits."""
        if self.model is None:
            return False
        for orphan in self._reading.pop_orphans():
            self._guarded(orphan, partial(self._begin, orphan, self.model))
        if (ticket := self._reading.pop()) is None:
            return False
        self._guarded(ticket, partial(self._read, ticket, self.model))
        self.last_used = self._clock()
        return True

    def decode(self) -> bool:
        """One token of every answer that is decoded; False where none is."""
        if not self._decoding or self.model is None:
            return False
        stepped, failed, lost = self.model.decoder.step()
        self.last_used = self._clock()
        for row in stepped:
            if (ticket := self._decoding.get(row)) is not None:
                self._guarded(ticket, partial(self._deliver, ticket))
        for row in failed:
            self._fail(self._decoding.pop(row), model_failed())
        self._restart(lost, self.model)
        return True

    def resume(self, ticket: Ticket) -> None:
        """Lets a parked answer wait for its next turn, before what its client sent later."""
        if self._parked.remove(ticket):
            self.waiting.push_front(ticket)

    def withdraw(self, ticket: Ticket) -> None:
        """Ends ``ticket``, whose reader is gone; what was computed is kept."""
        self.waiting.remove(ticket)
        self._take_out(ticket)
        self._close(ticket)

    def fail_waiting(self, error: ApiError) -> None:
        """Ends all that waits with ``error``."""
        for ticket in list(self.waiting):
            self.waiting.remove(ticket)
            self._fail(ticket, error)
        self.waiting.end_loads(error)

    def fail_all(self, error: ApiError) -> None:
        """Ends everything with ``error``; nothing that was computed is kept."""
        for ticket in [*self._reading, *self._decoding.values(), *self._parked]:
            if ticket.sequence is not None:
                ticket.sequence.lose_line()
            self._fail(ticket, error)
        self._reading.clear()
        self._decoding.clear()
        self._parked.clear()
        self.fail_waiting(error)

    def take_model(self) -> LoadedModel | None:
        """Hands the model over, which nothing runs on; parked answers give up their lines."""
        model, self.model = self.model, None
        self.closing = self.closing_when_idle = False
        for ticket in [*self._parked, *self.waiting]:
            if model is not None and ticket.sequence is not None:
                ticket.sequence.give_back(model.cache)
        return model

    def cut_all(self) -> None:
        """Ends all answers, keeping what was computed."""
        for ticket in self.tickets():
            self.withdraw(ticket)

    def _begin(self, ticket: Ticket, model: LoadedModel) -> None:
        if (sequence := ticket.sequence) is None:
            sequence = ticket.sequence = ticket.new_sequence(
                model,
                load_times=self.load_times,
                progress_after=self._progress_after,
                clock=self._clock,
            )
        if sequence.row is not None:
            self._start_decoding(ticket, sequence, model)
        elif (leader := self._reading.leader_for(sequence, model.cache)) is not None:
            self._reading.follow(ticket, leader)
        else:
            self._take(sequence, model)
            self._reading.push(ticket)

    def _take(self, sequence: Sequence, model: LoadedModel, source: Line | None = None) -> None:
        self._parked.bound_lines(self.running, self.waiting, model.cache)
        known = sequence.cached_tokens
        sequence.take_line(model.cache, source)
        self._counters.cached_tokens += sequence.cached_tokens - known

    def _read(self, ticket: Ticket, model: LoadedModel) -> None:
        sequence = ticket.sequence
        assert sequence is not None
        assert sequence.line is not None
        chunk = sequence.next_chunk(model.prefill_step)
        if chunk:
            began = self._clock()
            model.read(sequence.line, chunk)
            model.note_pace(len(chunk), self._clock() - began)
            self._counters.prefilled_tokens += len(chunk)
            sequence.note_read(len(chunk))
            self._reading.tell_followers(ticket, len(sequence.line.tokens))
        if sequence.next_chunk(1):
            self._reading.push(ticket)
            return
        self._start_decoding(ticket, sequence, model)
        if self.waiting.wants_prompt_of(ticket):
            model.cache.keep_copy(sequence.line)
        for follower in self._reading.pop_followers(ticket):
            self._guarded(follower, partial(self._follow, follower, sequence.line, model))

    def _follow(self, ticket: Ticket, source: Line, model: LoadedModel) -> None:
        """Starts from ``source``, so that all samples of a prompt are a batch at once."""
        assert ticket.sequence is not None
        self._take(ticket.sequence, model, source if source.tokens else None)
        self._start_decoding(ticket, ticket.sequence, model)

    def _start_decoding(self, ticket: Ticket, sequence: Sequence, model: LoadedModel) -> None:
        sequence.go_on(self._clock())
        row = sequence.row or sequence.make_row()
        model.decoder.add(row, suspect=ticket.suspect)
        ticket.suspect = False
        self._decoding[row] = ticket

    def _deliver(self, ticket: Ticket) -> None:
        sequence = ticket.sequence
        assert sequence is not None
        if not sequence.take_token(self._clock()):
            return
        self._counters.decoded_tokens += 1
        if sequence.ended:
            sequence.finish(self._clock(), peak_memory())
            self._take_out(ticket)
            self._on_end(ticket)
        elif not ticket.job.channel.has_room:
            self._leave_decoder(ticket, sequence)
            sequence.pause(self._clock())
            self._parked.add(ticket)

    def _restart(self, rows: list[Row], model: LoadedModel) -> None:
        """Computes answers anew up to where they were, since their caches are lost."""
        for row in rows:
            self._lose_line(ticket := self._decoding.pop(row))
            self._guarded(ticket, partial(self._begin, ticket, model))

    def _lose_line(self, ticket: Ticket) -> None:
        if ticket.sequence is not None:
            ticket.sequence.lose_line()
        ticket.suspect = True

    def _guarded(self, ticket: Ticket, action: Callable[[], None]) -> None:
        """Does ``action`` for ``ticket``, which alone fails with it."""
        if ticket.job.channel.abandoned:
            self.withdraw(ticket)
            return
        try:
            action()
        except ApiError as error:
            self._fail(ticket, without_traceback(error))
        except Exception:
            _LOG.exception("a request failed")
            self._fail(ticket, model_failed())

    def _take_out(self, ticket: Ticket) -> None:
        """Stops the work on ``ticket``, keeping what was computed as far as it can be used."""
        self._reading.remove(ticket)
        self._parked.remove(ticket)
        if (sequence := ticket.sequence) is None:
            return
        try:
            self._leave_decoder(ticket, sequence)
            if self.model is not None:
                sequence.keep(self.model.cache)
        except Exception:
            _LOG.exception("what was computed could not be kept")
            sequence.lose_line()

    def _leave_decoder(self, ticket: Ticket, sequence: Sequence) -> None:
        row = sequence.row
        if self.model is None or row is None or self._decoding.pop(row, None) is None:
            return
        lost = self.model.decoder.remove(row)
        if row in lost:
            self._lose_line(ticket)
        self._restart([each for each in lost if each is not row], self.model)

    def _fail(self, ticket: Ticket, error: ApiError) -> None:
        self._take_out(ticket)
        ticket.job.channel.put(Failed(error))
        self._close(ticket)

    def _close(self, ticket: Ticket) -> None:
        ticket.job.channel.finish()
        self._on_end(ticket)
