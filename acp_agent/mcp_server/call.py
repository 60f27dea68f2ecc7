"""One call of ``gptoss.generate`` by another agent, from its arguments to its result.

Owns the course: check, choice, answer, record. Does not own the parts, nor MCP's messages
(``server``). A call changes nothing: the model gets no tools, and nothing is installed.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread
from mcp.types import CallToolResult

from acp_agent.backends.base import ModelRequest
from acp_agent.config.settings import AutoSettings
from acp_agent.conversation import UserMessage
from acp_agent.errors import AgentError, BackendError, ContextOverflow, ModelNotInstalled
from acp_agent.mcp_server.answerers import Answerer, Chosen, choose, explain_none, for_callers
from acp_agent.mcp_server.generation import Generation, Stalled, generate
from acp_agent.mcp_server.progress import ProgressTeller, Report
from acp_agent.mcp_server.records import new_record, note_outcome
from acp_agent.mcp_server.results import UNFORESEEN, answered, explain_empty, failed, notes_of
from acp_agent.routing.decisions import DecisionRecord, Gate, Skipped
from acp_agent.routing.generate import GenerateArguments, find_fault
from acp_agent.routing.rubric import Weights
from acp_agent.routing.tokens import estimate_tokens
from acp_agent.sessions.context import Surroundings
from acp_agent.turn.preamble import survey, write_preamble

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

LOG_SECONDS = 2.0
"""That writing the record may take."""

_SHORTEN = "send the parts that matter, or split the task into several calls"


class Log(Protocol):
    """The decision log; neither raises."""

    def hash_prompt(self, text: str) -> str: ...
    def write(self, record: DecisionRecord) -> None: ...


@dataclass(slots=True, frozen=True)
class Services:
    """What calls need. ``answerers`` come in order of preference; ``log`` is None where
    decisions are not logged. ``session`` is this connection's in the log."""

    answerers: Sequence[Answerer]
    settings: AutoSettings
    weights: Weights
    log: Log | None
    session: str


async def answer_call(
    services: Services, arguments: GenerateArguments, roots: Sequence[Path], report: Report
) -> CallToolResult:
    """The result of the call; every failure is one too. ``roots`` are the client's folders.

    A cancel stops the model and goes through; the record is written in any case.
    """
    log = services.log
    prompt = arguments.user_prompt
    hashed = "" if log is None else await _in_thread(partial(log.hash_prompt, prompt))
    record = new_record(prompt, hashed, services.session, services.settings, services.weights)
    call = _Call(services, arguments, record, ProgressTeller(report))
    cancelled = True
    try:
        result = await call.run(roots)
        cancelled = False
        return result
    finally:
        note_outcome(record, call.generation, call.error)
        record.outcome.cancelled = cancelled
        if log is not None:
            with anyio.move_on_after(LOG_SECONDS, shield=True):
                await _in_thread(partial(log.write, record))


class _Call:
    """A call that runs. ``error`` is the sentence that the record gets."""

    def __init__(
        self,
        services: Services,
        arguments: GenerateArguments,
        record: DecisionRecord,
        teller: ProgressTeller,
    ) -> None:
        self._services = services
        self._arguments = arguments
        self._record = record
        self._teller = teller
        self.generation = Generation(anyio.current_time())
        self.error: str | None = None

    async def run(self, roots: Sequence[Path]) -> CallToolResult:
        try:
            fault = await _in_thread(partial(_check, self._arguments, roots))
            if fault is not None:
                return self._refuse(fault)
            return await self._answer(await self._survey())
        except AgentError as error:
            return self._fail(error.message)
        except Exception:
            _log.exception("a call of gptoss.generate failed")
            return self._fail(UNFORESEEN)

    def _refuse(self, fault: str) -> CallToolResult:
        # What follows the colon names folders, which the log does not hold.
        reason = fault.partition(":")[0].rstrip(".") + "."
        self._record.selected = self._services.answerers[0].backend.id
        self._record.skipped.append(Skipped(self._record.selected, "refused", reason))
        self.error = reason
        return failed(fault)

    def _fail(self, sentence: str) -> CallToolResult:
        self.error = sentence = for_callers(sentence)
        model = self._record.effective.partition("/")[2]
        return failed(sentence, model, self.generation.text)

    async def _survey(self) -> Surroundings | None:
        named = self._arguments.workspace_root
        if named is None:
            return None
        return await _in_thread(lambda: survey(Path(named).resolve(), (), date.today()))

    async def _answer(self, surroundings: Surroundings | None) -> CallToolResult:
        skipped = self._record.skipped
        for answerer in self._services.answerers:
            chosen = await choose(answerer, self._count_tokens(surroundings))
            is_first = not self._record.selected
            if is_first:
                self._record.selected = (
                    chosen.candidate if isinstance(chosen, Skipped) else chosen.label
                )
            if isinstance(chosen, Skipped):
                skipped.append(chosen)
                continue
            if (result := await self._try(chosen, surroundings)) is not None:
                return result
        return self._fail(explain_none(skipped))

    def _count_tokens(self, surroundings: Surroundings | None) -> int:
        facts = "" if surroundings is None else surroundings.facts
        return estimate_tokens(self._arguments.user_prompt) + estimate_tokens(facts)

    async def _try(
        self, chosen: Chosen, surroundings: Surroundings | None
    ) -> CallToolResult | None:
        """The answer of ``chosen``; None where it failed before anything came of it."""
        generation, limit = self.generation, self._services.settings.progress_timeout
        request, news = _write_request(self._arguments, chosen, surroundings)
        try:
            await generate(chosen, request, generation, self._teller, limit)
        except BackendError as error:
            if generation.has_begun or isinstance(error, Stalled):
                raise
            self._record.skipped.append(Skipped(chosen.label, _gate_of(error), error.message))
            return None
        finally:
            if generation.has_begun:
                self._record.effective = chosen.label
        self._record.effective = chosen.label
        if not generation.text.strip():
            return self._fail(explain_empty(chosen, generation))
        notes = notes_of(chosen, generation, self._record.skipped, news)
        seconds = anyio.current_time() - generation.began
        decision = None if self._services.log is None else self._record.id
        return answered(chosen, generation, seconds, decision, notes)


async def _in_thread(function: Callable[[], _T]) -> _T:
    return await anyio.to_thread.run_sync(function, abandon_on_cancel=True)


def _check(arguments: GenerateArguments, roots: Sequence[Path]) -> str | None:
    resolved = list[Path]()
    for root in roots:
        try:
            resolved.append(root.resolve())
        except (OSError, RuntimeError):
            continue
    return find_fault(arguments, resolved, shorten=_SHORTEN)


def _write_request(
    arguments: GenerateArguments, chosen: Chosen, surroundings: Surroundings | None
) -> tuple[ModelRequest, tuple[str, ...]]:
    """The request, and what should be known of the words before the prompt."""
    text, news = arguments.user_prompt, tuple[str, ...]()
    if surroundings is not None:
        preamble = write_preamble(surroundings, chosen.model.context_size, chosen.model.name)
        text, news = f"{preamble.text}\n\n{text}", preamble.news
    request = ModelRequest(
        messages=[UserMessage(text)],
        model=chosen.model.id,
        prompt=arguments.user_prompt,
        thought_level=chosen.model.thought_default,
        temperature=arguments.temperature,
        max_tokens=arguments.max_tokens,
    )
    return request, news


def _gate_of(error: BackendError) -> Gate:
    match error:
        case ContextOverflow():
            return "too_long"
        case ModelNotInstalled():
            return "not_installed"
        case _:
            return "failed"
