"""A rule of the diagnosis: a function of a run's facts that returns a finding only if it is sure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.insight.diagnosis.facts import Facts
from app.messages import Fix, Message

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")  # worst first
Need = Literal["end", "layers", "validation", "evaluation"]


@dataclass(frozen=True)
class Change:
    """One change to try: as a message, and as a fix where it sets a single field of the request."""

    message: Message
    fix: Fix | None = None


def change(code: str, **params: Any) -> Change:
    """A change that takes more than setting one field."""
    return Change(Message.of(code, **params))


def setting(path: str, value: Any) -> Change:
    """A field of the request, such as `optimizer.lr`, and the value to give it."""
    return Change(Message.of("set_field", path=path, json=json.dumps(value)), Fix("/" + path.replace(".", "/"), value))


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
