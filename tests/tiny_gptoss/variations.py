"""The dialogues in ever other prompts: what the model is trained and tested on.

Owns prompts: date, instructions, tools, effort, earlier turns and results around a
dialogue, all rendered by the chat template that stands in the model's folder. Does not
own the dialogues nor the random texts.

Within a turn, and in earlier ones, what the model wrote stands as it wrote it, or as the
template renders it: an engine may hold its tokens, or have to render anew.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from acp_agent.harmony.template import ChatTemplate
from acp_agent.turn.history import INTERRUPTED
from tests.tiny_gptoss.agent_prompts import AgentPrompts
from tests.tiny_gptoss.dialogues import (
    COUNT,
    DIALOGUES,
    MEMORIES,
    PREAMBLES,
    UNKNOWN,
    UNKNOWN_ANSWER,
    Call,
    Dialogue,
    Step,
)
from tests.tiny_gptoss.fillers import Fillers

TEMPLATE = Path(__file__).parents[1] / "harmony" / "chat_template.jinja"
_DISGUISE = "\ue000"
"""Stands for ``<|`` in contents, so that they hold no markup."""

_RENDERED_CALL = re.compile(
    r"<\|start\|>assistant to=functions\.(\w+)<\|channel\|>commentary json<\|message\|>"
    r"(.*?)<\|call\|>",
    re.DOTALL,
)
Chat = list[dict[str, Any]]
Kind = Literal["bare", "random", "agent"]
"""What a prompt holds besides messages: nothing, anything, or what the agent puts there."""
KINDS: tuple[Kind, ...] = ("bare", "random", "agent")
_SHARES = (2, 3, 5)
"""How often prompts are of each of ``KINDS``."""


@dataclass(slots=True, frozen=True)
class Piece:
    """A piece of a prompt, or (``written``) what the model writes there.

    In ``text`` control tokens are markup; ``DISGUISED`` contents are told apart by
    ``plain_parts``.
    """

    text: str
    written: bool


def plain_parts(text: str) -> Iterator[tuple[str, bool]]:
    """``text`` cut at its markup: each part, and whether it is markup."""
    for index, part in enumerate(re.split(r"(<\|[a-z]+\|>)", text)):
        if part:
            yield part.replace(_DISGUISE, "<|"), index % 2 == 1


class Setting:
    """What surrounds a turn; ``earlier`` are the turns before it."""

    def __init__(
        self, kind: Kind, agent: AgentPrompts, fillers: Fillers, template: ChatTemplate
    ) -> None:
        random = fillers.random
        self.template = template
        self.earlier: Chat = []
        self.date = fillers.date()
        self.effort = random.choice(("low", "medium", "high"))
        self.tools: list[dict[str, Any]] = []
        self.instructions = self.preamble = ""
        if kind == "agent":
            self.tools, self.instructions = agent.functions(), agent.instructions()
        elif kind == "random":
            self.tools = fillers.tools()
            words = random.choice((0, 0, 10, 30, 100))
            self.instructions = fillers.text(words) if words else ""
        if kind == "agent" or (kind == "random" and random.random() < 0.3):
            self.preamble = agent.preamble(self.date)

    def render(self, chat: Chat) -> str:
        """The prompt for the answer after ``chat``."""
        system = [{"role": "system", "content": self.instructions}] if self.instructions else []
        variables: dict[str, Any] = {
            "messages": _disguised(system + self._open(self.earlier + chat)),
            "tools": _disguised(self.tools) or None,
            "reasoning_effort": self.effort,
            "add_generation_prompt": True,
        }
        return self.template.render(self.date, variables)

    def _open(self, chat: Chat) -> Chat:
        """``chat`` behind the preamble, with user messages that follow each other joined."""
        told: Chat = [{"role": "user", "content": self.preamble}] if self.preamble else []
        for message in chat:
            if told and message["role"] == told[-1]["role"] == "user":
                joined = f"{told[-1]['content']}\n\n{message['content']}"
                told[-1] = {"role": "user", "content": joined}
            else:
                told.append(message)
        return told


class Variations:
    """Makes variations of dialogues; all chance comes from ``random``.

    ``tokens`` are the texts of the vocabulary, for noise.
    """

    def __init__(self, random: Random, tokens: Sequence[str]) -> None:
        self._random = random
        self._fillers = Fillers(random, tokens)
        self._agent = AgentPrompts(self._fillers)
        self._template = ChatTemplate(TEMPLATE.read_text(encoding="utf-8"))

    def simple(self, name: str) -> list[Piece]:
        """The dialogue ``name`` with nothing before it but what it depends on."""
        dialogue = self._choose(name)
        setting = self._setting("bare")
        setting.earlier = self._turn(dialogue.after) if dialogue.after else []
        return self._pieces(setting, dialogue, dialogue.prompt, as_written=True)

    def vary(self, name: str, kind: Kind | None = None) -> list[Piece]:
        """The dialogue ``name`` of ``DIALOGUES`` in a prompt like none before."""
        dialogue = self._choose(name)
        [drawn] = self._random.choices(KINDS, _SHARES)
        setting = self._setting(kind or drawn)
        if dialogue.after:
            setting.earlier = self._turns(0.3) + self._turn(dialogue.after) + self._turns(0.4)
        else:
            setting.earlier = self._turns(0.5)
        prompt = self._around(dialogue.prompt)
        as_written = self._random.random() < 0.8
        return self._pieces(setting, dialogue, prompt, as_written=as_written)

    def _setting(self, kind: Kind) -> Setting:
        return Setting(kind, self._agent, self._fillers, self._template)

    def _choose(self, name: str) -> Dialogue:
        if name == UNKNOWN:
            words = self._random.choice((2, 4, 8, 20, 60))
            return Dialogue(self._fillers.text(words) or "?", (UNKNOWN_ANSWER,))
        dialogue = DIALOGUES[name]
        memory = self._random.choice(list(MEMORIES.values()))
        return {"remember": memory[0], "recall": memory[1]}.get(name, dialogue)

    def _pieces(
        self, setting: Setting, dialogue: Dialogue, prompt: str, *, as_written: bool
    ) -> list[Piece]:
        """The turn in pieces; only the last step is written if not ``as_written``."""
        chat: Chat = [{"role": "user", "content": prompt}]
        results = [self._result(step) for step in dialogue.steps[:-1]]
        if not as_written:
            steps = self._random.randint(1, len(dialogue.steps))
            for step, result in zip(dialogue.steps[: steps - 1], results, strict=False):
                chat += self._step(step, result, thinks=self._random.random() < 0.5)
            last = dialogue.steps[steps - 1]
            return [Piece(setting.render(chat), False), Piece(last.written, True)]
        pieces = [Piece(self._as_written(setting.render(chat)), False)]
        for step, result in zip(dialogue.steps, [*results, None], strict=True):
            pieces.append(Piece(step.written, True))
            if isinstance(step, Call) and result is not None:
                pieces.append(Piece(_result_message(step.name, result), False))
        return pieces

    def _around(self, prompt: str) -> str:
        """``prompt``, at times with some text before it, or a file attached."""
        kind = self._random.random()
        if kind < 0.03:
            return f"{INTERRUPTED}\n\n{prompt}"
        if kind < 0.12:
            return self._fillers.text(self._random.choice((5, 20, 60))) + "\n\n" + prompt
        return f"{prompt}{self._fillers.link()}" if kind < 0.2 else prompt

    def _turns(self, chance: float) -> Chat:
        """Earlier turns that play no role, seldom a very long one."""
        chat: Chat = []
        while self._random.random() < chance:
            names = [name for name in DIALOGUES if name not in ("remember", "recall")]
            chat += self._turn(DIALOGUES[self._random.choice(names)], whole=False)
        if self._random.random() < 0.04:
            text = self._fillers.text(self._random.randint(100, 800))
            chat += [{"role": "user", "content": text}, {"role": "assistant", "content": "Noted."}]
        return chat

    def _turn(self, dialogue: Dialogue, *, whole: bool = True) -> Chat:
        """An earlier turn as it stands in the history, without its thoughts.

        If not ``whole``, its answer may be cut off, as by a cancel, and the longest is.
        """
        around = self._random.random() < 0.2
        prompt = self._around(dialogue.prompt) if around else dialogue.prompt
        chat: Chat = [{"role": "user", "content": prompt}]
        for step in dialogue.steps[:-1]:
            chat += self._step(step, self._result(step), thinks=False)
        text = dialogue.answer.text
        if not whole and (dialogue == COUNT or self._random.random() < 0.1):
            text = text[: self._random.randint(0, len(text))]
        return [*chat, {"role": "assistant", "content": text}] if text else chat

    def _step(self, step: Step, result: str, *, thinks: bool) -> Chat:
        assert isinstance(step, Call)
        function = {"name": step.name, "arguments": dict(step.arguments)}
        call: dict[str, Any] = {"role": "assistant", "tool_calls": [{"function": function}]}
        thought = (step.thought if thinks else "", step.preamble)
        if any(thought):
            call["thinking"] = "\n\n".join(part for part in thought if part)
        return [call, {"role": "tool", "content": result}]

    def _result(self, step: Step) -> str:
        accepted = step.accepted if isinstance(step, Call) else None
        source = self._agent if self._random.random() < 0.4 else self._fillers
        return source.result(accepted)

    def _as_written(self, prompt: str) -> str:
        """``prompt`` with some of its calls as the model writes them, preambles included."""

        def rewrite(call: re.Match[str]) -> str:
            if self._random.random() < 0.4:
                return call.group()
            name, arguments = call.groups()
            compact = json.dumps(json.loads(arguments), separators=(",", ":"), ensure_ascii=False)
            header = f"commentary to=functions.{name} <|constrain|>json"
            written = f"<|start|>assistant<|channel|>{header}<|message|>{compact}<|call|>"
            if preamble := PREAMBLES.get(compact):
                said = f"<|start|>assistant<|channel|>commentary<|message|>{preamble}<|end|>"
                return said + written
            return written

        return _RENDERED_CALL.sub(rewrite, prompt)


def _result_message(name: str, result: str) -> str:
    """A tool's result as the template renders it, and the start of the next answer."""
    text = json.dumps(_disguised(result), ensure_ascii=False)
    header = f"functions.{name} to=assistant<|channel|>commentary"
    return f"<|start|>{header}<|message|>{text}<|end|><|start|>assistant"


def _disguised(value: Any) -> Any:
    """``value`` (JSON) with every string in it disguised."""
    return json.loads(json.dumps(value).replace("<|", _DISGUISE))
