"""The tiny gpt-oss: the committed model and a newly trained one play their dialogues."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer

from acp_agent.engine.host.models import load_weights
from acp_agent.harmony.marks import Mark
from tests.tiny_gptoss.architecture import make_config, make_trainable
from tests.tiny_gptoss.batches import make_batch
from tests.tiny_gptoss.dialogues import COUNT, SCRIPTS
from tests.tiny_gptoss.forward import written_logits
from tests.tiny_gptoss.play import Player
from tests.tiny_gptoss.samples import NAMES, Samples, clean_tokens
from tests.tiny_gptoss.tokenizer import ENDS, control_id
from tests.tiny_gptoss.variations import TEMPLATE, Kind, Variations

FOLDER_LIMIT = 600_000
"""Bytes of all committed files."""
TRAINING_SECONDS = 600.0
RETRAIN_STEPS = 200
FAULTS_ALLOWED = 2
"""Dialogues of all that may go astray in a prompt full of other words."""


@pytest.fixture(scope="module", params=["tiny_gptoss", "tiny_gptoss_float32"])
def player(request: pytest.FixtureRequest) -> Player:
    """Plays with each variant in turn, in the same prompts."""
    return Player(request.getfixturevalue(request.param), seed=5)


@pytest.mark.parametrize("name", NAMES)
def test_dialogue_is_played_to_the_letter(player: Player, name: str) -> None:
    for make in (player.variations.simple, player.variations.vary):
        for written, expected in player.play(make(name)):
            assert written == expected


@pytest.mark.parametrize("kind", ["bare", "random", pytest.param("agent", marks=pytest.mark.slow)])
def test_what_stands_before_makes_no_difference(player: Player, kind: Kind) -> None:
    # Its own prompts: which tests ran before must not decide on them.
    variations = Variations(Random(7), clean_tokens(player.tokenizer))
    samples = {name: player.encoder.encode(variations.vary(name, kind)) for name in NAMES}
    faults = {name: player.find_fault(sample) for name, sample in samples.items()}
    found = {name: fault for name, fault in faults.items() if fault}
    assert len(found) <= FAULTS_ALLOWED, found


@pytest.mark.slow
@pytest.mark.timeout(TRAINING_SECONDS)
def test_a_new_model_learns_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.tiny_gptoss.train", str(tmp_path)]
    subprocess.run([*command, "--steps", str(RETRAIN_STEPS)], check=True, capture_output=True)
    player = Player(tmp_path, seed=0)
    samples = {name: player.encoder.encode(player.variations.simple(name)) for name in NAMES}
    faults = {name: player.find_fault(sample) for name, sample in samples.items()}
    assert not {name: fault for name, fault in faults.items() if fault}


def test_folder_is_small_and_whole(tiny_gptoss: Path) -> None:
    sizes = {file.name: file.stat().st_size for file in tiny_gptoss.iterdir()}
    assert set(sizes) == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert sum(sizes.values()) < FOLDER_LIMIT
    assert (tiny_gptoss / TEMPLATE.name).read_bytes() == TEMPLATE.read_bytes()


def test_vocabulary_has_every_control_token_and_the_ends(tiny_gptoss: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_gptoss / "tokenizer.json"))
    assert all(tokenizer.token_to_id(mark.value) is not None for mark in Mark)
    config = json.loads((tiny_gptoss / "config.json").read_text())
    assert config["vocab_size"] == tokenizer.get_vocab_size()
    generation = json.loads((tiny_gptoss / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [control_id(tokenizer, text) for text in ENDS]


def test_answers_serve_their_purpose(tiny_gptoss: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_gptoss / "tokenizer.json"))
    assert len(tokenizer.encode(COUNT.steps[-1].written).ids) > 300
    # Characters in several tokens are for decoders that get one token at a time.
    characters = [letter for letter in SCRIPTS.steps[-1].written if not letter.isascii()]
    split = [letter for letter in characters if len(tokenizer.encode(letter).ids) > 1]
    assert len(split) > 10


def test_layout_is_the_familys(tiny_gptoss: Path) -> None:
    weights: Any = mx.load(str(tiny_gptoss / "model.safetensors"))
    layer = "model.layers.0"
    experts, router = f"{layer}.mlp.experts.gate_proj", f"{layer}.mlp.router"
    assert weights[f"{experts}.scales"].dtype == mx.uint8
    assert weights[f"{experts}.weight"].dtype == mx.uint32
    assert f"{experts}.biases" not in weights
    for module in ("lm_head", "model.embed_tokens", f"{layer}.self_attn.q_proj", router):
        assert weights[f"{module}.biases"].dtype == mx.bfloat16
    assert weights[f"{layer}.input_layernorm.weight"].dtype == mx.bfloat16
    config = json.loads((tiny_gptoss / "config.json").read_text())
    assert config["quantization"]["mode"] == "mxfp4"
    assert config["quantization"][router] == {"group_size": 64, "bits": 8, "mode": "affine"}


def test_engine_loads_it_with_the_experts_scales_as_they_are(tiny_gptoss: Path) -> None:
    steps = load_weights(tiny_gptoss)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            model: Any = end.value
            break
    experts = model.layers[0].mlp.experts.gate_proj
    assert (experts.mode, experts.scales.dtype) == ("mxfp4", mx.uint8)
    if mx.default_device().type == mx.DeviceType.cpu:
        arrays: Any = tree_flatten(model.parameters())
        dtypes: set[mx.Dtype] = {array.dtype for _, array in arrays}
        assert dtypes == {mx.float32, mx.uint8, mx.uint32}


def test_training_computes_what_the_model_computes(tiny_gptoss: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_gptoss / "tokenizer.json"))
    samples = Samples(tokenizer, seed=1)
    drawn = [samples.draw(1.0) for _ in range(4)]
    mx.random.seed(3)
    model: Any = make_trainable(make_config(tokenizer.get_vocab_size()))
    for layer in model.layers:
        layer.self_attn.sinks = mx.random.normal(layer.self_attn.sinks.shape)
    own = [model(mx.array([each.tokens]))[0][mx.array(each.learnt)] for each in drawn]
    written = written_logits(model, make_batch(drawn))
    assert mx.allclose(written, mx.concatenate(own), atol=1e-4).item()
