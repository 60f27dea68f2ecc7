"""The arguments of ``gptoss.generate``, their schema, and which calls must not be made."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from acp_agent.routing.generate import (
    NAME,
    NAMES,
    PLAIN_NAME,
    PROMPT_LIMIT,
    TASK_TYPES,
    GenerateArguments,
    find_fault,
    generate_schema,
)


def arguments(prompt: str = "Do it.", root: str | None = None) -> GenerateArguments:
    return GenerateArguments(user_prompt=prompt, workspace_root=root)


def test_the_schema_says_what_may_be_sent() -> None:
    schema = generate_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["user_prompt"]
    assert set(schema["properties"]) == {
        "user_prompt",
        "task_type",
        "workspace_root",
        "temperature",
        "max_tokens",
    }
    assert schema["properties"]["task_type"]["enum"] == list(TASK_TYPES)
    assert {"code_generation", "documentation", "analysis", "refactoring"} <= set(TASK_TYPES)
    assert {NAME, PLAIN_NAME} == NAMES


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"user_prompt": "x"}, True),
        ({"user_prompt": "x", "temperature": 0, "max_tokens": 1}, True),
        ({"user_prompt": "x", "temperature": 1.0, "workspace_root": None}, True),
        ({}, False),
        ({"user_prompt": ""}, False),
        ({"user_prompt": 5}, False),
        ({"user_prompt": "x", "temperature": 1.1}, False),
        ({"user_prompt": "x", "temperature": -0.1}, False),
        ({"user_prompt": "x", "max_tokens": 0}, False),
        ({"user_prompt": "x", "task_type": "magic"}, False),
    ],
)
def test_schema_and_arguments_agree(value: dict[str, object], fits: bool) -> None:
    validator: Any = jsonschema.Draft202012Validator(generate_schema())
    assert validator.is_valid(value) == fits
    if fits:
        GenerateArguments.model_validate(value)
    else:
        with pytest.raises(ValidationError):
            GenerateArguments.model_validate(value)


@pytest.mark.parametrize("prompt", [" ", "\n\t", "\u3000"])
def test_a_prompt_of_nothing(prompt: str) -> None:
    fault = find_fault(arguments(prompt), [])
    assert fault == "user_prompt is empty: say the whole task in it."


@pytest.mark.parametrize("letter", ["x", "\N{EURO SIGN}", "\ud800"])
def test_a_prompt_is_measured_in_bytes(letter: str) -> None:
    size = len(letter.encode("utf-8", "surrogatepass"))
    most = GenerateArguments.model_construct(user_prompt=letter * (PROMPT_LIMIT // size))
    assert find_fault(most, []) is None
    over = GenerateArguments.model_construct(user_prompt=letter * (PROMPT_LIMIT // size + 1))
    fault = find_fault(over, [])
    assert fault is not None
    assert fault.endswith("262,144 may be sent: name the files to be read instead of copying them.")
    fault = find_fault(over, [], shorten="send less")
    assert fault is not None
    assert fault.endswith("262,144 may be sent: send less.")


def test_a_folder_of_the_session_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "src")
    for root in (tmp_path, tmp_path / "src", tmp_path / "link", tmp_path / "src" / ".." / "src"):
        assert find_fault(arguments(root=str(root)), [Path("/elsewhere"), tmp_path]) is None


def test_a_folder_outside_is_not(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-2"
    for folder in (root, outside):
        folder.mkdir()
    (root / "out").symlink_to(outside)
    (root / "loop").symlink_to(root / "loop")
    named = ["/", str(outside), str(tmp_path), str(root / ".."), str(root / "out")]
    for each in (*named, str(root / "out" / "deep"), "/\0", str(outside / "none")):
        fault = find_fault(arguments(root=each), [root])
        assert fault == f"workspace_root lies outside of the folders that are open: {root}."
    looped = find_fault(arguments(root=str(root / "loop")), [root])
    assert looped is not None


@pytest.mark.parametrize("root", ["", ".", "src", "~", "~/src", "..\\x"])
def test_a_folder_must_be_absolute(root: str, tmp_path: Path) -> None:
    fault = find_fault(arguments(root=root), [tmp_path])
    assert fault == f"workspace_root must be an absolute path in one of the folders: {tmp_path}."


def test_a_file_or_nothing_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("file", "none"):
        fault = find_fault(arguments(root=str(tmp_path / name)), [tmp_path])
        assert fault == "workspace_root is no folder."


def test_without_open_folders_none_is_allowed() -> None:
    for root in ("/", "src"):
        fault = find_fault(arguments(root=root), [])
        assert fault == (
            "workspace_root cannot be used, since no folder is open: open the project's folder "
            "first, or leave workspace_root out and put what matters into user_prompt."
        )
