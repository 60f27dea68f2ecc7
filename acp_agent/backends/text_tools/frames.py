"""What models put around their calls.

Owns list numbers, markup, code fences, tags and brackets before and behind calls, and the
marks of a result that a model invents. Does not own the calls (``forms``).
"""

from dataclasses import dataclass

from acp_agent.backends.text_tools.source import SPACE, Broken, Reading, Source

_BEFORE = (
    "<tool_call>",
    "<tool_calls>",
    "<toolcall>",
    "<tools>",
    "<tool>",
    "<function_call>",
    "<function_calls>",
    "<functioncall>",
    "<|tool_call|>",
    "<|tool_calls|>",
    "<|tool_call_start|>",
    "<|tool_call_begin|>",
    "<|python_tag|>",
    "[tool_calls]",
    "[tool_call]",
    "functools",
    "print(",
)
_BEHIND = (
    "</tool_call>",
    "</tool_calls>",
    "</toolcall>",
    "</tools>",
    "</tool>",
    "</function>",
    "</invoke>",
    "</function_call>",
    "</function_calls>",
    "</functioncall>",
    "<|/tool_call|>",
    "<|tool_call_end|>",
    "<|tool_calls_end|>",
    "[/tool_calls]",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "</s>",
)
_RESULTS = (
    "result",
    "results",
    "tool result",
    "tool output",
    "tool response",
    "output",
    "observation",
    "user",
    "human",
)
_RESULT_TAGS = (
    "<tool_response>",
    "<tool_result>",
    "<tool_output>",
    "<|im_start|>",
    "<|start_header_id|>",
    "<|observation|>",
    "[tool_results]",
    "[tool_result]",
)
_MARKS = "-*+>#_`\N{BULLET} \t"
_MARK_LIMIT = 24
_LANGUAGE_LIMIT = 16
_FRAME_LIMIT = 8
_RESULT_LIMIT = 60


@dataclass(slots=True, frozen=True)
class Frame:
    """What stood before a call, which may stand behind it too.

    ``is_made_for_calls``: models put nothing else into it.
    """

    start: int
    end: int
    markup: str = ""
    has_fence: bool = False
    is_list: bool = False
    is_made_for_calls: bool = False


def read_frames(source: Source, pos: int, *, at_line_start: bool) -> Reading[list[Frame]]:
    """What may stand before a call at ``pos``; more than one where it can be read in two ways.

    Each ends where a call would begin; none if no call can begin there.
    """
    start, is_made, is_list, is_first = pos, False, False, True
    if at_line_start:
        pos = yield from _marks(source, pos)
    marks = source.text[start:pos]
    has_fence = "```" in marks
    frames: list[Frame] = []
    if has_fence:
        frames.append(Frame(start, pos, "`*_", True))
        pos = yield from _language(source, pos)
    for _ in range(_FRAME_LIMIT):
        word = yield from source.word(pos, _BEFORE)
        if word:
            is_made = True
            pos = yield from source.skip(pos + len(word))
        elif (yield from source.peek(pos)) == "[":
            is_list = True
            pos = yield from source.skip(pos + 1)
        elif not is_first and (yield from source.word(pos, ("```",))):
            has_fence = True
            pos = yield from _language(source, pos + 3)
        else:
            break
        is_first = False
    markup = "".join(mark for mark in "`*_" if mark in marks or (mark == "`" and has_fence))
    frames.append(Frame(start, pos, markup, has_fence, is_list, is_made or is_list or has_fence))
    return frames


def read_behind(source: Source, pos: int, frame: Frame) -> Reading[int]:
    """Where that ends which closes a call at ``pos``; spaces before the next thing stay."""
    while True:
        behind = yield from source.skip(pos)
        found = yield from source.peek(behind)
        if found and found in "}])":
            pos = behind + 1
        elif found and found in frame.markup:
            pos = yield from source.skip(behind, frame.markup)
        elif word := (yield from source.word(behind, _BEHIND)):
            pos = behind + len(word)
        else:
            return pos if found else behind


def invents_result(source: Source, pos: int) -> Reading[bool]:
    """Whether at ``pos``, behind a call, the model begins to write what only a tool can say."""
    if (yield from source.word(pos, _RESULT_TAGS)):
        return True
    pos = yield from source.skip(pos, _MARKS)
    word = yield from source.word(pos, _RESULTS)
    if not word:
        return False
    pos += len(word)
    for end in range(pos, pos + _RESULT_LIMIT):
        found = yield from source.peek(end)
        if found in ("", "\n", ":"):
            return found == ":" or not source.text[pos:end].strip(" *_`#")
        if end == pos and found.isalnum():
            return False
    return False


def _marks(source: Source, pos: int) -> Reading[int]:
    """The end of list numbers and markup at the start of a line.

    Raises:
        Broken: there is more of it than a call has.
    """
    start = pos
    while (found := (yield from source.peek(pos))) and (found in _MARKS or found.isdecimal()):
        if pos - start > _MARK_LIMIT:
            raise Broken("no call begins so", pos)
        if found.isdecimal():
            digits = pos
            while (found := (yield from source.peek(pos))).isdecimal() and pos - digits < 3:
                pos += 1
            if found not in (".", ")"):
                raise Broken("no call begins so", pos)
        pos += 1
        if source.text[:pos].endswith("```"):
            return pos
    return pos


def _language(source: Source, pos: int) -> Reading[int]:
    """Behind the language of a code fence, where the code may begin."""
    end = pos
    while (found := (yield from source.peek(end))).isalpha() or (found and found in "_+-"):
        end += 1
        if end - pos > _LANGUAGE_LIMIT:
            return pos
    return (yield from source.skip(end, SPACE))
