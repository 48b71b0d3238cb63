"""The batch job of a child process: predictions for a whole dataset or an upload, as a CSV file.

It takes only what live predictions and trainings leave of the processor: the kernel gives way to them at once, and
commits are rare, since after each the API looks up again which run predicts.
"""

import asyncio
import csv
import io
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.constants import DELETED
from app.datasets.arrays import Arrays
from app.datasets.images.picture_format import PictureFormat
from app.errors import AppError, Conflict, Invalid
from app.learning.serialization import Trained, from_safetensors
from app.messages import Message, Refusal
from app.os_errors import reason_of
from app.serving.answers import AnswerWriter
from app.serving.decoding import Conversion, decode_elsewhere
from app.serving.file_inputs import is_array, pictures_of, read_array, rows_of
from app.serving.instances import Column, Columns, in_shape
from app.serving.picture_decoders import PictureDecoders
from app.serving.predictor import predict
from app.storage import batches, datasets
from app.storage.database import Database
from app.storage.files import Files
from app.storage.queue.batch_claims import batch_claims
from app.storage.queue.claims import LeaseLost
from app.storage.tables import Batch, Dataset, Run
from worker.protocol import Commands
from worker.retry import read_with_retry, use_files_with_retry, write_with_retry

AT_ONCE = 256  # inputs of a forward pass
PICTURES_AT_ONCE = 64  # that are decoded together
DECODING_SECONDS = 600  # for these; others may need the processor for long
NICENESS = 19  # the lowest: trainings come first, too
TELL_SECONDS = 2.0
Chunk = tuple[NDArray[Any], list[str], list[str] | None]  # inputs, their names, and their true labels or values


def main(job: dict[str, Any], database: Database, files: Files, orders_descriptor: int) -> None:
    """Predict for one batch, which ends as `succeeded` or `failed`. The process obeys no orders, but exits with its
    worker."""
    Commands(orders_descriptor, job["lease_seconds"])
    give_way()
    torch.set_num_threads(job["threads"])
    id, attempt = job["id"], job["attempt"]
    try:
        batch = read_with_retry(database, lambda db: db.get(Batch, id))
        if batch is None:
            return
        try:
            _predict(batch, attempt, database, files)
        except LeaseLost:
            raise
        except Exception as error:
            traceback.print_exc()
            reason = _reason(error)
            write_with_retry(database, lambda db: batch_claims.fail(db, id, attempt, reason))
    except LeaseLost:
        return


def give_way() -> None:
    """Let any other process have the processor as soon as it wants it: this one, with the threads that it has already.

    A process of low priority only gets shorter slices; one that wakes may have to wait until such a slice ends, for
    longer than a prediction takes. It does not wait for one with the policy SCHED_IDLE (sched(7)).
    """
    for thread in [int(task.name) for task in Path("/proc/self/task").iterdir()]:
        os.setpriority(os.PRIO_PROCESS, thread, NICENESS)
        with suppress(PermissionError):  # a sandbox may forbid the policy; the priority has to do then
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def _predict(batch: Batch, attempt: int, database: Database, files: Files) -> None:
    """Write the table of all predictions, and name it in the row. Raises LeaseLost, OSError and AppError."""
    trained = _trained(batch, database, files)
    count, chunks = _inputs(batch, trained, database, files)
    name = f"{batches.folder(batch.id)}/{attempt}.csv"
    writer = AnswerWriter(trained)
    done, told = 0, time.monotonic()
    with files.create(name) as file:
        for inputs, names, truths in chunks:
            if done == 0:
                file.write(_lines([["input", *([] if truths is None else ["target"]), *writer.columns]]))
            rows = predict(trained, inputs)
            if None in rows:
                raise Conflict("outputs_not_finite")
            told_truths = [[]] * len(rows) if truths is None else [[truth] for truth in truths]
            file.write(
                _lines([name, *truth, *writer.cells(row)]
                       for name, truth, row in zip(names, told_truths, rows, strict=True))
            )  # fmt: skip
            done += len(rows)
            if time.monotonic() - told > TELL_SECONDS:
                _tell(database, batch.id, attempt, {"done": done, "total": count})
                told = time.monotonic()
        size = file.tell()
    progress = {"done": done, "total": count}
    write_with_retry(database, lambda db: batch_claims.succeed(db, batch.id, attempt, name, size, progress))


