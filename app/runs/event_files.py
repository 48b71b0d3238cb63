"""Curves as TensorBoard's event files, written while they are read.

A file is a sequence of records (https://www.tensorflow.org/tutorials/load_data/tfrecord), each with one message:

    record  length (uint64) | crc(length) | Event | crc(Event)
    Event   wall_time = 1, step = 2, file_version = 3, summary = 5 {value = 1 {tag = 1, tensor = 8, metadata = 9}}

in the wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding). The definitions are in
https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto.

Here a message is a row of bytes. The messages of a series whose steps have equally many bytes differ in three numbers,
so all of them are made at once, as an array (messages, bytes): a library that makes one at a time takes far longer.
"""

import re
from collections.abc import Iterable, Iterator
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.runs.sent_file import SentFile
from app.storage import curves
from app.storage.series import Series
from app.storage.tables import Run

Bytes = NDArray[np.uint8]
VARINT, FIXED64, LENGTH_DELIMITED = 0, 1, 2  # wire types
DT_DOUBLE = 2
ROWS = 2**13  # points that become records at once: about a megabyte
LONGEST = 40  # letters of a run's name in the name of its folder


def event_files(runs: Iterable[Run], read: curves.Read) -> Iterator[bytes]:
    """A zip with a folder for each run, in which is its event file. TensorBoard shows each folder as a run."""
    sent = SentFile()
    with ZipFile(sent, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for run in runs:
            name = f"{folder_of(run)}/events.out.tfevents.{int(run.created_at)}.antigrad"
            with archive.open(name, "w", force_zip64=True) as file:
                for records in event_file(run, read):
                    file.write(records)
                    yield sent.take()
    yield sent.take()


def folder_of(run: Run) -> str:
    """The letters and digits of the run's name, and its id."""
    name = re.sub(r"\W+", "-", run.name or "")[:LONGEST].strip("-")
    return f"{name}-{run.id}" if name else run.id


def event_file(run: Run, read: curves.Read) -> Iterator[bytes]:
    """An event file with all series of a run. The time of a step follows from the mean pace of the run."""
    began = run.created_at if run.started_at is None else run.started_at
    pace = run.progress.get("seconds", 0.0) / max(1, run.progress.get("step", 0))
    yield _records(_joined(_double(1, began), _field(3, _row(b"brain.Event:2"))))
    for name, points in curves.all_pages(read, run.id):
        tag = name.replace(".", "/", 1)  # TensorBoard groups what has the same beginning
        for start in range(0, len(points.steps), ROWS):
            part = slice(start, start + ROWS)
            yield scalars(tag, Series(points.steps[part], points.values[part]), began, pace)


def scalars(tag: str, points: Series, began: float, pace: float) -> bytes:
    """The records of points; the time of a step is `began` + `pace` · step."""
    plugin = _field(1, _row(b"scalars"))
    names = _joined(_field(1, _row(tag.encode())), _field(9, _field(1, plugin)))
    alike = np.searchsorted(points.steps, 128 ** np.arange(1, 9))  # where the steps need another byte
    records = []
    for steps, values in zip(np.split(points.steps, alike), np.split(points.values, alike), strict=True):
        if len(steps):
            tensor = _joined(_number(1, DT_DOUBLE), _field(2, _row(b"")), _field(6, _doubles(values)))
            summary = _field(5, _field(1, _joined(names, _field(8, tensor))))
            records.append(_records(_joined(_double(1, began + pace * steps), _number(2, steps), summary)))
    return b"".join(records)


def _records(messages: Bytes) -> bytes:
    """The records of messages of one length."""
    length = _row(messages.shape[1].to_bytes(8, "little"))
    return _joined(length, _checksum(length), messages, _checksum(messages)).tobytes()


def _field(number: int, content: Bytes) -> Bytes:
    """A field with a text, a message, or packed numbers."""
    return _joined(_varint(number << 3 | LENGTH_DELIMITED), _varint(content.shape[1]), content)


def _number(number: int, values: ArrayLike) -> Bytes:
    """A field with an integer; those of all messages have equally many bytes."""
    return _joined(_varint(number << 3 | VARINT), _varint(values))


def _double(number: int, values: ArrayLike) -> Bytes:
    return _joined(_varint(number << 3 | FIXED64), _doubles(values))


def _varint(values: ArrayLike) -> Bytes:
    """Integers, seven bits a byte, the lowest first; the eighth bit says that another byte follows."""
    integers = np.atleast_1d(np.asarray(values, np.int64))
    last = max(0, int(integers[-1]).bit_length() - 1) // 7
    digits = integers[:, None] >> 7 * np.arange(last + 1) & 0x7F
    digits[:, :last] |= 0x80
    return digits.astype(np.uint8)


def _doubles(values: ArrayLike) -> Bytes:
    return np.atleast_1d(np.asarray(values, "<f8"))[:, None].view(np.uint8)


def _row(content: bytes) -> Bytes:
    """Bytes that are the same in all messages."""
    return np.frombuffer(content, np.uint8)[None]


def _joined(*parts: Bytes) -> Bytes:
    """The parts of each message, one after the other."""
    messages = max(map(len, parts))
    return np.hstack([np.broadcast_to(part, (messages, part.shape[1])) for part in parts])


def _checksum(content: Bytes) -> Bytes:
    """The masked CRC-32C of each row."""
    crc = crc32c(content)
    masked = (crc >> 15 | crc << 17) + np.uint32(0xA282EAD8)
    return masked.astype("<u4")[:, None].view(np.uint8)


def crc32c(content: Bytes) -> NDArray[np.uint32]:
    """The CRC-32C of each row: RFC 3720, appendix B.4."""
    crc = np.full(len(content), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(content.T):
        crc = TABLE[(crc ^ column) & 0xFF] ^ crc >> 8
    return ~crc


def _table() -> NDArray[np.uint32]:
    """The remainder of each byte."""
    crc: NDArray[np.uint32] = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        polynomial = np.where(crc & 1, np.uint32(0x82F63B78), np.uint32(0))  # reversed
        crc = (crc >> 1 ^ polynomial).astype(np.uint32)
    return crc


TABLE = _table()
