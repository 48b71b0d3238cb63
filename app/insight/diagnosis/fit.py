"""Findings about the fit: too small a network, overfitting, too short a run."""

import math
from typing import NamedTuple

from app.insight.diagnosis.data import look_at_examples
from app.insight.diagnosis.descent import safe_lr
from app.insight.diagnosis.duration import ended_early, longer
from app.insight.diagnosis.facts import POORLY, Facts
from app.insight.diagnosis.networks import widened, with_dropout, with_hidden_layer
from app.insight.diagnosis.rule import AT_CHANCE, Found, network, rule, setting

GAP_TOO_SMALL = 0.1  # between the scores: too small a network is as wrong on training examples as on others
RISEN, SLIGHTLY_RISEN = 1.25, 1.1  # last validation loss / lowest validation loss
# Between the scores of training and validation part: of accuracy, of R² (which is less sure), and where the loss rose.
GAP, GAP_R2, SLIGHT_GAP = 0.15, 0.25, 0.12
STILL = 0.06  # of a constant guess's loss, fallen in the last quarter of the run
SLOWLY, OF_ALL = 0.01, 0.1  # for a run that has learnt little: the same share, and at least a tenth of the whole fall
BETTER_ONCE = 0.9  # lowest validation loss / loss of a constant guess
SURE = 3.0  # standard deviations
SURE_MARGIN = 0.2  # of accuracy: a score within it is at chance
SMALL = 0.2  # times a safe learning rate: larger steps get there sooner than more of them
LOW = 0.3  # of a constant guess's loss: the training part is learnt
BY_HEART = 0.5  # of the way from a constant guess to no mistake
HIDDEN = 64  # units that serve most small tasks


