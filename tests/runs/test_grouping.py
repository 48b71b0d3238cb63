"""Runs are grouped by a field or by a tag."""

from typing import Any

import pytest

from app.runs.grouping import grouped
from app.runs.overview import Glance, Overview
from app.runs.views import RunView
from app.storage.tables import Run


def overview(
    id: str, best: float | None, lr: float | None = None, task: str = "classification", **tags: str
) -> Overview:
    request: dict[str, Any] = {"optimizer": {"name": "adam", "lr": lr}}
    run = Run(id=id, task=task, request=request, tags=tags, dataset="d", environment={}, owner="", status="succeeded")
    return Overview(RunView(run, None), Glance([([1.0, 2.0], [0.0, float(len(id))])], best))


def test_the_group_with_the_best_run_comes_first_and_keeps_the_order_of_its_runs() -> None:
    runs = [overview("a", 0.5, 0.1), overview("b", 0.7, 0.01), overview("c", 0.9, 0.1), overview("d", None, 1.0)]
    found = grouped(runs, "lr")
    assert [(group.value, [each.view.run.id for each in group.members]) for group in found] == [
        (0.1, ["a", "c"]),
        (0.01, ["b"]),
        (1.0, ["d"]),
    ]
    assert (found[0].mean, found[0].spread) == pytest.approx((0.7, 0.2))
    assert found[1].spread is None and found[2].mean is None


def test_runs_without_a_value_are_a_group() -> None:
    assert [group.value for group in grouped([overview("a", 0.5, course="ml"), overview("b", 0.4)], "tag:course")] == [
        "ml",
        None,
    ]


def test_results_of_different_tasks_have_no_mean() -> None:
    [group] = grouped([overview("a", 0.5), overview("b", 0.4, task="regression")], "optimizer")
    assert group.mean is group.spread is None


def test_traces_share_a_scale() -> None:
    [group] = grouped([overview("a", 0.5), overview("bcde", 0.4)], "dataset")
    assert group.traces == [("a", [(0.0, 0.0), (1.0, 0.25)]), ("bcde", [(0.0, 0.0), (1.0, 1.0)])]
