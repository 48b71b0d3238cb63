"""Imports of uploads, as by a worker."""

import tempfile
from pathlib import Path
from typing import Any

from app.datasets.formats.content import read
from app.datasets.import_options import Imported, ImportOptions
from app.messages.report import sentence


def imported(folder: Path, data: bytes | dict[str, bytes], **reading: Any) -> Imported:
    """The dataset from these bytes, or from the bytes of each role. Raises ImportFailed."""
    parts = {}
    for role, content in (data if isinstance(data, dict) else {"file": data}).items():
        parts[role] = folder / f"upload.{role}"
        parts[role].write_bytes(content)
    return read(parts, ImportOptions(**reading), tempfile.TemporaryFile, lambda *_: None)


def said_of(dataset: Imported) -> list[str]:
    """Details of the remarks of an import, without their fixes."""
    return [remark.text() for remark in dataset.remarks]


def codes_of(dataset: Imported) -> list[str]:
    return [remark.code for remark in dataset.remarks]


def warnings_of(dataset: Imported) -> list[str]:
    """The warnings of an import as sentences."""
    return [sentence(remark) for remark in dataset.remarks]
