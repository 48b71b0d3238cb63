"""Warnings about a network or a run before it trains. A warning never blocks."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from app.insight.analysis import layer_rules, recipe_rules
from app.insight.analysis.minimum_loss import minimum_loss
from app.insight.analysis.stacks import Chain, chains
from app.insight.analysis.warning import Warning
from app.learning.architecture import rows
from app.learning.layers import Layer, Shape
from app.learning.losses import Loss
from app.learning.optimizers import Optimizer
from app.learning.recipe import Recipe

MOST_PARAMETERS = 10**9 - 1  # of a network to inspect; nothing is allocated


def warnings(recipe: Recipe, train: int, normalise: str | None) -> list[Warning]:
    """Warnings about a run: from its recipe (output layer included), the number of training examples, and the
    normalisation of pictures (None for tables)."""
    messages = list(of_architecture(recipe.layers, recipe.input_shape, recipe.loss, recipe.batch_size))
    main, *_ = chains(rows(recipe.layers, recipe.input_shape))
    outputs = main[-1][1].output_shape[0]
    messages += recipe_rules.target_below_floor(
        recipe.stop.target_loss, minimum_loss(recipe.layers[-1], recipe.loss, outputs)
    )
    messages += of_optimizer(main, recipe.optimizer)
    messages += recipe_rules.large_batch(recipe.batch_size, recipe.accumulate, train)
    a_step = min(recipe.examples_per_step or train, train)
    messages += recipe_rules.long_warmup(recipe.schedule, recipe.stop.total_steps(ceil(train / a_step)))
    messages += recipe_rules.raw_pictures(normalise, main)
    return messages


def of_architecture(
    layers: Sequence[Layer], input_shape: Shape, loss: Loss, batch_size: int | None
) -> Iterator[Warning]:
    """Warnings about the layers, output layer included, with this loss and batch size (None: the full batch)."""
    return _each_once(_of_architecture(list(layers), input_shape, loss, batch_size))


def of_optimizer(main: Chain, optimizer: Optimizer) -> Iterator[Warning]:
    """Warnings about learning rates: the optimizer's, and that of each layer of the network's `main` chain."""
    yield from recipe_rules.unusual_lr(optimizer.name, optimizer.lr)
    yield from recipe_rules.unusual_factor(main, optimizer.name, optimizer.lr)


def _of_architecture(layers: list[Layer], input_shape: Shape, loss: Loss, batch_size: int | None) -> Iterator[Warning]:
    network = list(chains(rows(layers, input_shape, MOST_PARAMETERS)))
    for chain in network:
        for rule in layer_rules.OF_CHAINS:
            yield from rule(chain)
    for rule in layer_rules.OF_NETWORKS:
        yield from rule(network[0])
    pointer, last = network[0][-1]
    yield from recipe_rules.squashed_before_loss(pointer, last.layer, loss, last.output_shape[0])
    for chain in network:
        yield from recipe_rules.batch_norm_alone(chain, batch_size)


def _each_once(repeated: Iterable[Warning]) -> Iterator[Warning]:
    """Drop repetitions: a block's layers are judged once for each round."""
    known = set()
    for warning in repeated:
        if (warning.code, warning.pointer) not in known:
            known.add((warning.code, warning.pointer))
            yield warning
