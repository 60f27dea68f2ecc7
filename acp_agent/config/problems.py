"""What is wrong with settings, in sentences that say what to do.

Owns the wording of refused keys and values. Does not own the checks, which are pydantic's,
nor the file. No sentence repeats a value: an address may hold a password.
"""

from difflib import get_close_matches
from typing import TYPE_CHECKING

from acp_agent.config.keys import KeyPath, dotted, named_tables, setting_keys

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Problem = tuple[KeyPath, str]
"""The key that is refused, and a sentence about it (without its place)."""


def find_problems(error: "ValidationError") -> list[Problem]:
    """One problem for each refused key."""
    problems: dict[KeyPath, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in detail["loc"])
        if path[:1] in named_tables():
            problems[path] = _in_named_table(path, detail)
            continue
        if detail["type"] == "extra_forbidden":
            problems[path] = _unknown_key(path)
            continue
        path = _setting_at(path)
        if path not in setting_keys():
            problems[path] = (
                f"{dotted(path)} must be a table: write [{dotted(path)}] above its keys."
            )
        elif detail["type"] == "value_error":
            reason = detail.get("ctx", {}).get("error", "has a value that does not fit")
            problems[path] = f"{dotted(path)} {reason}."
        else:
            problems.setdefault(path, f"{dotted(path)} must be {_allowed(path)}.")
    return list(problems.items())


def _in_named_table(path: KeyPath, detail: "ErrorDetails") -> str:
    """What is wrong at ``path``, which begins with the name of a table of tables."""
    table, *rest = path
    if len(rest) < 2 and detail["type"] not in ("value_error", "missing"):
        return f"{dotted((table,))} holds tables only: write [{table}.NAME] above their keys."
    settings = ", ".join(named_tables()[table,])
    if detail["type"] == "extra_forbidden":
        return f"{dotted(path)} is not a setting; use one of {settings}."
    if detail["type"] == "missing":
        return f"{dotted(path)} is missing; every table [{table}.NAME] needs it."
    if rest[-1] == "[key]":
        return f"{dotted(path[:-1])}: a name holds only letters, digits, '.', '_' and '-'."
    said = detail["msg"].removeprefix("Input ").removeprefix("String ")
    reason = detail.get("ctx", {}).get("error") or f"has a value that does not fit: it {said}"
    return f"{dotted(path)} {reason}."


def _setting_at(location: KeyPath) -> KeyPath:
    """``location`` without the branch of a union that pydantic puts behind the key."""
    for key in setting_keys():
        if location[: len(key)] == key:
            return key
    return location


def _allowed(path: KeyPath) -> str:
    from acp_agent.config.schema import allowed_values

    return allowed_values(path)


def _unknown_key(path: KeyPath) -> str:
    *table, name = path
    depth = len(table)
    here = dict.fromkeys(key[depth] for key in setting_keys() if [*key[:depth]] == table)
    elsewhere = [dotted(key) for key in setting_keys() if key[-1] == name]
    sentence = f"{dotted(path)} is not a setting"
    if close := get_close_matches(name, here, n=1):
        return f"{sentence}; did you mean {dotted((*table, close[0]))}?"
    if elsewhere:
        return f"{sentence}; did you mean {' or '.join(elsewhere)}?"
    return f"{sentence}; remove it, or use one of {', '.join(here)}."
