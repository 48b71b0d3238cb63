"""The space of a sweep: parameters, the values that each may take, and the conditions under which it exists.

A parameter is a path into a run's request, such as `optimizer.lr` or `model.layers.0.units`. Its value is one of
several choices, or a number of a range. A joint parameter sets several paths at once; its own name is free. A parameter
with a condition exists if others have one of the values that it names.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import Any

from app.errors import Invalid
from app.learning.presets import under

Params = dict[str, Any]  # values of the parameters that exist, by name
# Fields of the sweep as a whole: trials are compared on one validation part, and each has the same seeds.
FIXED = ("dataset", "split", "seed", "name", "tags", "priority", "device")


@dataclass(frozen=True)
class Choices:
    """A few values, any JSON."""

    values: Sequence[Any]

    def has(self, value: Any) -> bool:
        return value in self.values

    @property
    def extremes(self) -> Sequence[Any]:
        return self.values


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones if `integer`. With `log`, each order of magnitude is as
    likely as the others."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    integer: bool = False

    def has(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.highest:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        on_grid = math.isclose(steps, round(steps), abs_tol=1e-9)
        return on_grid and (not self.integer or float(value).is_integer())

    @property
    def highest(self) -> float:
        """The largest value: with `step`, the last one up to `high`. In decimals, in which people write steps."""
        if self.step is None:
            return self.high
        low, high, step = (Decimal(str(number)) for number in (self.low, self.high, self.step))
        return float(low + (high - low) // step * step)

    @property
    def extremes(self) -> Sequence[Any]:
        return (int(self.low), int(self.highest)) if self.integer else (self.low, self.highest)


@dataclass(frozen=True)
class Parameter:
    """A parameter; `when` has the values of others with which it exists. A joint one has objects by path as choices."""

    name: str
    domain: Choices | Range
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    is_joint: bool = False

    def exists(self, params: Mapping[str, Any]) -> bool:
        """True if the parameter exists next to these values, which include those that its condition names."""
        return all(name in params and params[name] in values for name, values in self.when.items())

    def paths(self) -> set[str]:
        """The paths that it sets."""
        if self.is_joint and isinstance(self.domain, Choices):
            return {path for value in self.domain.values for path in value}
        return {self.name}

    def changes(self, value: Any) -> dict[str, Any]:
        """The values by path."""
        return dict(value) if self.is_joint else {self.name: value}


class Space:
    """Parameters, each after those that its condition names."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        """Raises Invalid if the conditions go in a circle or name no parameter, and for a path of the sweep itself; the
        pointers begin with the name of the parameter."""
        by_name = {parameter.name: parameter for parameter in parameters}
        for parameter in parameters:
            for other in parameter.when:
                if other not in by_name:
                    names = sorted(by_name.keys() - {parameter.name})
                    raise Invalid("sweep_condition_unknown", f"/{parameter.name}/when", name=other, names=names)
            for path in sorted(parameter.paths()):
                if path.split(".")[0] in FIXED:
                    raise Invalid("sweep_field_fixed", f"/{parameter.name}", field=path, fixed=list(FIXED))
        try:
            order = list(TopologicalSorter({one.name: list(one.when) for one in parameters}).static_order())
        except CycleError as error:
            raise Invalid("sweep_conditions_circular", "", names=error.args[1]) from error
        self.parameters = [by_name[name] for name in order]

    @property
    def is_conditional(self) -> bool:
        return any(parameter.when for parameter in self.parameters)

    def is_larger_than(self, most: int) -> bool:
        """True if there are more configurations than `most`, or infinitely many."""
        if not all(isinstance(parameter.domain, Choices) for parameter in self.parameters):
            return True
        return len(list(itertools.islice(self.grid(), most + 1))) > most

    def grid(self) -> Iterator[Params]:
        """All combinations of choices, the last parameter varying fastest."""
        return self._combinations({}, self.parameters)

    def _combinations(self, before: Params, rest: Sequence[Parameter]) -> Iterator[Params]:
        if not rest:
            yield before
            return
        first, *others = rest
        if not first.exists(before):
            yield from self._combinations(before, others)
            return
        for value in first.domain.extremes:
            yield from self._combinations(before | {first.name: value}, others)

    def corners(self) -> Iterator[Params]:
        """Configurations in which each choice and each end of a range occurs, under its condition."""
        for parameter in self.parameters:
            for value in parameter.domain.extremes:
                yield self._around({parameter.name: value} | self._demanded(parameter))

    def _demanded(self, parameter: Parameter) -> Params:
        """Values of others under which the parameter exists."""
        demanded: Params = {}
        by_name = {one.name: one for one in self.parameters}
        for name, values in parameter.when.items():
            demanded |= {name: values[0]} | self._demanded(by_name[name])
        return demanded

    def _around(self, wanted: Params) -> Params:
        """The configuration with these values, and the first one of all others."""
        params: Params = {}
        for parameter in self.parameters:
            if parameter.exists(params):
                params[parameter.name] = wanted.get(parameter.name, parameter.domain.extremes[0])
        return params

    def has(self, params: Mapping[str, Any]) -> bool:
        """True if the values are a configuration of this space."""
        existing = [parameter for parameter in self.parameters if parameter.exists(params)]
        names = {parameter.name for parameter in existing}
        return names == params.keys() and all(one.domain.has(params[one.name]) for one in existing)

    def request(self, base: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """The base request with these values. Raises Invalid for a path that leads nowhere."""
        changes = [
            (path.split("."), value, parameter.name)
            for parameter in self.parameters
            if parameter.name in params
            for path, value in parameter.changes(params[parameter.name]).items()
        ]
        patch: dict[str, Any] = {}
        if any(len(path) > 1 and path[0] == "model" for path, _, _ in changes):  # `under` replaces a model as a whole
            patch["model"] = deepcopy(base.get("model", {}))
        for path, value, name in sorted(changes, key=lambda change: len(change[0])):  # an object before its fields
            _put(patch, path, deepcopy(value), f"/{name}")
        return under(base, patch)

    def read(self, request: Mapping[str, Any]) -> Params | None:
        """The configuration of a resolved request; None if it is not in this space."""
        params: Params = {}
        for parameter in self.parameters:
            if not parameter.exists(params):
                continue
            if parameter.is_joint:
                fitting = [value for value in parameter.domain.extremes if _sets(request, value)]
            elif isinstance(parameter.domain, Choices):
                fitting = [value for value in parameter.domain.values if _sets(request, {parameter.name: value})]
            else:
                value = _at(request, parameter.name)
                fitting = [value] if parameter.domain.has(value) else []
            if not fitting:
                return None
            params[parameter.name] = fitting[0]
        return params


def _put(patch: dict[str, Any], path: Sequence[str], value: Any, pointer: str) -> None:
    """Set the value at a path. Raises Invalid if it leads through something that is not there."""
    node: Any = patch
    for part, following in itertools.pairwise(path):
        if isinstance(node, list):
            node = _item(node, part)
        elif isinstance(node, dict):
            if isinstance(node.get(part), str):  # a name, short for an object
                node[part] = {"name": node[part]}
            node = node.get(part) if following.isdecimal() else node.setdefault(part, {})
        if node is None:
            raise Invalid("sweep_path_missing", pointer, path=".".join(path), part=part)
    last = path[-1]
    if isinstance(node, dict):
        node[last] = value
    elif _item(node, last) is not None:
        node[int(last)] = value
    else:
        raise Invalid("sweep_path_missing", pointer, path=".".join(path), part=last)


def _item(node: Any, part: str) -> Any:
    """An item of a list; None if there is none."""
    if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
        return node[int(part)]
    return None


def _at(request: Any, path: str) -> Any:
    """The value at a path of a request; None if there is none."""
    node = request
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else _item(node, part)
    return node


def _sets(request: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """True if a resolved request has these values by path."""
    return all(_agrees(_at(request, path), value) for path, value in values.items())


def _agrees(resolved: Any, sent: Any) -> bool:
    """True if a value was resolved from the one that was sent, which may leave fields out or be a name alone."""
    if isinstance(resolved, Mapping) and isinstance(sent, str):
        return bool(resolved.get("name") == sent)
    if isinstance(resolved, Mapping) and isinstance(sent, Mapping):
        return all(_agrees(resolved.get(name), value) for name, value in sent.items())
    return bool(resolved == sent)
