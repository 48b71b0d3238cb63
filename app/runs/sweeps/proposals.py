"""Proposals: the run's request for a configuration, checked as if it had been sent."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from app.access import Limits
from app.datasets.errors import SplitImpossible
from app.errors import Invalid, InvalidFields, LimitReached, below
from app.messages import FieldError, Refusal
from app.runs.limits import limited
from app.runs.request_model import FieldsInvalid, validated
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.runs.sweeps.space import Params, Space
from app.runs.validation import invalid_fields
from app.storage.files import Files
from app.storage.tables import Dataset

MOST_CHECKED = 200  # configurations of a grid that are all checked at once; of a larger one, each value is


def proposal(request: Mapping[str, Any]) -> RunRequest:
    """A configuration's request, validated like a sent one. Raises InvalidFields."""
    try:
        return validated(RunRequest, request, "body")
    except FieldsInvalid as error:
        raise invalid_fields(error.errors, error.body) from error


def check(space: Space, base: Mapping[str, Any], dataset: Dataset, files: Files, limits: Limits, sampler: str) -> None:
    """Resolve configurations in which each value occurs; all of them, if they are a small grid.

    Raises InvalidFields, which points to the parameter that is wrong, and what else `resolve` and `limited` raise.
    """
    for params in _checked(space, sampler):
        try:
            written = space.request(base, params)
        except Invalid as error:
            raise below(f"/{sampler}", error) from error
        try:
            resolved, _ = resolve(proposal(written), dataset, files)
            limited(resolved, limits)
        except SplitImpossible as refusal:
            raise below("/base/split", refusal) from refusal
        except LimitReached:
            raise
        except Refusal as refusal:
            if not refusal.errors:
                raise
            raise InvalidFields([_located(space, params, sampler, error) for error in refusal.errors]) from refusal


def _checked(space: Space, sampler: str) -> Iterator[Params]:
    if sampler == "grid":
        some = list(islice(space.grid(), MOST_CHECKED + 1))
        if len(some) <= MOST_CHECKED:
            yield from some
            return
    yield from space.corners()


def _located(space: Space, params: Params, sampler: str, error: FieldError) -> FieldError:
    """The error at the parameter that set the wrong field, or else in the base."""
    paths = {path: one.name for one in space.parameters if one.name in params for path in one.changes(params[one.name])}
    for path in sorted(paths, key=len, reverse=True):
        field = "/" + path.replace(".", "/")
        if error.pointer == field or error.pointer.startswith(f"{field}/"):
            return FieldError(f"/{sampler}/{paths[path]}", error.message)
    for path, name in paths.items():  # the object as a whole is wrong, with this value in it
        if error.pointer and f"/{path.replace('.', '/')}".startswith(f"{error.pointer}/"):
            return FieldError(f"/{sampler}/{name}", error.message)
    return error.below("/base")


def reason(refusal: Refusal) -> dict[str, Any]:
    """The message of a refused proposal, as a trial's row has it."""
    if isinstance(refusal, InvalidFields) and refusal.fields:
        return refusal.fields[0].message.to_json()
    return refusal.message.to_json()
