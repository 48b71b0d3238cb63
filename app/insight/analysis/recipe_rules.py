"""Warnings that follow from the recipe: loss, optimizer, batch size, schedule."""

from collections.abc import Iterator, Mapping
from math import exp, log
from typing import Any

from app.insight.analysis.minimum_loss import minimum_loss
from app.insight.analysis.stacks import Chain
from app.insight.analysis.warning import Warning
from app.learning.layers import Layer
from app.learning.losses import BinaryCrossEntropy, CrossEntropy, Loss
from app.learning.optimizers import OPTIMIZERS
from app.learning.schedules import Schedule
from app.learning.stopping import LossTarget


def squashed_before_loss(pointer: str, last: Layer, loss: Loss, outputs: int) -> Iterator[Warning]:
    """A last layer that turns logits into probabilities. A loss from logits does that itself, and then has a floor."""
    if last.probabilities is None:
        return
    fix = f"leave the {last.type} out: predictions contain probabilities anyway"
    if last.probabilities == "exclusive" and outputs == 1:
        detail = f"the {last.type} of one number is always 1: nothing can be learnt"
        yield Warning("softmax_of_one", pointer, detail, f"leave the {last.type} out")
    elif isinstance(loss, CrossEntropy):
        least = minimum_loss(last, loss, outputs)
        yield Warning(
            f"{last.type}_before_cross_entropy",
            pointer,
            f"cross_entropy applies the softmax itself; after a {last.type} the loss cannot fall below {least:.3f}, "
            "and learning is slower, though the final accuracy hardly suffers",
            fix,
        )
    elif isinstance(loss, BinaryCrossEntropy):
        yield Warning(
            "sigmoid_before_binary_cross_entropy",
            pointer,
            "binary_cross_entropy applies the sigmoid itself; after another one the loss of an example cannot fall "
            f"below {log(1 + exp(-1)):.3f}, or {log(2):.3f} for the first class, and learning is slower",
            fix,
        )
    else:
        yield Warning(
            "output_bounded",
            pointer,
            f"after a {last.type}, predictions are between 0 and 1, but a target may be any number",
            f"leave the {last.type} out: a regression's last layer is linear",
        )


def target_below_floor(target: LossTarget | None, least: float) -> Iterator[Warning]:
    """A target loss that no network of this kind can reach: the criterion never stops the run."""
    if target is not None and target.value < least:
        yield Warning(
            "target_loss_unreachable",
            "/stop/target_loss",
            f"the loss cannot fall below {least:.3f} here: a target of {target.value:g} is never reached",
            f"use a target above {least:.3f}, or another loss or last layer",
        )


def batch_norm_alone(chain: Chain, batch_size: int | None) -> Iterator[Warning]:
    """Statistics of a batch that is too small: one example has no spread, and two numbers become +1 and −1."""
    for pointer, place in chain:
        if not place.layer.uses_batch_statistics or batch_size is None:
            continue
        pixels = 1
        for side in place.shape[1:]:
            pixels *= side
        if batch_size == 1 or batch_size * pixels == 2:
            left = (
                "each example is normalised by itself, but by running statistics in evaluation"
                if batch_size == 1
                else "two numbers become +1 and −1, which only tell which one is larger"
            )
            yield Warning(
                "batch_norm_small_batch",
                pointer,
                f"{place.layer.type} in batches of {batch_size}: {left}",
                f"use a batch_size of 16 or more, or leave {place.layer.type} out",
            )


def unusual_lr(optimizer: str, lr: float) -> Iterator[Warning]:
    """A learning rate far outside the optimizer's usual range."""
    low, high = OPTIMIZERS[optimizer].usual_lr
    if not low <= lr <= high:
        much = "large: the loss may grow instead of falling" if lr > high else "small: the loss may hardly move"
        yield Warning(
            "learning_rate_unusual",
            "/optimizer/lr",
            f"{lr:g} is {much}",
            f"{low:g} to {high:g} is usual for {optimizer}",
        )


def unusual_factor(chain: Chain, optimizer: str, lr: float) -> Iterator[Warning]:
    """A layer's `lr_factor` that makes its learning rate unusual although the optimizer's own is usual."""
    low, high = OPTIMIZERS[optimizer].usual_lr
    for pointer, place in chain:
        factor = place.layer.learning_rate_factor
        if factor > 1 and lr * factor > high >= lr >= low:
            yield Warning(
                "learning_rate_unusual",
                f"{pointer}/lr_factor",
                f"{lr:g} × {factor:g} = {lr * factor:g} is large: the loss may grow instead of falling",
                f"up to {high:g} is usual for {optimizer}: use a factor of at most {high / lr:g}",
            )


def large_batch(batch_size: int | None, accumulate: int, train: int) -> Iterator[Warning]:
    """A batch larger than the training data, which is a full batch. `"full"` would say so."""
    if batch_size is None or batch_size * accumulate <= train:
        return
    if batch_size > train:
        yield Warning(
            "batch_larger_than_data",
            "/batch_size",
            f"the batch of {batch_size:,} is larger than the {train:,} training examples: each step takes all",
            'use "full" for gradient descent on all the data, or a smaller batch',
        )
    else:
        yield Warning(
            "batch_larger_than_data",
            "/accumulate",
            f"{accumulate:,} batches of {batch_size:,} are more than the {train:,} training examples: each step takes "
            "all",
            f"accumulate at most {train // batch_size:,}, or use smaller batches",
        )


def long_warmup(schedule: Schedule, steps: float) -> Iterator[Warning]:
    """A warm-up as long as the run: the learning rate only rises, and stays small."""
    if schedule.warmup >= steps:
        yield Warning(
            "warmup_longer_than_run",
            "/schedule/warmup",
            f"the warm-up takes {schedule.warmup:,} steps and the run ends after {steps:,}: the learning rate never "
            "reaches the start of the schedule",
            f"use a warm-up of {max(1, int(steps) // 10):,} steps, or a longer run",
        )


def raw_pictures(normalise: str | None, chain: Chain) -> Iterator[Warning]:
    """Pixels up to 255: the first layer's inputs are hundreds of times larger than its initial weights expect."""
    first = next((place.layer.role for _, place in chain if place.layer.role in ("linear map", "normalisation")), None)
    if normalise == "none" and first != "normalisation":
        yield Warning(
            "inputs_not_normalised",
            "/normalise",
            "the inputs are pixels from 0 to 255, but initial weights are made for numbers around 1",
            '"unit" divides by 255, "standard" centres them too',
        )


def emulated_bfloat16(precision: str, processor: Mapping[str, Any]) -> Iterator[Warning]:
    """bfloat16 on a processor without instructions for it. `processor` is `torch.cpu.get_capabilities()`."""
    known = processor["architecture"] == "x86_64" and not (processor["avx512_bf16"] or processor["amx_bf16"])
    if precision == "bf16" and known:
        yield Warning(
            "bfloat16_emulated",
            "/precision",
            "this worker's processor has no instructions for bfloat16: a step takes several times as long as in fp32",
            'leave "precision" out, or train on a GPU',
        )
