"""Tables for tests."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def parquet(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()
