"""``acp-agent bench``: what it measures of a made-up engine, its report, its refusals."""

import itertools
import json
import re
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent import cli
from acp_agent.cli import bench
from acp_agent.cli.measure import runs
from acp_agent.cli.measure.report import FIGURES, markdown, missed
from acp_agent.cli.measure.runs import Answer, Run, measure_run, unload_all
from acp_agent.config.machine import Machine
from acp_agent.engine.client import EngineClient
from acp_agent.errors import AgentError
from tests.fixtures.engine_process import EngineProcess
from tests.fixtures.tiny_llama import make_tiny_llama

GB = 10**9
COLD = Answer("text", 1.5, 20.0, 600, 0, 12 * GB)
WARM = Answer("text", 0.2, 21.0, 900, 850, 13 * GB)
RUN = Run(load=4.0, cold=COLD, warm=WARM, peak=13 * GB, unloaded=300_000_000)

Chunks = AsyncGenerator[dict[str, Any], None]


class FakeEngine:
    """An engine that answers at once and remembers what it was asked."""

    def __init__(self) -> None:
        self.states: Iterator[str] = itertools.repeat("ready")
        self.loaded = False
        self.begin: list[dict[str, Any]] = []
        self.bodies: list[dict[str, Any]] = []
        self.forgotten: list[str] = []
        self.text = "some text"
        self.timings: dict[str, Any] = {
            "predicted_n": 30,
            "predicted_ms": 1500.0,
            "memory_peak": 700,
        }
        self.keeps = False

    async def status(self) -> dict[str, Any] | None:
        models = [{"id": "m"}] if self.loaded else []
        memory = {"rss": 800 if self.loaded else 50}
        return {"state": next(self.states), "models": models, "memory": memory}

    async def load(self, model: str) -> Chunks:
        self.loaded = True
        yield {"load_progress": {"processed": 1, "total": 1}}
        yield {"loaded": model}

    async def chat(self, body: Mapping[str, object]) -> Chunks:
        self.bodies.append(json.loads(json.dumps(body)))
        for chunk in self.begin:
            yield chunk
        yield {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
        for word in self.text.split():
            yield {"choices": [{"delta": {"content": word}}]}
        usage = {
            "prompt_tokens": 40 * len(self.bodies),
            "completion_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 40 * (len(self.bodies) - 1)},
        }
        yield {"choices": [], "usage": usage, "timings": self.timings}

    async def unload(self, model: str | None = None) -> bool:
        self.loaded = self.keeps
        return True

    async def forget(self, prompt_cache_key: str) -> bool:
        self.forgotten.append(prompt_cache_key)
        return True


def ignore(sentence: str) -> None:
    """Tells nobody."""


@pytest.mark.anyio
async def test_a_run_loads_asks_twice_and_unloads() -> None:
    engine = FakeEngine()
    run = await measure_run(engine, "/models/m", ignore)
    assert (run.cold.prompt_tokens, run.warm.prompt_tokens) == (40, 80)
    assert (run.cold.cached_tokens, run.warm.cached_tokens) == (0, 40)
    assert run.cold.rate == 20.0
    assert (run.peak, run.unloaded) == (800, 50)
    assert 0 <= run.cold.first_token < 60
    first, second = engine.bodies
    assert first["prompt_cache_key"] == second["prompt_cache_key"] == engine.forgotten[0]
    assert second["messages"][0] == first["messages"][0]
    assert second["messages"][1] == {"role": "assistant", "content": "sometext"}
    assert not engine.loaded


@pytest.mark.anyio
async def test_no_two_runs_share_a_session_or_a_beginning() -> None:
    engine = FakeEngine()
    await measure_run(engine, "m", ignore)
    await measure_run(engine, "m", ignore)
    first, _, second, _ = engine.bodies
    assert first["prompt_cache_key"] != second["prompt_cache_key"]
    assert first["messages"][0]["content"][:20] != second["messages"][0]["content"][:20]


@pytest.mark.anyio
async def test_without_the_engines_timings_the_pieces_are_timed() -> None:
    engine = FakeEngine()
    engine.timings = {}
    run = await measure_run(engine, "m", ignore)
    assert run.cold.rate is not None
    assert run.cold.rate > 0
    assert run.peak == 800


@pytest.mark.anyio
async def test_an_engine_at_work_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BUSY_LIMIT", 0.2)
    engine = FakeEngine()
    engine.states = itertools.repeat("busy")
    with pytest.raises(AgentError, match="at work for an editor"):
        await unload_all(engine)
    engine.states = itertools.chain(["busy", "busy"], itertools.repeat("ready"))
    monkeypatch.setattr(runs, "BUSY_LIMIT", 60.0)
    await unload_all(engine)


@pytest.mark.anyio
async def test_a_queue_means_somebody_else_and_the_session_is_forgotten() -> None:
    engine = FakeEngine()
    engine.begin = [{"queue_progress": {"ahead": 0}, "choices": []}]
    await measure_run(engine, "m", ignore)
    engine.begin = [{"queue_progress": {"ahead": 1}, "choices": []}]
    with pytest.raises(AgentError, match="at work for an editor"):
        await measure_run(engine, "m", ignore)
    assert len(engine.forgotten) == 2


@pytest.mark.anyio
async def test_waiting_for_another_engine_is_told() -> None:
    engine, told = FakeEngine(), list[str]()
    engine.begin = [{"engine_wait": "An older engine has to leave."}]
    await measure_run(engine, "m", told.append)
    assert told == ["An older engine has to leave."] * 2


@pytest.mark.anyio
async def test_no_answer_and_no_unload_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    engine.text = ""
    with pytest.raises(AgentError, match="gave no answer"):
        await measure_run(engine, "m", ignore)
    monkeypatch.setattr(runs, "UNLOAD_LIMIT", 0.2)
    engine.keeps = True
    with pytest.raises(AgentError, match="kept its model"):
        await unload_all(engine)


def test_the_report_has_medians_ranges_and_verdicts(tmp_path: Path) -> None:
    slow = replace(RUN, load=6.0, cold=replace(COLD, first_token=2.5, rate=10.0))
    block = markdown([RUN, slow, slow], model="m", machine=Machine(root=tmp_path))
    assert "* Model: m\n" in block
    assert re.search(r"median of 3, range in brackets", block)
    assert "600 tokens; of the 900 of the next turn 850 came from the cache" in block
    assert "| Load | 6.00 s (4.00 s to 6.00 s) |  |  |" in block
    assert (
        "| First token, new prompt | 2.50 s (1.50 s to 2.50 s) | less than 2.00 s | missed |"
        in block
    )
    assert (
        "| First token, next turn | 0.20 s (0.20 s to 0.20 s) | less than 2.00 s | met |" in block
    )
    assert "| Answer | 10.0 tokens/s (10.0 tokens/s to 20.0 tokens/s) | more than 15.0" in block
    assert "| Peak memory | 13.0 GB (13.0 GB to 13.0 GB) | less than 20.0 GB | met |" in block
    assert "| Memory after unload | 300 MB (300 MB to 300 MB) | less than 500 MB | met |" in block
    assert missed([RUN, slow, slow]) == ["First token, new prompt", "Answer"]
    assert missed([RUN, RUN, slow]) == []


def test_what_is_not_known_is_neither_met_nor_missed(tmp_path: Path) -> None:
    run = replace(RUN, unloaded=None, cold=replace(COLD, rate=None))
    block = markdown([run], model="m", machine=Machine(root=tmp_path))
    assert "| Answer | not known | more than 15.0 tokens/s | |" in block
    assert missed([run]) == []


def test_the_targets_are_the_plans() -> None:
    targets = [(figure.target, figure.at_least) for figure in FIGURES if figure.target]
    assert targets == [(2.0, False), (2.0, False), (15.0, True), (20 * GB, False), (GB / 2, False)]


def test_the_exit_status_says_whether_targets_are_met(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine()
    assert bench.measure(engine, "m", "/models/m", 2) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("* Model: m\n")
    assert captured.err == "Run 1 of 2\nRun 2 of 2\n"
    engine.timings["predicted_ms"] = 15_000.0
    assert bench.measure(engine, "m", "/models/m", 1) == 1


def invoke(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["acp-agent", "bench", *words])
    return cli.main()


def test_a_real_model_through_a_real_engine(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    isolated_home: Path,
    tmp_path: Path,
) -> None:
    make_tiny_llama(tmp_path / "tiny")
    monkeypatch.setattr(runs, "ANSWER_TOKENS", 20)
    engine = EngineProcess(isolated_home)
    try:
        status = invoke(monkeypatch, "--real", "--runs", "1", "--model", str(tmp_path / "tiny"))
    finally:
        anyio.run(engine.stop)
    output = capsys.readouterr().out
    assert status in (0, 1)
    assert re.search(r"of the \d{4} of the next turn \d{4} came from the cache", output)
    assert re.search(r"\| Peak memory \| \d+ MB .* \| met \|", output)
    assert re.search(r"\| Memory after unload \| \d+ MB .* \| met \|", output)


def test_it_measures_only_when_told_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(monkeypatch) == 2
    assert "`acp-agent bench --real`" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        invoke(monkeypatch, "--real", "--runs", "0")


def test_a_model_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def supported(self: EngineClient) -> None:
        return None

    monkeypatch.setattr(EngineClient, "explain_unsupported", supported)
    assert invoke(monkeypatch, "--real") == 1
    assert capsys.readouterr().err.startswith(
        "acp-agent: gpt-oss-20b is not installed: `acp-agent models install gpt-oss-20b`"
    )


def test_where_no_engine_can_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unsupported(self: EngineClient) -> str:
        return "No engine here."

    monkeypatch.setattr(EngineClient, "explain_unsupported", unsupported)
    assert invoke(monkeypatch, "--real") == 1
    assert capsys.readouterr().err == "acp-agent: No engine here.\n"


def test_the_model_may_be_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    asked: list[tuple[str, str, int]] = []

    def measure(engine: object, name: str, model: str, count: int) -> int:
        asked.append((name, model, count))
        return 0

    monkeypatch.setattr(bench, "measure", measure)
    assert invoke(monkeypatch, "--real", "--model", str(folder), "--runs", "5") == 0
    assert asked == [("mine", str(folder), 5)]
