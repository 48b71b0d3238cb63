"""What a rule is: it looks at the facts of a run, and is sure of what it finds or silent."""

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
    """What a rule says of one run: in words, in numbers, and one change to try. `severity` if it is not the rule's."""

    finding: str
    evidence: Mapping[str, Any]
    change: Change
    severity: Severity | None = None


@dataclass(frozen=True)
class Finding:
    """As a run's owner reads it."""

    code: str
    severity: Severity
    finding: str
    evidence: Mapping[str, Any]
    change: Change


@dataclass(frozen=True)
class Rule:
    """`needs` is what it cannot judge without: an end of the run's own, sampled layers, a validation part, an
    evaluation. `explains` are findings that are but its consequences: where it speaks they are left out."""

    code: str
    severity: Severity
    find: Callable[[Facts], Found | None]
    means: str
    remedy: str
    needs: tuple[Need, ...] = ()
    explains: frozenset[str] = field(default_factory=frozenset)

    def applies(self, facts: Facts) -> bool:
        """Whether all is there that it needs."""
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
    """Makes a rule of a function whose name is the code."""

    def make(find: Callable[[Facts], Found | None]) -> Rule:
        return Rule(find.__name__, severity, find, means, remedy, needs, frozenset(explains))

    return make
