"""Import options, and the result of an import: the interface that all formats share."""

import codecs
import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Literal

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.images.codec import Background, Resize
from app.messages import Message

LISTED = 1000  # of the skipped files, so that the list can be sent with every answer
MANY = 10  # files that could not be read: the lecture expects fewer
CLASSES = 1000
MOST_EXAMPLES = 10**7  # that are numbers; their targets are held in memory

# What Python has beside the encodings that files are in; those of mail and of host names fill the memory, too.
NO_ENCODINGS = {"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}

Kind = Literal["number", "category", "ignore"]  # of a table's column
Task = Literal["classification", "regression"]
Scratch = Callable[[], IO[bytes]]  # makes a file on this machine that has no name
Tell = Callable[[float, int], None]  # hears what fraction has been read, and how many examples; may raise to stop


def half(tell: Tell, which: int) -> Tell:
    """For a step that is the first (0) or the second (1) half of the way."""
    return lambda fraction, examples: tell((which + fraction) / 2, examples)


def text_encoding(name: str) -> str:
    """Python's name for it. Raises ImportFailed for what no table is written in."""
    try:
        io.TextIOWrapper(io.BytesIO(), name)  # which knows, too, what is a codec and not for text
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        found = None
    if found is None or found in NO_ENCODINGS:
        raise ImportFailed("unknown_encoding", encoding=name[:100])
    return found


@dataclass(frozen=True)
class ImportOptions:
    """Options for reading an upload, as its sender gave them.

    shape: (C, H, W) of a picture, C 1 or 3; None for 28×28 gray, or for the shape that numbers have already.
    target: the column of a table to predict.
    encoding: of a table that is a text, by Python's name for it; None for what is found.
    types: of columns, where the detected type must not count.
    classes: names of the classes that the upload numbers from 0.
    """

    shape: tuple[int, int, int] | None = None
    resize: Resize = "fit"
    background: Background = "white"
    target: str | None = None
    encoding: str | None = None
    task: Task | None = None
    types: Mapping[str, Kind] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def given(self) -> list[str]:
        """The names of what was said."""
        unless_said = vars(ImportOptions())
        return [name for name, value in vars(self).items() if value != unless_said[name]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ImportOptions":
        shape, classes = stored.get("shape"), stored.get("classes", ())
        return cls(**{**stored, "shape": None if shape is None else tuple(shape), "classes": tuple(classes)})


@dataclass(frozen=True)
class Imported:
    """The examples; `{"file", "reason"}` for each file that is not among them; facts about the dataset, as JSON; and
    warnings."""

    arrays: Arrays
    skipped: list[dict[str, str]] = field(default_factory=list)
    about: Mapping[str, Any] = field(default_factory=dict)
    warnings: list[Message] = field(default_factory=list)


class Skipped:
    """Summary of the skipped items: the first by name, the rest by number. `what` names the items."""

    def __init__(self, what: str = "file") -> None:
        self.what = what
        self.first: list[dict[str, str]] = []
        self.count = 0

    def add(self, file: str, reason: str) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.first.append({"file": file[-LISTED:], "reason": reason[:LISTED]})

    def listed(self) -> list[dict[str, str]]:
        """In the order of their names."""
        found = sorted(self.first, key=lambda item: item["file"])
        more = self.count - len(found)
        return [*found, {"file": "…", "reason": f"{more:,} more {self._were(more)} skipped"}] if more else found

    def warnings(self) -> list[Message]:
        """A warning about more than the usual number."""
        return [Message.of("files_skipped", count=self.count, usual=MANY)] if self.count >= MANY else []

    def example(self) -> dict[str, Any]:
        """The count and the first one, as parameters of a message."""
        if not self.first:
            return {"skipped": 0}
        return {"skipped": self.count, "skipped_what": self._were(self.count), **self.first[0]}

    def _were(self, count: int) -> str:
        return f"{self.what} was" if count == 1 else f"{self.what}s were"
