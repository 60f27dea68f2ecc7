"""What a server tells of its models and of itself; pure.

Owns reading ``/v1/models`` and the two pages beside it that know more: llama.cpp's ``/props``
and LM Studio's ``/api/v0/models``. Does not own asking for them (``asking``).

Sources: https://platform.openai.com/docs/api-reference/models/list,
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md,
https://lmstudio.ai/docs/developer/rest/endpoints. ``max_model_len`` is vLLM's and SGLang's,
``context_size`` this project's engine's; the other names are of servers and gateways that
have no common one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from acp_agent.backends.openai.wire import as_count, as_object

MODELS_LIMIT = 500
"""Models of one server that are listed; a gateway may have more."""

_ID_LIMIT = 300
_SIZES = (
    "loaded_context_length",
    "max_model_len",
    "context_size",
    "context_length",
    "context_window",
    "max_context_length",
    "n_ctx",
)
_NO_CHAT = frozenset(
    {"embedding", "embeddings", "rerank", "reranker", "image", "audio", "transcription"}
    | {"speech", "tts", "stt", "moderation", "video"}
)


@dataclass(slots=True, frozen=True)
class Listed:
    """A model that a server lists. ``context_size`` is in tokens; ``is_trained`` says that it
    is what the model was made for, which its server may have cut. ``parameters`` is how many
    weights it has, where the server tells (llama.cpp). ``label`` is a name for people, where
    the id is none."""

    id: str
    context_size: int | None = None
    is_trained: bool = False
    parameters: int | None = None
    label: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.label or self.id.rstrip("/").rpartition("/")[2]


@dataclass(slots=True, frozen=True)
class Listing:
    """The models of a server that can chat, and whom it calls their owner."""

    models: tuple[Listed, ...]
    owner: str = ""


def read_listing(body: bytes) -> Listing | None:
    """The answer to ``GET /v1/models``; None where it is none of an OpenAI-compatible server."""
    entries = _entries(_parse(body))
    if entries is None:
        return None
    parents = {each.id: each for entry in entries if (each := _listed(entry)) is not None}
    models: dict[str, Listed] = {}
    for entry in entries:
        each = _listed(entry)
        if each is None or not _chats(entry):
            continue
        # vLLM gives an adapter no size of its own.
        parent = parents.get(str(entry.get("parent")))
        if each.context_size is None and parent is not None:
            each = replace(each, context_size=parent.context_size)
        models[each.id] = each
    owners = {str(entry.get("owned_by") or "") for entry in entries}
    owner = owners.pop() if len(owners) == 1 else ""
    return Listing(tuple(models.values())[:MODELS_LIMIT], owner)


def add_details(listing: Listing, body: bytes) -> Listing:
    """``listing`` with what LM Studio's ``/api/v0/models`` adds: the windows, and which of the
    models make embeddings. As it was where ``body`` is something else."""
    told = read_listing(body)
    if told is None:
        return listing
    chat = {each.id: each for each in told.models}
    known = {entry.get("id") for entry in _entries(_parse(body)) or ()}
    models = (chat.get(each.id, each) for each in listing.models)
    return replace(
        listing, models=tuple(each for each in models if each.id in chat or each.id not in known)
    )


def add_props(listing: Listing, body: bytes) -> Listing:
    """``listing`` with the window that llama.cpp's ``/props`` tells, which every slot has.

    A server that routes to several models tells 0 here, and nothing is changed.
    """
    props = as_object(_parse(body))
    window = _size(as_object(props.get("default_generation_settings")).get("n_ctx"))
    if window is None or len(listing.models) != 1:
        return listing
    (model,) = listing.models
    return replace(listing, models=(replace(model, context_size=window, is_trained=False),))


def add_loaded(listing: Listing) -> Listing:
    """``listing`` of ``mlx_lm.server`` with the model that it was started with in front.

    The list has what is in the hub's cache, which it would load in place of that model, and
    the folder of that model if it has one, under which it would be loaded without its adapter.
    """
    folder = next((each.name for each in listing.models if each.id.startswith("/")), "")
    others = (each for each in listing.models if not each.id.startswith("/"))
    return replace(listing, models=(Listed("default_model", label=folder), *others))


def keep_windows(listing: Listing, before: Listing) -> Listing:
    """``listing`` with the windows that were known ``before`` where it does not tell them: the
    page with them may come too late once, and a window must not go to and fro for that."""
    known = {each.id: each for each in before.models if each.context_size and not each.is_trained}
    return replace(
        listing,
        models=tuple(
            known.get(each.id, each) if each.is_trained or each.context_size is None else each
            for each in listing.models
        ),
    )


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _entries(answer: object) -> list[Mapping[str, Any]] | None:
    """The objects of the list; None where there is no list."""
    if isinstance(answer, dict):
        table = cast("dict[str, object]", answer)
        if "data" not in table and table.get("object") != "list":
            return None
        answer = table.get("data") or []
    elif not (isinstance(answer, list) and answer):
        return None
    if not isinstance(answer, list):
        return None
    items = cast("list[object]", answer)
    entries = [cast("Mapping[str, Any]", each) for each in items if isinstance(each, dict)]
    # A list of other things belongs to another program.
    if items and not any(isinstance(each.get("id"), str) for each in entries):
        return None
    return entries


def _listed(entry: Mapping[str, Any]) -> Listed | None:
    name = entry.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= _ID_LIMIT or not name.isprintable():
        return None
    meta = as_object(entry.get("meta"))
    sizes = (_size(each.get(key)) for key in _SIZES for each in (entry, meta))
    size = next((each for each in sizes if each is not None), None)
    parameters = _size(meta.get("n_params"))
    if size is not None:
        return Listed(name, size, parameters=parameters)
    return Listed(name, _size(meta.get("n_ctx_train")), is_trained=True, parameters=parameters)


def _chats(entry: Mapping[str, Any]) -> bool:
    """Whether the model can hold a conversation; yes where the server is silent."""
    if str(entry.get("type")) in _NO_CHAT or str(entry.get("id")).startswith("text-embedding-"):
        return False
    if as_object(entry.get("capabilities")).get("completion_chat") is False:
        return False
    made = as_object(entry.get("architecture")).get("output_modalities")
    return not isinstance(made, list) or "text" in made


def _size(value: object) -> int | None:
    return as_count(value) or None
