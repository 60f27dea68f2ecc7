"""Mode ``openai`` against this project's engine, as another machine's users reach it.

The tiny llamas play the contract; the tiny gpt-oss has the reasoning and the tools.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
)
from acp_agent.conversation import AssistantMessage, Message, Tool, ToolResult, UserMessage
from acp_agent.engine.launch import explain_unsupported
from acp_agent.errors import BackendError
from tests.backends.contract import PATIENCE
from tests.backends.harness import collect, next_text, text_of
from tests.backends.openai_real import Cast, Part, RealContract, RealHarness, RealServerTests
from tests.backends.openai_servers import EngineServer, RealServer, running
from tests.fixtures.tiny_gptoss import HELLO, READ, TINY_GPTOSS, Answer, Call

if reason := explain_unsupported():
    pytest.skip(reason, allow_module_level=True)

from tests.fixtures.tiny_llama import TEXT_TOKENS, make_tiny_llama

pytestmark = pytest.mark.anyio

WINDOW = 8192
GPT_OSS = "tiny-gptoss"
READ_FILE = Tool(
    "read_file",
    "Reads a file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny llamas, one that ends its answer and one that does not, and the gpt-oss."""
    folder = tmp_path_factory.mktemp("models").resolve()
    make_tiny_llama(folder / "ends", ends=True, context_size=WINDOW)
    make_tiny_llama(folder / "endless", context_size=WINDOW)
    (folder / GPT_OSS).symlink_to(TINY_GPTOSS, target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def cast() -> Cast:
    return Cast(
        plain=tuple(Part("endless", "Hello", TEXT_TOKENS + more) for more in (1, 3, 5)),
        ending=Part("ends", "Hello"),
        cut=Part("endless", "Hello", 5),
        scripts=Part("endless", "Hello", 2 * TEXT_TOKENS),
        endless=Part("endless", "Hello"),
        slow=Part("endless", "x" * 6000, 2),
        failing=Part("endless", "x" * (WINDOW + 1), 2),
    )


@pytest.fixture(scope="module")
def start(run_folder: Path, models: Path) -> Callable[[], AbstractContextManager[RealServer]]:
    @contextmanager
    def start() -> Generator[RealServer]:
        with running(server := EngineServer(run_folder, models)):
            yield server

    return start


@pytest.fixture(scope="module")
def server(start: Callable[[], AbstractContextManager[RealServer]]) -> Iterator[RealServer]:
    with start() as server:
        yield server


@pytest.fixture(scope="module")
def told() -> dict[Part, str]:
    return {}


@pytest.fixture
async def harness(
    server: RealServer, cast: Cast, told: dict[Part, str]
) -> AsyncGenerator[RealHarness]:
    backend = server.backend()
    yield RealHarness(server, backend, cast, told)
    await backend.aclose()


class TestContract(RealContract):
    pass


class TestServer(RealServerTests):
    pass


async def test_models_come_with_their_windows(harness: RealHarness) -> None:
    readiness = await harness.backend.probe()
    sizes = {model.id: model.context_size for model in readiness.models}
    assert sizes == {
        "real/ends": WINDOW,
        "real/endless": WINDOW,
        f"real/{GPT_OSS}": 131_072,
    }


async def test_a_stopped_answer_is_cancelled_and_does_not_run_out(
    harness: RealHarness, cast: Cast
) -> None:
    before = harness.server.get("/health")["decoded_tokens"]
    stream = harness.backend.stream(cast.endless.request())
    with anyio.fail_after(PATIENCE):
        await next_text(stream)
        await stream.aclose()
        await harness.server.wait_idle()
    assert harness.server.get("/health")["decoded_tokens"] - before < WINDOW // 2


async def test_thoughts_come_apart_from_the_answer(harness: RealHarness) -> None:
    events = await _ask(harness, (UserMessage(HELLO.prompt),))
    assert _thought(events) == HELLO.answer.thought
    assert text_of(events) == HELLO.answer.text
    assert events[-1] == Done("end_turn")


async def test_a_tool_is_called_and_its_result_is_used(harness: RealHarness) -> None:
    call, answer = READ.steps
    assert isinstance(call, Call)
    assert isinstance(answer, Answer)
    question = UserMessage(READ.prompt)
    events = await _ask(harness, (question,), READ_FILE)
    assert _thought(events) == call.thought
    [started] = [each for each in events if isinstance(each, ToolCallStarted)]
    [requested] = [each for each in events if isinstance(each, ToolCallRequested)]
    assert (started.id, started.name) == (requested.call.id, call.name)
    assert (requested.call.name, requested.fault) == (call.name, "")
    assert requested.call.arguments == call.arguments_text
    said = AssistantMessage(text_of(events), _thought(events), tool_calls=(requested.call,))
    result = ToolResult(requested.call.id, call.name, "The release is planned for Friday.")
    events = await _ask(harness, (question, said, result), READ_FILE)
    assert _thought(events) == answer.thought
    assert text_of(events) == answer.text


async def test_a_wrong_token_is_refused_without_being_shown(server: RealServer) -> None:
    backend = server.backend(key="not-the-token-of-this-engine")
    readiness = await backend.probe()
    assert not readiness.ready
    request = ModelRequest((UserMessage("Hello"),), "real/ends", "Hello")
    with anyio.fail_after(PATIENCE), pytest.raises(BackendError, match="key") as raised:
        await collect(backend.stream(request))
    assert "not-the-token" not in raised.value.message + readiness.reason
    await backend.aclose()


async def _ask(harness: RealHarness, messages: tuple[Message, ...], *tools: Tool) -> list[Event]:
    request = ModelRequest(messages, f"real/{GPT_OSS}", tools=tools)
    with anyio.fail_after(PATIENCE):
        return await collect(harness.backend.stream(request))


def _thought(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ThoughtDelta))
