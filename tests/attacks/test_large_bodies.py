"""Large bodies of many requests at once do not fill the memory.

What stays available: the memory of the service, and every request whose body fits; a refused one may be sent again.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request

from app.api import problems
from app.api.middleware import BodyLimitMiddleware

BODY, MOST = b"x" * 10_000, 35_000  # three bodies fit


@pytest.fixture
def service() -> FastAPI:
    """A service that reads bodies; its answers take until the event `leave`."""
    app = FastAPI()
    problems.register(app)
    app.state.leave, app.state.reading = asyncio.Event(), 0

    @app.post("/predict")
    @app.post("/datasets")
    async def read(request: Request) -> int:
        body = await request.body()
        app.state.reading += 1
        await app.state.leave.wait()
        return len(body)

    app.add_middleware(BodyLimitMiddleware, most=MOST)
    return app


async def in_pieces() -> AsyncIterator[bytes]:
    for start in range(0, len(BODY), 1000):
        yield BODY[start : start + 1000]


def client(service: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://localhost", timeout=60)


async def until_reading(service: FastAPI, count: int) -> None:
    while service.state.reading < count:
        await asyncio.sleep(0)


def test_what_does_not_fit_beside_the_others_is_refused_until_they_have_left(service: FastAPI) -> None:
    async def attack() -> None:
        async with client(service) as sender:
            held = [asyncio.create_task(sender.post("/predict", content=in_pieces())) for _ in range(3)]
            await until_reading(service, 3)
            refused = await sender.post("/predict", content=BODY)
            assert refused.status_code == 503 and refused.json()["code"] == "too_busy"
            assert refused.headers["Retry-After"] == "2"
            service.state.leave.set()
            assert [(await task).json() for task in held] == [len(BODY)] * 3
            for _ in range(10):  # whatever was refused or answered is held no longer
                assert (await sender.post("/predict", content=in_pieces())).json() == len(BODY)

    asyncio.run(attack())


def test_uploads_go_to_the_disk_and_do_not_count(service: FastAPI) -> None:
    async def uploads() -> None:
        async with client(service) as sender:
            held = [asyncio.create_task(sender.post("/datasets", content=BODY)) for _ in range(10)]
            await until_reading(service, 10)
            service.state.leave.set()
            assert [(await task).status_code for task in held] == [200] * 10

    asyncio.run(uploads())
