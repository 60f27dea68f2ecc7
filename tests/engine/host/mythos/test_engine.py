"""A real engine process with tiny OpenMythos models: its answers, status and end."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

pytest.importorskip("torch", reason="the extra mythos is not installed")
pytest.importorskip("open_mythos", reason="the extra mythos is not installed")

from acp_agent.engine.host.mythos.library import load_torch
from acp_agent.engine.host.mythos.variants import VARIABLE
from acp_agent.engine.host.mythos.vocabulary import load_vocabulary
from acp_agent.errors import AgentError
from tests.fixtures.engine_process import EngineProcess, text_of, wait_exit
from tests.fixtures.loaded_mythos import new_module, save
from tests.fixtures.mythos_files import write_tokenizer, write_variants

pytestmark = [pytest.mark.anyio, pytest.mark.torch, pytest.mark.slow]

Chunks = list[dict[str, Any]]


class MythosEngine(EngineProcess):
    """An engine that knows the tiny variants; ``tokenizer`` is theirs."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.tokenizer = write_tokenizer(home)
        self.environment[VARIABLE] = str(write_variants(home))
        # Threads that wait for each other are slow where many tests run at once.
        self.environment["OMP_NUM_THREADS"] = "1"

    def body(self, content: str = "hello", **fields: Any) -> dict[str, Any]:
        mythos = {"tokenizer": str(self.tokenizer), "device": "cpu", **fields.pop("mythos", {})}
        messages = [{"role": "user", "content": content}]
        return {"model": "tiny_mla", "messages": messages, "mythos": mythos, **fields}

    async def ask(self, content: str = "hello", **fields: Any) -> Chunks:
        with anyio.fail_after(60):
            return [chunk async for chunk in self.client.chat(self.body(content, **fields))]


@pytest.fixture(scope="module")
async def deep(run_folder: Path, tiny_models: Path) -> AsyncGenerator[MythosEngine, None]:
    home = run_folder / "deep"
    home.mkdir()
    engine = MythosEngine(home)
    engine.use_models(tiny_models)
    await engine.start("--unload-after", "1h")
    yield engine
    await engine.stop()


def usage_of(chunks: Chunks) -> dict[str, Any]:
    return chunks[-1]["usage"]


def reason_of(chunks: Chunks) -> str:
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return next(each["finish_reason"] for each in choices if each["finish_reason"])


def greedy_text(module: Any, tokenizer: Path, n_loops: int) -> str:
    """Eight tokens of answer to ``hello``, by the package alone and without a cache."""
    torch, vocabulary = load_torch(), load_vocabulary(tokenizer)
    prompt = vocabulary.encode("user: hello\nassistant:")
    tokens = list(prompt)
    with torch.inference_mode():
        for _ in range(8):
            logits = module(torch.tensor([tokens]), n_loops=n_loops)
            tokens.append(int(logits[0, -1].argmax()))
    return vocabulary.decode(tokens[len(prompt) :])


async def test_torch_comes_with_the_first_request(deep: MythosEngine) -> None:
    process: Any = psutil.Process((await deep.health())["pid"])
    if not hasattr(process, "memory_maps"):
        pytest.skip("this system does not tell what a process has mapped")

    def has_torch() -> bool:
        return any("libtorch" in each.path for each in process.memory_maps())

    await deep.collect(max_tokens=1)
    assert not has_torch()
    await deep.ask(max_tokens=1)
    assert has_torch()


async def test_answer_with_its_figures(deep: MythosEngine) -> None:
    first, again = [
        await deep.ask(max_tokens=12, temperature=0.8, top_k=50, seed=7, return_progress=True)
        for _ in range(2)
    ]
    usage = usage_of(first)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (22, 12)
    assert (usage["n_loops"], usage["context_size"]) == (3, 256)
    assert reason_of(first) == "length"
    assert text_of(first) == text_of(again) != ""
    progress = [chunk["prompt_progress"] for chunk in first if "prompt_progress" in chunk]
    assert all(each["total"] == 22 for each in progress)


async def test_depth_is_the_requests(deep: MythosEngine) -> None:
    # Weights so large that a loop more leads elsewhere, and no rounding does.
    state = new_module("tiny_mla").state_dict()
    state = {name: 8 * each if each.is_floating_point() else each for name, each in state.items()}
    file = save(deep.tokenizer.parent / "large.pt", state)
    module = new_module("tiny_mla")
    module.load_state_dict(state)
    texts: set[str] = set()
    for n_loops in (1, 9, 1):
        options = {"n_loops": n_loops, "checkpoint": str(file)}
        chunks = await deep.ask(max_tokens=8, mythos=options, prompt_cache_key="d")
        assert usage_of(chunks)["n_loops"] == n_loops
        assert text_of(chunks) == greedy_text(module, deep.tokenizer, n_loops)
        texts.add(text_of(chunks))
    assert len(texts) == 2


