"""Labels and axes of a curve's picture; the SVG has its texts as comments."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from app.errors import Conflict
from app.plots.curves import STEPS, TITLE, Axis, axis_of, draw, draw_together, legend, optimizer_labels
from app.storage.series import Series

LOGARITHMIC = re.compile(r"\$\\mathdefault\{10\^")  # how its ticks are written


def texts(series: dict[str, Series], title: str = "a run") -> list[str]:
    return texts_of(draw(series, title, "svg"))


def texts_of(picture: bytes) -> list[str]:
    return re.findall(r"<!-- (.+?) -->", picture.decode())


def lines_of(picture: bytes) -> list[tuple[str, str]]:
    """Colour and dashes of each line that is as wide as a curve's."""
    dashed = r"(?:stroke-dasharray: ([\d., ]+); stroke-dashoffset: 0; )?"
    found = re.findall(rf'style="fill: none; {dashed}stroke: (#\w{{6}}); stroke-width: 1.5', picture.decode())
    return [(color, dashes) for dashes, color in found]


def some(*values: float) -> Series:
    return Series(np.arange(1, len(values) + 1), np.array(values))


def test_each_metric_of_a_regression_has_a_panel_in_its_own_unit() -> None:
    metrics = ("loss", "mse", "mae", "r2", "mape")
    found = texts({f"{part}.{metric}": some(3, 2) for part in ("train", "validation") for metric in metrics})
    labels = {"loss", "mse (target's units²)", "mae (target's units)", "r2", "mape (a fraction)"}
    assert labels <= set(found) and "accuracy" not in found
    assert found.count("train") == found.count("validation") == 1 and found.count("step") == 5


def test_loss_and_accuracy_share_a_panel() -> None:
    found = texts({"train.loss": some(3, 2), "train.accuracy": some(0.1, 0.2)})
    assert found.count("step") == 1 and {"loss", "accuracy", "train.loss", "train.accuracy"} <= set(found)


def test_what_is_not_finite_is_in_the_legend_once_and_a_loss_that_runs_away_leaves_the_rest_to_be_seen() -> None:
    runs_away = some(1, 2, 3, 4, 1e9, np.nan, np.inf, np.nan)
    found = texts({"train.loss": runs_away, "validation.loss": some(np.nan, 1)})
    assert found.count("not finite") == 1
    assert any(map(LOGARITHMIC.match, found)), found


@pytest.mark.parametrize(
    ("of_one", "of_other", "logarithmic"),
    [
        ((2, 1, 0.5), (2, 3, 1e19), True),
        ((2, 1, 0.5), (1e18, 1e19, 1e19), True),  # most of the numbers are large
        ((1e-9, 0, 1e-9), (1, 1, 1), True),
        ((2, 1, 0.5), (2, 90, np.inf), False),
        ((2, 1, -0.5), (2, 3, 1e19), False),
        ((0, 0, 0), (np.nan, np.nan, np.nan), False),
    ],
)
def test_no_line_lies_flat_beside_one_that_is_far_above_it_on_one_run_or_on_several(
    of_one: tuple[float, ...], of_other: tuple[float, ...], logarithmic: bool
) -> None:
    one, other = some(*of_one), some(*of_other)
    pictures = (
        draw({"train.loss": one, "validation.loss": other}, "a run", "svg"),
        draw({"layer.0.gradient_norm": one, "layer.2.gradient_norm": other}, "a run", "svg"),
        draw_together({"a run": (one, STEPS), "another": (other, STEPS)}, "train.loss", "svg"),
    )
    for picture in pictures:
        assert any(map(LOGARITHMIC.match, texts_of(picture))) is logarithmic


def test_each_layer_has_its_own_colour_and_entry_and_each_measure_its_own_panel() -> None:
    measures = ("gradient_norm", "weight_norm")
    layers = ("10", "2", "1.0.2", "input")
    picture = draw({f"layer.{layer}.{name}": some(3, 2) for layer in layers for name in measures}, "a run", "svg")
    found = texts_of(picture)
    assert [text for text in found if text.startswith(("layer", "input"))] == [
        "input", "layer 1.0.2", "layer 2", "layer 10"
    ]  # fmt: skip
    assert found.count("step") == 2 and set(measures) <= set(found)
    lines = lines_of(picture)
    assert {lines.count(line) for line in set(lines)} == {3} and len(set(lines)) == 4  # two panels and the legend


