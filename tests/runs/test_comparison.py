"""Comparison of runs: the fields and metrics in which they differ."""

from typing import Any

from app.runs.comparison import compare, layers_in_short
from app.storage.tables import Run

REQUEST = {
    "name": "one",
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 16}, {"type": "relu"}, {"type": "linear", "units": 10}]},
    "optimizer": {"name": "adam", "lr": 0.001},
    "seed": 0,
}


def run(id: str, metrics: dict[str, Any] | None = None, **changes: Any) -> Run:
    return Run(id=id, task="classification", request=REQUEST | changes, metrics=metrics or {})


def test_only_fields_that_differ_are_compared() -> None:
    runs = [
        run("a"),
        run("b", name="two", optimizer={"name": "adam", "lr": 0.1}),
        run("c", optimizer={"name": "sgd", "lr": 0.1, "dampening": 0.5}),
    ]
    fields = [each.fields for each in compare(runs, runs[0])]
    assert fields == [
        {"optimizer.name": "adam", "optimizer.lr": 0.001},
        {"optimizer.name": "adam", "optimizer.lr": 0.1},
        {"optimizer.name": "sgd", "optimizer.lr": 0.1},
    ]


def test_a_network_is_one_field() -> None:
    runs = [run("a"), run("b", model={"layers": [{"type": "linear", "units": 10}]})]
    assert [each.fields for each in compare(runs, runs[0])] == [
        {"layers": "linear 16 → relu → linear 10"},
        {"layers": "linear 10"},
    ]
    assert (
        layers_in_short([{"type": "conv2d", "channels": 8}, {"type": "dropout", "p": 0.5}]) == "conv2d 8 → dropout 0.5"
    )


def test_higher_accuracy_and_lower_loss_are_better() -> None:
    base = run("a", {"validation": {"accuracy": 0.5, "loss": 1.0}, "test": {"accuracy": "NaN"}})
    other = run("b", {"validation": {"accuracy": 0.75, "loss": 1.5}, "test": {"accuracy": 0.5}})
    [own, theirs] = [each.metrics for each in compare([base, other], base)]
    assert {measured.delta for measured in own.values()} == {None}
    assert (theirs["validation.accuracy"].delta, theirs["validation.accuracy"].is_better) == (0.25, True)
    assert (theirs["validation.loss"].delta, theirs["validation.loss"].is_better) == (0.5, False)
    assert theirs["test.accuracy"].delta is None, "there is no difference from NaN"
    assert "train.loss" not in theirs, "no run has it"
