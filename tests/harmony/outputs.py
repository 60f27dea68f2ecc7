"""Outputs of a model and what they mean, for the parser's tests.

Owns the table: output as text with control tokens, and the expected events with adjacent
deltas in one.
"""

from acp_agent.harmony.events import (
    ArgumentsDelta,
    HarmonyEvent,
    MessageEnded,
    TextDelta,
    ThoughtDelta,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)
from tests.harmony.headers import FOREIGN_HEADERS, OWN_HEADERS
from tests.harmony.stream import OTHER

LONG = "A plain answer that is longer than any role and channel could be."
END = MessageEnded()


def thought(text: str) -> list[HarmonyEvent]:
    return [ThoughtDelta(text), END]


def answer(text: str) -> list[HarmonyEvent]:
    return [TextDelta(text), END]


def preamble(text: str) -> list[HarmonyEvent]:
    return [TextDelta(text, preamble=True), END]


def call(name: str, arguments: str) -> list[HarmonyEvent]:
    finished = ToolCallFinished(name, arguments)
    return [ToolCallStarted(name), ArgumentsDelta(arguments), finished]


def failed(name: str, arguments: str, reason: str) -> list[HarmonyEvent]:
    deltas: list[HarmonyEvent] = [ArgumentsDelta(arguments)] if arguments else []
    return [ToolCallStarted(name), *deltas, ToolCallFailed(name, arguments, reason)]


NO_ARGUMENTS = "The call has no arguments; an empty object is {}."
NO_OBJECT = "The arguments must be one JSON object."
NO_TOOL = "The call names no tool."

WELL_FORMED: dict[str, tuple[str, list[HarmonyEvent]]] = {
    "thought and answer": (
        "<|channel|>analysis<|message|>Héllo 👩‍👩‍👧<|end|>"
        "<|start|>assistant<|channel|>final<|message|>東京 é<|return|>",
        thought("Héllo 👩‍👩‍👧") + answer("東京 é"),
    ),
    "call, recipient in the channel": (
        "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>",
        call("f", "{}"),
    ),
    "call, recipient in the role": (
        ' to=functions.f<|channel|>commentary json<|message|>{"a": "é"}<|call|>',
        call("f", '{"a": "é"}'),
    ),
    "call, recipient after start": (
        "<|channel|>analysis<|message|>a<|end|>"
        "<|start|>assistant to=functions.f<|channel|>commentary <|constrain|>json"
        "<|message|>{}<|call|>",
        thought("a") + call("f", "{}"),
    ),
    "call without a content type": (
        "<|channel|>commentary to=functions.read_file<|message|>{}<|call|>",
        call("read_file", "{}"),
    ),
    "preamble and call": (
        "<|channel|>commentary<|message|>I look.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.f json<|message|>{}<|call|>",
        preamble("I look.") + call("f", "{}"),
    ),
    "two calls": (
        "<|channel|>commentary to=functions.f json<|message|>{}<|call|>"
        '<|start|>assistant<|channel|>commentary to=functions.g json<|message|>{"a":1}<|call|>',
        call("f", "{}") + call("g", '{"a":1}'),
    ),
    "two thoughts": (
        "<|channel|>analysis<|message|>a<|end|>"
        "<|start|>assistant<|channel|>analysis<|message|>b<|end|>",
        thought("a") + thought("b"),
    ),
    "markup in words": (
        "<|channel|>final<|message|>write < |end|> or to=functions.f json<|return|>",
        answer("write < |end|> or to=functions.f json"),
    ),
    "empty messages": ("<|channel|>analysis<|message|><|end|><|start|>assistant<|return|>", []),
}

