"""Specification of a script: a run's request, with what the sections of the script need to know of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.learning.architecture import flatten_layers, rows
from app.learning.layers import Layer, LayerShape, Shape
from app.learning.recipe import Recipe
from app.learning.schedules import Constant
from app.learning.stopping import DivergenceLimits


@dataclass(frozen=True)
class ScriptSpec:
    """A run: its resolved request, its environment, and how it ended.

    `shape` is the shape of one input, and `missing` the number of missing values in the inputs. `own_parts` are the
    dataset's own parts, if the run uses them. `device` is None before the run has started. `step` is the number of
    steps done.
    """

    id: str
    name: str | None
    request: dict[str, Any]
    environment: dict[str, Any]
    dataset_name: str
    data_address: str
    data_advice: str  # where to get the dataset, for who runs the script without it
    shape: Shape
    missing: int = 0
    own_parts: tuple[str, ...] = ()
    device: str | None = None
    stop_reason: str | None = None
    step: int = 0

    @cached_property
    def recipe(self) -> Recipe:
        return Recipe.from_json(self.request, self.shape)

    @cached_property
    def places(self) -> tuple[LayerShape, ...]:
        """The layers with their shapes, implied flattens included."""
        return rows(self.recipe.layers, self.shape)

    @cached_property
    def layers(self) -> list[Layer]:
        """All layers, nested ones instead of those that hold them."""
        return [place.layer for _, place in flatten_layers(self.places)]

    @property
    def classification(self) -> bool:
        return self.recipe.loss.task == "classification"

    @property
    def pictures(self) -> bool:
        return len(self.shape) == 3

    @property
    def one_output(self) -> bool:
        """True if the outputs are (N, 1): values, or logits of the second of two classes."""
        return self.recipe.loss.outputs(0) == 1

    @property
    def bf16(self) -> bool:
        return self.recipe.precision == "bf16"

    @property
    def cuda(self) -> bool:
        return (self.device or "cpu").startswith("cuda")

    @property
    def has_schedule(self) -> bool:
        return self.recipe.schedule != Constant()

    @property
    def paced(self) -> bool:
        """True if a layer has its own learning rate."""
        return any(layer.learning_rate_factor != 1 for layer in self.layers)

    @property
    def needs_two_examples(self) -> bool:
        """True if batches of one example are not allowed, since they have no statistics."""
        return any(layer.uses_batch_statistics for layer in self.layers)

    @property
    def draws(self) -> bool:
        """True if a layer draws random numbers in training."""
        return any(layer.draws for layer in self.layers)

    @property
    def convolves(self) -> bool:
        return any(layer.layout == "channels last" for layer in self.layers)

    @property
    def parts(self) -> dict[str, str]:
        """Parts that have examples, with the suffixes of their arrays' names."""
        split = self.request["split"]
        sizes = {"validation": split["validation"], "test": split.get("test", 1)}  # folds and own parts have one
        there = {"train", *self.own_parts, *(part for part, size in sizes.items() if size > 0)}
        return {part: short for part, short in PARTS.items() if part in there}

    @property
    def drawn_by_place(self) -> bool:
        """True if something is drawn for each example of a batch, so that their order matters in a full batch too."""
        return self.draws or self.recipe.augment is not None

    @property
    def ended_by_the_clock(self) -> bool:
        """True if time or a cancellation ended the run, so that only a number of steps can end the script."""
        return self.step > 0 and self.stop_reason in ("max_seconds", "cancelled")

    @property
    def watches_divergence(self) -> bool:
        """True if the script checks for divergence: if the request chose the limits, or divergence ended the run."""
        return self.recipe.stop.divergence is not None and (
            self.stop_reason == "diverged" or self.recipe.stop.divergence != DivergenceLimits()
        )


PARTS = {"train": "train", "validation": "val", "test": "test"}
