"""Turns a validation error into one sentence for the peer.

Owns the wording. Loaded only when something was wrong. Never repeats the input: it may
be large, or private.
"""

from pydantic import ValidationError

_SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "list_type": "must be an array",
    "missing": "field required",
    "model_type": "must be an object",
    "string_type": "must be a string",
    "union_tag_not_found": "has no type, or an unknown one",
}


def describe(error: ValidationError, *, root: str = "params") -> str:
    """The first fault in ``error`` with its path on the wire, as ``params.cwd: field required``.

    Args:
        root: what the validated value is called in the message it came in.
    """
    details = error.errors(include_url=False, include_input=False)[0]
    path = root
    for part in details["loc"]:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith("<"):
            path += f".{part}"
    return f"{path}: {_sentence(details['type'], details.get('ctx', {}))}"


def _sentence(kind: str, context: dict[str, object]) -> str:
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "union":
        return str(context["text"])
    return _SENTENCES.get(kind, "is not valid")
