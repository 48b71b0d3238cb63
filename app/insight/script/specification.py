"""What a script is made of: the run's request, read."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.learning.architecture import rows, spread
from app.learning.layers import Shape
from app.learning.layers.structure import Placed
from app.learning.recipe import Recipe
from app.learning.schedules import Constant
from app.learning.stopping import DivergenceLimits


@dataclass(frozen=True)
class ScriptSpec:
    """A run: its request as resolved, where it ran, and how it ended if it has.

    `shape` is that of one input, `missing` how many numbers of the inputs are; `own_parts` are those of the dataset's
    own, where the run takes them; `threads` and `device` are None before it has run; `step` is how many steps it has
    done.
    """

    id: str
    name: str | None
    request: dict[str, Any]
    environment: dict[str, Any]
    dataset_name: str
    data_address: str
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
    def places(self) -> tuple[Placed, ...]:
        """The layers with the shapes around them, an implied flatten too."""
        return rows(self.recipe.layers, self.shape)

    @cached_property
    def types(self) -> set[str]:
        """Of all layers, those within others too."""
        return {place.layer.type for _, place in spread(self.places)} | {layer.type for layer in self.recipe.layers}

    @property
    def classification(self) -> bool:
        return self.recipe.loss.task == "classification"

    @property
    def pictures(self) -> bool:
        return len(self.shape) == 3

    @property
    def one_output(self) -> bool:
        """(N, 1) comes out of the network: a value, or the logit of the second of two classes."""
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
        """Whether a layer learns at a rate of its own."""
        return any(getattr(place.layer, "lr_factor", 1.0) != 1 for _, place in spread(self.places))

    @property
    def needs_two_examples(self) -> bool:
        """Whether an example cannot be alone in a batch: it has no spread."""
        return "batch_norm" in self.types

    @property
    def parts(self) -> dict[str, str]:
        """The parts that have examples, and what their arrays are called by."""
        split = self.request["split"]
        sizes = {"validation": split["validation"], "test": split.get("test", 1)}  # folds and own parts have one
        there = {"train", *self.own_parts, *(part for part, size in sizes.items() if size > 0)}
        return {part: short for part, short in PARTS.items() if part in there}

    @property
    def drawn_by_place(self) -> bool:
        """Whether something is drawn for each example of a batch, so that their order counts in a full one too."""
        return "dropout" in self.types or self.recipe.augment is not None

    @property
    def ended_by_the_clock(self) -> bool:
        """Whether the same step cannot be found again but by its number."""
        return self.step > 0 and self.stop_reason in ("max_seconds", "cancelled")

    @property
    def watches_divergence(self) -> bool:
        """Every run does; the check is written where it was chosen, or where it ended the run."""
        return self.recipe.stop.divergence is not None and (
            self.stop_reason == "diverged" or self.recipe.stop.divergence != DivergenceLimits()
        )


PARTS = {"train": "train", "validation": "val", "test": "test"}
