"""What is wrong with a call's arguments, in words that say what to do; pure.

Owns the words. Does not own checking, which pydantic does (``base.read_arguments``).
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WORDS = {
    "missing": "is missing: it must be given",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "string_unicode": "must be valid text, without halves of characters",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "may have at most {max_length} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "too_long": "may have at most {max_length} entries",
    "too_short": "needs at least {min_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
}
"""By pydantic's type of error; what stands in braces is in the error's context.
Source: https://docs.pydantic.dev/latest/errors/validation_errors/"""


def describe_fault(problem: "ErrorDetails", known: Collection[str]) -> str:
    """One of pydantic's errors: where it is, and what should be there.

    ``known`` are the arguments that there are.
    """
    place = ".".join(map(str, problem["loc"])) or "the arguments"
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        names = f" (there are {', '.join(known)})" if len(problem["loc"]) == 1 else ""
        return f"{place} is not known: leave it out{names}"
    if kind == "string_too_short" and context.get("min_length") == 1:
        return f"{place} must not be empty"
    if kind in _WORDS:
        return f"{place} {_WORDS[kind].format_map(context)}"
    return f"{place}: {problem['msg'].removeprefix('Value error, ').rstrip('.')}"
