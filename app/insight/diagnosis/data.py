"""Findings about the data."""

import math
from itertools import permutations
from typing import Any

from app.insight.diagnosis.facts import ADJECTIVES, POORLY, Facts
from app.insight.diagnosis.rule import AT_CHANCE, Change, Found, advice, rule, setting

LARGE_INPUT = 10.0  # root mean square of a column; scaled ones have about 1
UNEVEN_COLUMNS = 100.0  # largest column / smallest column
LARGE_TARGET = 10.0
UNEVEN_CLASSES = 5.0  # largest class / smallest class
CONFUSED = 0.25  # of a class's examples predicted as one other class
LEAKED = 0.05  # of the test examples
REPEATED = 2.0  # times the share of training examples that repeat another one, as rows of few values do by chance


def look_at_examples(facts: Facts) -> Change:
    """Advice to look at the labels of some examples."""
    return advice("look_at_pictures" if facts.pictures else "look_at_rows", dataset=facts.request["dataset"])


@rule(
    "error",
    "layers",
    means="All inputs are the same, so that they cannot tell one example from another.",
    remedy="`background=black` at the import of white drawings on transparency; columns that vary",
    explains=(
        "inputs_not_normalised", "target_not_scaled", "symmetric_initialisation", "linear_stack_collapses",
        "softmax_before_cross_entropy", "logarithm_of_negative_numbers", "exploding_gradients",
        "learning_rate_too_high", "learning_rate_too_low", "vanishing_gradients", "dead_units", "saturated_units",
        "class_imbalance", "classes_confused", "train_test_leak", "model_too_small", *AT_CHANCE, "overfitting",
        "still_improving",
    ),
)  # fmt: skip
def inputs_do_not_differ(facts: Facts) -> Found | None:
    if facts.input is None or not math.isinf(facts.input["smallest_column"].first):
        return None
    spread = facts.input["activation_spread"].first
    what = "pictures" if facts.pictures else "rows"
    of_one_value = ", and all their numbers, too" if facts.pictures and spread == 0 else ""
    return Found(
        f"the inputs do not differ: all {what} that were sampled are the same{of_one_value}",
        {"layer": "input", "activation_mean": facts.input["activation_mean"].first, "activation_spread": spread},
        advice("look_at_inputs" if facts.pictures else "look_at_columns", dataset=facts.request["dataset"]),
    )


@rule(
    "warning",
    "layers",
    means="The inputs are large, or their columns have very different sizes: no learning rate suits all weights.",
    remedy="`normalise: unit` or `standard` for pictures, `scaling.inputs: standard` for tables",
    explains=(
        "learning_rate_too_high", "learning_rate_too_low", "exploding_gradients", "vanishing_gradients", "dead_units",
        "saturated_units", "model_too_small", "still_improving", "overfitting", "classes_confused",
        *AT_CHANCE,
    ),
)  # fmt: skip
def inputs_not_normalised(facts: Facts) -> Found | None:
    pictures = facts.pictures
    asked = facts.request["normalise"] if pictures else (facts.request.get("scaling") or {}).get("inputs")
    if asked != "none" or facts.input is None:
        return None
    largest, smallest = facts.input["largest_column"].first, facts.input["smallest_column"].first
    if not (largest > LARGE_INPUT or largest > UNEVEN_COLUMNS * smallest):
        return None
    sizes = "" if pictures else f", of the smallest {smallest:.3g}"
    failed = facts.ended and facts.learnt < POORLY
    return Found(
        f"the inputs are not scaled: the root mean square of the largest column is {largest:.3g}{sizes}; the usual "
        "initial weights and learning rates suit about 1",
        {"layer": "input", "largest_column": largest, "smallest_column": smallest, "first_loss": facts.loss.first},
        setting("normalise" if pictures else "scaling.inputs", "standard"),
        "error" if failed else None,
    )


@rule(
    "error",
    "end",
    "layers",
    means="The target's values are large, so the weights have far to go before predictions are near them.",
    remedy="`scaling.target: standard`; predictions are still in the target's units",
    explains=(
        "learning_rate_too_high", "learning_rate_too_low", "exploding_gradients", "vanishing_gradients", "dead_units",
        "saturated_units", "model_too_small", "still_improving", *AT_CHANCE,
    ),
)  # fmt: skip
def target_not_scaled(facts: Facts) -> Found | None:
    if facts.classification or (facts.request.get("scaling") or {}).get("target") != "none":
        return None
    size = facts.loss.first**0.5 if facts.request["loss"]["name"] == "mse" else facts.loss.first
    if not size > LARGE_TARGET or facts.learnt >= POORLY:
        return None
    return Found(
        f"the target is not scaled: the first predictions were off by about {size:.3g}, and in the end "
        f"{facts.score_of('train')}",
        {"first_loss": facts.loss.first, "first_error": size, "train_r2": facts.score("train")},
        setting("scaling.target", "standard"),
    )


