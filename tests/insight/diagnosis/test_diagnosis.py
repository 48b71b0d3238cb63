"""Each rule has a finding for runs that were made to show its cause, and none for sound runs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.insight.diagnosis import RULES, diagnose
from app.insight.diagnosis.facts import Curve, Facts
from app.insight.diagnosis.rule import Finding
from app.learning.presets import under
from bench.diagnosis import CONV, data, epochs, layers, net, normal, opt
from bench.lab import Lab, lab


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Lab]:
    with lab() as found:
        yield found


TO_TEN = {"type": "linear", "units": 10}
SGD, DIGITS = opt("sgd", 0.1), data("digits")
RAW = {"normalise": "none"}
UNSCALED = {"scaling": {"inputs": "none"}}


def failing(n: int, seed: int) -> list[tuple[str, dict[str, Any]]]:
    """Codes, and requests with networks of `n` units that fail for these causes."""
    blobs, rings, friedman = data(f"blobs:{seed}"), data(f"rings:{seed}"), data(f"friedman:{seed}")
    high, low, vanish, explode = (
        "learning_rate_too_high", "learning_rate_too_low", "vanishing_gradients", "exploding_gradients"
    )  # fmt: skip
    large = normal(1.0)
    return [
        (high, DIGITS | net(n) | opt("adam", 1.0)),
        (high, DIGITS | net(n, n, act="tanh") | opt("adam", 1.0)),
        (high, DIGITS | net(n) | opt("sgd", 20.0)),
        (high, blobs | net(n, n) | opt("sgd", 30.0)),
        (high, friedman | net(n) | opt("sgd", 5.0)),
        (low, DIGITS | net(n) | opt("adam", 1e-6)),
        (low, DIGITS | net(n) | opt("sgd", 1e-4)),
        (low, friedman | net(n) | opt("adam", 1e-6)),
        (vanish, DIGITS | net(*[n] * 8, act="sigmoid")),
        (vanish, blobs | net(*[n] * 6, act="sigmoid")),
        (explode, DIGITS | net(n, n, n, **large)),
        (explode, DIGITS | net(n, n, n, **large) | SGD),
        ("logarithm_of_negative_numbers", DIGITS | net(n, act="log")),
        ("saturated_units", DIGITS | net(n, n, act="tanh", **normal(2.0))),
        ("saturated_units", DIGITS | net(n, n, act="sigmoid", **normal(3.0))),
        ("dead_units", blobs | net(*[4] * 20, init="he")),
        ("dead_units", rings | net(*[2] * 14, init="he") | opt("adam", 3e-3)),
        ("symmetric_initialisation", DIGITS | net(n, n, init="zeros")),
        ("symmetric_initialisation",
         DIGITS | {"model": {"layers": [*layers(n, act="tanh", init="zeros")["layers"], TO_TEN | {"init": "zeros"}]}}),
        ("linear_stack_collapses", rings | {"model": {"layers": [{"type": "linear", "units": n}] * 2}}),
        ("softmax_before_cross_entropy",
         DIGITS | {"model": {"layers": [*layers(n)["layers"], TO_TEN, {"type": "softmax"}]}}),
        ("model_too_small", DIGITS | net(2)),
        ("model_too_small", rings | {"model": {"layers": []}} | epochs(30)),
        ("overfitting", data(f"few:{seed}") | net(4 * n) | epochs(200)),
        ("overfitting", data("diabetes") | net(4 * n) | epochs(200)),
        ("still_improving", DIGITS | net(n) | opt("sgd", 0.02) | epochs(8)),
        ("still_improving", DIGITS | net(n) | epochs(2)),
        ("class_imbalance", data(f"uneven:{seed}") | net(n)),
        ("classes_confused", data(f"twins:{seed}") | net(4 * n) | epochs(30)),
        ("no_better_than_guess", data(f"noise:{seed}") | net(n)),
        ("inputs_not_normalised", DIGITS | RAW | net(n) | SGD),
        ("inputs_not_normalised", DIGITS | RAW | net(n, n, act="tanh")),
        ("inputs_not_normalised", data(f"unscaled:{seed}") | UNSCALED | net(n)),
        ("target_not_scaled", data("diabetes") | {"scaling": {"target": "none"}} | net(n)),
        ("inputs_do_not_differ", data(f"blank:{seed}") | net(n)),
        ("inputs_do_not_differ", data(f"blank:{seed}", normalise="standard") | net(n, act="tanh") | SGD),
        ("too_few_steps", data(f"bars:{seed}") | net(n) | epochs(10)),
        ("labels_look_shuffled", data(f"noise:{seed}") | net(4 * n, 4 * n) | opt("adam", 3e-3) | epochs(150)),
        ("train_test_leak", data(f"copied:{seed}") | net(n) | opt("adam", 3e-3)),
    ]  # fmt: skip


def sound(n: int, seed: int) -> list[dict[str, Any]]:
    """Requests with networks of `n` units that learn well."""
    conv = {"model": {"layers": [*CONV, *layers(n)["layers"]]}}
    return [
        DIGITS | net(n) | epochs(25),
        DIGITS | net(n, n),
        DIGITS | net(n, n, act="tanh"),
        DIGITS | net(n) | SGD | epochs(40),
        DIGITS | net(n) | opt("momentum", 0.03) | epochs(25),
        DIGITS | {"model": {"layers": []}} | epochs(40),
        DIGITS | conv | opt("adam", 5e-3) | epochs(8),
        data(f"blobs:{seed}") | net(n) | opt("adam", 2e-3),
        data(f"rings:{seed}") | net(n, n) | epochs(100),
        data(f"friedman:{seed}") | net(n) | epochs(60),
        data("diabetes") | net(n) | epochs(40),
        data(f"coarse:{seed}") | net(n) | opt("adam", 3e-3) | epochs(40),
    ]


QUICK = [(code, request | {"seed": 0}) for code, request in failing(32, 0)]
LONG = [(code, request | {"seed": seed}) for n, seed in ((24, 1), (128, 2)) for code, request in failing(n, seed)]
SOUND = [request | {"seed": 0} for request in sound(48, 0)]
MORE_SOUND = [request | {"seed": seed} for n, seed in ((32, 1), (128, 2)) for request in sound(n, seed)]


def named(findings: list[Finding]) -> str:
    return "; ".join(f"{finding.code}: {finding.finding}" for finding in findings)


@pytest.mark.parametrize(("code", "request_"), QUICK, ids=[f"{code}-{n}" for n, (code, _) in enumerate(QUICK)])
def test_the_cause_is_named_and_not_what_follows_from_it(code: str, request_: dict[str, Any], laboratory: Lab) -> None:
    facts = laboratory.train(request_)
    findings = diagnose(facts)
    assert [finding.code for finding in findings] == [code], named(findings)
    (found,) = findings
    if found.change.again is not None:  # a run that the service takes, and another one
        changed = laboratory.store.resolved(under(facts.request, found.change.again))
        assert changed != facts.request
    assert found.evidence and found.change and found.finding[0] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize("request_", SOUND, ids=range(len(SOUND)))
def test_a_sound_run_is_left_in_peace(request_: dict[str, Any], laboratory: Lab) -> None:
    findings = diagnose(laboratory.train(request_))
    assert not findings, named(findings)


@pytest.mark.long
@pytest.mark.parametrize(("code", "request_"), LONG, ids=[f"{code}-{n}" for n, (code, _) in enumerate(LONG)])
def test_the_cause_is_named_over_seeds_and_sizes(code: str, request_: dict[str, Any], laboratory: Lab) -> None:
    findings = diagnose(laboratory.train(request_))
    assert [finding.code for finding in findings[:1]] == [code], named(findings)


@pytest.mark.long
@pytest.mark.parametrize("request_", MORE_SOUND, ids=range(len(MORE_SOUND)))
def test_sound_runs_are_left_in_peace_over_seeds_and_sizes(request_: dict[str, Any], laboratory: Lab) -> None:
    findings = diagnose(laboratory.train(request_))
    assert not findings, named(findings)


@pytest.mark.parametrize(
    ("optimizer", "lr", "change"),
    [("adam", 1000.0, 0.001), ("adam", 0.2, 0.001), ("sgd", 100.0, 0.1), ("sgd", 1e-9, 0.1)],
)
def test_a_learning_rate_far_off_is_led_to_a_usual_one(
    optimizer: str, lr: float, change: float, laboratory: Lab
) -> None:
    first = diagnose(laboratory.train(DIGITS | net(16) | opt(optimizer, lr) | epochs(3) | {"seed": 0}))[0]
    assert first.code in ("learning_rate_too_high", "learning_rate_too_low")
    assert first.change.again is not None and first.change.again["optimizer"] == {"lr": change}


def test_a_single_step_says_nothing_of_the_learning_rate(laboratory: Lab) -> None:
    once = laboratory.train(DIGITS | net(16) | {"batch_size": "full", "seed": 0} | epochs(1))
    assert "learning_rate_too_low" not in [finding.code for finding in diagnose(once)]


def test_every_rule_is_shown_by_a_run() -> None:
    assert {rule.code for rule in RULES} == {code for code, _ in QUICK}


def test_units_that_die_without_a_leap_are_named(laboratory: Lab) -> None:
    facts = laboratory.train(DIGITS | net(24) | epochs(3))
    seen = [
        replace(layer, measures={**layer.measures, "dead_units": Curve((1, 20), (0.1, 1.0))})
        if layer.type == "relu" else layer
        for layer in facts.layers
    ]  # fmt: skip
    ruined = replace(facts, layers=seen, metrics={"train": {"accuracy": 0.2}, "validation": {"accuracy": 0.2}})
    assert [finding.code for finding in diagnose(ruined)] == ["dead_units"]


def test_a_run_of_which_little_is_known_is_told_little(laboratory: Lab) -> None:
    """A run that is running, was recorded before there were samples, or has no validation part."""
    wild = laboratory.train(DIGITS | net(24) | opt("sgd", 1000.0))
    assert [finding.code for finding in diagnose(wild)] == ["learning_rate_too_high"]
    assert diagnose(replace(wild, status="running", stop_reason=None)) == []
    assert diagnose(replace(wild, status="cancelled", stop_reason="cancelled")) == []
    blind = replace(wild, layers=(), input=None)
    assert [finding.code for finding in diagnose(blind)] == ["learning_rate_too_high"]
    alone = laboratory.train(DIGITS | net(24) | {"split": {"validation": 0, "test": 0}} | epochs(25))
    assert diagnose(alone) == []
    empty = Facts(wild.run, wild.request, "queued", None, {})
    assert diagnose(empty) == []


def test_what_is_explained_is_a_rule_behind() -> None:
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)
    for rule in RULES:
        assert rule.explains <= set(codes), rule.code
        assert rule.code not in rule.explains
