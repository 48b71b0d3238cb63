"""The training job of a child process: connects the learning core to the storage."""

import contextlib
import math
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from sqlalchemy.orm import Session

from app.constants import SWEEP_TAG, RunStatus
from app.datasets.import_options import ImportOptions
from app.learning import serialization
from app.learning.data import Part
from app.learning.evaluation import evaluate
from app.learning.training import Step, Training
from app.messages import Message
from app.storage import datasets, runs
from app.storage.curves import last_steps
from app.storage.database import Database
from app.storage.files import Files
from app.storage.jsonable import jsonable
from app.storage.queue.claims import LeaseLost, Values
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Dataset, Run
from worker import job_setup
from worker.checkpoints import Checkpoints
from worker.protocol import Commands
from worker.recorder import Recorder
from worker.retry import read_with_retry, use_files_with_retry, write_with_retry


def main(job: dict[str, Any], database: Database, files: Files, orders_descriptor: int) -> None:
    """Train one attempt of a run until it ends or is interrupted."""
    orders = Commands(orders_descriptor, job["lease_seconds"])
    attempt = Attempt(job, database, files)
    with contextlib.suppress(LeaseLost):
        try:
            attempt.train(orders)
        except LeaseLost:
            raise
        except Exception as error:
            attempt.fail(error)


