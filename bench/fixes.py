"""Worth of the changes that the diagnosis proposes: does a failing run learn once they are made?

`python -m bench diagnosis --fix` makes the change of the first finding of each failing run, then that of the run that
comes of it. A sound reference has the same data, split, seed and number of units. The changes work if the test accuracy
is at most 2 percentage points below the reference's, or the mean squared error at most 10% above, or two standard
errors of the test part where that is more. Where one class is rare, the mean recall of the classes counts.

Target: at least 90% of the failing runs. A run whose finding leaves the change to a person counts as it is.
"""

import math
from itertools import product
from typing import Any

import torch

from app.insight.diagnosis import diagnose
from app.insight.diagnosis.facts import Facts
from bench.diagnosis import PLAIN, SEEDS, SIZES, UNITS, Recipe, failing, joined, net, opt
from bench.lab import Lab, lab
from bench.report import figure

CHANGES = 2
POINTS, LOSS = 0.02, 0.1
PATIENT = {"stop": {"max_epochs": 100, "patience": 5}}
EVEN = {"loss": {"name": "cross_entropy", "class_weights": [1.0, 40.0]}}
# What suits each kind of data, where it is not a hidden layer trained by Adam with some patience.
SUITS: dict[str, list[dict[str, Any]]] = {"rings": [{"stop": {"max_epochs": 40}}], "uneven": [EVEN]}


def reference(recipe: Recipe, units: int) -> dict[str, Any]:
    """A sound request on the data, the split and the seed of a failing one."""
    failed = recipe.request
    kind = failed["dataset"].partition(":")[0]
    wide = net(units, units) if kind == "rings" else net(units)
    same = {name: failed[name] for name in ("dataset", "split", "seed") if name in failed}
    pictures = {"normalise": "unit"} if "normalise" in failed else {}
    return joined([PLAIN, wide, opt("adam", 3e-3), PATIENT, pictures, *SUITS.get(kind, []), same])


def quality(facts: Facts) -> float:
    """Test accuracy, mean recall of classes of which one is rare, or mean squared error."""
    if not facts.classification:
        return facts.metric("test", "mse")
    return facts.recall("test") if facts.request["dataset"].startswith("uneven") else facts.score("test")


def allowed(best: Facts) -> float:
    """Maximum distance from the reference's quality."""
    value, evaluation = quality(best), best.evaluation["test"]
    if not best.classification:
        return value * max(LOSS, 2 * math.sqrt(2 / evaluation["examples"]))  # of errors that are about normal
    if best.request["dataset"].startswith("uneven"):
        classes = evaluation["per_class"]
        variance = sum(one["recall"] * (1 - one["recall"]) / one["support"] for one in classes) / len(classes) ** 2
    else:
        variance = value * (1 - value) / evaluation["examples"]
    return max(POINTS, 2 * math.sqrt(variance))


def works(facts: Facts, best: Facts) -> bool:
    below = quality(best) - quality(facts)
    return (below if best.classification else -below) <= allowed(best)


def mended(laboratory: Lab, facts: Facts, best: Facts) -> tuple[bool, list[str]]:
    """Whether the changes work, and the codes of the findings on the way with the quality after each."""
    way = [f"{quality(facts):.3g}"]
    for _ in range(CHANGES):
        findings = diagnose(facts)
        if not findings or findings[0].change.to_json() is None:
            break
        facts = laboratory.fixed(facts)
        way += [findings[0].code, f"{quality(facts):.3g}"]
    return works(facts, best), [*way, *(finding.code for finding in diagnose(facts)[:1])]


def main() -> None:
    torch.set_num_threads(1)
    recipes = [(recipe, UNITS[size]) for size, seed in product(SIZES, SEEDS) for recipe in failing(size, seed)]
    right, references = 0, dict[str, Facts]()
    with lab() as laboratory:
        for recipe, units in recipes:
            sound = reference(recipe, units)
            best = references.get(str(sound)) or laboratory.train(sound)
            references[str(sound)] = best
            well, way = mended(laboratory, laboratory.train(recipe.request), best)
            right += well
            if not well:
                print(f"{' or '.join(recipe.codes)}: {' '.join(way)}; reference {quality(best):.3g}; {recipe.request}")
    figure("failing runs", len(recipes), "runs")
    figure("failing runs that two changes mend", 100 * right / len(recipes), "%", at_least=90)
