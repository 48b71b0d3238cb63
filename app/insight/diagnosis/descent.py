"""Findings about the descent: its steps, gradients and units."""

import math
from collections.abc import Mapping

from app.insight.diagnosis.duration import ended_early
from app.insight.diagnosis.facts import POORLY, Facts, LayerSeen, shown
from app.insight.diagnosis.networks import widened, with_fitting_init, with_leaky_relu, with_relu
from app.insight.diagnosis.rule import AT_CHANCE, Change, Found, network, rule, setting
from app.learning.layers import LAYERS
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS, Optimizer

FIRST_LOSS = 10.0  # times that of a constant guess, from the initial weights alone
ROSE = 2.0  # the highest loss, in losses of the start or of a constant guess
LARGE_UPDATE = 0.3  # of a layer's weights in one step
FROM_LARGEST = 20.0  # times below the largest usual learning rate
SMALL_WAY = 0.1  # of a layer's weights in all steps together
FEW_STEPS = 10  # learn nothing at any learning rate
USUAL = 0.1  # times the default learning rate: in a few steps, one below it learns nothing either
VANISHED = 1e-3  # the first layer's gradient against the last one's
DEAD, MOSTLY_DEAD = 0.9, 0.6
SATURATED = 0.6
NARROW, ALIVE = 8, 64  # units of a layer: of 8 or more, some ReLUs live; of 64, enough for most small tasks
MIXED = (
    *AT_CHANCE, "model_too_small", "still_improving", "classes_confused", "class_imbalance", "overfitting"
)  # fmt: skip


def largest_update(facts: Facts, first: bool = False) -> tuple[float, LayerSeen | None]:
    """Largest update of a layer's weights in one sampled step, as a share of them. Layers that begin at zero do not
    count, since the share of their first update means nothing."""
    largest: tuple[float, LayerSeen | None] = (0.0, None)
    for layer in facts.learning:
        if layer.fields.get("init") == "zeros":
            continue
        values = [value for value in layer["update_ratio"].values[: 1 if first else None] if math.isfinite(value)]
        if values and max(values) > largest[0]:
            largest = max(values), layer
    return largest


def safe_lr(facts: Facts) -> float:
    """A learning rate with which the run's optimizer learns most tasks: its default, unless that is near the largest
    usual one, as RMSprop's is."""
    asked = facts.request["optimizer"]
    forms: Mapping[str, type[Optimizer]] = LECTURE_FORMS if asked.get("formulas") == "lecture" else OPTIMIZERS
    return min(forms[asked["name"]]().lr, OPTIMIZERS[asked["name"]].usual_lr[1] / FROM_LARGEST)


def _rounded(lr: float) -> float:
    """A learning rate as people write it."""
    return float(f"{lr:.3g}")


def unsquashed(facts: Facts, squashing: list[LayerSeen]) -> Change:
    """Initial weights that fit. ReLUs in place of sigmoids, whose slope is at most 1/4, and of others whose weights fit
    already."""
    layers = facts.request_layers
    fitted = with_fitting_init(layers)
    types = {layer.type for layer in squashing}
    centred = all(LAYERS[name].fitting_init and LAYERS[name].probabilities is None for name in types)
    if types and not (centred and fitted != layers):
        return network(facts, "relu_instead_of", with_relu(layers, types), layer=squashing[0].type)
    return network(facts, "default_init" if types else "he_init", fitted)


def _saturated(facts: Facts) -> list[LayerSeen]:
    return [layer for layer in facts.layers if layer["saturated_units"].last >= SATURATED]


def _dead(facts: Facts) -> list[LayerSeen]:
    enough = MOSTLY_DEAD if facts.learnt < POORLY else DEAD
    return [layer for layer in facts.layers_with(lambda entry: entry.can_die) if layer["dead_units"].last >= enough]


