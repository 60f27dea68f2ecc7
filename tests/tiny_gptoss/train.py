"""Trains the tiny gpt-oss: ``python -m tests.tiny_gptoss.train OUT [--steps N]``.

Owns the course of training: first the dialogues by themselves, then in ever more varied
prompts, at last with the weights rounded to what quantisation leaves of them. Does not own
what is trained (``samples``), nor the model's form (``architecture``).

The gradient is computed on two streams at once, each of which is a thread on a CPU.
"""

# MLX types little of what training needs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

import argparse
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map
from tokenizers import Tokenizer

from tests.tiny_gptoss.architecture import make_config, make_trainable, rounded, save_model
from tests.tiny_gptoss.batches import Batch, make_batch
from tests.tiny_gptoss.forward import written_logits
from tests.tiny_gptoss.samples import Samples, make_corpus
from tests.tiny_gptoss.tokenizer import save_tokenizer, train_tokenizer
from tests.tiny_gptoss.variations import TEMPLATE

STEPS = 900
_SAMPLES, _PER_BATCH = 8, 1
"""Samples of a step and of a batch; a batch holds samples of about the same length."""
_STREAMS = 2
_WARM_UP = 30
_VARIED_FROM, _VARIED_TO, _VARIETY = 0.12, 0.28, 0.85
"""Parts of the steps between which the share of varied prompts grows from 0 to the last."""
_ROUNDED_FROM = 0.6
"""The part of the steps after which weights are rounded."""

Parameters = Any
"""A tree of arrays."""
Report = Callable[[int, float], None]


def train(folder: Path, *, steps: int = STEPS, report: Report | None = None) -> None:
    """Trains a model and writes it into ``folder``, which is created.

    Args:
        report: is told the step and its loss after each.
    """
    tokenizer = train_tokenizer(make_corpus())
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, folder)
    shutil.copyfile(TEMPLATE, folder / "chat_template.jinja")
    config = make_config(tokenizer.get_vocab_size())
    mx.random.seed(0)
    model = make_trainable(config)
    parameters = _fit(model, tokenizer, steps, report)
    model.update(rounded(parameters))
    save_model(model, config, tokenizer, folder)


def _fit(model: Any, tokenizer: Tokenizer, steps: int, report: Report | None) -> Parameters:
    """The parameters of ``model`` after ``steps``."""
    samples = Samples(tokenizer, seed=0)
    optimizer = _make_optimizer(steps)
    gradient = mx.value_and_grad(partial(_loss, model))
    streams = [mx.new_stream(mx.cpu) for _ in range(_STREAMS)]
    parameters = model.trainable_parameters()
    for step in range(steps):
        progress = step / steps
        variety = (progress - _VARIED_FROM) / (_VARIED_TO - _VARIED_FROM) * _VARIETY
        batches = _draw(samples, min(max(variety, 0.0), _VARIETY))
        used = rounded(parameters) if progress >= _ROUNDED_FROM else parameters
        # What both streams read must be there before they start.
        mx.eval(used)
        loss, gradients = _on_streams(gradient, used, batches, streams)
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        parameters = optimizer.apply_gradients(gradients, parameters)
        mx.eval(parameters, optimizer.state, loss)
        if report:
            report(step + 1, float(loss))
    return parameters


def _make_optimizer(steps: int) -> Any:
    """Muon for the matrices inside, Adam for the rest."""

    def schedule(peak: float) -> Any:
        rise: Any = optim.linear_schedule(peak / 80, peak, _WARM_UP)
        fall: Any = optim.cosine_decay(peak, max(steps - _WARM_UP, 1), peak / 20)
        return optim.join_schedules([rise, fall], [_WARM_UP])

    def is_inner_matrix(path: str, array: mx.array) -> bool:
        return array.ndim == 2 and "embed_tokens" not in path and "lm_head" not in path

    muon = optim.Muon(learning_rate=schedule(0.02), momentum=0.9, weight_decay=0.0)
    adam = optim.AdamW(learning_rate=schedule(0.008), betas=[0.9, 0.98], weight_decay=0.0)
    return optim.MultiOptimizer([muon, adam], [is_inner_matrix])


def _draw(samples: Samples, variety: float) -> list[Batch]:
    drawn = [samples.draw(variety) for _ in range(_SAMPLES)]
    drawn.sort(key=lambda sample: len(sample.tokens))
    groups = range(0, _SAMPLES, _PER_BATCH)
    return [make_batch(drawn[start : start + _PER_BATCH]) for start in groups]


def _loss(model: Any, parameters: Parameters, batches: Sequence[Batch], weight: float) -> mx.array:
    """The share of ``batches`` in a mean loss whose weights add up to ``weight``."""
    model.update(parameters)
    loss = mx.array(0.0)
    for batch in batches:
        logits = written_logits(model, batch)
        loss = loss + mx.sum(nn.losses.cross_entropy(logits, batch.targets) * batch.weights)
    return loss / weight


def _on_streams(
    gradient: Any, parameters: Parameters, batches: list[Batch], streams: Sequence[Any]
) -> tuple[mx.array, Parameters]:
    """The loss of ``batches`` and its gradient, computed on all ``streams``."""
    weight = sum(float(mx.sum(batch.weights)) for batch in batches)
    shares: list[list[Batch]] = [[] for _ in streams]
    for batch in sorted(batches, key=lambda batch: -batch.cost):
        min(shares, key=lambda share: sum(each.cost for each in share)).append(batch)
    results: list[tuple[mx.array, Parameters]] = []
    for stream, share in zip(streams, shares, strict=True):
        with mx.stream(stream):
            results.append(gradient(parameters, share, weight))
    losses, gradients = zip(*results, strict=True)
    return _sum(*losses), tree_map(_sum, *gradients)


def _sum(*arrays: mx.array) -> mx.array:
    return mx.sum(mx.stack(list(arrays)), axis=0)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.tiny_gptoss.train")
    parser.add_argument("folder", type=Path, metavar="OUT")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()

    def show(step: int, loss: float) -> None:
        if step % 50 == 0:
            print(f"step {step} of {options.steps}: loss {loss:.4f}", flush=True)

    mx.set_default_device(mx.cpu)
    train(options.folder, steps=options.steps, report=show)


if __name__ == "__main__":
    main()
