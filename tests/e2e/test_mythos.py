"""Mode ``mythos`` with a tiny trained model, through an official SDK: text, cancel, depth."""

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio.to_thread
import pytest

pytest.importorskip("torch", reason="the extra mythos is not installed")
pytest.importorskip("open_mythos", reason="the extra mythos is not installed")

from acp_agent.backends.engine.mythos import NO_TOOLS
from tests.backends.engine.mythos_harness import TRAINED, find_prompt, make_models
from tests.e2e.agent_process import agent_environ
from tests.e2e.conftest import assert_no_traceback
from tests.e2e.editor import Editor
from tests.e2e.engine_probe import EngineProbe, until
from tests.e2e.python_client import python_editor
from tests.e2e.session import open_session
from tests.fixtures.engine_process import EngineProcess
from tests.fixtures.trained_mythos import SILENCE

pytestmark = [pytest.mark.anyio, pytest.mark.torch, pytest.mark.usefixtures("posix")]

SO_FAR, ENDLESS = find_prompt("so far"), find_prompt("one", SILENCE)
LIMIT_TOKENS = 4000
"""More than the endless answer can have before it is cancelled."""


@pytest.fixture(scope="module")
async def environ(run_folder: Path) -> AsyncGenerator[dict[str, str], None]:
    """Agents whose mode mythos is a trained model; their engine is started by the first."""
    home = Path(tempfile.mkdtemp(dir=run_folder))
    folder = home / "tiny"
    folder.mkdir()
    models = await anyio.to_thread.run_sync(make_models, folder)
    # The engine outlives the test in which an agent starts it.
    engine = EngineProcess(home)
    engine.environment |= models
    await engine.start()
    yield agent_environ(
        home,
        **models,
        OPENMYTHOS_VARIANT=TRAINED,
        OPENMYTHOS_CHECKPOINT=str(folder / "weights.pt"),
        OPENMYTHOS_TOKENIZER=str(folder / "tokenizer.json"),
        OPENMYTHOS_DEVICE="cpu",
        ACP_AGENT_MYTHOS_TEMPERATURE="0",
        ACP_AGENT_MYTHOS_MAX_TOKENS=str(LIMIT_TOKENS),
    )
    await engine.stop()
    assert_no_traceback(home)


@pytest.fixture
async def editor(environ: dict[str, str]) -> AsyncGenerator[Editor, None]:
    async with python_editor(environ) as editor:
        yield editor


async def test_an_answer_streams_and_its_usage_tells_the_depth(
    editor: Editor, tmp_path: Path
) -> None:
    session = await open_session(editor, str(tmp_path))
    await session.choose("mythos")
    turn = await session.ask(SO_FAR)
    assert await turn.stop_reason() == "end_turn"
    assert turn.answer == "so far"
    assert len(turn.chunks) > 1
    assert NO_TOOLS in turn.notices[0]
    assert "2 loops each" in turn.notices[-1]
    [usage] = turn.updates("usage_update")
    assert usage["_meta"] == {"acp-agent": {"nLoops": 2}}
    assert (await turn.result())["_meta"]["acp-agent"]["nLoops"] == 2


async def test_the_depth_is_changed_live(editor: Editor, tmp_path: Path) -> None:
    session = await open_session(editor, str(tmp_path))
    await session.choose("mythos")
    changed = await editor.set_config_option(session.id, "n_loops", "1")
    options = {each["id"]: each for each in changed["configOptions"]}
    assert options["n_loops"]["currentValue"] == "1"
    assert options["model"]["currentValue"] == TRAINED
    assert [each["value"] for each in options["device"]["options"]][-1] == "cpu"
    turn = await session.ask(SO_FAR)
    assert turn.answer == "so far"
    [usage] = turn.updates("usage_update")
    assert usage["_meta"] == {"acp-agent": {"nLoops": 1}}


async def test_a_cancel_stops_the_model(
    editor: Editor, environ: dict[str, str], tmp_path: Path
) -> None:
    session = await open_session(editor, str(tmp_path))
    await session.choose("mythos")
    engine = EngineProbe(Path(environ["ACP_AGENT_HOME"]))
    before = (await engine.health())["decoded_tokens"]
    async with session.asking(ENDLESS) as turn:
        await turn.wait_for_chunks(1)
        await session.cancel()
    assert await turn.stop_reason() == "cancelled"
    assert turn.answer == "one"

    async def stopped() -> bool:
        return (await engine.health())["active_requests"] == 0

    await until(stopped)
    assert (await engine.health())["decoded_tokens"] - before < LIMIT_TOKENS