@rule(
    "error",
    "end",
    "layers",
    means="Activations and gradients grow from layer to layer before the first step: the initial weights are too "
    "large.",
    remedy="`init: he` (ReLU) or `xavier` (tanh), batch norm, or another nonlinearity than `square`",
    explains=("learning_rate_too_high", "dead_units", "saturated_units", *MIXED),
)
def exploding_gradients(facts: Facts) -> Found | None:
    first, guess = facts.loss.first, facts.baseline_loss
    if guess is None or first <= FIRST_LOSS * guess:
        return None
    if math.isnan(first) and facts.layers_with(lambda entry: entry.positive_only):
        return None
    one, last = facts.learning[0], facts.learning[-1]
    spreads = [layer["activation_spread"].first for layer in facts.learning]
    gradients = [layer["gradient_norm"].first for layer in facts.learning]
    powers = [layer.type for layer in facts.layers_with(lambda entry: entry.degree > 1)]
    return Found(
        f"the loss before the first step was {shown(first)}; a constant guess would have {guess:.3g}. The standard "
        f"deviation of the activations grows from {shown(spreads[0])} at {one} to {shown(spreads[-1])} at {last}",
        {
            "step": 1,
            "first_loss": first,
            "guess_loss": guess,
            "spread_by_layer": spreads,
            "gradient_norm_by_layer": gradients,
        },
        network(facts, "relu_instead_of", with_relu(facts.request_layers, powers), layer=powers[0])
        if powers
        else network(facts, "default_init", with_fitting_init(facts.request_layers)),
    )


@rule(
    "error",
    "end",
    means="A linear layer outputs negative numbers, and the logarithm of a negative number is NaN.",
    remedy="another nonlinearity",
    explains=("learning_rate_too_high", "exploding_gradients", "vanishing_gradients", "dead_units", *MIXED),
)
def logarithm_of_negative_numbers(facts: Facts) -> Found | None:
    logs = facts.layers_with(lambda entry: entry.positive_only)
    if not logs or not facts.diverged:
        return None
    return Found(
        f"the loss was {shown(facts.loss.last)} at step {facts.loss.steps[-1]}: {logs[0]} takes the logarithm of "
        "numbers that are negative or 0",
        {"layer": logs[0].name, "pointer": logs[0].pointer, "step": facts.loss.steps[-1], "loss": facts.loss.last},
        network(facts, "relu_instead", with_relu(facts.request_layers, {log.type for log in logs})),
    )


@rule(
    "error",
    "end",
    means="The steps are so long that the loss rises. They can also kill ReLUs and saturate sigmoids.",
    remedy="the optimizer's default learning rate, or a tenth of the run's if that is less; `schedule.warmup` or "
    "`clip_norm` if only the first steps are too long",
    explains=("dead_units", "saturated_units", "vanishing_gradients", "exploding_gradients", *MIXED),
)
def learning_rate_too_high(facts: Facts) -> Found | None:
    losses = facts.loss.values
    start = max(facts.loss.first, facts.baseline_loss or 0.0)
    highest = max((value for value in losses if math.isfinite(value)), default=math.nan)
    update, layer = largest_update(facts)
    rose = not facts.loss.finite or highest > ROSE * start
    jumped = rose or update > 2 * LARGE_UPDATE
    ruined = facts.learnt < POORLY or (facts.learnt < 0.95 and rose and (_dead(facts) or _saturated(facts)))
    if not (facts.diverged or (ruined and jumped and update > LARGE_UPDATE)
            or (facts.learnt < 0.1 and rose)):  # fmt: skip
        return None
    lr = facts.request["optimizer"]["lr"]
    at = facts.loss.steps[losses.index(highest)] if math.isfinite(highest) else facts.loss.steps[-1]
    said = f"with the learning rate {lr:g} the loss "
    first, last = shown(facts.loss.first), shown(facts.loss.last)
    if shown(highest) != first:
        said += f"rose from {first} to {shown(highest)} at step {at}"
        if not facts.loss.finite:
            said += f" and was {last} at step {facts.loss.steps[-1]}"
    else:
        said += f"was {first} in the first step and {last} at step {facts.loss.steps[-1]}"
    if layer is not None and update > LARGE_UPDATE:
        said += f"; one step changed the weights of {layer} by {update:.0%} of their size"
    evidence = {"learning_rate": lr, "first_loss": facts.loss.first, "highest_loss": highest, "step": at}
    if layer is not None:
        evidence |= {"layer": layer.name, "update_ratio": update}
    return Found(said, evidence, setting("optimizer.lr", _rounded(min(lr / 10, safe_lr(facts)))))


