"""A batch of predictions gives way to every other process."""

import multiprocessing
import os
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from worker.batch_job import NICENESS, give_way


def policies() -> list[tuple[int, int]]:
    """Policy and niceness of each thread of this process."""
    threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    return [(os.sched_getscheduler(thread), os.getpriority(os.PRIO_PROCESS, thread)) for thread in threads]


def in_child(answer: Connection) -> None:
    before = threading.Event()
    threading.Thread(target=before.wait).start()
    give_way()
    after = threading.Event()
    threading.Thread(target=after.wait).start()
    answer.send(policies())
    before.set(), after.set()


def test_all_threads_give_way_also_those_that_had_begun() -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=in_child, args=(theirs,))
    process.start()
    theirs.close()
    assert ours.recv() == [(os.SCHED_IDLE, NICENESS)] * 3
    process.join()
    assert process.exitcode == 0
