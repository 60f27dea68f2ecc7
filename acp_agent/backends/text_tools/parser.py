"""The reader of a model's answer: its text, and the calls in it.

Owns finding calls in text that arrives in pieces. Text that cannot begin a call is passed
on at once, text that turns out to be none unchanged. Does not own how calls are written
(``forms``, ``frames``), nor the model's stream (``stream``).
"""

import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from uuid import uuid4

from acp_agent.backends.base import Event, TextDelta, ToolCallRequested, ToolCallStarted
from acp_agent.backends.text_tools.forms import Forms
from acp_agent.backends.text_tools.frames import Frame, invents_result, read_behind, read_frames
from acp_agent.backends.text_tools.objects import Found
from acp_agent.backends.text_tools.offer import Offer
from acp_agent.backends.text_tools.source import DOUBT_LIMIT, Broken, Reading, Source
from acp_agent.conversation import Tool, ToolCall

_START = re.compile(r"(?<=\n)|[{<\[]|(?<!\w)T(?=OOL|OO?\Z|\Z)")
"""Where a call can begin, but for the very first character."""
_KEEP = 65_536
"""Characters of text that was passed on which are not thrown away yet."""


class CallReader:
    """Reads the calls of ``tools``. ``is_done``: what comes now, the model invents."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.is_done = False
        self._source = Source()
        self._forms = Forms(self._source, Offer(tools), self._begin)
        self._out: list[Event] = []
        self._pos = 0
        self._has_called = False
        self._is_in_code = False
        self._is_thinking = False
        self._is_fence_open = False
        self._frame = Frame(0, 0)
        self._id = ""
        self._course: Generator[None, None, None] = self._run()
        next(self._course)

    def feed(self, text: str) -> list[Event]:
        """The events that ``text``, the next piece, completes."""
        self._source.text += text
        return self._go_on()

    def finish(self, *, cut: bool = False) -> list[Event]:
        """The last events; ``cut``: a limit ended the answer, so that a call may be half."""
        self._source.ended, self._source.cut = True, cut
        return self._go_on()

    def _go_on(self) -> list[Event]:
        if not self.is_done:
            next(self._course, None)
        out, self._out = self._out, []
        return _joined(_without_whole(out))

    def _run(self) -> Generator[None, None, None]:
        yield
        while not self.is_done:
            self._source.anchor = self._pos
            if not (yield from self._source.peek(self._pos)):
                return
            yield from self._step()
            if self._pos > _KEEP:  # nothing else knows a position now
                self._source.text = self._source.text[self._pos - 1 :]
                self._pos = 1

    def _step(self) -> Reading[None]:
        """Reads one call with those that follow it, or passes text on."""
        text, pos = self._source.text, self._pos
        at_line_start = pos == 0 or text[pos - 1] == "\n"
        if at_line_start and self._has_called and (yield from self._is_result(pos)):
            return
        if (yield from self._may_begin(pos, at_line_start)) and (
            yield from self._call(pos, at_line_start=at_line_start)
        ):
            yield from self._more()
            return
        yield from self._note_region(pos, at_line_start)
        text = self._source.text
        following = _START.search(text, pos + 1)
        self._pos = following.start() if following else len(text)
        self._out.append(TextDelta(text[pos : self._pos]))

    def _note_region(self, pos: int, at_line_start: bool) -> Reading[None]:
        """Notes where code that is shown, or thinking aloud, begins or ends."""
        if at_line_start and (yield from self._source.word(pos, ("```",))):
            self._is_in_code = not self._is_in_code
        word = yield from self._source.word(pos, ("<think>", "</think>"))
        self._is_thinking = word == "<think>" if word else self._is_thinking

    def _may_begin(self, pos: int, at_line_start: bool) -> Reading[bool]:
        """Whether a call may begin at ``pos``; in code that is shown only as it was told."""
        found = self._source.text[pos]
        if self._is_thinking:
            return False
        if found == "T" and (self._is_in_code or not at_line_start):
            yield from self._source.word(pos, ("tool",))
            return self._source.text.startswith("TOOL", pos)
        return not self._is_in_code and (at_line_start or found in "{<[")

    def _more(self) -> Reading[None]:
        """Goes on behind a call: to the next one, to the text behind, or to the end."""
        while True:
            self._source.anchor, self._source.limit = self._pos, DOUBT_LIMIT
            end = self._pos
            try:
                self._pos = yield from read_behind(self._source, end, self._frame)
                self._is_fence_open &= "```" not in self._source.text[end : self._pos]
                pos = yield from self._source.skip(self._pos)
                if (yield from self._source.peek(pos)) in (",", ";"):
                    pos = yield from self._source.skip(pos + 1)
            except Broken:  # nothing but blanks
                return
            if (yield from self._is_result(pos)):
                return
            if not (yield from self._call(pos, at_line_start=True)):
                self._is_in_code, self._is_fence_open = self._is_fence_open, False
                return

    def _call(self, pos: int, *, at_line_start: bool) -> Reading[bool]:
        """Reads the call at ``pos``, False if there is none."""
        self._source.anchor = pos
        try:
            frames = yield from read_frames(self._source, pos, at_line_start=at_line_start)
        except Broken:
            return False
        for frame in frames:
            found = yield from self._forms.read(frame.end, is_framed=frame.is_made_for_calls)
            if found is not None:
                self._take(found, frame)
                return True
        return False

    def _is_result(self, pos: int) -> Reading[bool]:
        try:
            self.is_done = yield from invents_result(self._source, pos)
        except Broken:
            self.is_done = False
        return self.is_done

    def _begin(self, name: str) -> None:
        self._id = f"call_{uuid4().hex}"
        self._out.append(ToolCallStarted(self._id, name))

    def _take(self, found: Found, frame: Frame) -> None:
        call = ToolCall(self._id, found.name, found.arguments)
        self._out.append(ToolCallRequested(call, found.fault))
        between = self._source.text[frame.end : found.end]
        self._is_fence_open |= frame.has_fence
        markup = frame.markup + "".join(mark for mark in "`*_" if mark in between[:80])
        markup += "`" if self._is_fence_open else ""
        self._frame = replace(frame, markup=markup)
        self._has_called = True
        self._pos = found.end


def _without_whole(events: list[Event]) -> list[Event]:
    """``events`` without the beginnings of calls that are whole by now."""
    whole = {event.call.id for event in events if isinstance(event, ToolCallRequested)}
    return [
        event for event in events if not isinstance(event, ToolCallStarted) or event.id not in whole
    ]


def _joined(events: list[Event]) -> list[Event]:
    """``events`` with neighbouring pieces of text in one."""
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            last.text += event.text
        else:
            joined.append(event)
    return joined
