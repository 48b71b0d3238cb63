import asyncio
import time
from pathlib import Path
from unittest.mock import patch

import pytest

from app.serving import model_cache
from app.serving.model_cache import KEPT, LoadedModels
from app.storage.files import LocalFiles


class SlowFiles(LocalFiles):
    """Files as slow as those of an object store."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, name: str) -> bytes:
        self.reads.append(name)
        time.sleep(0.3)
        return super().read(name)


@pytest.fixture
def files(tmp_path: Path) -> SlowFiles:
    return SlowFiles(tmp_path)


def test_a_network_is_loaded_once_while_others_are_answered(files: SlowFiles) -> None:
    async def scenario() -> None:
        files.write("a", b"of a")
        loaded = LoadedModels(files)
        waiting = [asyncio.create_task(loaded.get("a")) for _ in range(5)]
        longest, began = 0.0, time.monotonic()
        waiting[0].cancel()
        while not all(task.done() for task in waiting):
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - before)
        assert time.monotonic() - began > 0.25 > longest  # only callers of this file waited for it
        assert waiting[0].cancelled() and {task.result() for task in waiting[1:]} == {b"of a"}
        with patch.object(asyncio, "to_thread", side_effect=AssertionError):
            assert await loaded.get("a") == b"of a"  # type: ignore[comparison-overlap]
        assert files.reads == ["a"]

    with patch.object(model_cache, "from_safetensors", lambda data: data):
        asyncio.run(scenario())


def test_the_last_used_are_kept_and_a_failure_is_not(files: SlowFiles) -> None:
    async def scenario() -> None:
        loaded = LoadedModels(files)
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                await loaded.get("later")
        files.write("later", b"there")
        assert await loaded.get("later") == b"there"  # type: ignore[comparison-overlap]
        for number in range(KEPT):
            files.write(str(number), b"")
        await asyncio.gather(*(loaded.get(str(number)) for number in range(KEPT - 1)))
        await loaded.get("later")  # used again, so another one is the oldest now
        oldest = next(iter(loaded.loaded))
        await loaded.get(str(KEPT - 1))
        assert len(loaded.loaded) == KEPT and oldest not in loaded.loaded and "later" in loaded.loaded
        assert not loaded.loading

    with patch.object(model_cache, "from_safetensors", lambda data: data):
        asyncio.run(scenario())


def test_kept_networks_have_a_bound_in_bytes_and_the_newest_is_kept_whatever_it_has(files: SlowFiles) -> None:
    async def scenario() -> None:
        for name in "abc":
            files.write(name, b"4444")
        files.write("large", b"1" * 20)
        loaded = LoadedModels(files)
        for name in "abc":
            await loaded.get(name)
        assert list(loaded.loaded) == ["b", "c"]  # limit: 10 bytes
        await loaded.get("large")
        assert list(loaded.loaded) == ["large"]
        await loaded.get("a")
        assert list(loaded.loaded) == ["a"]

    with patch.object(model_cache, "from_safetensors", lambda data: data), patch.object(model_cache, "KEPT_BYTES", 10):
        asyncio.run(scenario())
