"""Figures and numbers of the documents, from new runs: `make docs-figures` writes them.

The text about an experiment is between `<!-- experiment: NAME -->` and `<!-- end -->`.
"""

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from app.api.routes import diagrams
from app.api.schemas.architectures import InspectRequest
from app.datasets.builtin import BUILTIN
from app.datasets.duplicates import duplicates
from app.datasets.splits import SplitSpec, split
from app.insight.analysis.minimum_loss import minimum_loss
from app.insight.diagnosis import diagnose
from app.insight.diagnosis.facts import Curve, Facts
from app.insight.experiments import EXPERIMENTS
from app.insight.experiments.experiment import Experiment, Seen, spreads, verdict
from app.insight.surfaces.functions import Quadratic
from app.insight.surfaces.trajectory import Spike, gaussian_noise, walk
from app.learning.layers import Softmax
from app.learning.losses import CrossEntropy
from app.learning.optimizers import SGD, AdaGrad, Adam, Momentum, Optimizer, RMSProp
from app.plots import contours, curves
from app.plots.previews import means_png
from app.storage.series import Series
from bench.lab import Lab, lab

DOCS = Path(__file__).parent.parent / "docs"
SEEDS = range(3)
BLOCK = re.compile(r"<!-- experiment: (\w+) -->\n(.*?)<!-- end -->", re.DOTALL)
# The experiments with a picture of their curves, and the series that it shows.
CURVES = {"activations_in_depth": "train.loss", "double_softmax": "train.loss", "forgot_zero_grad": "train.loss"}
DIVERGED = {"dataset": "digits", "optimizer": {"name": "adam", "lr": 1}, "stop": {"max_epochs": 10}}
LETTERS = {
    "dataset": "notmnist",
    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
    "stop": {"max_steps": 1000},
}


def block(experiment: Experiment, seen: list[Seen]) -> str:
    """The text about an experiment."""
    said = {
        "The lecture": experiment.claim,
        "Right": experiment.right,
        f"Seen ({verdict(seen)})": experiment.says(spreads(seen)),
    }
    lines = [f"**{experiment.title}** · `{experiment.name}` · {experiment.lines}", ""]
    for who, what in said.items():
        lines += textwrap.wrap(f"- *{who}:* {what}", 118, subsequent_indent="  ", break_on_hyphens=False)
    if (DOCS / "lecture" / f"{experiment.name}.png").exists():
        lines += ["", f"![{experiment.title}](lecture/{experiment.name}.png)"]
    return "\n".join(lines)


def tried(laboratory: Lab, experiment: Experiment) -> list[Seen]:
    """Run an experiment with every seed, and draw the curves of the first one."""
    seen = []
    for seed in SEEDS:
        what, runs = laboratory.seen(experiment, seed)
        seen.append(what)
        if experiment.name in CURVES and seed == SEEDS[0]:
            draw_curves(experiment.name, runs)
    return seen


def as_series(curve: Curve) -> Series:
    return Series(np.array(curve.steps), np.array(curve.values))


def draw_curves(name: str, runs: Mapping[str, Facts]) -> None:
    drawn = {trial: as_series(facts.curve(CURVES[name])) for trial, facts in runs.items()}
    if name == "double_softmax":
        last = max(facts.loss.steps[-1] for facts in runs.values())
        least = minimum_loss(Softmax(), CrossEntropy(), 10)
        drawn[f"floor {least:.3f}"] = Series(np.arange(1, last + 1), np.full(last, least))
    alike = {trial: (series, curves.STEPS) for trial, series in drawn.items()}
    (DOCS / "lecture" / f"{name}.png").write_bytes(curves.draw_together(alike, CURVES[name], "png"))


def draw_walks() -> None:
    """Draw momentum in a ravine, and the recovery of optimizers from an outlier."""
    ravine, bowl = Quadratic(condition=100.0), Quadratic(condition=1.0)
    rivals: dict[str, Optimizer] = {
        "SGD": SGD(lr=0.005),
        "momentum": Momentum(lr=0.005),
        "momentum 0.9/0.1": Momentum(lr=0.005, dampening=0.9),
    }
    paths = {name: walk(ravine, ravine.start, rival, gaussian_noise(0, 120, 0)) for name, rival in rivals.items()}
    (DOCS / "lecture" / "momentum.png").write_bytes(contours.draw(ravine, paths, "png"))
    rivals = {"AdaGrad": AdaGrad(lr=0.5), "RMSProp": RMSProp(lr=0.5, alpha=0.9), "Adam": Adam(lr=0.5, betas=(0.9, 0.9))}
    spike = Spike(step=5, factor=1000.0)
    paths = {name: walk(bowl, bowl.start, rival, gaussian_noise(0, 400, 0), spike) for name, rival in rivals.items()}
    (DOCS / "lecture" / "outlier_gradient.png").write_bytes(contours.draw(bowl, paths, "png"))


def write_lecture(laboratory: Lab) -> None:
    (DOCS / "lecture").mkdir(exist_ok=True)
    draw_walks()
    page = DOCS / "lecture.md"

    def written(match: re.Match[str]) -> str:
        name = match[1]
        print(name, flush=True)
        experiment = EXPERIMENTS[name]
        return f"<!-- experiment: {name} -->\n{block(experiment, tried(laboratory, experiment))}\n<!-- end -->"

    page.write_text(BLOCK.sub(written, page.read_text()))


def write_diagnosis(laboratory: Lab) -> None:
    """Write the example of a finding."""
    [told] = diagnose(laboratory.train(DIVERGED))
    evidence = {name: float(f"{value:.3g}") if isinstance(value, float) else value
                for name, value in told.evidence.items()}  # fmt: skip
    fields = {"code": told.code, "severity": told.severity, "finding": told.finding, "evidence": evidence,
              "try": told.change.message.text(), "change": told.change.to_json()}  # fmt: skip
    rows_of_it = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()
    )
    page = DOCS / "diagnosis.md"
    page.write_text(
        re.sub(r"```json\n.*?```", lambda _: f"```json\n[{{\n{rows_of_it}\n}}]\n```", page.read_text(), flags=re.DOTALL)
    )


def draw_curve(laboratory: Lab) -> None:
    """Draw the README's picture."""
    facts = laboratory.train(LETTERS)
    names = ("train.loss", "validation.loss", "train.accuracy", "validation.accuracy")
    drawn = {name: as_series(facts.curve(name)) for name in names}
    (DOCS / "curve.png").write_bytes(curves.draw(drawn, "letters", "png"))


def draw_vgg() -> None:
    preset = {"model": {"preset": "vgg16"}, "input_shape": [3, 224, 224], "outputs": 1000}
    picture = diagrams.draw_architecture(InspectRequest.model_validate(preset))
    (DOCS / "vgg16.svg").write_bytes(bytes(picture.body))


def draw_means() -> None:
    letters = BUILTIN["notmnist"].load()
    (DOCS / "means.png").write_bytes(means_png(letters, np.arange(len(letters.targets))))


def write_twins() -> None:
    """Write the number of test letters that are also in the training part."""
    letters = BUILTIN["notmnist"].load()
    count = len(duplicates(letters, split(letters, SplitSpec())).twins)
    page = DOCS / "datasets.md"
    text = page.read_text()
    page.write_text(re.sub(r"\d+( of the 2,000 test letters)", rf"{count}\1", text))


def main() -> None:
    torch.set_num_threads(1)
    draw_vgg()
    draw_means()
    write_twins()
    with lab() as laboratory:
        draw_curve(laboratory)
        write_diagnosis(laboratory)
        write_lecture(laboratory)


if __name__ == "__main__":
    main()
