"""Findings about the fit: too small a network, overfitting, too short a run."""

import math

from app.insight.diagnosis.facts import POORLY, Facts
from app.insight.diagnosis.rule import Found, change, rule, setting

GAP_TOO_SMALL = 0.1  # what is too small errs as much on training examples as on others
RISEN, SLIGHTLY_RISEN = 1.25, 1.1  # the last validation loss, in the lowest
# Between the scores of training and validation part: of accuracy, of R² (which is less sure), and where the loss rose.
GAP, GAP_R2, SLIGHT_GAP = 0.15, 0.25, 0.12
STILL = 0.06  # of a constant guess's loss, fallen in the last quarter of the run
SLOWLY, OF_ALL = 0.01, 0.1  # the same of a run that has learnt little, if it is so much of all that the loss fell
BETTER_ONCE = 0.9  # the lowest validation loss, in that of a constant guess
SURE = 3.0  # standard deviations


@rule(
    "error",
    "end",
    means="The network is too narrow or too shallow for what it should learn: it errs on training examples as well.",
    remedy="a hidden layer of more units",
    explains=("still_improving", "no_better_than_guess", "classes_confused"),
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
        said = f"one linear layer comes to a training score of {train:.2f} and no further"
        to_try = change("add_hidden_layer")
    elif min(hidden) <= max(1, outputs // 4):
        units = "1 unit" if min(hidden) == 1 else f"{min(hidden)} units"
        said = f"all goes through a layer of {units}; in the end the training part's score is {train:.2f}"
        to_try = change("widen_layer", units=min(hidden), several=min(hidden) > 1, wanted=max(16, 4 * outputs))
    else:
        return None
    return Found(said, scores | {"narrowest": min(hidden, default=None)}, to_try)


@rule(
    "warning",
    "end",
    "validation",
    means="The network learns its training examples by heart: on others it does worse, or no longer better.",
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
    said = f"the training part's score is {train:.2f}, the validation part's {validation:.2f}"
    if risen:
        said += f"; the validation loss was lowest at step {losses.steps[at]} ({best:.3g}) and is {losses.last:.3g} now"
    return Found(
        said,
        {
            "train_score": train,
            "validation_score": validation,
            "step": losses.steps[at],
            "lowest_validation_loss": best,
            "validation_loss": losses.last,
        },
        setting("stop.patience", 5) if risen else change("add_dropout"),
    )


@rule(
    "hint",
    "end",
    means="The loss was falling when the run ended.",
    remedy="resume the run with more epochs or steps",
)
def still_improving(facts: Facts) -> Found | None:
    if facts.stop_reason not in ("max_epochs", "max_steps", "max_seconds"):
        return None
    validation = facts.curve("validation.loss")
    epochs = len(validation.values)
    smooth = validation.values if epochs >= 8 else facts.loss.smooth()
    if len(smooth) < 8 or not all(map(math.isfinite, smooth)):
        return None
    before, last = min(smooth[: -max(2, len(smooth) // 4)]), smooth[-1]  # the lowest: a peak is no place to fall from
    scale = facts.baseline_loss or smooth[0]
    fell, slowly = before - last, facts.learnt < POORLY and before - last > OF_ALL * (smooth[0] - last)
    if fell < (SLOWLY if slowly else STILL) * scale or last > min(smooth) * 1.02:
        return None
    of = "validation" if epochs >= 8 else "training"
    more = facts.request["stop"].get("max_epochs")
    doubled = more and facts.stop_reason == "max_epochs"
    return Found(
        f"the {of} loss fell from {before:.3g} to {last:.3g} in the last quarter of the run",
        {"part": of, "before": before, "loss": last, "step": facts.loss.steps[-1]},
        change("train_longer", run=facts.run, epochs=2 * more)
        if doubled
        else change("train_to_later_end", run=facts.run),
    )


@rule(
    "error",
    "end",
    means="The network does no better than one that always gives the same answer, and no other rule says why.",
    remedy="look at the data: do labels and inputs belong together?",
    explains=("overfitting", "still_improving", "classes_confused"),
)
def no_better_than_guess(facts: Facts) -> Found | None:
    part = "validation" if facts.curve("validation.loss").values else "train"
    score = facts.score(part)
    if math.isnan(score) or facts.diverged or facts.weighted:
        return None
    by_heart = facts.learnt > 0.5 and min(facts.curve("validation.loss").values, default=math.inf)
    if by_heart and by_heart < BETTER_ONCE * (facts.baseline_loss or 0.0):
        return None  # there was something to learn
    margin = 0.02
    if facts.classification:
        evaluated = (facts.evaluation.get(part) or {}).get("examples") or sum(facts.counts)
        margin = SURE * math.sqrt(facts.guess * (1 - facts.guess) / evaluated)
    if score > facts.guess + margin:
        return None
    kind = "accuracy" if facts.classification else "R²"
    return Found(
        f"the {part} part's {kind} is {score:.3f}; always the same answer has {facts.guess:.3f}",
        {"part": part, "score": score, "guess": facts.guess, "train_score": facts.score("train")},
        change("look_at_examples", dataset=facts.request["dataset"]),
    )


RULES = (model_too_small, overfitting, still_improving, no_better_than_guess)