@rule(
    "error",
    "end",
    means="The network is too narrow or too shallow for the task: it is wrong on training examples as well.",
    remedy="a hidden layer with more units",
    explains=("still_improving", *AT_CHANCE, "classes_confused"),
)
def model_too_small(facts: Facts) -> Found | None:
    train, validation = facts.score("train"), facts.score("validation")
    if not facts.learnt < POORLY or train - validation > GAP_TOO_SMALL or not facts.loss.finite:
        return None
    widths = [layer.width for layer in facts.network if layer.role == "linear map"]
    outputs, hidden = widths[-1], widths[:-1]
    scores = {"train_score": train, "validation_score": validation, "guess": facts.guess}
    if not hidden:
        smooth = facts.loss.smooth()
        quarter = smooth[-len(smooth) // 4 :]
        if quarter[0] - quarter[-1] > STILL * (facts.baseline_loss or smooth[0]):
            return None
        said = f"the network is one linear layer, and it no longer improves: {facts.score_of('train')}"
        to_try = network(facts, "add_hidden_layer", with_hidden_layer(facts.request_layers, HIDDEN), units=HIDDEN)
    elif min(hidden) <= max(1, outputs // 4):
        units = "1 unit" if min(hidden) == 1 else f"{min(hidden)} units"
        said = f"everything passes through a layer of {units}; {facts.score_of('train')}"
        narrow, wanted = min(hidden), max(HIDDEN, 4 * outputs)
        layers = widened(facts.request_layers, wanted)
        to_try = network(facts, "widen_layer", layers, units=narrow, several=narrow > 1, wanted=wanted)
    else:
        return None
    return Found(said, scores | {"narrowest": min(hidden, default=None)}, to_try)


@rule(
    "warning",
    "end",
    "validation",
    means="The network memorises its training examples: on others it is worse, or has stopped improving.",
    remedy="`stop.patience`, dropout, `augment` for pictures, `weight_decay`, a smaller network, or more examples",
)
def overfitting(facts: Facts) -> Found | None:
    train, validation = facts.score("train"), facts.score("validation")
    losses, epochs = facts.curve("validation.loss"), len(facts.curve("validation.loss").values)
    if not losses.finite or facts.diverged or facts.learnt < 0.1:
        return None
    best = min(losses.values)
    at = losses.values.index(best)
    stopped = facts.request["stop"].get("patience") is not None
    gap, rise = train - validation, losses.last / best if best > 0 else 1.0
    risen = not stopped and at < 0.75 * epochs and rise > (SLIGHTLY_RISEN if gap > SLIGHT_GAP else RISEN) and gap > 0
    if not (risen or gap > (GAP if facts.classification else GAP_R2)):
        return None
    said = f"{facts.score_of('train')}, {facts.score_of('validation')}"
    if risen:
        said += f"; the validation loss was lowest at step {losses.steps[at]} ({best:.3g}) and is now {losses.last:.3g}"
    return Found(
        said,
        {
            "train_score": train,
            "validation_score": validation,
            "step": losses.steps[at],
            "lowest_validation_loss": best,
            "validation_loss": losses.last,
        },
        setting("stop.patience", 5) if risen else network(facts, "add_dropout", with_dropout(facts.request_layers)),
    )


@rule(
    "hint",
    "end",
    means="The loss was still falling when the run ended.",
    remedy="resume the run with more epochs or steps; a larger learning rate if it is far below the default",
)
def still_improving(facts: Facts) -> Found | None:
    if facts.stop_reason not in ("max_epochs", "max_steps", "max_seconds"):
        return None
    validation = facts.curve("validation.loss")
    epochs = len(validation.values)
    smooth = validation.values if epochs >= 8 else facts.loss.smooth()
    if len(smooth) < 8 or not all(map(math.isfinite, smooth)):
        return None
    before, last = min(smooth[: -max(2, len(smooth) // 4)]), smooth[-1]  # the lowest, so that a peak does not count
    scale = facts.baseline_loss or smooth[0]
    fell, slowly = before - last, facts.learnt < POORLY and before - last > OF_ALL * (smooth[0] - last)
    if fell < (SLOWLY if slowly else STILL) * scale or last > min(smooth) * 1.02:
        return None
    of, lr = "validation" if epochs >= 8 else "training", facts.request["optimizer"]["lr"]
    return Found(
        f"the {of} loss fell from {before:.3g} to {last:.3g} in the last quarter of the run",
        {"part": of, "before": before, "loss": last, "step": facts.loss.steps[-1]},
        longer(facts) if lr > SMALL * safe_lr(facts) else setting("optimizer.lr", safe_lr(facts)),
    )


class Chance(NamedTuple):
    """The part that judges the network, its score, and the margin within which it is that of a constant answer."""

    part: str
    score: float
    margin: float


def _at_chance(facts: Facts) -> Chance | None:
    """The score, if it is no better than that of a constant answer."""
    part = "validation" if facts.curve("validation.loss").values else "train"
    score = facts.score(part)
    if math.isnan(score) or facts.diverged or facts.weighted:
        return None
    margin = 0.02
    if facts.classification:
        evaluated = (facts.evaluation.get(part) or {}).get("examples") or sum(facts.counts)
        margin = SURE * math.sqrt(facts.guess * (1 - facts.guess) / evaluated)
    return None if score > facts.guess + margin else Chance(part, score, margin)


def _constant_answer(facts: Facts) -> str:
    """Clause about the score of a constant answer."""
    return f"a constant answer would have {f'{facts.guess:.1%}' if facts.classification else f'{facts.guess:.2f}'}"


@rule(
    "error",
    "end",
    means="The run was over after a few steps, before the network had learnt anything.",
    remedy="resume the run with more epochs or steps; a smaller `batch_size` gives more steps an epoch",
    explains=(
        "labels_look_shuffled",
        "labels_look_shuffled",
        "no_better_than_guess",
        "overfitting",
        "still_improving",
    ),
)
def too_few_steps(facts: Facts) -> Found | None:
    chance = _at_chance(facts)
    if not ended_early(facts) or chance is None or not facts.loss.finite:
        return None
    if facts.learnt >= POORLY and facts.loss.smooth()[-1] < LOW * (facts.baseline_loss or facts.loss.first):
        return None
    steps = facts.loss.steps[-1]
    return Found(
        f"the run had {steps} steps, too few to learn: {facts.score_of(chance.part)}; {_constant_answer(facts)}",
        {"steps": steps, "train_examples": facts.examples, "part": chance.part, "score": chance.score}
        | {"guess": facts.guess},
        longer(facts),
    )


@rule(
    "error",
    "end",
    "validation",
    means="The training part is learnt by heart, and on other examples the network is no better than a constant "
    "answer: the labels may not belong to the inputs.",
    remedy="check the data: are labels shuffled, or rows sorted differently?",
    explains=(
        "no_better_than_guess",
        "overfitting",
        "still_improving",
        "classes_confused",
    ),
)
def labels_look_shuffled(facts: Facts) -> Found | None:
    chance, lowest = _at_chance(facts), min(facts.curve("validation.loss").values)
    if chance is None or facts.learnt <= BY_HEART or not lowest >= BETTER_ONCE * (facts.baseline_loss or 0.0):
        return None
    part, score, margin = chance
    if margin > SURE_MARGIN:  # too few validation examples to tell
        return None
    return Found(
        f"{facts.score_of('train')}, {facts.score_of(part)}; {_constant_answer(facts)}",
        {"part": part, "score": score, "guess": facts.guess, "train_score": facts.score("train")},
        look_at_examples(facts),
    )


@rule(
    "error",
    "end",
    means="The network is no better than a constant answer, and no other rule explains why.",
    remedy="check the data: do the labels belong to the inputs?",
    explains=("overfitting", "still_improving", "classes_confused"),
)
def no_better_than_guess(facts: Facts) -> Found | None:
    chance = _at_chance(facts)
    if chance is None or facts.learnt > BY_HEART:
        return None
    part, score, _ = chance
    return Found(
        f"{facts.score_of(part)}; {_constant_answer(facts)}",
        {"part": part, "score": score, "guess": facts.guess, "train_score": facts.score("train")},
        look_at_examples(facts),
    )


RULES = (model_too_small, too_few_steps, labels_look_shuffled, no_better_than_guess, overfitting, still_improving)