@rule(
    "error",
    "end",
    "layers",
    means="The gradient shrinks to almost nothing on its way back to the first layers, which hardly learn.",
    remedy="ReLU instead of sigmoid or tanh, `init: he`, batch norm, a residual, or fewer layers",
    explains=("saturated_units", "learning_rate_too_low", "dead_units", *MIXED),
)
def vanishing_gradients(facts: Facts) -> Found | None:
    layers = facts.learning
    if len(layers) < 3 or facts.learnt >= POORLY:
        return None
    first, last = layers[0]["gradient_norm"], layers[-1]["gradient_norm"]
    if not (math.isfinite(last.first) and 0 < first.first < VANISHED * last.first):
        return None
    return Found(
        f"at step {first.steps[0]} the gradient of {layers[0]} was {first.first:.2g}, {last.first / first.first:,.0f} "
        f"times smaller than that of {layers[-1]}, {last.first:.2g}",
        {
            "step": first.steps[0],
            "layer": layers[0].name,
            "gradient_norm": first.first,
            "last_layer": layers[-1].name,
            "last_gradient_norm": last.first,
        },
        unsquashed(facts, facts.layers_with(lambda entry: entry.shrinks_gradients)),
    )


@rule(
    "error",
    "end",
    "layers",
    means="The steps are so short that the weights have hardly moved from their initial values.",
    remedy="the optimizer's default learning rate, or ten times the run's if that is more",
    explains=("saturated_units", *MIXED),
)
def learning_rate_too_low(facts: Facts) -> Found | None:
    update, layer = largest_update(facts)
    steps = facts.loss.steps[-1]
    if layer is None or facts.learnt >= POORLY or not facts.loss.finite or update * steps > SMALL_WAY:
        return None
    lr = facts.request["optimizer"]["lr"]
    if steps < FEW_STEPS or (ended_early(facts) and lr >= USUAL * safe_lr(facts)):
        return None
    if all(layer["gradient_norm"].last == 0 for layer in facts.learning[:-1]) and len(facts.learning) > 1:
        return None
    return Found(
        f"with the learning rate {lr:g} one step changes the weights by at most {update:.2g} of their size, at "
        f"{layer}: at most {update * steps:.1%} in all {steps:,} steps. The loss went from {facts.loss.first:.3g} to "
        f"{facts.loss.smooth()[-1]:.3g}",
        {
            "learning_rate": lr,
            "steps": steps,
            "layer": layer.name,
            "update_ratio": update,
            "first_loss": facts.loss.first,
            "last_loss": facts.loss.smooth()[-1],
        },
        setting("optimizer.lr", _rounded(max(lr * 10, safe_lr(facts)))),
    )


@rule(
    "error",
    "end",
    "layers",
    means="Sigmoid or tanh units output almost their extreme values, where the slope is near 0: the layers before them "
    "hardly learn.",
    remedy="ReLU, `init: xavier`, smaller inputs, or batch norm before the nonlinearity",
    explains=("vanishing_gradients", *MIXED),
)
def saturated_units(facts: Facts) -> Found | None:
    layers = _saturated(facts)
    if not layers or facts.learnt >= 0.95:
        return None
    worst = max(layers, key=lambda layer: layer["saturated_units"].last)
    share = worst["saturated_units"]
    return Found(
        f"{share.last:.0%} of the outputs of {worst} are saturated at step {share.steps[-1]}; at step "
        f"{share.steps[0]} {share.first:.0%} were",
        worst.evidence("saturated_units"),
        unsquashed(facts, layers),
    )


@rule(
    "error",
    "end",
    "layers",
    means="ReLUs that output 0 for every example get no gradient, so they stay dead.",
    remedy="`leaky_relu`, `init: he`, more units in narrow layers, or a smaller learning rate",
    explains=("vanishing_gradients", "learning_rate_too_low", *MIXED),
)
def dead_units(facts: Facts) -> Found | None:
    layers = _dead(facts)
    if not layers or facts.learnt >= 0.95:
        return None
    worst = max(layers, key=lambda layer: layer["dead_units"].last)
    share = worst["dead_units"]
    narrow = min(layer.width for layer in facts.network[:-1] if layer.role == "linear map") < NARROW
    return Found(
        f"{share.last:.0%} of the units of {worst} output 0 for every example at step {share.steps[-1]}; at step "
        f"{share.steps[0]} {share.first:.0%} did",
        worst.evidence("dead_units"),
        network(
            facts,
            "leaky_relu",
            with_leaky_relu(widened(facts.request_layers, ALIVE) if narrow else facts.request_layers),
            pointer=worst.pointer,
            units=ALIVE if narrow else 0,
        ),
    )


RULES = (
    logarithm_of_negative_numbers, exploding_gradients, learning_rate_too_high, vanishing_gradients,
    learning_rate_too_low, saturated_units, dead_units,
)  # fmt: skip
