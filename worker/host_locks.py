"""Host locks: each worker locks a file, and the kernel releases the lock when the worker dies."""

import contextlib
import fcntl
import os
import secrets
import socket
from pathlib import Path


class HostLock:
    """A new worker's id, and the lock that shows that it is alive. Close-on-exec, so that no child keeps the lock."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        # Locked under a temporary name first: other workers must not see the file before it is locked.
        temporary = folder / f".{self.worker}"
        self.descriptor = os.open(temporary, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        temporary.rename(folder / self.worker)

    def release(self) -> None:
        """Remove the file and release the lock."""
        (self.folder / self.worker).unlink(missing_ok=True)
        os.close(self.descriptor)


def dead_workers(own: HostLock) -> list[str]:
    """Names of dead workers, whose locks are free. Their files are removed, so each is reported once."""
    dead = []
    for file in own.folder.glob("[!.]*"):
        if file.name == own.worker:
            continue
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                dead.append(file.name)
                file.unlink()
            finally:
                os.close(descriptor)
    return dead
