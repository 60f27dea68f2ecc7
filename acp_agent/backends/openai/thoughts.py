"""What a model thought before it called tools, as long as it works on one prompt.

Owns remembering it per call. Does not own spelling it (``spelling``). Models that think
between their calls (gpt-oss, DeepSeek, GLM) do worse without it, and some servers refuse such
a conversation. Behind the next prompt it is not needed any more.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from acp_agent.conversation import AssistantMessage, Message, UserMessage

_CALLS_LIMIT = 256
_LENGTH_LIMIT = 65_536


class Thoughts:
    """The thoughts of one server's models, which no other server is told."""

    def __init__(self) -> None:
        self._by_call: OrderedDict[str, str] = OrderedDict()

    def note(self, thought: str, calls: Iterable[str]) -> None:
        """The model had ``thought`` before it made the calls of these ids."""
        if not thought.strip() or len(thought) > _LENGTH_LIMIT:
            return
        for id in calls:
            self._by_call[id] = thought
        while len(self._by_call) > _CALLS_LIMIT:
            self._by_call.popitem(last=False)

    def needed(self, messages: Sequence[Message]) -> dict[int, str]:
        """The thoughts before the calls that follow the last prompt, by the place of the answer
        in ``messages``."""
        found: dict[int, str] = {}
        for place in range(len(messages) - 1, -1, -1):
            message = messages[place]
            if isinstance(message, UserMessage):
                break
            if isinstance(message, AssistantMessage):
                told = (self._by_call.get(call.id) for call in message.tool_calls)
                if thought := next(filter(None, told), ""):
                    found[place] = thought
        return found