LENIENT: dict[str, tuple[str, list[HarmonyEvent]]] = {
    # What ends a message.
    "no call at the end": (
        "<|channel|>commentary to=functions.f json<|message|>{}",
        call("f", "{}"),
    ),
    "call ended otherwise": (
        "<|channel|>commentary to=functions.f json<|message|>{}<|end|>",
        call("f", "{}"),
    ),
    "answer ended by call": ("<|channel|>final<|message|>a<|call|>", answer("a")),
    "end lost before start": (
        "<|channel|>analysis<|message|>a<|start|>assistant<|channel|>final<|message|>b<|return|>",
        thought("a") + answer("b"),
    ),
    "end and start lost": (
        "<|channel|>analysis<|message|>a<|channel|>final<|message|>b<|return|>",
        thought("a") + answer("b"),
    ),
    "call lost before start": (
        "<|channel|>commentary to=functions.f json<|message|>{}"
        "<|start|>assistant<|channel|>final<|message|>b",
        call("f", "{}") + answer("b"),
    ),
    "start lost": (
        "<|channel|>analysis<|message|>a<|end|>assistant<|channel|>final<|message|>b",
        thought("a") + answer("b"),
    ),
    "after return": ("<|channel|>final<|message|>a<|return|>b<|start|>c<|message|>d", answer("a")),
    # Truncated output.
    "cut in a thought": ("<|channel|>analysis<|message|>a b", thought("a b")),
    "cut in an answer": ("<|channel|>final<|message|>a b", answer("a b")),
    "cut in arguments": (
        '<|channel|>commentary to=functions.f json<|message|>{"a": 1',
        failed(
            "f",
            '{"a": 1',
            "The arguments are not valid JSON: Expecting ',' delimiter at character 7.",
        ),
    ),
    "cut in a recipient": ("<|channel|>commentary to=functions.re", []),
    "cut before a recipient": ("<|channel|>commentary to", []),
    "cut before a recipient in the role": (" to", []),
    "cut after a recipient": ("<|channel|>commentary to=functions.f <|constrain|>json", []),
    "cut in a channel": ("<|channel|>fin", []),
    "cut after start": ("<|channel|>final<|message|>a<|end|><|start|>assistant", answer("a")),
    "nothing": ("", []),
    # Headers.
    "recipient on analysis": (
        "<|channel|>analysis to=functions.f code<|message|>{}<|call|>",
        call("f", "{}"),
    ),
    "recipient on final": ("<|channel|>final to=functions.f<|message|>{}<|call|>", call("f", "{}")),
    "recipient twice": (
        " to=functions.f<|channel|>commentary to=functions.f json<|message|>{}<|call|>",
        call("f", "{}"),
    ),
    "recipient alone": (" to=functions.f<|message|>{}<|call|>", call("f", "{}")),
    "recipient that is long": (
        f" to=functions.{'f' * 128}<|channel|>commentary json<|message|>{{}}<|call|>",
        call("f" * 128, "{}"),
    ),
    "recipient without namespace": (
        "<|channel|>commentary to=f<|message|>{}<|call|>",
        call("f", "{}"),
    ),
    "recipient without space": (
        "<|start|>assistantto=functions.f<|channel|>commentaryto=functions.f<|message|>{}<|call|>",
        call("f", "{}"),
    ),
    "recipient of another namespace": (
        "<|channel|>commentary to=browser.open json<|message|>{}<|call|>",
        call("browser.open", "{}"),
    ),
    "recipient that is no tool": (
        "<|channel|>commentary to=user<|message|>Hi<|end|>",
        preamble("Hi"),
    ),
    "recipient without a name": (
        "<|channel|>commentary to=functions.<|message|>{}<|call|>",
        failed("", "{}", NO_TOOL),
    ),
    "recipient named like a channel": (
        "<|channel|>commentary to=functions.finalize<|message|>{}<|call|>",
        call("finalize", "{}"),
    ),
    "words around": (
        "<|channel|>commentary foo to=functions.f bar json<|message|>{}<|call|>",
        call("f", "{}"),
    ),
    "constrain without a type": (
        "<|channel|>commentary to=functions.f <|constrain|><|message|>{}<|call|>",
        call("f", "{}"),
    ),
    "dashes before a channel": ("<|channel|>\u2013\u2013final<|message|>a", answer("a")),
    "letters after a channel": ("<|channel|>finalx<|message|>a", answer("a")),
    "channel in capitals": ("<|channel|>FINAL<|message|>a", answer("a")),
    "words after a channel": ("<|channel|>final foo<|message|>a", answer("a")),
    "two channels": ("<|channel|>analysis<|channel|>final<|message|>a", answer("a")),
    "unknown channel": ("<|channel|>musing<|message|>a<|end|>", thought("a")),
    "empty channel": ("<|channel|><|message|>a<|end|>", answer("a")),
    "message at once": ("<|message|>a<|return|>", answer("a")),
    "other role": (
        "<|start|>user<|message|>a<|end|><|start|>wizard<|channel|>final<|message|>b<|end|>",
        answer("b"),
    ),
    "made-up result": (
        "<|start|>functions.f to=assistant<|channel|>commentary<|message|>a<|end|>"
        "<|start|>assistant<|channel|>final<|message|>b",
        answer("b"),
    ),
    **{
        f"foreign {header}": (
            f"<|start|>{header}<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b",
            answer("b"),
        )
        for header in FOREIGN_HEADERS
    },
    **{
        f"own {header}": (f"<|start|>{header}<|message|>a<|end|>", answer("a"))
        for header in OWN_HEADERS
    },
    "answer about a tool": ("<|start|>Python is a language", answer("Python is a language")),
    "answer with a recipient": ("<|start|>Set it to=assistant", answer("Set it to=assistant")),
    # No message token.
    "answer in the header": ("<|channel|>final hello<|return|>", answer(" hello")),
    "answer in the header before start": (
        "<|channel|>final hello<|start|>assistant<|channel|>final<|message|>b",
        answer(" hello") + answer("b"),
    ),
    "long answer in the header": (f"<|channel|>final {LONG * 9}<|return|>", answer(f" {LONG * 9}")),
    "arguments in the header": (
        '<|channel|>commentary to=functions.f <|constrain|>json{"a":1}<|call|>',
        call("f", '{"a":1}'),
    ),
    "arguments after the role": ("assistant to=functions.f json {}<|call|>", call("f", "{}")),
    "call without arguments": (
        "<|channel|>commentary to=functions.f <|constrain|>json<|call|>",
        failed("f", "", NO_ARGUMENTS),
    ),
    "plain": (LONG, answer(LONG)),
    "plain and short": ("Hi<|return|>", answer("Hi")),
    "plain about a recipient": ("Set to=5 now.<|return|>", answer("Set to=5 now.")),
    "plain like a role": ("user is not defined<|return|>", answer("user is not defined")),
    "plain with a zero byte": ("a\0b\x01c<|return|>", answer("a b c")),
    "plain after a role": ("<|start|>assistant Hi", answer(" Hi")),
    "plain in a script without spaces": (f"<|start|>{'東京' * 40}", answer("東京" * 40)),
    "plain after a message": (
        f"<|channel|>analysis<|message|>a<|end|>{LONG}<|return|>",
        thought("a") + answer(LONG),
    ),
    "junk before start": (
        "<|channel|>analysis<|message|>a<|end|>junk<|start|>assistant<|channel|>final<|message|>b",
        thought("a") + answer("b"),
    ),
    # Stray control tokens.
    "start twice": ("<|start|><|start|>assistant<|channel|>final<|message|>a", answer("a")),
    "strays in a message": (
        f"<|channel|>final<|message|>a<|message|>b<|constrain|>c{OTHER}d<|return|>",
        answer("abcd"),
    ),
    "strays in arguments": (
        f"<|channel|>commentary to=functions.f<|message|>{{<|message|>{'<|constrain|>' * 300}}}",
        call("f", "{}"),
    ),
    "stray in a header": (f"<|channel|>{OTHER}fin{OTHER}al<|message|>a", answer("a")),
    "only control tokens": (
        "<|end|><|call|><|constrain|><|channel|><|message|><|end|><|start|><|start|><|message|><|return|>",
        [],
    ),
    "endless header": ("<|channel|>" * 1000 + "<|constrain|>" * 1000, []),
}
