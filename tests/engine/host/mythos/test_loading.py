"""Loading: random weights, checkpoints that fit and those that do not, room, devices."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra mythos is not installed")
pytest.importorskip("open_mythos", reason="the extra mythos is not installed")

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.memory.needs import Needs
from acp_agent.engine.host.mythos.library import load_open_mythos, load_torch
from acp_agent.engine.host.mythos.model import Model
from acp_agent.engine.host.mythos.spec import ModelSpec
from acp_agent.engine.host.mythos.variants import make_config
from acp_agent.engine.host.mythos.weights import make_skeleton, measure
from tests.fixtures.loaded_mythos import finish, load_tiny, make_loader, new_module, save
from tests.fixtures.mythos_files import VARIANTS, write_tokenizer

pytestmark = pytest.mark.torch

TOKENS = list(range(30))


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return write_tokenizer(tmp_path / "tokenizer")


def load(checkpoint: Path, tokenizer: Path, variant: str = "tiny_mla") -> Model:
    return finish(make_loader()(ModelSpec(variant, checkpoint, "cpu", tokenizer)))[0]


def refusal(checkpoint: Path, tokenizer: Path, variant: str = "tiny_mla") -> str:
    with pytest.raises(ApiError) as caught:
        load(checkpoint, tokenizer, variant)
    assert caught.value.status == 400
    assert str(checkpoint.parent) not in caught.value.message
    return caught.value.message


def says_the_same(model: Model, module: Any) -> bool:
    torch = load_torch()
    with torch.inference_mode():
        wanted = module(torch.tensor([TOKENS]), n_loops=3)[0, -1]
    return bool(torch.allclose(model.read({}, TOKENS, 0, 3), wanted[:257], atol=1e-6))


def test_random_weights_are_always_the_same(tmp_path: Path) -> None:
    torch = load_torch()
    first, again = (load_tiny("tiny_gqa", tmp_path).read({}, TOKENS, 0, 3) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("variant", VARIANTS)
def test_random_weights_are_drawn_as_the_package_draws(variant: str, tmp_path: Path) -> None:
    ours: Any = load_tiny(variant, tmp_path)
    theirs = new_module(variant).state_dict()
    assert ours._module.state_dict().keys() == theirs.keys()
    for name, tensor in ours._module.state_dict().items():
        wanted = theirs[name]
        assert (tensor.shape, tensor.dtype) == (wanted.shape, wanted.dtype)
        if "scale" in name or "halt" in name or name.startswith("freqs"):
            continue
        assert abs(tensor.std(correction=0) - wanted.std(correction=0)) < 0.01, name
        assert abs(tensor.mean() - wanted.mean()) < 0.01, name
    for name in ("freqs_cis", "freqs_cis_mla"):
        assert load_torch().equal(ours._module.state_dict()[name], theirs[name])


def test_progress_reaches_the_end(tokenizer: Path) -> None:
    model, told = finish(make_loader()(ModelSpec("tiny_mla", None, "cpu", tokenizer)))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {total for _, total in told} == {told[-1][0]} == {model.nbytes}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "wrapper", ["", "model", "state_dict", "module.", "module._orig_mod.", "_orig_mod.module."]
)
def test_checkpoint_is_what_answers(
    variant: str, wrapper: str, tmp_path: Path, tokenizer: Path
) -> None:
    module = new_module(variant)
    state = module.state_dict()
    if wrapper.endswith("."):
        state = {wrapper + name: tensor for name, tensor in state.items()}
    elif wrapper:
        state = {wrapper: state, "step": 3, "cfg": module.cfg}
    file = save(tmp_path / "weights.pt", state)
    model = load(file, tokenizer, variant)
    file.write_bytes(b"")  # what was loaded does not need the file
    assert says_the_same(model, module)


def test_checkpoint_brings_its_window_loops_and_rows(tmp_path: Path, tokenizer: Path) -> None:
    module = new_module("tiny_mla", max_seq_len=99, max_loop_iters=7, vocab_size=300)
    model = load(save(tmp_path / "weights.pt", module.state_dict()), tokenizer)
    assert (model.context_size, model.default_loops, model.rows) == (99, 7, 300)
    assert says_the_same(model, module)


def test_half_precision_and_lost_tables_are_made_whole(tmp_path: Path, tokenizer: Path) -> None:
    torch, module = load_torch(), new_module("tiny_gqa")
    state = {
        name: tensor.real.bfloat16() if tensor.is_complex() else tensor.bfloat16()
        for name, tensor in module.state_dict().items()
    }
    del state["freqs_cis_mla"], state["head.weight"]
    model: Any = load(save(tmp_path / "weights.pt", state), tokenizer, "tiny_gqa")
    assert torch.equal(model._module.freqs_cis, module.freqs_cis)
    assert model._module.head.weight.dtype == torch.float32
    assert model._module.head.weight is model._module.embed.weight


def test_misfits_name_the_tensors(tmp_path: Path, tokenizer: Path) -> None:
    state = new_module("tiny_mla").state_dict()
    state["norm.weight"] = load_torch().ones(5)
    state["nobody.knows"] = load_torch().ones(1)
    del state["recurrent.act.halt.bias"]
    message = refusal(save(tmp_path / "weights.pt", state), tokenizer)
    assert "does not fit tiny_mla" in message
    assert "norm.weight is 5 and should be 32" in message
    assert "missing: recurrent.act.halt.bias" in message
    assert "unknown: nobody.knows" in message


def test_other_variants_weights_are_refused(tmp_path: Path, tokenizer: Path) -> None:
    file = save(tmp_path / "weights.pt", new_module("tiny_gqa").state_dict())
    message = refusal(file, tokenizer)
    assert "prelude.0.attn.q_down.weight" in message
    assert " more" in message
    assert len(message) < 1000


def test_head_that_is_not_the_embedding_is_refused(tmp_path: Path, tokenizer: Path) -> None:
    state = new_module("tiny_mla").state_dict()
    state["head.weight"] = state["head.weight"] + 1
    assert "one tensor" in refusal(save(tmp_path / "weights.pt", state), tokenizer)


def test_smaller_vocabulary_is_another_tokenizers(tmp_path: Path, tokenizer: Path) -> None:
    without_end = new_module("tiny_mla", vocab_size=256).state_dict()
    assert load(save(tmp_path / "a.pt", without_end), tokenizer).rows == 256
    smaller = new_module("tiny_mla", vocab_size=255).state_dict()
    message = refusal(save(tmp_path / "b.pt", smaller), tokenizer)
    assert "another tokenizer" in message
    assert "255 rows" in message


class Stranger:
    """Something that unpickling would build by running code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("/").joinpath, ("never",))