def judged(facts: Facts) -> dict[str, Any]:
    """Evaluation of the test part, or else of the validation part."""
    return dict(facts.evaluation.get("test") or facts.evaluation.get("validation") or {})


@rule(
    "warning",
    "end",
    "evaluation",
    means="One class is rare, and the network hardly ever predicts it: missing it costs little loss.",
    remedy="`loss.class_weights` with a higher weight for the rare class, or more examples of it; with "
    "`binary_cross_entropy` another `loss.threshold`",
    explains=(
        *AT_CHANCE,
        "classes_confused",
        "model_too_small",
        "still_improving",
    ),
)
def class_imbalance(facts: Facts) -> Found | None:
    evaluation = judged(facts)
    if not facts.classification or min(facts.counts) * UNEVEN_CLASSES > max(facts.counts):
        return None
    if facts.request["loss"].get("class_weights"):
        return None
    rare, often = (chosen(range(len(facts.counts)), key=facts.counts.__getitem__) for chosen in (min, max))
    missed, largest = evaluation["per_class"][rare], evaluation["per_class"][often]
    if missed["support"] < 3 or missed["recall"] >= 0.5 or largest["recall"] < 0.9:
        return None
    weights = [round(max(facts.counts) / count, 1) if count else 1.0 for count in facts.counts]
    binary = facts.request["loss"]["name"] == "binary_cross_entropy"
    threshold = min(max(round(facts.counts[1] / sum(facts.counts), 3), 0.001), 0.999)
    return Found(
        f"class {missed['label']} has {facts.counts[rare]:,} examples, class {largest['label']} has "
        f"{facts.counts[often]:,}; of the {missed['support']} {ADJECTIVES[evaluation['part']]} examples of "
        f"{missed['label']} the network recognises {missed['recall']:.0%}",
        {
            "part": evaluation["part"],
            "class": missed["label"],
            "examples": facts.counts[rare],
            "recall": missed["recall"],
            "largest_class": largest["label"],
            "largest_examples": facts.counts[often],
            "largest_recall": largest["recall"],
        },
        setting("loss.threshold", threshold) if binary else setting("loss.class_weights", weights),
    )


@rule(
    "hint",
    "end",
    "evaluation",
    means="Two classes are confused with each other far more often than any others.",
    remedy="look at their examples: labels may be wrong, or the classes may be the same; otherwise add examples of "
    "both",
)
def classes_confused(facts: Facts) -> Found | None:
    evaluation = judged(facts)
    if not facts.classification or len(facts.counts) < 3 or evaluation["accuracy"] < POORLY:
        return None
    matrix = evaluation["confusion_matrix"]
    mistakes = sum(map(sum, matrix)) - sum(row[index] for index, row in enumerate(matrix))

    def rate(pair: tuple[int, int]) -> float:
        return float(matrix[pair[0]][pair[1]] / max(1, sum(matrix[pair[0]])))

    pair = max(permutations(range(len(matrix)), 2), key=rate)
    true, taken = pair
    between = matrix[true][taken] + matrix[taken][true]
    if rate(pair) < CONFUSED or matrix[true][taken] < 5 or between < 0.4 * mistakes:
        return None
    a, b = evaluation["classes"][true], evaluation["classes"][taken]
    return Found(
        f"{rate(pair):.0%} of the {ADJECTIVES[evaluation['part']]} examples of {a} are predicted as {b}; confusing "
        f"the two makes up {between / mistakes:.0%} of all mistakes",
        {"part": evaluation["part"], "class": a, "taken_for": b, "share": rate(pair), "mistakes": between},
        advice("look_at_confused", a=a, b=b, run=facts.run),
    )


@rule(
    "warning",
    "end",
    means="Test examples are exact copies of training examples, so that the test score is too good.",
    remedy="leave the copies out of one of the parts; the dataset's duplicates list them",
)
def train_test_leak(facts: Facts) -> Found | None:
    found = facts.copies
    if found is None or not found.tested:
        return None
    share, by_chance = found.in_test / found.tested, found.in_train / found.trained
    if share < LEAKED or (not facts.pictures and share < REPEATED * by_chance):
        return None
    return Found(
        f"{found.in_test:,} of the {found.tested:,} test examples are exact copies of training examples: the network "
        "has seen them before",
        {"copies": found.in_test, "test_examples": found.tested, "share": share},
        advice("leave_copies_out", dataset=facts.request["dataset"]),
    )


RULES = (
    inputs_do_not_differ, inputs_not_normalised, target_not_scaled, class_imbalance, classes_confused, train_test_leak
)  # fmt: skip
