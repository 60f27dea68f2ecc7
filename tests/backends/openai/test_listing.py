"""What is read out of the lists of models that servers give."""

import json
from typing import Any

import pytest

from acp_agent.backends.openai.listing import (
    MODELS_LIMIT,
    Listed,
    Listing,
    add_details,
    add_loaded,
    add_props,
    read_listing,
)


def read(*entries: Any) -> Listing:
    """The list of ``entries``."""
    found = read_listing(json.dumps({"object": "list", "data": entries}).encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Hello</title>",
        b"not json",
        b"[]",
        b'"text"',
        b'{"error": {"message": "no"}}',
        b'{"data": "text"}',
        b'{"data": [1, 2]}',
        b'{"data": [{"name": "Ada"}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_other_answers_are_none(body: bytes) -> None:
    assert read_listing(body) is None


@pytest.mark.parametrize(
    "body", [b'{"object": "list"}', b'{"object": "list", "data": null}', b'{"data": []}']
)
def test_a_list_may_be_empty(body: bytes) -> None:
    assert read_listing(body) == Listing(())


def test_a_bare_list_of_models_is_read_too() -> None:
    assert read_listing(b'[{"id": "a/b", "type": "chat"}]') == Listing((Listed("a/b", None, True),))


def test_odd_ids_are_left_out() -> None:
    found = read(
        {"id": ""}, {"id": 4}, {"id": "two\nlines"}, {"id": "x" * 400}, {}, "a", {"id": "good"}
    )
    assert [each.id for each in found.models] == ["good"]


def test_a_model_is_listed_once_and_a_gateway_is_bounded() -> None:
    found = read({"id": "a"}, {"id": "a"}, *({"id": f"m{n}"} for n in range(2 * MODELS_LIMIT)))
    assert [each.id for each in found.models[:2]] == ["a", "m0"]
    assert len(found.models) == MODELS_LIMIT


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_size": 8192}, 8192),
        ({"context_length": 2048}, 2048),
        ({"loaded_context_length": 1024, "max_context_length": 9999}, 1024),
        ({"max_context_length": 9999}, 9999),
        ({"meta": {"n_ctx_train": 512}}, 512),
        ({"meta": {"n_ctx_train": 512, "n_ctx": 256}}, 256),
        ({"meta": None}, None),
        ({"max_model_len": None}, None),
        ({"max_model_len": 0}, None),
        ({"max_model_len": "4096"}, None),
        ({"max_model_len": True}, None),
    ],
)
def test_the_window_is_read_where_it_is_told(entry: dict[str, Any], size: int | None) -> None:
    (model,) = read({"id": "m", **entry}).models
    assert model.context_size == size


def test_an_adapter_has_the_window_of_its_model() -> None:
    found = read(
        {"id": "base", "max_model_len": 4096},
        {"id": "mine", "parent": "base", "max_model_len": None},
    )
    assert [each.context_size for each in found.models] == [4096, 4096]


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "embeddings"},
        {"type": "rerank"},
        {"id": "text-embedding-nomic"},
        {"capabilities": {"completion_chat": False}},
        {"architecture": {"output_modalities": ["decisions"]}},
    ],
)
def test_models_that_cannot_chat_are_left_out(entry: dict[str, Any]) -> None:
    found = read({"id": "m", **entry}, {"id": "chat", "type": "llm"})
    assert [each.id for each in found.models] == ["chat"]


def test_unknown_hints_leave_a_model_in() -> None:
    entry = {"id": "m", "type": ["new"], "capabilities": ["tool_use"], "architecture": "odd"}
    assert len(read(entry).models) == 1


def test_the_owner_is_told_where_all_models_have_the_same() -> None:
    assert read({"id": "a", "owned_by": "vllm"}, {"id": "b", "owned_by": "vllm"}).owner == "vllm"
    assert read({"id": "a", "owned_by": "vllm"}, {"id": "b"}).owner == ""
    assert read({"id": "a"}).owner == ""


def test_props_give_the_window_of_a_slot() -> None:
    trained = read({"id": "m", "meta": {"n_ctx_train": 131_072, "n_params": 134_515_008}})
    props = {"default_generation_settings": {"n_ctx": 4096}}
    (model,) = add_props(trained, json.dumps(props).encode()).models
    assert model == Listed("m", 4096, parameters=134_515_008)


@pytest.mark.parametrize(
    "body", [b"no", b"{}", b'{"default_generation_settings": {"n_ctx": 0}}', b"[]"]
)
def test_props_that_tell_nothing_change_nothing(body: bytes) -> None:
    trained = read({"id": "m", "meta": {"n_ctx_train": 131_072}})
    assert add_props(trained, body) == trained


def test_props_of_a_router_are_of_no_model() -> None:
    several = read({"id": "a"}, {"id": "b"})
    assert add_props(several, b'{"default_generation_settings": {"n_ctx": 4096}}') == several


def test_details_add_windows_and_take_embeddings_away() -> None:
    plain = read({"id": "chat"}, {"id": "vectors"}, {"id": "new"})
    details = {
        "data": [
            {"id": "chat", "type": "llm", "max_context_length": 9, "loaded_context_length": 7},
            {"id": "vectors", "type": "embeddings", "max_context_length": 5},
        ]
    }
    found = add_details(plain, json.dumps(details).encode())
    assert [(each.id, each.context_size) for each in found.models] == [("chat", 7), ("new", None)]
    assert add_details(plain, b"<html>") == plain


def test_mlx_lm_server_keeps_the_model_that_it_has_loaded() -> None:
    found = add_loaded(read({"id": "hub/other"}, {"id": "/models/mine"}))
    assert [(each.id, each.name) for each in found.models] == [
        ("default_model", "mine"),
        ("hub/other", "other"),
    ]
    assert [each.name for each in add_loaded(Listing(())).models] == ["default_model"]