def test_nothing_but_tensors_is_read(tmp_path: Path, tokenizer: Path) -> None:
    state = new_module("tiny_mla").state_dict()
    file = save(tmp_path / "weights.pt", {"model": state, "extra": Stranger()})
    assert "could run code" in refusal(file, tokenizer)


@pytest.mark.parametrize(
    ("content", "told"),
    [({"a": 1}, "no state dict"), ([1], "no state dict"), ({}, "no state dict")],
)
def test_other_contents_are_refused(
    content: object, told: str, tmp_path: Path, tokenizer: Path
) -> None:
    assert told in refusal(save(tmp_path / "weights.pt", content), tokenizer)


def test_tensors_without_plain_values_are_named(tmp_path: Path, tokenizer: Path) -> None:
    torch, state = load_torch(), new_module("tiny_mla").state_dict()
    plain = state["norm.weight"]
    odd = [plain.to_sparse(), plain.to("meta"), torch.complex(plain, plain)]
    for tensor in odd:
        message = refusal(save(tmp_path / "a.pt", {**state, "norm.weight": tensor}), tokenizer)
        assert "values: norm.weight." in message
    numbered = save(tmp_path / "a.pt", {**state, 7: plain})
    assert "unknown: 7" in refusal(numbered, tokenizer)


def test_broken_and_absent_files_are_refused(tmp_path: Path, tokenizer: Path) -> None:
    broken = tmp_path / "weights.pt"
    assert "no file" in refusal(broken, tokenizer)
    broken.write_bytes(b"PK\x03\x04 but no more")
    assert "weights.pt" in refusal(broken, tokenizer)
    broken.write_bytes(b"")
    assert "weights.pt" in refusal(broken, tokenizer)


def test_room_is_asked_for_before_anything_is_built(tokenizer: Path) -> None:
    asked: dict[str, Needs] = {}

    def refuse(name: str, needs: Needs) -> None:
        asked[name] = needs
        raise ApiError(503, "memory_short", "too large")

    with pytest.raises(ApiError, match="too large"):
        next(make_loader(refuse)(ModelSpec("mythos_3b", None, "cpu", tokenizer)))
    weights = asked["mythos_3b"].weights
    assert 10e9 < weights < 13e9
    assert asked["mythos_3b"].total > weights * 1.05


def test_measure_is_the_size_in_memory() -> None:
    config = make_config("tiny_gqa", VARIANTS)
    config.vocab_size = 257
    module = new_module("tiny_gqa")
    tensors = [*module.parameters(), *module.buffers()]
    assert measure(make_skeleton(config), config).weights == sum(each.nbytes for each in tensors)


def test_largest_variant_is_measured_without_memory() -> None:
    config = make_config("mythos_1t", {})
    config.vocab_size = 201088
    assert 3.9e12 < measure(make_skeleton(config), config).weights < 4.1e12


@pytest.mark.parametrize("fields", [{"nobody": 1}, {"n_heads": 0}, {"dim": "wide"}])
def test_sizes_that_make_no_model_are_refused(fields: dict[str, Any], tokenizer: Path) -> None:
    loader: Any = make_loader()
    loader._variants = {"odd": {**VARIANTS["tiny_gqa"], **fields}}
    with pytest.raises(ApiError) as caught:
        finish(loader(ModelSpec("odd", None, "cpu", tokenizer)))
    assert (caught.value.status, caught.value.code) == (400, "invalid_variant")


@pytest.mark.parametrize("wanted", ["cuda", "mps"])
def test_missing_device_is_told(
    wanted: str, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = load_torch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ApiError, match=f"no {wanted} device") as caught:
        finish(make_loader()(ModelSpec("tiny_mla", None, wanted, tokenizer)))
    assert "cpu" in caught.value.message


def test_package_has_every_variant_of_the_settings() -> None:
    package = load_open_mythos()
    for name in ("1b", "3b", "10b", "50b", "100b", "500b", "1t"):
        assert make_config(f"mythos_{name}", {}) == getattr(package, f"mythos_{name}")()