async def test_session_reads_only_what_is_new(deep: MythosEngine) -> None:
    told = await deep.ask("one", max_tokens=2, prompt_cache_key="s")
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    kept = await deep.ask(messages=messages, max_tokens=8, prompt_cache_key="s")
    alone = await deep.ask(messages=messages, max_tokens=8)
    cached = usage_of(kept)["prompt_tokens_details"]["cached_tokens"]
    assert cached >= usage_of(told)["prompt_tokens"]
    assert usage_of(alone)["prompt_tokens_details"]["cached_tokens"] == 0
    assert text_of(kept) == text_of(alone)


async def test_window_ends_the_answer_and_refuses_the_prompt(deep: MythosEngine) -> None:
    full = await deep.ask("x" * 225, max_tokens=1000)
    assert usage_of(full)["total_tokens"] == 256
    assert reason_of(full) == "length"
    refused = (await deep.post(deep.body("x" * 300))).json()["error"]
    assert (refused["code"], refused["context_size"]) == ("context_length_exceeded", 256)


async def test_checkpoint_answers_and_is_another_model(deep: MythosEngine) -> None:
    module = new_module("tiny_gqa", max_loop_iters=5)
    file = save(deep.tokenizer.parent / "weights.pt", {"model": module.state_dict()})
    chunks = await deep.ask(
        model="tiny_gqa", mythos={"checkpoint": str(file)}, max_tokens=5, return_progress=True
    )
    assert usage_of(chunks)["n_loops"] == 5
    loads = [chunk["load_progress"] for chunk in chunks if "load_progress" in chunk]
    assert loads[-1]["processed"] == loads[-1]["total"] > 0
    status = await deep.client.status()
    assert status is not None
    of_mythos = [each["id"] for each in status["models"] if each["id"] != "endless"]
    assert of_mythos == ["tiny_gqa"]


async def test_answers_share_the_model_and_differ(deep: MythosEngine) -> None:
    texts: dict[int, str] = {}

    async def ask(number: int) -> None:
        chunks = await deep.ask(f"number {number}", max_tokens=8)
        texts[number] = text_of(chunks)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(ask, number)
    assert texts == {n: text_of(await deep.ask(f"number {n}", max_tokens=8)) for n in range(4)}


async def test_client_that_leaves_ends_its_answer(deep: MythosEngine) -> None:
    with anyio.fail_after(60):
        async for chunk in deep.client.chat(deep.body("long", mythos={"n_loops": 60})):
            if text_of([chunk]):
                break
    await deep.wait_until(lambda health: health["active_requests"] == 0)
    before = (await deep.health())["decoded_tokens"]
    await deep.ask(max_tokens=2)
    assert (await deep.health())["decoded_tokens"] == before + 2


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"model": "mythos_1t"}, 503, "mythos_1t needs about"),
        ({"model": "mythos_2b"}, 404, "mythos_3b"),
        ({"mythos": {"n_loops": 0}}, 400, "mythos.n_loops"),
        ({"mythos": {"tokenizer": None}}, 400, "OPENMYTHOS_TOKENIZER"),
        ({"mythos": {"checkpoint": "/nowhere.pt"}}, 400, "mythos.checkpoint"),
    ],
)
async def test_refusals_are_sentences(
    fields: dict[str, Any], status: int, told: str, deep: MythosEngine
) -> None:
    answer = await deep.post(deep.body(**fields))
    assert answer.status_code == status
    assert told in answer.json()["error"]["message"]


async def test_unloading_by_name(deep: MythosEngine) -> None:
    await deep.ask(max_tokens=1)
    await deep.collect(max_tokens=1)
    assert (await deep.health())["models"] == ["endless", "tiny_mla"]
    await deep.client.unload("tiny_mla")
    await deep.wait_until(lambda health: health["models"] == ["endless"])
    assert usage_of(await deep.ask(max_tokens=1))["completion_tokens"] == 1


async def test_idle_engine_unloads_and_ends(isolated_home: Path, no_process_left: None) -> None:
    engine = MythosEngine(isolated_home)
    process = await engine.start("--unload-after", "1s", "--idle-timeout", "1")
    await engine.ask(max_tokens=1)
    assert await wait_exit(process) == 0
    log = engine.paths.engine_log_file.read_text()
    assert "unloaded tiny_mla" in log
    assert "Traceback" not in log


async def test_stop_ends_an_answer(isolated_home: Path, no_process_left: None) -> None:
    engine = MythosEngine(isolated_home)
    process = await engine.start()

    async def answer() -> None:
        with anyio.fail_after(60):
            async for chunk in engine.client.chat(engine.body(mythos={"n_loops": 60})):
                if text_of([chunk]):
                    process.terminate()

    with pytest.raises(AgentError):
        await answer()
    assert await wait_exit(process) == 0
