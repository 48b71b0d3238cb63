"""Repetition of a run with changes, and continuation of a paused or ended run."""

import json
from typing import Any

from app.constants import EXPERIMENT_TAG, RESERVED_TAGS, STATUS_AFTER, RequestedAction, RunStatus
from app.errors import Conflict, Invalid
from app.insight.diagnosis import diagnose
from app.learning.architecture import without_output_layer
from app.learning.layers.serialization import layers_from_json, layers_to_json
from app.learning.presets import under
from app.messages import Fix
from app.runs.facts import facts_of
from app.runs.limits import limited_stop, refuse_jobs
from app.runs.registry_requests import StopRequest
from app.runs.request_model import Model, validated
from app.runs.requests import RunRequest
from app.runs.resolution import can_stop, has_an_end
from app.runs.submission import Submission, fingerprint_of_text, submit
from app.runs.views import RunView, view
from app.storage import runs
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Run


def repeat(database: Database, files: Files, id: str, changes: dict[str, Any], key: str | None) -> Submission:
    """Queue a new run of the same request with changes, field by field.

    Raises NotFound, Conflict for a run with an injected fault, and what `submit` raises.
    """
    with database.read() as db:
        run = runs.get(db, id)
    refuse_fault(run)
    request = _merged(RunRequest, repeatable(run.request, changes), changes)
    # The fingerprint covers the sent body only: resuming the run may change its stored request in between.
    digest = fingerprint_of_text(f"{id} {json.dumps(changes, sort_keys=True)}")
    return submit(database, files, request, key, digest)


def apply_fix(database: Database, files: Files, id: str, changes: dict[str, Any], key: str | None) -> Submission:
    """Make the change of a run's first finding: queue a new run with it, and with the given changes on top, or resume
    the run. Changes of one's own always make a new run.

    Raises NotFound, Conflict if the run has no finding or its change is a person's to make, and what `repeat` and
    `continue_run` raise.
    """
    with database.read() as db:
        run = runs.get(db, id)
    findings = diagnose(facts_of(run, database, files))
    if not findings:
        raise Conflict("nothing_to_fix", run=id, phrase=runs.status_phrase(run.status))
    change = findings[0].change
    if change.resume is not None and not changes:
        return Submission(continue_run(database, id, change.resume["stop"]), is_new=True)
    patch = change.again if change.resume is None else change.resume
    if patch is None:
        raise Conflict("no_change_known", run=id, finding=findings[0].code, advice=change.message)
    return repeat(database, files, id, under(patch, changes), key)


def continue_run(database: Database, id: str, changes: dict[str, Any]) -> RunView:
    """Queue a paused or ended run again, with changes to its stop criteria; it starts from its last checkpoint.

    Raises NotFound, Forbidden, Conflict if the run cannot go on, and Invalid if a criterion would end it at once.
    """
    with database.write() as db:
        run = runs.get_own(db, id)
        if run.requested_action is not None:
            raise Conflict("run_about_to_end", action=STATUS_AFTER[RequestedAction(run.requested_action)])
        if run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
            raise Conflict("run_goes_on", status=run.status)
        if changes and EXPERIMENT_TAG in run.tags:
            raise Conflict("run_of_experiment", run=id)
        if run.stop_reason == "diverged":
            raise Conflict("run_has_diverged", run=id)
        stop = _merged(StopRequest, run.request["stop"], changes, "stop").model_dump(mode="json")
        examples = run.environment.get("examples", {"validation": run.request["split"]["validation"]})
        can_stop(stop, examples["validation"])
        has_an_end(run.request.get("schedule", {"name": "constant"}), stop)
        if run.checkpoint:
            _refuse_reached(run, stop)
        refuse_jobs(db, 1)
        runs.resume(db, id, run.request | {"stop": limited_stop(stop, database.caller.limits)})
        db.expire_all()
        return view(db, runs.get(db, id))


def refuse_fault(run: Run) -> None:
    """Raise Conflict for a run with an injected fault, which its request does not contain."""
    if run.fault is not None:
        name = run.tags.get(EXPERIMENT_TAG, "")
        raise Conflict("run_goes_wrong_on_purpose", fault=run.fault, experiment=name)


def repeatable(request: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A stored request without its reserved tags, and without fields that have to be derived again from the changes."""
    tags = {key: value for key, value in request["tags"].items() if not key.startswith(RESERVED_TAGS)}
    old = request | {"tags": tags}
    if changes.keys() & {"loss", "dataset"} and "model" not in changes:  # the output layer follows from them
        layers = without_output_layer(layers_from_json(old["model"]["layers"]))
        old |= {"model": {"layers": layers_to_json(layers)}}
    split = changes["split"] if isinstance(changes.get("split"), dict) else {}
    kept = dict(old["split"])
    if "dataset" in changes or "test" in split:  # the old dataset's own parts no longer apply
        kept["own"] = None
    if any((kept | split).get(name) for name in ("folds", "own")):  # these define the test part
        kept.pop("test", None)
    return old | {"split": kept}


def _refuse_reached(run: Run, stop: dict[str, Any]) -> None:
    """Raise Invalid if a criterion has been reached already, so that training would end at once."""
    for field, done in (("max_steps", "step"), ("max_epochs", "epoch"), ("max_seconds", "seconds")):
        already = run.progress.get(done, 0)
        if stop[field] is not None and stop[field] <= already:
            raise Invalid("criterion_reached", f"/stop/{field}", criterion=field, done=already)
    reason = run.stop_reason
    if reason in stop and stop[reason] is not None and stop[reason] == run.request["stop"].get(reason):
        pointer = f"/stop/{reason}"
        raise Invalid("criterion_still_holds", pointer, Fix(pointer, None), criterion=reason)


def _merged(model: type[Model], old: dict[str, Any], changes: Any, *place: str) -> Model:
    """The old request with changes, validated like a sent request; `place` is its place in the body."""
    merged = under(old, changes)
    return validated(model, merged, "body", *place, body={place[0]: merged} if place else None)
