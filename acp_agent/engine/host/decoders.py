"""Decoding all sequences that one model writes.

Owns which of them are decoded alone, on their own caches, and which together, and whose
fault a failed step is. Does not own the step itself (``steps``), reading prompts, nor
what the tokens mean.
"""

import logging
from typing import Any

from acp_agent.engine.host.steps import BatchDecoder, BatchFailed, Row, RowFailed, SingleDecoder

_LOG = logging.getLogger(__name__)

_SETTLE = 8
"""Steps that a batch of one waits for company before its cache is copied out of it."""
_TRIAL = 3
"""Steps alone in which a fault of a sequence shows; the computation lags one behind."""
_FORGIVEN_AFTER = 1000
"""Steps of batches after which a failure no longer counts."""
_CLEAR_EVERY = 256


class Decoder:
    """Decodes whatever rows are in it, each step the way that suits their number.

    Args:
        module: the model.
        can_batch: whether its caches can be merged; else rows take turns.
    """

    def __init__(self, module: Any, *, can_batch: bool) -> None:
        self._single = SingleDecoder(module)
        self._batch = BatchDecoder(module)
        self._can_batch = can_batch
        self._alone: list[Row] = []
        self._settled = 0
        self._steps = 0
        self._batch_failures = 0
        self._good_batches = 0

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [*self._batch.rows, *self._alone]

    @property
    def batched(self) -> int:
        """Rows in the batch."""
        return len(self._batch.rows)

    def add(self, row: Row, *, suspect: bool = False) -> None:
        """Takes ``row`` in for the next step; a ``suspect`` one proves itself alone first."""
        row.trial = _TRIAL if suspect else 0
        self._alone.append(row)

    def remove(self, row: Row) -> list[Row]:
        """Takes ``row`` out, with its caches and pending token.

        Returns:
            The rows that lost their caches with that and have left; ``row`` may be one.
        """
        if row in self._alone:
            self._alone.remove(row)
            return []
        try:
            self._batch.remove(row)
        except BatchFailed as failure:
            return self._on_batch_failure(failure)
        return []

    def step(self) -> tuple[list[Row], list[Row], list[Row]]:
        """One token for every row.

        Returns:
            The rows that have one more token in their line; those that failed, by their
            own fault; those that lost their caches through another's. The last two have
            left.
        """
        import mlx.core as mx

        failed: list[Row] = []
        lost: list[Row] = []
        try:
            self._arrange()
            if self._batch.rows:
                self._batch.step()
                self._on_good_batch()
        except BatchFailed as failure:
            lost = self._on_batch_failure(failure)
        stepped = list(self._batch.rows)
        for row in list(self._alone):
            try:
                self._single.step(row)
            except RowFailed as failure:
                _LOG.warning("a sequence failed", exc_info=failure)
                self._alone.remove(row)
                self._batch_failures = 0
                failed.append(row)
                continue
            row.trial = max(0, row.trial - 1)
            stepped.append(row)
        self._steps += 1
        if self._steps % _CLEAR_EVERY == 0:
            mx.clear_cache()
        return stepped, failed, lost

    def clear(self) -> None:
        """Lets go of all rows."""
        self._batch.drop()
        self._alone.clear()

    def _arrange(self) -> None:
        """Moves rows into the batch or out of it."""
        ready = [row for row in self._alone if not row.trial] if self._can_batch else []
        if len(ready) + len(self._batch.rows) >= 2:
            self._settled = 0
            self._join(ready)
        elif len(self._batch.rows) == 1:
            self._settled += 1
            if self._settled > _SETTLE:
                [row] = self._batch.rows
                self._batch.remove(row)
                self._alone.append(row)

    def _join(self, ready: list[Row]) -> None:
        members = [*self._batch.rows, *ready]
        self._alone = [row for row in self._alone if row not in ready]
        try:
            self._batch.add(ready)
        except Exception as error:
            self._batch.drop()
            raise BatchFailed(members) from error

    def _on_good_batch(self) -> None:
        self._good_batches += 1
        if self._good_batches >= _FORGIVEN_AFTER:
            self._good_batches = self._batch_failures = 0

    def _on_batch_failure(self, failure: BatchFailed) -> list[Row]:
        """Gives up batching where it failed twice and no row alone was at fault.

        Returns:
            The rows that lost their caches.
        """
        _LOG.warning("a batch of %d failed", len(failure.rows), exc_info=failure)
        self._good_batches = 0
        self._batch_failures += 1
        if self._batch_failures > 1 and self._can_batch:
            _LOG.warning("the sequences of this model take turns from now on")
            self._can_batch = False
        for row in failure.rows:
            row.line.cache = []
        return failure.rows
