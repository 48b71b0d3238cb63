"""Recipes whose trainings can be members of an ensemble, and those for which it pays."""

from collections.abc import Iterator

from app.learning.architecture import flatten_layers, rows
from app.learning.recipe import Recipe

# Multiply-adds of a step for which a stack pays. A step has a fixed cost, which the members of a stack share, and its
# products, which they do not. MLP 784-64-10 on one core of a Zen 4, gain of a stack of 8 over one run after another,
# both with hand-written gradients: 1.7 at batch 16 (0.8 million multiply-adds), 1.3 at 32, 1.1 at 64, 1.0 at 128.
WORTHWHILE = 2 * 10**6


def obstacle(recipe: Recipe) -> str | None:
    """The reason why a training cannot be a member, as the end of a sentence; None if it can."""
    return next(_obstacles(recipe), None)


def _obstacles(recipe: Recipe) -> Iterator[str]:
    for pointer, place in flatten_layers(rows(recipe.layers, recipe.input_shape)):
        if not place.layer.stackable:
            yield f"{pointer} is {place.layer.type}, which no batched program evaluates"
    if recipe.precision != "fp32":
        yield f"its precision is {recipe.precision}"
    if recipe.accumulate != 1:
        yield "it accumulates gradients"
    if recipe.batch_size is None:
        yield "each step takes all the training data"


def pays(recipe: Recipe) -> bool:
    """True if several such trainings take less time as one program than one after another."""
    places = flatten_layers(rows(recipe.layers, recipe.input_shape))
    multiply_adds = sum(place.layer.multiply_adds(place.shape) for _, place in places)
    return multiply_adds * (recipe.batch_size or 0) <= WORTHWHILE
