import asyncio
from pathlib import Path
from threading import Event
from unittest.mock import patch

import pytest
from prometheus_client import generate_latest

from app import metrics
from app.serving import model_cache
from app.serving.model_cache import KEPT, LoadedModels
from app.storage.files import LocalFiles

AS_READ = {"from_safetensors": lambda data: data, "Predictor": lambda data: data}  # the content in place of a network


class SlowFiles(LocalFiles):
    """Files like those of an object store: a read takes until `may_end` is set."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []
        self.may_end = Event()
        self.may_end.set()

    def read(self, name: str) -> bytes:
        self.reads.append(name)
        assert self.may_end.wait(60), "the event loop waits for the file"
        return super().read(name)


@pytest.fixture
def files(tmp_path: Path) -> SlowFiles:
    return SlowFiles(tmp_path)


def test_a_network_is_loaded_once_while_others_are_answered(files: SlowFiles) -> None:
    async def scenario() -> None:
        files.write("a", b"of a")
        loaded = LoadedModels(files)
        files.may_end.clear()
        waiting = [asyncio.create_task(loaded.get("a")) for _ in range(5)]
        while not files.reads:
            await asyncio.sleep(0.001)
        waiting[0].cancel()
        await asyncio.sleep(0.01)
        assert [task.done() for task in waiting] == [True, *[False] * 4]  # only callers of this file wait for it
        files.may_end.set()
        await asyncio.wait(waiting)
        assert waiting[0].cancelled() and {task.result() for task in waiting[1:]} == {b"of a"}
        with patch.object(asyncio, "to_thread", side_effect=AssertionError):
            assert await loaded.get("a") == b"of a"
        assert files.reads == ["a"]

    with patch.multiple(model_cache, **AS_READ):
        asyncio.run(scenario())


def test_the_last_used_are_kept_and_a_failure_is_not(files: SlowFiles) -> None:
    async def scenario() -> None:
        loaded = LoadedModels(files)
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                await loaded.get("later")
        files.write("later", b"there")
        assert await loaded.get("later") == b"there"
        for number in range(KEPT):
            files.write(str(number), b"")
        await asyncio.gather(*(loaded.get(str(number)) for number in range(KEPT - 1)))
        await loaded.get("later")  # used again, so another one is the oldest now
        oldest = next(iter(loaded.loaded))
        await loaded.get(str(KEPT - 1))
        assert len(loaded.loaded) == KEPT and oldest not in loaded.loaded and "later" in loaded.loaded
        assert not loaded.loading

    with patch.multiple(model_cache, **AS_READ):
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
        assert b"antigrad_models_cached 2.0" in generate_latest(metrics.REGISTRY)
        assert b"antigrad_models_cached_bytes 8.0" in generate_latest(metrics.REGISTRY)
        await loaded.get("large")
        assert list(loaded.loaded) == ["large"]
        await loaded.get("a")
        assert list(loaded.loaded) == ["a"]

    with patch.multiple(model_cache, **AS_READ), patch.object(model_cache, "KEPT_BYTES", 10):
        asyncio.run(scenario())
