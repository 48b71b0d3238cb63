"""A sweep that goes on from runs: what they have in common as its base, and what they differ in as its space.

The base and the space are checked like a sent sweep. Where values of several fields do not go together, each field is
taken as a whole, and in the end each run's configuration is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from app.messages import Refusal
from app.runs.repetition import repeatable
from app.runs.request_model import FieldsInvalid, Model, validated
from app.runs.requests import RunRequest
from app.runs.sweeps.requests import SweepRequest, space_of
from app.runs.sweeps.space import FIXED, Space
from app.runs.sweeps.submission import DEFAULT_METRIC, check_sweep
from app.runs.validation import invalid_fields
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Run

SAMPLER = "random"
TRIALS = 20
ORDERS = 10  # numbers that span a larger factor are drawn evenly over orders of magnitude
OWN = ("name", "tags", "seed", "priority")  # what a run has for itself
TAGS = ("name", "formulas")  # fields of an object that say which other fields it has
DIVIDED = ("optimizer", "loss", "stop", "scaling")  # objects whose fields vary one by one
RATE = "optimizer.lr"
USUAL_RATES = {"low": 0.0001, "high": 0.1, "log": True}

Values = dict[str, Any]  # of a request, by path


@dataclass(frozen=True)
class Suggestion:
    """The body of a sweep, with a space for `SAMPLER`.

    `others` is the number of runs on another dataset, which it leaves out. `has_splits`: the runs divide the examples
    differently, and the base does so like the first. `is_alike`: they do not differ in anything that may vary.
    """

    request: dict[str, Any]
    others: int = 0
    has_splits: bool = False
    is_alike: bool = False

    @property
    def space(self) -> dict[str, Any]:
        return dict(self.request[SAMPLER])


def of_dataset(dataset: str, task: str) -> Suggestion:
    """The learning rate of the usual network on a dataset."""
    base = {"dataset": dataset, "stop": {"max_epochs": 5}}
    return Suggestion(_request(base, {RATE: USUAL_RATES}, task))


def of_runs(database: Database, files: Files, runs: Sequence[Run]) -> Suggestion:
    """A sweep that `POST /sweeps` accepts. Raises Refusal if there is none, as for a dataset that has been deleted."""
    first = runs[0]
    fitting = [run for run in runs if run.request["dataset"] == first.request["dataset"]]
    requests = [_usable(run.request) for run in fitting]
    is_alike = not _varying(requests)
    has_splits = len(_distinct([run.request.get("split") for run in fitting])) > 1
    refused: Refusal | None = None
    for base, space in _ways(requests, is_alike):
        request = _request(base, space, first.task)
        try:
            sweep = _validated(SweepRequest, request)
            check_sweep(database, files, sweep)
        except Refusal as error:
            refused = refused or error
        else:
            request["trials"] = _size(space_of(sweep.random or {}))
            return Suggestion(request, len(runs) - len(fitting), has_splits, is_alike)
    assert refused is not None  # there is at least one way
    raise refused


def _validated(model: type[Model], request: Values) -> Model:
    """The request, validated like a sent one. Raises InvalidFields."""
    try:
        return validated(model, request, "body")
    except FieldsInvalid as error:
        raise invalid_fields(error.errors, error.body) from error


def _request(base: Values, space: Values, task: str) -> Values:
    return {"base": base, SAMPLER: space, "trials": TRIALS, "metric": DEFAULT_METRIC[task]}


def _size(space: Space) -> int:
    """The number of configurations, but at most `TRIALS`."""
    return TRIALS if space.is_larger_than(TRIALS) else sum(1 for _ in space.grid())


def _usable(request: Mapping[str, Any]) -> Values:
    """A stored request as one may send it, complete, without what is a run's own, and with a validation part."""
    sent = repeatable({"tags": {}, "split": {}} | dict(request), {})
    split = dict(sent["split"])
    if not split.get("validation", True) and not split.get("own"):
        del split["validation"]
        split.pop("test", None)
    complete = _validated(RunRequest, sent).model_dump(mode="json")
    return {name: value for name, value in complete.items() if name not in OWN} | {"split": split}


def _ways(requests: Sequence[Values], is_alike: bool) -> Iterator[tuple[Values, Values]]:
    """Bases and spaces, the freest first."""
    if is_alike:
        for rates in _rates(requests[0]):
            yield _without(requests[0], [RATE]), {RATE: rates}
        return
    fields = _varying(requests)
    together = [{name: request.get(name) for name in fields} for request in requests]
    for divided in (DIVIDED, ()):
        space: Values = {}
        for name in fields:
            space |= _domains(name, [request.get(name) for request in requests], name in divided)
        yield _without(requests[0], space), space
    yield _without(requests[0], fields), {"runs": {"together": _distinct(together)}}


def _varying(requests: Sequence[Values]) -> list[str]:
    """The fields of requests that differ and may vary."""
    names = dict.fromkeys(name for request in requests for name in request if name not in FIXED)
    return [name for name in names if len(_distinct([request.get(name) for request in requests])) > 1]


def _domains(path: str, values: Sequence[Any], is_divided: bool) -> Values:
    """Domains by path for a field that differs; if it is divided, for those of its own fields that differ."""
    if path == "model":
        return {"model.layers": _domain([value["layers"] for value in values])}
    if not is_divided or not all(isinstance(value, Mapping) for value in values):
        return {path: _domain(values)}
    common = [name for name in values[0] if all(name in value for value in values)]
    unlike = [name for name in common if len(_distinct([value[name] for value in values])) > 1]
    if all(value.keys() == values[0].keys() for value in values) and not set(TAGS) & set(unlike):
        return {f"{path}.{name}": _domain([value[name] for value in values]) for name in unlike}
    ranges = [name for name in unlike if all(_is_number(value[name]) for value in values)]
    objects = [{name: value for name, value in each.items() if name not in ranges} for each in values]
    return {path: _domain(objects)} | {f"{path}.{name}": _domain([each[name] for each in values]) for name in ranges}


def _domain(values: Sequence[Any]) -> Any:
    """A range of numbers, or each value once."""
    if not all(_is_number(value) for value in values):
        return _distinct(values)
    low, high = min(values), max(values)
    entry: Values = {"low": low, "high": high}
    if low > 0 and high / low > ORDERS:
        entry["log"] = True
    if all(isinstance(value, int) for value in values):
        entry["integer"] = True
    return entry


def _rates(request: Values) -> Iterator[Any]:
    """Domains for the learning rate around that of a request."""
    rate = (request.get("optimizer") or {}).get("lr")
    if _is_number(rate) and rate > 0:
        yield {"low": float(f"{rate / 10:.12g}"), "high": float(f"{rate * 10:.12g}"), "log": True}
    yield USUAL_RATES


def _without(request: Values, paths: Sequence[str] | Values) -> Values:
    """The request without what is at these paths."""
    left = dict(request)
    for path in sorted(paths, key=len, reverse=True):
        name, _, inner = path.partition(".")
        if inner and name in left:
            left[name] = {key: value for key, value in left[name].items() if key != inner}
        if not inner or not left.get(name):
            left.pop(name, None)
    return left


def _distinct(values: Sequence[Any]) -> list[Any]:
    """Each value once, in order."""
    return list({_text(value): value for value in values}.values())


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
