"""Executor of predictions. Cheap work runs inline on the event loop, because a thread would cost more than the work.
Expensive work runs in a few threads, so that it blocks no other request."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

# Work up to these limits takes a few milliseconds at most. Queries may wait for the database, so they never run inline.
INLINE_LIMITS = {"bytes": 2**16, "pixels": 2**16, "products": 10**7, "labels": 1000, "queries": 0}
THREADS = ThreadPoolExecutor(os.cpu_count(), "predict")  # more would need memory and not be faster
NETWORKS = ThreadPoolExecutor(os.cpu_count(), "network")  # its own, so that no batch waits for a body to be read


def is_cheap(**size: int) -> bool:
    """True if work of this size may hold the event loop. `size` is in the units of `INLINE_LIMITS`."""
    return all(amount <= INLINE_LIMITS[measure] for measure, amount in size.items())


async def run_in_thread(work: Callable[[], Result]) -> Result:
    """Run expensive work in the thread pool."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, work)


async def run_network(work: Callable[[], Result]) -> Result:
    """Run the batch of a network in the thread pool of networks."""
    return await asyncio.get_running_loop().run_in_executor(NETWORKS, work)


async def run_by_cost(work: Callable[[], Result], **size: int) -> Result:
    """Run cheap work inline, expensive work in the thread pool."""
    return work() if is_cheap(**size) else await run_in_thread(work)