def test_layers_are_told_apart_from_the_parts_and_from_dozens_of_others() -> None:
    parts = {f"{part}.loss": some(3, 2) for part in ("train", "validation")}
    deep = {f"layer.{layer}.gradient_norm": some(3, 2) for layer in range(38)}
    alone, both = lines_of(draw(parts, "a run", "svg")), lines_of(draw(parts | deep, "a run", "svg"))
    assert set(alone) < set(both) and len(set(both)) == 40


def test_a_curve_goes_along_epochs_too() -> None:
    series = {"train.loss": some(*[0.5, 0.4] * 20), "validation.loss": some(0.4, 0.3)}
    by_step, by_epoch = (re.findall(r"<!-- (.+?) -->", draw(series, "a run", "svg", along).decode())
                         for along in (Axis("step", 1), Axis("epoch", 10)))  # fmt: skip
    assert "step" in by_step and "40" in by_step
    assert "epoch" in by_epoch and "4" in by_epoch and "40" not in by_epoch


def test_a_second_has_as_many_steps_as_the_run_made_in_one_and_none_before_it_began() -> None:
    assert axis_of({"step": 600, "seconds": 1.5, "steps_per_epoch": 10}, "second") == Axis("second", 400)
    for progress in ({}, {"step": 0, "seconds": 0.0}):
        with pytest.raises(Conflict, match="axis=step"):
            axis_of(progress, "second")


def test_runs_of_different_speed_are_drawn_together_by_second() -> None:
    runs = {"slow": (some(*range(100)), Axis("second", 10)), "quick": (some(*range(100)), Axis("second", 100))}
    found = re.findall(r"<!-- (.+?) -->", draw_together(runs, "train.loss", "svg").decode())
    assert "second" in found and "10" in found and "100" not in found[: found.index("second")]


def test_together_too_what_is_not_finite_is_marked() -> None:
    whole, broken = some(*range(9, 0, -1)), some(9, 8, np.nan, np.inf, 5, 4, 3, 2, 1)
    pictures = [draw_together({"a run": (series, STEPS)}, "train.loss", "svg").decode() for series in (whole, broken)]
    marked = [picture.count("opacity: 0.15") for picture in pictures]
    assert marked == [0, 1]


def test_a_long_name_is_cut() -> None:
    name = "x" * 200
    found = texts({"train.loss": some(1)}, name)
    assert "x" * (TITLE - 1) + "…" in found and not any("x" * TITLE in text for text in found)


def test_optimizers_of_one_name_are_called_by_what_they_differ_in() -> None:
    momentum = {"name": "momentum", "formulas": "torch", "lr": 0.005, "momentum": 0.9, "dampening": 0.0}
    adam = {"name": "adam", "formulas": "torch", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8}
    called = optimizer_labels(
        [
            momentum | {"nesterov": False},
            momentum | {"dampening": 0.9, "nesterov": False},
            momentum | {"nesterov": True},
            momentum | {"formulas": "lecture"},
            adam,
            adam | {"betas": [0.9, 0.9], "lr": 0.1},
        ]
    )
    assert called == [
        "momentum, lr 0.005, dampening 0, nesterov false",
        "momentum, lr 0.005, dampening 0.9, nesterov false",
        "momentum, lr 0.005, dampening 0, nesterov true",
        "momentum, the lecture's, lr 0.005, dampening 0",
        "adam, lr 0.001, betas [0.9, 0.999]",
        "adam, lr 0.1, betas [0.9, 0.9]",
    ]
    assert optimizer_labels([momentum, momentum | {"lr": 0.05}]) == ["momentum, lr 0.005", "momentum, lr 0.05"]


def test_a_legend_of_long_names_stays_within_its_picture() -> None:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    legend(figure, {f"{n}: momentum, the lecture's, lr 0.005, dampening 0.{n}": axes.plot([n])[0] for n in range(8)})
    figure.draw_without_rendering()
    [box] = [found.get_window_extent() for found in figure.legends]
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
