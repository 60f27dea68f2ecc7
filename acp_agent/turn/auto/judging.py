"""What is to be done with a prompt in mode ``auto``: the decision, and its record.

Owns putting the rubric, the user's threshold and the small model's proposal together. Does
not own them (``acp_agent.routing``), nor who is there to answer (``candidates``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from acp_agent.conversation import Message, UserMessage, estimate_tokens
from acp_agent.routing.decisions import DecisionRecord, Origin
from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.generate import GenerateArguments
from acp_agent.routing.proposal import LOCAL, Proposal, is_uncertain, weigh
from acp_agent.routing.rubric import Decision, decide, threshold_for_share
from acp_agent.routing.tokens import estimate_tokens as estimate_prompt
from acp_agent.sessions.session import Session
from acp_agent.telemetry.turns import timestamp
from acp_agent.turn.auto.services import AutoServices
from acp_agent.turn.choice import Choice

CALL_SHARE = 0.7
"""The share of prompts, heaviest first, that the small model may hand on by a call of its
own: it knows the task, but what lies below this any model can do."""


_NOT_BY_SCORE = ("explicit_request", "needs_large_context")


@dataclass(slots=True)
class Judge:
    """Decides for one session. ``small`` is None where there is no small model; ``large``
    names the mode that heavy tasks go to, None where there is none."""

    session: Session
    services: AutoServices
    small: Choice | None
    large: str | None

    def judge_prompt(self, prompt: UserMessage) -> DecisionRecord:
        """The rubric's decision on a user's prompt. What the session's last panel disagreed
        in counts once: for this prompt."""
        text = prompt.text if prompt.said is None else prompt.said
        whole = estimate_prompt(prompt.text)
        history = _count(self.session.conversation.messages)
        if self.small is not None and self.small.window is not None:
            # What does not fit beside the prompt is left out for the small model: a long
            # session alone is no reason to delegate.
            history = min(history, max(self.small.window - whole, 0))
        embedded = whole - estimate_prompt(text)
        disagreement, self.session.disagreement = self.session.disagreement or 0.0, None
        shape = Prompt(text, history + embedded, prompt.attached, disagreement)
        return self._decide(shape, "prompt")

    def judge_call(self, arguments: GenerateArguments, wish_from: str) -> DecisionRecord:
        """The decision on a call of the small model's; ``wish_from`` is the user's prompt."""
        record = self._decide(Prompt(arguments.user_prompt), "tool_call")
        record.proposal = Proposal(
            self.large or "", arguments.task_type, "needs_delegation", confidence=1.0
        )
        wished = read_features(Prompt(wish_from)).wish
        record.decision = _settle_call(record.decision, wished, self._lowest())
        return record

    def _decide(self, prompt: Prompt, origin: Origin) -> DecisionRecord:
        services, setting = self.services, self.session.delegation
        features = read_features(prompt)
        decision = decide(
            features,
            services.read_weights(),
            setting,
            threshold=services.threshold() if setting == "balanced" else None,
            window=None if self.small is None else self.small.window,
        )
        log = services.log
        return DecisionRecord(
            id=uuid4().hex,
            when=timestamp(),
            session=self.session.id,
            origin=origin,
            prompt_hash="" if log is None else log.hash_prompt(prompt.text),
            prompt_bytes=len(prompt.text.encode("utf-8", "surrogatepass")),
            prompt=prompt.text,
            setting=setting,
            features=features,
            decision=decision,
        )

    def _lowest(self) -> float:
        return threshold_for_share(CALL_SHARE, self.services.read_weights())

    def asks(self, record: DecisionRecord) -> bool:
        """Whether the settings have the small model asked what it would do."""
        if self.small is None or self.large is None or not (record.prompt or "").strip():
            return False
        decision = record.decision
        wanted = self.services.settings.propose
        if wanted == "always":
            return decision.reason_code != "explicit_request"
        return wanted == "uncertain" and is_uncertain(decision, self.services.read_weights())

    async def ask_small(self, record: DecisionRecord) -> None:
        """Asks the small model what it would do, and weighs that."""
        from acp_agent.routing.proposer import propose

        assert self.small is not None
        assert self.large is not None
        details = self.small.details
        answer = await propose(
            self.small.backend,
            self.small.model,
            record.prompt or "",
            (LOCAL, self.large),
            seconds=self.services.settings.propose_timeout,
            thought_levels=None if details is None else details.thought_levels,
        )
        if isinstance(answer, Proposal):
            record.proposal = answer
        else:
            record.proposal_problem = answer.reason
        record.decision = weigh(record.decision, record.proposal, self.services.read_weights())


def _settle_call(decision: Decision, wish: str | None, lowest: float) -> Decision:
    """The decision on a call: what the user said comes first, then a low bar."""
    if wish == "quick_answer":
        reason = "The user asks for a quick answer, so the small model answers."
        return replace(decision, delegate=False, reason_code="explicit_request", reason=reason)
    by_score = wish is None and decision.reason_code not in _NOT_BY_SCORE
    if by_score and decision.score < lowest:
        reason = (
            f"The small model called for it, but score {decision.score:.2f} is below "
            f"{lowest:.2f}: the task is light enough for any model."
        )
        code = "local_answer_sufficient"
        return replace(decision, delegate=False, reason_code=code, reason=reason)
    reason = f"The small model called for it. {decision.reason}"
    return replace(decision, delegate=True, reason_code="needs_delegation", reason=reason)


def _count(messages: Sequence[Message]) -> int:
    return sum(estimate_tokens(message) for message in messages)