class Attempt:
    """One attempt of one run: every write goes through its fence."""

    def __init__(self, job: dict[str, Any], database: Database, files: Files) -> None:
        self.run, self.attempt, self.database, self.files = job["id"], job["attempt"], database, files
        self.flush_seconds, self.checkpoint_seconds = job["flush_seconds"], job["checkpoint_seconds"]
        self.threads, self.share = job["threads"], 1.0  # of the time of this process
        self.program: dict[str, Any] = {}  # its part of the environment
        self.is_begun = self.is_at_rung = False

    def write(self, change: Callable[[Session], None]) -> None:
        """Make a change in one transaction."""
        write_with_retry(self.database, change)

    def train(self, orders: Commands) -> None:
        self.begin()
        for step in self.training.steps():
            self.record(step)
            if self.is_due():
                self.write(lambda db: self.recorder.flush(db, self.run, self.attempt))
                self.flushed()
            if self.training.stop_reason is not None:
                break  # without a regular checkpoint: an attempt that resumed there would train beyond the end
            if orders.wanted is not None:
                self.leave()
                return
            if self.is_at_rung:
                self.leave(run_claims.AT_RUNG)
                return
            self.keep_checkpoints()
            self.recorder.sample()  # after everything that users may be waiting for
        self.finish()

    def begin(self) -> None:
        """Read the run, and prepare its training, from its checkpoint if it has one."""
        run, dataset, recorded, sampled = read_with_retry(self.database, self._rows)
        request, environment, checkpoint = run.request, run.environment, run.checkpoint
        warnings, self.pause_epoch = run.warnings or [], run.pause_epoch
        folder, reading = dataset.folder, ImportOptions.from_json(dataset.source.get("reading", {}))
        assert folder is not None  # a run is created only on a ready dataset
        self.served_before = run.weights is not None
        self.measures_test = SWEEP_TAG not in run.tags  # a sweep does so once, for the run that it chooses
        threads = environment.get("threads") or self._threads_for(request)
        # Treat numbers below 10⁻³⁸ as 0: values that decay towards 0, like a dead unit's moments, would slow each step.
        torch.set_flush_denormal(True)
        torch.set_num_threads(threads)  # every attempt uses the same number, since the bits depend on it
        training, prepared = use_files_with_retry(lambda: self._prepare(run, folder, reading))
        device = training.device
        if checkpoint is not None:
            saved = use_files_with_retry(lambda: self.files.read(checkpoint))
            training.restore(serialization.checkpoint_from_safetensors(saved))
        environment = (
            environment
            | job_setup.versions(device)
            | {"threads": threads, "gradients": training.stepper.gradients}
            | self.program
        )
        of_device = job_setup.warnings(request["precision"], device)
        warnings = warnings + [warning for warning in of_device if warning not in warnings]
        circumstances = {"device": str(device), "environment": environment, "warnings": warnings}
        self.training = training
        self.recorder = Recorder(training, recorded, max(sampled.values(), default=0), self.share, **circumstances)
        self.checkpoints = Checkpoints(self.run, self.attempt, self.files, training, prepared)
        self.last_checkpoint = self.last_flush = time.monotonic()
        self.is_begun = True

    def _threads_for(self, request: dict[str, Any]) -> int:
        return 1 if request["batch_size"] == 1 else self.threads

    def _prepare(self, run: Run, folder: str, reading: ImportOptions) -> tuple[Training, job_setup.Prepared]:
        device = job_setup.device(run.request["device"])
        return job_setup.prepare(run.request, folder, self.files, device, run.fault, reading)

    def record(self, step: Step) -> None:
        """Add a step to the record."""
        self.recorder.add(step)
        at_rung = self.pause_epoch is not None and self.training.epoch >= self.pause_epoch
        self.is_at_rung = at_rung and step.metrics is not None

    @property
    def is_at_edge(self) -> bool:
        """True after the first step, and after the last one: the evaluation or a store that is away may delay the
        result."""
        return self.recorder.first or self.training.stop_reason is not None

    def is_due(self) -> bool:
        """True if the recorded points are to be written."""
        return self.is_at_edge or time.monotonic() - self.last_flush >= self.flush_seconds

    def flushed(self) -> None:
        """Note that the recorded points are committed."""
        self.recorder.flushed()
        self.last_flush = time.monotonic()

    def keep_checkpoints(self) -> None:
        """Commit a checkpoint that has been written, or begin the next one if it is time."""
        if self.checkpoints.is_written:
            self._name(self.checkpoints, self.recorder)
            self.last_checkpoint = self.last_flush = time.monotonic()
        elif self.checkpoints.saving is None and time.monotonic() - self.last_checkpoint >= self.checkpoint_seconds:
            self._save(self.checkpoints, self.recorder)

    def leave(self, values: Values = run_claims.LEFT) -> None:
        """Write a checkpoint, and leave the run as its user or the worker wants it, or with other `values`."""
        self._save(self.checkpoints, self.recorder)
        self._name(self.checkpoints, self.recorder, **values)

    def finish(self) -> None:
        """End the run after its last step."""
        self.recorder.sample(last=True)
        self._finish(self.checkpoints, self.recorder)

    def _rows(self, db: Session) -> tuple[Run, Dataset, dict[str, int], dict[str, int]]:
        """The run, its dataset, and the last recorded step of each series: losses and metrics, then diagnostics."""
        run = runs.get(db, self.run)
        dataset = datasets.get(db, run.dataset)
        return run, dataset, last_steps(db, self.run), last_steps(db, self.run, diagnostics=True)

    def _save(self, checkpoints: Checkpoints, recorder: Recorder) -> None:
        """Start to write a checkpoint, after committing the one before."""
        if checkpoints.saving is not None:
            self._name(checkpoints, recorder)
        checkpoints.begin(jsonable(recorder.metrics))

    def _name(self, checkpoints: Checkpoints, recorder: Recorder, file_bytes: int = 0, **values: Any) -> None:
        """Wait for the pending checkpoint, and name it in the run's row together with the recorded points and `values`.
        Other files of the run have grown by `file_bytes`.

        If the disk is full or the store unavailable, the run continues and keeps its older checkpoint.
        """
        written = checkpoints.written()
        named = {} if written is None else {"checkpoint": written.file, "deaths": 0}
        pruned: list[str] = []

        def name_it(db: Session) -> None:
            grown = file_bytes
            if written is not None:
                unnamed = checkpoints.name(db, written)
                pruned[:] = [checkpoint.file for checkpoint in unnamed]
                grown += written.bytes - sum(checkpoint.bytes or 0 for checkpoint in unnamed)
            recorder.flush(db, self.run, self.attempt, grown, **named | values)  # a lost lease undoes all of it

        self.write(name_it)
        recorder.flushed()
        checkpoints.named()
        for old in pruned:
            with contextlib.suppress(OSError):  # otherwise it is deleted together with the run
                self.files.delete(old)

    def _finish(self, checkpoints: Checkpoints, recorder: Recorder) -> None:
        """Evaluate the network and end the run. Result and status are committed in one transaction; the last checkpoint
        is written during the evaluation.

        A continued run that diverged keeps serving its earlier weights.
        """
        self._save(checkpoints, recorder)
        training, prepared = checkpoints.training, checkpoints.prepared
        parts: list[Part] = ["train", "validation", "test"] if self.measures_test else ["train", "validation"]
        diverged, weights_bytes = training.stop_reason == "diverged", 0
        served, step = training.served()
        result: dict[str, Any] = {
            "metrics": jsonable(training.measure(*parts, model=served)),
            "stop_reason": training.stop_reason,
        }
        if not (diverged and self.served_before):
            weights = runs.weights_file(self.run, self.attempt, step)
            trained = serialization.to_safetensors(prepared.trained(served, step))
            use_files_with_retry(lambda: self.files.write(weights, trained))
            arguments = served, training.data
            result["weights"], weights_bytes = weights, len(trained)
            result["evaluation"] = {
                part: jsonable(evaluate(*arguments, part, training.output_kind, prepared.classes, training.device))
                for part in parts
                if len(training.data.parts[part])
            }
        if diverged:
            result["error"] = _error("Diverged", _divergence(recorder))
        status = RunStatus.FAILED if diverged else RunStatus.SUCCEEDED
        self._name(checkpoints, recorder, weights_bytes, **run_claims.ended(status, **result))

    def fail(self, error: Exception) -> None:
        """End the run as failed, without a retry: the same request would raise the same error again. Raises
        LeaseLost."""
        trace = "".join(traceback.format_exception(error)[-12:]).splitlines()[-20:]
        code = "run_files_away" if isinstance(error, OSError) else "training_broke_down"
        reason = _error(type(error).__name__, Message.of(code, reason=str(error), run=self.run), trace)
        self.write(lambda db: run_claims.end(db, self.run, self.attempt, RunStatus.FAILED, error=reason))


def _error(type: str, reason: Message, trace: Sequence[str] = ()) -> dict[str, Any]:
    """The reason of a failure, in the format of the run's row."""
    return {"type": type, "message": reason.text(), "trace": list(trace)} | reason.to_json()


def _divergence(recorder: Recorder) -> Message:
    """The message about a loss that diverged, with its numbers."""
    training, loss = recorder.training, recorder.last_loss
    last, limits = {"loss": f"{loss:.6g}", "step": training.step}, training.recipe.stop.divergence
    if not math.isfinite(loss) or limits is None:
        return Message.of("loss_not_finite", **last)
    after = recorder.metrics["train"]["loss"]
    if not math.isfinite(after):
        return Message.of("loss_not_finite_after", **last, after=after)
    return Message.of("loss_diverged", **last, factor=limits.factor, window=limits.window)
