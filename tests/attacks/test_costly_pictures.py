"""A picture that takes long to decode costs its sender alone.

What stays available: the threads of the service, which decode no such picture; a place among the decoders, as soon as
the time is over or the sender has left; the end of the service, which waits for no picture.
"""

import asyncio
import io
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.datasets.errors import NoPicture
from app.datasets.images.codec import MOST_SCANS, decode, scans
from app.datasets.images.picture_format import PictureFormat
from app.errors import NotReady, TooLarge
from app.serving.picture_decoders import PictureDecoders
from app.serving.places import Places
from app.storage.database import Database
from app.storage.files import LocalFiles
from tests.support.archives import letters, png, zipped
from tests.support.commands import CLI, until_ready
from tests.support.fork_server import Forked, fork_server
from tests.support.imports import imported
from tests.support.processes import free_port, is_decoder, until
from tests.support.served import insert_network, serve

SHAPE = (1, 28, 28)
FITTED = PictureFormat(SHAPE, "fit", "black")
PNG = {"Content-Type": "image/png"}


def jpeg(size: tuple[int, int] = (28, 28), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, 90).save(file, "JPEG", **options)  # type: ignore[arg-type]
    return file.getvalue()


def with_scans(count: int, size: tuple[int, int] = (28, 28)) -> bytes:
    """A progressive JPEG whose last scan stands there again and again."""
    whole = jpeg(size, progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start:-2] * (count - scans(whole) + 1) + whole[-2:]


def test_a_usual_jpeg_has_few_scans() -> None:
    assert scans(jpeg()) == 1 and 1 < scans(jpeg(progressive=True, quality=100)) <= 12 and scans(png()) == 1


@given(st.integers(MOST_SCANS + 1, 2000))
def test_a_jpeg_of_very_many_scans_is_no_picture(count: int) -> None:
    with pytest.raises(NoPicture, match=f"consists of {count:,} scans"):
        decode(with_scans(count), PictureFormat(SHAPE))


def test_it_is_refused_by_predictions_and_skipped_by_imports(client: TestClient, tmp_path: Path) -> None:
    run = serve(client, "run_scans")
    answer = client.post(f"/predict?run={run}", content=with_scans(1000), headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 422 and answer.json()["code"] == "picture_has_too_many_scans"
    found = imported(tmp_path, zipped(letters() | {"A/many.jpg": with_scans(1000)}))
    assert [item["file"] for item in found.skipped] == ["A/many.jpg"]


def test_a_picture_that_is_not_cheap_is_decoded_in_no_thread_of_the_service(client: TestClient) -> None:
    run = serve(client, "run_costly")
    for picture in (with_scans(50, (200, 200)), png(size=(400, 400)), png() + bytes(70_000)):
        with patch("app.serving.decoding.codec.decode", side_effect=decode) as here:
            answer = client.post(f"/predict?run={run}&fit=true", content=picture, headers=PNG)
        assert answer.status_code == 200, answer.text
        decoded = [call for call in here.call_args_list if not isinstance(call, Exception)]
        assert all(call.args[-1] <= 2**16 for call in decoded)  # at most so many pixels


def test_both_ways_decode_to_the_same_pixels() -> None:
    pictures = [png(0), jpeg((40, 30)), with_scans(20), png(size=(400, 400)), b"broken"]

    async def decoded() -> list[bytes | NoPicture]:
        decoders = PictureDecoders()
        try:
            return await decoders.decode(pictures, FITTED)
        finally:
            await decoders.close()

    *pixels, broken = asyncio.run(decoded())
    assert pixels == [decode(picture, FITTED).pixels for picture in pictures[:-1]]
    assert isinstance(broken, NoPicture) and broken.message.code == "picture_unreadable"


def test_the_sizes_of_the_pictures_are_no_reason_for_another_refusal(client: TestClient) -> None:
    run = serve(client, "run_sizes")
    for padding in (0, 70_000):  # in this process, and in a decoder
        answer = client.post(f"/predict?run={run}", content=png(size=(30, 28)) + bytes(padding), headers=PNG)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "picture_size_differs")
        assert problem["fix"] == {"field": "fit", "value": True}


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Decoders that never answer."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    create = asyncio.create_subprocess_exec

    async def sleeping(*_: str, **pipes: int) -> asyncio.subprocess.Process:
        return await create(*command, **pipes)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", sleeping)
    yield command


