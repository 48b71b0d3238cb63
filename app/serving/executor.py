"""Where predictions are worked out: what is small on the event loop, since a thread would cost more than the work, and
what is large in one of a few threads, so that nobody waits for it who asks for something else."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

# So much takes a few milliseconds at most; a query may have to wait for its database.
INLINE_LIMITS = {"bytes": 2**16, "pixels": 2**16, "products": 10**7, "labels": 1000, "queries": 0}
THREADS = ThreadPoolExecutor(os.cpu_count(), "predict")  # more at once would only need more memory


async def run_by_cost(work: Callable[[], Result], **size: int) -> Result:
    """What the work comes to. `size` says how much it is, in the measures of `AT_ONCE`."""
    if all(amount <= INLINE_LIMITS[measure] for measure, amount in size.items()):
        return work()
    return await asyncio.get_running_loop().run_in_executor(THREADS, work)
