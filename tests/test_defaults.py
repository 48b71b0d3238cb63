"""The defaults train well on small datasets: sample uploads, trained with the worker's code."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.errors import Invalid
from bench.lab import Lab, lab
from bench.samples import bars, flat

OLD = {"normalise": "unit", "batch_size": 128, "stop": {"max_epochs": 20}}  # the earlier defaults


@pytest.fixture(scope="module")
def found() -> Iterator[Lab]:
    with lab() as found:
        found.add("flat", flat().imported())
        found.add("bars", bars().imported())
        yield found


def resolved(found: Lab, dataset: str, **fields: Any) -> dict[str, Any]:
    return found.store.resolved({"dataset": dataset} | fields)


@pytest.mark.parametrize("seed", range(3))
def test_two_shades_of_gray_are_told_apart(found: Lab, seed: int) -> None:
    request = {"dataset": "flat", "seed": seed, "split": {"seed": seed}}
    assert found.train(request).score("test") == 1.0
    assert found.train(request | OLD).score("test") == 0.5  # every hidden unit dies


def test_sixty_pictures_a_class_get_a_thousand_steps_and_the_best_epoch(found: Lab) -> None:
    request = resolved(found, "bars")
    assert (request["normalise"], request["batch_size"]) == ("standard", 16)
    assert request["stop"]["max_epochs"] == 200  # of 5 steps
    assert request["stop"]["patience"] == {"epochs": 100, "part": "validation"}
    facts = found.train({"dataset": "bars"})
    assert facts.request == request | {"device": "cpu"}
    assert facts.loss.steps[-1] > 400  # the earlier defaults took 20


def test_what_a_request_says_is_left_as_it_is(found: Lab) -> None:
    stop = resolved(found, "bars", **OLD)["stop"]
    assert stop["max_epochs"] == 20 and stop["patience"] is None
    assert resolved(found, "bars", normalise="unit")["normalise"] == "unit"
    assert resolved(found, "bars", batch_size=128)["batch_size"] == 128
    assert resolved(found, "bars", stop={"max_steps": 7})["stop"] | {"patience": None} == stop | {
        "max_steps": 7,
        "max_epochs": None,
    }
    unguarded = resolved(found, "bars", stop={"patience": None})["stop"]
    assert unguarded["max_epochs"] == 200 and unguarded["patience"] is None
    guarded = resolved(found, "bars", stop={"patience": 3})["stop"]
    assert guarded["max_epochs"] == 200 and guarded["patience"]["epochs"] == 3
    endless = {"max_epochs": None, "max_seconds": 1}
    assert resolved(found, "bars", stop=endless)["stop"] == stop | endless
    assert resolved(found, "bars", batch_size=76)["stop"]["max_epochs"] == 1000
    assert resolved(found, "bars", batch_size=8, accumulate=2)["stop"]["max_epochs"] == 200
    with pytest.raises(Invalid):
        resolved(found, "bars", batch_size="full", accumulate=2)


def test_without_a_validation_part_nothing_watches_it(found: Lab) -> None:
    stop = resolved(found, "bars", split={"validation": 0})["stop"]
    assert stop["patience"] is None and stop["max_epochs"] > 20


def test_a_repetition_keeps_what_was_chosen(found: Lab) -> None:
    first = resolved(found, "bars")
    assert resolved(found, "bars", **{name: first[name] for name in ("normalise", "batch_size", "stop")}) == first