def _trained(batch: Batch, database: Database, files: Files) -> Trained:
    """The network of the batch's run. Raises Conflict if the run has been deleted, and OSError."""
    try:
        return from_safetensors(use_files_with_retry(lambda: files.read(batch.weights)))
    except FileNotFoundError:
        run = read_with_retry(database, lambda db: db.get(Run, batch.run))
        if run is None or run.status == DELETED:
            raise Conflict("batch_run_gone", run=batch.run) from None
        raise


def _tell(database: Database, batch: str, attempt: int, progress: dict[str, int]) -> None:
    """Raises LeaseLost."""
    write_with_retry(database, lambda db: batch_claims.write(db, batch, attempt, progress=progress))


def _lines(rows: "Iterator[list[object]] | list[list[object]]") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _inputs(batch: Batch, trained: Trained, database: Database, files: Files) -> tuple[int, Iterator[Chunk]]:
    """The number of inputs, and the inputs in chunks."""
    if "dataset" in batch.source:
        return _of_dataset(batch.source["dataset"], database, files)
    body = use_files_with_retry(lambda: files.read(batches.upload_of(batch.id)))
    may_miss = bool(trained.prepare_inputs.fill)
    values: NDArray[Any]
    if batch.source["upload"] == "table":
        described, others = read_with_retry(database, lambda db: datasets.columns(db, batch.run))
        columns = Columns(tuple(map(Column.of, described)), frozenset(others))
        rows = rows_of(body, columns)
        values = in_shape(rows.values, trained.input_shape, lambda: columns, may_miss, rows.place)
    elif is_array(body):
        values = read_array(body, trained.input_shape, may_miss)
    else:
        pictures = pictures_of(body)
        return len(pictures), _decoded(pictures, trained)
    return len(values), _chunks(values, [str(place) for place in range(1, len(values) + 1)], None)


def _of_dataset(id: str, database: Database, files: Files) -> tuple[int, Iterator[Chunk]]:
    dataset = read_with_retry(database, lambda db: db.get(Dataset, id))
    if dataset is None or dataset.folder is None:
        raise Conflict("batch_dataset_gone", dataset=id)
    folder = dataset.folder
    arrays = use_files_with_retry(lambda: Arrays.load(files, folder))
    if arrays.classes:
        truths = [arrays.classes[place] for place in arrays.targets.tolist()]
    else:
        truths = [repr(value) for value in arrays.targets.tolist()]
    return len(arrays.targets), _chunks(arrays.inputs, [str(place) for place in range(len(truths))], truths)


def _chunks(values: NDArray[Any], names: list[str], truths: list[str] | None) -> Iterator[Chunk]:
    for start in range(0, len(values), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield np.array(values[part]), names[part], None if truths is None else truths[part]


def _decoded(pictures: dict[str, bytes], trained: Trained) -> Iterator[Chunk]:
    """The pictures of an archive, converted as the training's were. Raises Invalid."""
    wanted = Conversion(
        PictureFormat(trained.input_shape, trained.resize, trained.background, trained.depth),  # type: ignore[arg-type]
        "false",
    )
    names, decoders = list(pictures), PictureDecoders(DECODING_SECONDS)
    with asyncio.Runner() as runner:  # of all parts, so that one process decodes them
        try:
            for start in range(0, len(names), PICTURES_AT_ONCE):
                some = names[start : start + PICTURES_AT_ONCE]
                contents, pointers = [pictures[name] for name in some], [f"/{name}" for name in some]
                inputs = runner.run(decode_elsewhere(decoders, contents, pointers, wanted, trained.border))
                yield inputs.values, some, None
        finally:
            runner.run(decoders.close())


def _reason(error: Exception) -> Message:
    match error:
        case Invalid():
            field = error.errors[0]
            where = field.pointer.lstrip("/").replace("line/", "line ", 1)
            return Message.of("batch_input_refused", input=where or "the upload", reason=field.detail)
        case AppError() | Refusal():
            return error.message
        case OSError():
            return Message.of("batch_files_away", reason=reason_of(error))
        case _:
            return Message.of("batch_broke_down", kind=type(error).__name__, reason=str(error)[:200])
