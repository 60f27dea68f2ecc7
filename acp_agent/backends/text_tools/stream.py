"""The stream of a model whose calls are text.

Owns turning such a model's stream into one with calls. Does not own reading the calls
(``parser``), nor what the model is told (``spelling``).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from acp_agent.backends.base import Backend, Done, Event, ModelRequest, TextDelta, Usage
from acp_agent.backends.text_tools.parser import CallReader
from acp_agent.backends.text_tools.spelling import told_in_words
from acp_agent.conversation import Tool
from acp_agent.errors import AgentError


async def stream_with_text_tools(
    backend: Backend, request: ModelRequest
) -> AsyncGenerator[Event, None]:
    """As ``backend.stream(request)``, for a model that is told of tools in words."""
    if not request.tools:
        async with aclosing(backend.stream(request)) as events:
            async for event in events:
                yield event
        return
    told = backend.stream(told_in_words(request))
    async with aclosing(recover_calls(told, request.tools)) as events:
        async for event in events:
            yield event


async def recover_calls(
    stream: AsyncGenerator[Event, None], tools: Sequence[Tool]
) -> AsyncGenerator[Event, None]:
    """``stream`` with calls of ``tools`` that the model wrote as text as calls.

    Text is passed on as it comes unless it may begin a call. Where the model goes on to
    invent the result of its call, ``stream`` is closed and the answer ends there. Closing
    this generator closes ``stream``.
    """
    reader, usage = CallReader(tools), None
    try:
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, Done):
                    for late in reader.finish(cut=event.stop_reason == "max_tokens"):
                        yield late
                    if usage is not None:
                        yield usage
                    yield event
                    return
                if isinstance(event, Usage):
                    usage = event
                elif isinstance(event, TextDelta):
                    for read in reader.feed(event.text):
                        yield read
                    if reader.is_done:
                        break
                else:
                    yield event
    except AgentError:
        for late in _text_held_back(reader):
            yield late
        raise
    if reader.is_done:
        yield Done()
        return
    for late in _text_held_back(reader):
        yield late


def _text_held_back(reader: CallReader) -> list[TextDelta]:
    """What the user has not seen yet of an answer that broke off; half a call is none."""
    return [event for event in reader.finish(cut=True) if isinstance(event, TextDelta)]
