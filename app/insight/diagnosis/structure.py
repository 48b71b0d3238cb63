"""Findings about the network's architecture."""

from app.insight.analysis.minimum_loss import minimum_loss
from app.insight.diagnosis.facts import POORLY, Facts
from app.insight.diagnosis.networks import with_fitting_init, with_relu_between
from app.insight.diagnosis.rule import AT_CHANCE, Found, network, rule
from app.learning.losses import loss_from_json

TWINS = 0.999


@rule(
    "warning",
    "end",
    means="Linear layers in a row without a nonlinearity equal one linear layer: depth adds nothing.",
    remedy='`{"type": "relu"}` between them',
    explains=(
        "model_too_small",
        *AT_CHANCE,
        "still_improving",
        "classes_confused",
        "overfitting",
    ),
)
def linear_stack_collapses(facts: Facts) -> Found | None:
    linear = sum(layer.role == "linear map" for layer in facts.network)
    nonlinear = [layer for layer in facts.network if not layer.affine]
    if linear < 2 or any(layer.probabilities != "exclusive" for layer in nonlinear):  # a softmax is the output's
        return None
    return Found(
        f"the network's {linear} linear layers have no nonlinearity between them and equal one linear layer; "
        f"{facts.score_of('train')}",
        {"linear_layers": linear, "train_score": facts.score("train"), "guess": facts.guess},
        network(facts, "relu_between", with_relu_between(facts.request_layers)),
        "error" if facts.learnt < POORLY else None,
    )


@rule(
    "warning",
    "end",
    means="`cross_entropy` applies a softmax itself. After a second one its loss has a floor, and learning is slow.",
    remedy="remove the softmax",
    explains=(
        "still_improving", "learning_rate_too_low", *AT_CHANCE, "vanishing_gradients", "model_too_small",
    ),
)  # fmt: skip
def softmax_before_cross_entropy(facts: Facts) -> Found | None:
    last = facts.network[-1]
    if last.probabilities != "exclusive" or facts.request["loss"]["name"] != "cross_entropy":
        return None
    least = minimum_loss(last, loss_from_json(facts.request["loss"]), len(facts.counts))
    loss = facts.loss.smooth()[-1]
    return Found(
        f"the network ends with a softmax, and cross_entropy applies another: the loss cannot fall below "
        f"{least:.3f}; it is {loss:.3f}",
        {"layer": str(len(facts.request["model"]["layers"]) - 1), "floor": least, "loss": loss},
        network(facts, "leave_softmax_out", facts.request_layers[:-1]),
    )


@rule(
    "error",
    "end",
    "layers",
    means="All units of a layer started with the same weights and got the same gradients: they act as one unit.",
    remedy="`init: he` before ReLU, `xavier` before tanh and sigmoid",
    explains=(
        "dead_units", "saturated_units", "vanishing_gradients", "learning_rate_too_low", "learning_rate_too_high",
        "model_too_small", "still_improving", "classes_confused", "class_imbalance", *AT_CHANCE,
    ),
)  # fmt: skip
def symmetric_initialisation(facts: Facts) -> Found | None:
    for layer in facts.learning[:-1]:
        twins = layer["twin_units"]
        if not twins.first >= TWINS or facts.learnt >= 0.9:
            continue
        still = twins.last >= TWINS
        if still or facts.learnt < POORLY:  # rounding separates twins in the end, and Adam amplifies it
            units = layer.fields.get("units", layer.fields.get("channels"))
            since = f"and still do at step {twins.steps[-1]}" if still else "and only rounding separated them"
            return Found(
                f"the {units} units of {layer} had the same weights at step {twins.steps[0]}, {since}: units with the "
                "same weights and gradients act as one unit",
                layer.evidence("twin_units"),
                network(facts, "no_zeros_init", with_fitting_init(facts.request_layers)),
            )
    return None


RULES = (symmetric_initialisation, linear_stack_collapses, softmax_before_cross_entropy)
