"""The processes of a service."""

import psutil


def family(pid: int) -> list[int]:
    """A process, and all that it and theirs have started, from whichever of their threads."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
