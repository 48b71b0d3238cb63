"""Uploads over HTTP: the lecture's letters, the request, and waiting for the import."""

import time
from typing import Any

import httpx
from fastapi.testclient import TestClient

from app.settings import Settings
from app.storage.files.tree import files_below
from tests.support.archives import letters

LECTURE = letters("ABCDEFGHIJ", each=10) | {
    "notMNIST_small/A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png": b"",
    "notMNIST_small/F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png": b"\x89PNG broken",
    "__MACOSX/notMNIST_small/A/._0.png": b"junk",
}


def upload(client: TestClient, name: str, archive: bytes, **headers: str) -> httpx.Response:
    return client.post(f"/datasets?name={name}", content=archive, headers=headers)


def settled(client: TestClient, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 200
    while (found := client.get(f"/datasets/{name}").json())["status"] == "importing":
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return dict(found)


def stored(settings: Settings) -> set[str]:
    """Names of the stored files of uploads and of datasets."""
    names = {str(file.relative_to(settings.files)) for file in files_below(settings.files)}
    return {name for name in names if name.startswith(("datasets/ds_", "arrays/"))}
