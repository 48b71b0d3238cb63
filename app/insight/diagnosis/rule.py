"""A rule of the diagnosis: a function of a run's facts that returns a finding only if it is sure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.insight.diagnosis.facts import Facts
from app.insight.diagnosis.networks import Layers
from app.messages import Message

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")  # worst first
AT_CHANCE = ("too_few_steps", "labels_look_shuffled", "no_better_than_guess")  # the rules where nothing was learnt
Need = Literal["end", "layers", "validation", "evaluation"]


@dataclass(frozen=True)
class Change:
    """One change to try: a message, and what does it.

    again: a merge patch (RFC 7396) of the run's request, for a new run. resume: the body with which this run goes on.
    At most one of them is there; neither is where a person has to look first.
    """

    message: Message
    again: Mapping[str, Any] | None = None
    resume: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any] | None:
        """The merge patch, or the resumption as `{"resume": …}`; None if a person has to look first."""
        if self.resume is not None:
            return {"resume": dict(self.resume)}
        return None if self.again is None else dict(self.again)


def advice(code: str, **params: Any) -> Change:
    """A change that no request makes: something to look at or to decide."""
    return Change(Message.of(code, **params))


def network(facts: Facts, code: str, layers: Layers, **params: Any) -> Change:
    """A network with other layers; only the message if they are those of the run."""
    same = layers == facts.request["model"]["layers"]
    return Change(Message.of(code, **params), None if same else {"model": {"layers": layers}})


def resumption(run: str, stop: Mapping[str, Any]) -> Change:
    """Later stop criteria for this run."""
    return Change(Message.of("train_longer", run=run, stop=json.dumps(stop)), resume={"stop": dict(stop)})


def setting(path: str, value: Any) -> Change:
    """A field of the request, such as `optimizer.lr`, and the value to give it."""
    patch = value
    for name in reversed(path.split(".")):
        patch = {name: patch}
    return Change(Message.of("set_field", path=path, json=json.dumps(value)), patch)


@dataclass(frozen=True)
class Found:
    """Result of a rule for one run: in words, in numbers, and one change to try. `severity` overrides the rule's."""

    finding: str
    evidence: Mapping[str, Any]
    change: Change
    severity: Severity | None = None


@dataclass(frozen=True)
class Finding:
    """A finding as the API returns it."""

    code: str
    severity: Severity
    finding: str
    evidence: Mapping[str, Any]
    change: Change


@dataclass(frozen=True)
class Rule:
    """A rule. `needs` are facts that it cannot judge without: an end by a stop criterion, sampled layers, a validation
    part, an evaluation. `explains` are findings that follow from this one, and are left out with it."""

    code: str
    severity: Severity
    find: Callable[[Facts], Found | None]
    means: str
    remedy: str
    needs: tuple[Need, ...] = ()
    explains: frozenset[str] = field(default_factory=frozenset)

    def applies(self, facts: Facts) -> bool:
        """True if the run has all that the rule needs."""
        there: dict[Need, bool] = {
            "end": facts.ended,
            "layers": bool(facts.learning) and facts.input is not None,
            "validation": bool(facts.curve("validation.loss").values),
            "evaluation": bool(facts.evaluation.keys() & {"validation", "test"}),
        }
        return all(there[need] for need in self.needs)


def rule(
    severity: Severity, *needs: Need, means: str, remedy: str, explains: tuple[str, ...] = ()
) -> Callable[[Callable[[Facts], Found | None]], Rule]:
    """Decorator that makes a rule of a function; the function's name is the code."""

    def make(find: Callable[[Facts], Found | None]) -> Rule:
        return Rule(find.__name__, severity, find, means, remedy, needs, frozenset(explains))

    return make
