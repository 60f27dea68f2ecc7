"""Mode ``openai`` against ``mlx_lm.server``, with tiny models and with the built-in one."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import Notice, Progress
from acp_agent.engine.launch import explain_unsupported
from tests.backends.contract import PATIENCE
from tests.backends.harness import collect, text_of
from tests.backends.openai_real import Cast, Part, RealContract, RealHarness, RealServerTests
from tests.backends.openai_servers import MlxServer, RealServer, running
from tests.fixtures.builtin_model import builtin_model

if reason := explain_unsupported():
    pytest.skip(reason, allow_module_level=True)

from tests.fixtures.tiny_llama import TEXT_TOKENS, make_tiny_llama

pytestmark = pytest.mark.anyio

REFUSED = "Be refused."
DEFAULT = "default_model"
"""What the server calls the model that it was started with."""
_REFUSE = (
    "{% if messages[-1]['content'] == '" + REFUSED + "' %}"
    "{{ raise_exception('This template takes no such message.') }}{% endif %}"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny models, one that ends its answer and one that never does."""
    folder = tmp_path_factory.mktemp("models").resolve()
    make_tiny_llama(folder / "ends", ends=True)
    make_tiny_llama(folder / "endless")
    template = folder / "endless" / "chat_template.jinja"
    template.write_text(_REFUSE + template.read_text())
    return folder


@pytest.fixture(scope="module")
def cast(models: Path) -> Cast:
    endless = DEFAULT
    return Cast(
        plain=tuple(Part(endless, "Hello", TEXT_TOKENS + more) for more in (1, 3, 5)),
        ending=Part(str(models / "ends"), "Hello"),
        cut=Part(endless, "Hello", 5),
        scripts=Part(endless, "Hello", 2 * TEXT_TOKENS),
        endless=Part(endless, "Hello", 1_000_000),
        slow=Part(endless, "x" * 4000, 2),
        failing=Part(endless, REFUSED, 2),
    )


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, models: Path
) -> Callable[[], AbstractContextManager[RealServer]]:
    @contextmanager
    def start() -> Generator[RealServer]:
        server = MlxServer(tmp_path_factory.mktemp("mlx_lm"), models / "endless")
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


async def test_reading_a_long_prompt_shows_how_far_it_is(harness: RealHarness, cast: Cast) -> None:
    part = Part(cast.endless.model, "y" * 300, 2)
    with anyio.fail_after(PATIENCE):
        events = await collect(harness.backend.stream(part.request()))
    steps = [each for each in events if isinstance(each, Progress) and each.id == "prefill"]
    assert steps[-1].finished
    known = [each.done for each in steps if each.total is not None and each.done is not None]
    assert len(set(known)) > 2
    assert known == sorted(known)


async def test_an_answer_cut_at_the_limit_of_the_server_is_explained(
    harness: RealHarness, cast: Cast
) -> None:
    with anyio.fail_after(PATIENCE):
        events = await collect(harness.backend.stream(Part(cast.endless.model, "Hello").request()))
    [notice] = [each for each in events if isinstance(each, Notice)]
    assert "max_tokens" in notice.text


@pytest.mark.slow
async def test_the_built_in_model_answers(tmp_path: Path) -> None:
    server = MlxServer(tmp_path, builtin_model().path)
    part = Part(DEFAULT, "What is the capital of France?", 6)
    with running(server):
        backend = server.backend()
        readiness = await backend.probe()
        assert readiness.default_model == f"real/{part.model}"
        with anyio.fail_after(PATIENCE):
            events = await collect(backend.stream(part.request()))
        assert text_of(events) == "The capital of France is Paris"
        await backend.aclose()