@pytest.mark.usefixtures("stuck")
def test_a_decoder_is_killed_after_its_time_and_its_place_is_free() -> None:
    async def attack() -> None:
        decoders = PictureDecoders(seconds=0.05)
        for _ in range(2 * decoders.places.most):
            with pytest.raises(TooLarge) as refused:
                await decoders.decode([png()], PictureFormat(SHAPE))
            assert refused.value.message.code == "pictures_take_too_long"
        assert decoders.places.taken == 0 and decoders.free == []

    asyncio.run(attack())


@pytest.mark.usefixtures("stuck")
def test_a_sender_who_leaves_frees_the_place() -> None:
    async def attack() -> None:
        decoders = PictureDecoders()
        sent = [asyncio.create_task(decoders.decode([png()], PictureFormat(SHAPE))) for _ in range(4)]
        while decoders.places.taken < 4:
            await asyncio.sleep(0)
        for task in sent:
            task.cancel()
        await asyncio.wait(sent)
        assert decoders.places.taken == 0 and decoders.free == []

    asyncio.run(attack())


def test_beyond_the_places_requests_are_refused_at_once() -> None:
    async def crowd() -> None:
        places, leave = Places(at_once=2, waiting=3), asyncio.Event()

        async def visit() -> None:
            async with places.one():
                await leave.wait()

        inside = [asyncio.create_task(visit()) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(NotReady) as refused:
            await visit()
        assert refused.value.message.code == "too_busy"
        leave.set()
        await asyncio.gather(*inside)
        assert places.taken == 0
        await visit()

    asyncio.run(crowd())


def test_a_decoder_that_crashes_costs_its_request_alone() -> None:
    async def attack() -> None:
        decoders = PictureDecoders()
        assert await decoders.decode([png()], PictureFormat(SHAPE)) == [decode(png(), PictureFormat(SHAPE)).pixels]
        [(_, process)] = decoders.free
        process.kill()
        await process.wait()
        [crashed] = await decoders.decode([png()], PictureFormat(SHAPE))
        assert isinstance(crashed, NoPicture) and crashed.message.code == "picture_decoder_crashed"
        assert await decoders.decode([png()], PictureFormat(SHAPE)) == [decode(png(), PictureFormat(SHAPE)).pixels]
        await decoders.close()

    asyncio.run(attack())


def decoders_of(service: Forked) -> list[psutil.Process]:
    return [child for child in psutil.Process(service.pid).children() if is_decoder(child)]


def test_neither_a_sender_who_leaves_nor_the_end_of_the_service_waits_for_a_picture(tmp_path: Path) -> None:
    """The picture would take a decoder more than its time: a hundred scans over 24 million pixels."""
    port, picture = free_port(), with_scans(MOST_SCANS, (4900, 4900))
    service = fork_server().start(CLI, "serve", "--port", str(port), "--workers", "0", ANTIGRAD_HOME=str(tmp_path))
    until_ready(service, f"http://127.0.0.1:{port}")
    database, files = Database(f"sqlite:///{tmp_path / 'antigrad.db'}"), LocalFiles(tmp_path / "files")
    insert_network(database, files, "run_slow")
    database.close()
    head = f"POST /predict?run=run_slow&fit=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(picture)}\r\n"
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + picture)
        until(lambda: decoders_of(service))
    until(lambda: not decoders_of(service))
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + picture)
        until(lambda: decoders_of(service))
        [decoder] = decoders_of(service)
        service.terminate()
        assert service.wait(100) == 0
    until(lambda: not decoder.is_running())
