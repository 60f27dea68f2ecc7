"""``acp-agent routing evaluate``: figures worked out by hand, and files that are refused."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from acp_agent import cli
from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.rubric import score_features
from tests.fixtures.routing_records import HEAVY, LIGHT, WEIGHTS, write_lines

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "routing" / "golden.jsonl"
Streams = pytest.CaptureFixture[str]


def invoke(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["acp-agent", "routing", *map(str, words)])
    return cli.main()


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    return write_lines(
        tmp_path / "outcomes.jsonl",
        {"prompt": HEAVY, "weak": 0, "strong": 1},
        {"prompt": LIGHT, "weak": 1, "strong": True, "subject": "x"},
        {"prompt": "Hello there, my friend!" * 5, "weak": 0.5, "strong": 0.5},
    )


def test_evaluate(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, outcomes: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "litellm", None)
    second = write_lines(tmp_path / "second.jsonl", {"prompt": "a", "weak": 0, "strong": 1})
    target = tmp_path / "scores.txt"
    assert invoke(monkeypatch, "evaluate", outcomes, second, "--scores-out", target) == 0
    captured = capsys.readouterr()
    rows = [line.split() for line in captured.out.splitlines()]
    # The heavy prompt goes first: the curve is 0, 1, 1, 1, its area 5/6. By length it is second.
    assert rows[1][:5] == ["outcomes.jsonl", "3", "0.500", "0.833", "0.833"]
    assert rows[1][-1] == "0.500"
    assert rows[3] == ["mean", "0.667", "0.500"]
    assert "LiteLLM's complexity router is left out: litellm is not installed." in captured.out
    assert captured.err == f"4 scores written to {target}.\n"
    prompts = [json.loads(line)["prompt"] for line in outcomes.read_text().splitlines()]
    assert [float(line) for line in target.read_text().splitlines()] == [
        score_features(read_features(Prompt(prompt)).values, WEIGHTS) for prompt in [*prompts, "a"]
    ]


class FakeRouter:
    """As much of LiteLLM's router as is used: longer is lighter."""

    def __init__(self, **_: object) -> None:
        pass

    def classify(self, prompt: str) -> tuple[str, float, list[str]]:
        return "SIMPLE", -float(len(prompt)), []


def test_litellm_is_measured_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, outcomes: Path
) -> None:
    name = "litellm.router_strategy.complexity_router.complexity_router"
    module = ModuleType(name)
    vars(module)["ComplexityRouter"] = FakeRouter
    for parent in ("litellm", "litellm.router_strategy", name.rpartition(".")[0]):
        monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delenv("LITELLM_LOCAL_MODEL_COST_MAP", raising=False)
    assert invoke(monkeypatch, "evaluate", outcomes, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["litellm_left_out"] is None
    # Longest last, so what length recovers is turned round.
    [apgr] = [each["apgr"] for each in found["files"]]
    assert apgr["litellm"] == pytest.approx(1 - apgr["length"])
    vars(module)["ComplexityRouter"] = object
    assert invoke(monkeypatch, "evaluate", outcomes) == 0
    assert "another router (TypeError)" in capsys.readouterr().out


def test_scores_alone(monkeypatch: pytest.MonkeyPatch, capsys: Streams, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "prompts.jsonl", {"prompt": LIGHT}, {"prompt": HEAVY})
    target = tmp_path / "scores.txt"
    assert invoke(monkeypatch, "evaluate", file, "--scores-out", target) == 0
    light, heavy = map(float, target.read_text().splitlines())
    assert light < heavy
    assert capsys.readouterr().out == (
        "prompts.jsonl: no line has weak and strong or expected, so nothing is measured.\n"
    )
    assert invoke(monkeypatch, "evaluate", file, "--scores-out", tmp_path) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_labels_are_counted_by_split(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams, tmp_path: Path
) -> None:
    rows = [
        {"prompt": HEAVY, "expected": "local", "split": "held"},
        {"prompt": LIGHT, "expected": "local", "split": "held"},
        {"prompt": LIGHT, "expected": "local", "split": "held"},
        {"prompt": LIGHT, "expected": "delegate", "split": "tune"},
        {"prompt": LIGHT, "expected": "either", "split": "tune"},
    ]
    file = write_lines(tmp_path / "labels.jsonl", *rows)
    assert invoke(monkeypatch, "evaluate", file) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["labels.jsonl", "held", "3", "1", "33", "%", "0", "0"],
        ["labels.jsonl", "tune", "0", "0", "1", "1", "100", "%"],
    ]
    assert invoke(monkeypatch, "evaluate", file, "--threshold", "0", "--json") == 0
    [measured] = json.loads(capsys.readouterr().out)["files"]
    assert [errors["missed"] for errors in measured["errors"]] == [0, 0]
    assert measured["delegated"] == 5


def test_the_golden_prompts_can_be_evaluated(
    monkeypatch: pytest.MonkeyPatch, capsys: Streams
) -> None:
    assert invoke(monkeypatch, "evaluate", GOLDEN, "--json") == 0
    [measured] = json.loads(capsys.readouterr().out)["files"]
    assert [errors["split"] for errors in measured["errors"]] == ["held", "tune"]
    assert measured["apgr"] is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "this is no JSON"),
        (b"[1]", "a JSON object is needed"),
        (b'{"text": "a"}', "prompt must be there"),
        (b'{"prompt": 1}', "prompt must be there"),
        (b'{"prompt": "\xff"}', "this is no UTF-8"),
        (b'{"prompt": "a", "weak": 1}', "both be there"),
        (b'{"prompt": "a", "weak": 0, "strong": 2}', "strong must be a number from 0 to 1"),
        (b'{"prompt": "a", "weak": "0", "strong": 1}', "weak must be a number from 0 to 1"),
        (b'{"prompt": "a", "weak": 0, "strong": NaN}', "strong must be a number from 0 to 1"),
        (b'{"prompt": "a", "expected": "big"}', "expected must be one of local, delegate, either"),
        (b'{"prompt": "a", "expected": []}', "expected must be one of"),
        (b'{"prompt": "a", "context_tokens": -1}', "context_tokens must be"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_named(
    line: bytes, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Streams, tmp_path: Path
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"prompt": "a"}\r\n\n' + line + b"\n")
    assert invoke(monkeypatch, "evaluate", file) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"acp-agent: {file}, line 3: ")
    assert message in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", "e.jsonl holds no prompt."),
        ('{"prompt": "a", "weak": 1, "strong": 0}', "e.jsonl: APGR needs prompts on which"),
    ],
)
def test_files_without_a_measure(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Streams, tmp_path: Path
) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text(text)
    monkeypatch.setitem(sys.modules, "litellm", None)
    assert invoke(monkeypatch, "evaluate", file) == 1
    assert message in capsys.readouterr().err
