"""Mode ``openai`` against llama.cpp's own server with the built-in model."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager

import anyio
import pytest

from acp_agent.backends.base import ModelRequest, Progress
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError, ContextOverflow
from tests.backends.contract import PATIENCE
from tests.backends.harness import collect, next_text
from tests.backends.openai_real import Cast, Part, RealContract, RealHarness, RealServerTests
from tests.backends.openai_servers import LlamaServer, RealServer, running
from tests.fixtures.builtin_gguf import builtin_gguf

pytest.importorskip("xllamacpp", reason="llama.cpp's server is not there for this platform")
pytestmark = pytest.mark.anyio

MODEL = "smollm2"
WINDOW = 2048
MANY = " ".join(f"word{number}" for number in range(60))
TOO_MANY = " ".join(f"word{number}" for number in range(900))
STORY = "Write a very long story about the sea."


@pytest.fixture(scope="module")
def cast() -> Cast:
    return Cast(
        plain=(
            Part(MODEL, "What is 2+2?"),
            Part(MODEL, STORY, 12),
            Part(MODEL, "Count from one to five in words.", 10),
        ),
        ending=Part(MODEL, "Say only: yes"),
        cut=Part(MODEL, STORY, 3),
        scripts=Part(MODEL, "Repeat after me: dîner à 東京 🍣", 14),
        endless=Part(MODEL, STORY),
        slow=Part(MODEL, MANY, 2),
        failing=Part(MODEL, TOO_MANY, 2),
    )


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], AbstractContextManager[RealServer]]:
    @contextmanager
    def start() -> Generator[RealServer]:
        server = LlamaServer(tmp_path_factory.mktemp("llamacpp"), builtin_gguf())
        with running(server):
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


async def test_the_window_is_that_of_a_slot(harness: RealHarness) -> None:
    readiness = await harness.backend.probe()
    [model] = readiness.models
    assert (model.id, model.context_size) == (f"real/{MODEL}", WINDOW)


async def test_a_stopped_answer_is_cancelled_and_does_not_run_out(
    harness: RealHarness, cast: Cast
) -> None:
    log = harness.server.log
    before = log.read_text().count("cancel task")
    stream = harness.backend.stream(cast.endless.request())
    with anyio.fail_after(PATIENCE):
        await next_text(stream)
        await stream.aclose()
        await harness.server.wait_idle()
    assert log.read_text().count("cancel task") == before + 1


async def test_reading_a_long_prompt_shows_how_far_it_is(harness: RealHarness) -> None:
    await harness.backend.probe()
    with anyio.fail_after(PATIENCE):
        events = await collect(harness.backend.stream(Part(MODEL, "Shown: " + MANY, 1).request()))
    steps = [each for each in events if isinstance(each, Progress) and each.id == "prefill"]
    assert steps[-1].finished
    known = [each.done for each in steps if each.total is not None and each.done is not None]
    assert len(set(known)) > 2
    assert known == sorted(known)


async def test_a_cancel_while_the_prompt_is_read_is_noticed(harness: RealHarness) -> None:
    await harness.backend.probe()
    stream = harness.backend.stream(Part(MODEL, "Given up: " + MANY, 1).request())
    log = harness.server.log
    before = len(log.read_text())
    with anyio.fail_after(PATIENCE):
        event = await anext(stream)
        assert isinstance(event, Progress)
        await stream.aclose()
        await harness.server.wait_idle()
    written = log.read_text()[before:]
    assert "processing task" in written
    assert "progress = 1.00" not in written


async def test_what_does_not_fit_is_told_with_figures(harness: RealHarness, cast: Cast) -> None:
    assert cast.failing is not None
    with anyio.fail_after(PATIENCE), pytest.raises(ContextOverflow, match=f"{WINDOW:,}"):
        await collect(harness.backend.stream(cast.failing.request()))


async def test_a_wrong_key_is_refused_without_being_shown(server: RealServer) -> None:
    backend = server.backend(key="not-the-key")
    readiness = await backend.probe()
    assert not readiness.ready
    request = ModelRequest((UserMessage("Hello"),), f"real/{MODEL}", "Hello")
    with anyio.fail_after(PATIENCE), pytest.raises(BackendError) as raised:
        await collect(backend.stream(request))
    assert "not-the-key" not in raised.value.message + readiness.reason
    assert "key" in raised.value.message
    await backend.aclose()
