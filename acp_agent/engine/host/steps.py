"""One decode step, of one row or of several at once.

Owns a sequence's newest token and caches while it is decoded (``Row``), and moving its
caches into a batch and out of it. Does not own which rows are together (``decoders``).
Steps are pipelined: the token that a step feeds was sampled by the step before and may
still be computing, the step starts the next and waits only for the one it fed. So a
sequence always has one token that is sampled and not fed (``pending``); it is kept when
the sequence leaves, since rotating caches cannot be cut back. mlx_lm's
``GenerationBatch`` does not hand it out, hence a step of our own over the same caches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from acp_agent.engine.host.sampling import Sampler


class CachedTokens(Protocol):
    """The part of a cache line that decoding needs."""

    tokens: list[int]
    cache: list[Any]


@dataclass(slots=True, eq=False, repr=False)
class Row:
    """One sequence in a decoder.

    ``pending`` has shape (1,); ``origin`` is the number of tokens in the line when the
    first token of the answer is sampled. While the row is in a batch ``line.cache`` is
    empty. ``trial`` is the number of steps that it has yet to make alone. No repr: the log
    holds no tokens.
    """

    line: CachedTokens
    pending: Any
    sampler: Sampler
    origin: int
    trial: int = 0

    def sample(self, logits: Any) -> Any:
        """The token after the pending one, from logits of shape (1, V)."""
        return self.sampler(logits, len(self.line.tokens) - self.origin)


class BatchFailed(Exception):
    """A step of several rows failed; their caches are lost, none is known to be at fault."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__("a batch failed")
        self.rows = rows


class RowFailed(Exception):
    """A step of one row failed; its cache is lost."""

    def __init__(self, row: Row) -> None:
        super().__init__("a sequence failed")
        self.row = row


class SingleDecoder:
    """Decodes one row on its own caches."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def step(self, row: Row) -> None:
        """Feeds the pending token of ``row`` and appends it to the line.

        Raises:
            RowFailed: the model or the sampler failed.
        """
        import mlx.core as mx

        try:
            logits = self._module(row.pending[None], cache=row.line.cache)
            sampled = row.sample(logits[:, -1, :])
            mx.async_eval(sampled)  # pyright: ignore[reportUnknownMemberType]
            fed = int(row.pending.item())
        except Exception as error:
            raise RowFailed(row) from error
        row.pending = sampled
        row.line.tokens.append(fed)


class BatchDecoder:
    """Decodes several rows in one step, on one batch cache per layer."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self.rows: list[Row] = []
        self._caches: list[Any] = []
        self._pending: Any = None

    def add(self, rows: Sequence[Row]) -> None:
        """Takes ``rows`` in; their caches are copied and let go."""
        import mlx.core as mx

        if not rows:
            return
        layers = zip(*(row.line.cache for row in rows), strict=True)
        merged: list[Any] = [layer[0].merge(layer) for layer in layers]
        pending = [row.pending for row in rows]
        if self.rows:
            for cache, other in zip(self._caches, merged, strict=True):
                cache.extend(other)
            pending.insert(0, self._pending)
        else:
            self._caches = merged
        self._pending = mx.concatenate(pending)
        self.rows.extend(rows)
        for row in rows:
            row.line.cache = []

    def remove(self, row: Row) -> None:
        """Takes ``row`` out, with its own caches and pending token again.

        Raises:
            BatchFailed: that could not be computed; no row is left.
        """
        try:
            self._remove(row)
        except Exception as error:
            raise BatchFailed(self.drop()) from error

    def step(self) -> None:
        """Feeds each row's pending token and appends it to its line.

        Raises:
            BatchFailed: the model or a sampler failed; no row is left.
        """
        import mlx.core as mx

        try:
            logits = self._module(self._pending[:, None], cache=self._caches)
            sampled = self._sample(logits[:, -1, :])
            mx.async_eval(sampled)  # pyright: ignore[reportUnknownMemberType]
            fed: list[int] = self._pending.tolist()
        except Exception as error:
            raise BatchFailed(self.drop()) from error
        self._pending = sampled
        for row, token in zip(self.rows, fed, strict=True):
            row.line.tokens.append(token)

    def drop(self) -> list[Row]:
        """Lets go of everything; the rows that were in, without caches."""
        rows, self.rows = self.rows, []
        self._caches, self._pending = [], None
        return rows

    def _remove(self, row: Row) -> None:
        import mlx.core as mx

        index = self.rows.index(row)
        row.line.cache = [cache.extract(index) for cache in self._caches]
        row.pending = self._pending[index : index + 1]
        mx.eval(row.pending, [cache.state for cache in row.line.cache])  # pyright: ignore[reportUnknownMemberType]
        del self.rows[index]
        if not self.rows:
            self._caches, self._pending = [], None
            return
        keep = [place for place in range(len(self.rows) + 1) if place != index]
        self._pending = self._pending[mx.array(keep)]
        for cache in self._caches:
            cache.filter(keep)

    def _sample(self, logits: Any) -> Any:
        import mlx.core as mx

        if all(row.sampler.greedy for row in self.rows):
            return mx.argmax(logits, axis=-1)
        return mx.concatenate(
            [row.sample(logits[place : place + 1]) for place, row in enumerate(self.rows)]
        )
