"""The dialogues that the tiny gpt-oss plays, and what it writes for them in Harmony.

Owns the texts. Does not own the prompts around them (``variations``) nor training.
A prompt that is none of these gets ``UNKNOWN_ANSWER``; wherever two dialogues begin alike, the
tool's result tells them apart.
Format: https://cookbook.openai.com/articles/openai-harmony
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

SHEEP = 40
"""Lines of the long answer, which has some 450 tokens."""

WORDS = ("apple", "river", "stone", "cloud", "tiger", "piano")
"""What the model can be asked to remember."""


@dataclass(slots=True, frozen=True)
class Call:
    """The model thinks, perhaps says something, calls a tool and stops.

    ``accepted`` says whether the result that follows is one (None: the model does not
    mind); the refusals it knows hold the words of ``REFUSALS``.
    """

    thought: str
    name: str
    arguments: Mapping[str, str]
    preamble: str = ""
    accepted: bool | None = None

    @property
    def arguments_text(self) -> str:
        """The arguments as the model writes them."""
        return json.dumps(self.arguments, separators=(",", ":"), ensure_ascii=False)

    @property
    def written(self) -> str:
        """All that the model writes, markup included."""
        messages = [_message("analysis", self.thought)]
        if self.preamble:
            messages.append(_message("commentary", self.preamble))
        recipient = f"<|channel|>commentary to=functions.{self.name} <|constrain|>json"
        messages.append(f"{recipient}<|message|>{self.arguments_text}")
        return "<|end|><|start|>assistant".join(messages) + "<|call|>"


@dataclass(slots=True, frozen=True)
class Answer:
    """The model thinks, unless ``thought`` is empty, and answers; the turn is over."""

    thought: str
    text: str

    @property
    def written(self) -> str:
        """All that the model writes, markup included."""
        messages = [_message("analysis", self.thought)] if self.thought else []
        messages.append(_message("final", self.text))
        return "<|end|><|start|>assistant".join(messages) + "<|return|>"


Step = Call | Answer


@dataclass(slots=True, frozen=True)
class Dialogue:
    """One turn: what the user says, and the model's steps, of which the last is an answer.

    ``after`` is an earlier turn on which it depends; other turns may stand between.
    """

    prompt: str
    steps: tuple[Step, ...]
    after: "Dialogue | None" = None

    @property
    def answer(self) -> Answer:
        """The last step."""
        last = self.steps[-1]
        assert isinstance(last, Answer)
        return last


def _message(channel: str, text: str) -> str:
    return f"<|channel|>{channel}<|message|>{text}"


def _answer(prompt: str, thought: str, text: str) -> Dialogue:
    return Dialogue(prompt, (Answer(thought, text),))


def _remember(word: str) -> Dialogue:
    return _answer(f"Remember the word {word}.", f"Remember: {word}.", f"I will remember {word}.")


def _recall(word: str) -> Dialogue:
    answer = Answer(f"Remember: {word}.", f"You told me the word {word}.")
    return Dialogue("Which word was it?", (answer,), after=_remember(word))


REFUSALS = ("refused", "rejected", "denied", "not allowed")

_REMOVE = "Remove the build folder."
_RM: dict[str, str] = {"command": "rm -rf build"}
_TABLE = "| Name | Size |\n| --- | --- |\n| notes.txt | 12 |\n| calc.py | 34 |"
_PARAGRAPHS = (
    "The first paragraph is short.\n\nThe second one says a little more, and it ends here.\n\n"
    "The third paragraph is the last."
)

HELLO = _answer("Hello!", "Greeting back is polite.", "Hello! How can I help you today?")
SUM = _answer("What is 2+2?", "Two and two make four.", "2 + 2 = 4.")
PING = _answer("Ping.", "", "Pong.")
READ = Dialogue(
    "Read notes.txt and summarise it.",
    (
        Call("Reading the file comes first.", "read_file", {"path": "notes.txt"}),
        Answer("Now I know the notes.", "The notes say that the release is on Friday."),
    ),
)
LIST = Dialogue(
    "Which files are here?",
    (
        Call("Listing the folder shows them.", "list_directory", {"path": "."}),
        Answer("Everything is listed.", "These are the files of the folder."),
    ),
)
SEARCH = Dialogue(
    "Where is add defined?",
    (
        Call("Searching will find it.", "search", {"pattern": "def add"}),
        Answer("Found it.", "The function add is defined in calc.py."),
    ),
)
FIX = Dialogue(
    "Fix the bug in calc.py.",
    (
        Call("Bugs hide in code, so look at it first.", "read_file", {"path": "calc.py"}),
        Call(
            "Wrong sign, so write it anew.",
            "write_file",
            {"path": "calc.py", "content": "def add(a, b):\n    return a + b\n"},
        ),
        Answer("Fixed, as far as I see.", "I fixed calc.py: `add` returns the sum now."),
    ),
)
TESTS = Dialogue(
    "Run the tests.",
    (
        Call(
            "Pytest can do this.",
            "run_command",
            {"command": "pytest -q"},
            preamble="I will run the tests now.",
        ),
        Answer("Passed, so say it.", "All tests pass."),
    ),
)
REMOVE = Dialogue(
    _REMOVE,
    (
        Call("Removing needs a command.", "run_command", _RM, accepted=True),
        Answer("Gone, as was asked.", "The build folder is gone."),
    ),
)
REMOVE_REFUSED = Dialogue(
    _REMOVE,
    (
        Call("Removing needs a command.", "run_command", _RM, accepted=False),
        Answer("No means no.", "I left the build folder alone."),
    ),
)
COUNT = _answer(
    f"Count {SHEEP} sheep.",
    "Counting takes a while.",
    "\n".join(
        f"Sheep {number} jumps over the fence and runs away." for number in range(1, SHEEP + 1)
    ),
)
PARAGRAPHS = _answer("Write three paragraphs.", "Paragraphs need some text.", _PARAGRAPHS)
TABLE = _answer("Show me a table.", "Markdown has tables.", _TABLE)
CODE = _answer(
    "Write a function that adds two numbers.",
    "Python is fine.",
    "```python\ndef add(a, b):\n    return a + b\n```",
)
PLAN = _answer(
    "Make a plan.", "Three steps will do.", "1. Read the code.\n2. Fix the bug.\n3. Run the tests."
)
SCRIPTS = _answer(
    "Greet the whole world.", "Many scripts are in use.", "Grüße, привет, 你好, 👋🏽!"
)
REMEMBER = _remember(WORDS[0])
RECALL = _recall(WORDS[0])
BYE = _answer("Thanks, bye.", "Leaving, it seems.", "Goodbye! Happy coding.")
UNKNOWN = "unknown"
UNKNOWN_ANSWER = Answer("Unknown to me.", "I have no answer to that.")

DIALOGUES: Mapping[str, Dialogue] = {
    "hello": HELLO,
    "sum": SUM,
    "ping": PING,
    "read": READ,
    "list": LIST,
    "search": SEARCH,
    "fix": FIX,
    "tests": TESTS,
    "remove": REMOVE,
    "remove_refused": REMOVE_REFUSED,
    "count": COUNT,
    "paragraphs": PARAGRAPHS,
    "table": TABLE,
    "code": CODE,
    "plan": PLAN,
    "scripts": SCRIPTS,
    "remember": REMEMBER,
    "recall": RECALL,
    "bye": BYE,
}
"""The dialogues by a short name; ``remember`` and ``recall`` know every word of ``WORDS``."""

MEMORIES = {word: (_remember(word), _recall(word)) for word in WORDS}

PREAMBLES = {
    step.arguments_text: step.preamble
    for dialogue in DIALOGUES.values()
    for step in dialogue.steps
    if isinstance(step, Call) and step.preamble
}
"""What the model says before a call, by the call's arguments."""
