"""The house rules that a machine can check: sizes, docstrings, imports, locks.

Does not repeat what ruff and pyright check.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 300
FUNCTION_LINES = 50
MARKERS = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")
HEAVY = ("mlx", "mlx_lm", "torch", "transformers")
LATE = (
    *HEAVY,
    "httpx2",
    "huggingface_hub",
    "jinja2",
    "jsonschema",
    "mcp",
    "mcp_types",
    "numpy",
    "pathspec",
    "platformdirs",
    "rich",
    "starlette",
    "tokenizers",
    "uvicorn",
)
"""Not to be imported before the first response."""

Rule = Callable[[str], list[str]]


def python_files(*folders: str) -> list[Path]:
    """Our own Python files below ``folders`` of the repository."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "node_modules" not in path.parts)


def long_file(source: str) -> list[str]:
    """The file's length where it is too great."""
    lines = len(source.splitlines())
    return [f"{lines} lines, at most {FILE_LINES}"] if lines > FILE_LINES else []


def long_functions(source: str) -> list[str]:
    """Functions that are too long, with their length."""
    sizes = [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [
        f"{name}: {size} lines, at most {FUNCTION_LINES}"
        for name, size in sizes
        if size > FUNCTION_LINES
    ]


def no_module_docstring(source: str) -> list[str]:
    """Says so where a module does not tell what it owns."""
    return [] if ast.get_docstring(ast.parse(source)) else ["no module docstring"]


def unfinished(source: str) -> list[str]:
    """Lines marked as unfinished."""
    return [line.strip() for line in source.splitlines() if any(m in line for m in MARKERS)]


def sleeps(source: str) -> list[str]:
    """Calls that wait for time to pass, where an event should be awaited."""
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "sleep"
        and not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
    ]


OFFENDERS: list[tuple[Rule, str]] = [
    (long_file, "pass\n" * (FILE_LINES + 1)),
    (long_functions, "def f():\n" + "    pass\n" * FUNCTION_LINES),
    (long_functions, "class A:\n  async def f(self):\n" + "    pass\n" * FUNCTION_LINES),
    (no_module_docstring, "import os\n"),
    (unfinished, f"x = 1  # {MARKERS[0]}: later\n"),
    (sleeps, "import time\ntime.sleep(0.1)\n"),
    (sleeps, "async def f():\n    await anyio.sleep(wait)\n"),
]


@pytest.mark.parametrize(("rule", "source"), OFFENDERS)
def test_rule_sees_an_offender(rule: Rule, source: str) -> None:
    assert rule(source)


@pytest.mark.parametrize(
    ("rule", "folders"),
    [
        (long_file, ("acp_agent", "tests", "benchmarks")),
        (long_functions, ("acp_agent", "tests", "benchmarks")),
        (no_module_docstring, ("acp_agent", "tests", "benchmarks")),
        (unfinished, ("acp_agent", "tests", "benchmarks")),
        (sleeps, ("tests",)),
    ],
)
def test_house_rule(rule: Rule, folders: tuple[str, ...]) -> None:
    files = python_files(*folders)
    assert files
    found = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in files
        for fault in rule(path.read_text(encoding="utf-8"))
        if not (path.name == "__init__.py" and path.is_relative_to(ROOT / "tests"))
    ]
    assert not found, "\n" + "\n".join(found)


def test_import_contracts_hold() -> None:
    command = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert result.returncode == 0, result.stdout + result.stderr


def agent_modules() -> Iterator[str]:
    """Every module that the agent process may import."""
    for path in python_files("acp_agent"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] != "__main__" and not name.startswith("acp_agent.engine.host"):
            yield name


def imported_with(modules: list[str]) -> set[str]:
    """Top-level packages that a fresh interpreter holds after importing ``modules``."""
    imports = f"import sys, {', '.join(modules)}"
    script = imports + "; print(*{name.partition('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_the_agent_process_never_imports_a_heavy_library() -> None:
    assert imported_with(list(agent_modules())).isdisjoint(HEAVY)


def test_the_first_response_needs_few_imports() -> None:
    imported = imported_with(["acp_agent.cli", "acp_agent.cli.serve", "acp_agent.app.agent"])
    assert imported & set(LATE) == set()


def test_locks_hold_hashes_and_no_address() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert not [line for line in text.splitlines() if "://" in line or "index" in line]
    packages = json.loads((ROOT / "tests/e2e/typescript/package-lock.json").read_text())["packages"]
    assert len(packages) > 1
    assert not [name for name, package in packages.items() if "resolved" in package]
