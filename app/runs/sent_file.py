"""A file that is sent while it is written, so that it needs neither memory nor disk for all of its content."""


class SentFile:
    """A file object for writers that never seek. `take` returns what was written since the last time."""

    def __init__(self) -> None:
        self.closed = False
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, content: bytes | memoryview) -> int:
        """Append a copy of the content; returns its size."""
        piece = bytes(content)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        """The number of bytes that were written so far."""
        return self._size

    def flush(self) -> None:
        """Do nothing: `take` has everything that was written."""

    def close(self) -> None:
        """End the file; `take` has the rest."""
        self.closed = True

    def take(self) -> bytes:
        """Remove and return what was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
