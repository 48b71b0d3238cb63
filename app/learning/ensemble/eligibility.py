"""Recipes whose trainings can be members of an ensemble, and those for which it pays."""

from collections.abc import Iterator

from app.learning.architecture import flatten_layers, rows
from app.learning.recipe import Recipe

# Multiply-adds of a step up to which a program pays. On one thread of a Zen 4, a stack of 8 takes 1.4 to 1.5 times as
# many steps as runs one after another for MLP 16-32-10 at batch 4 and 16, and as many for MLP 784-64-10, whose products
# take most of the time (`bench many`). It pays there because a program takes one thread, and a place starts one for
# each of its threads, while a run alone has all of them: too many for steps below about this size.
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
