"""A curve's picture says what its axes are; its texts stand as comments in the SVG."""

import re

import numpy as np
import pytest

from app.api.plots import STEPS, TITLE, Axis, axis_of, draw, draw_together
from app.errors import Conflict
from app.storage.curves import Series


def texts(series: dict[str, Series], title: str = "a run") -> list[str]:
    return re.findall(r"<!-- (.+?) -->", draw(series, title, "svg").decode())


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
    assert any(re.match(r"\$\\mathdefault\{10\^", text) for text in found), found  # ticks of a logarithmic axis


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
