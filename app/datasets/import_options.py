"""Import options, and the result of an import: the interface that all formats share."""

import codecs
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Literal

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.images.picture_format import Background, Crop, Resize
from app.messages import Message

LISTED = 1000  # skipped files, so that the list fits in every response
MOST_REMARKS = 20  # of one code
MANY = 10  # files that could not be read: the lecture expects fewer
CLASSES = 1000
MOST_EXAMPLES = 10**7  # of numeric formats; their targets are held in memory

# Codecs of Python that no file is written in. Those for mail and host names could also fill the memory.
NO_ENCODINGS = {"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}

Kind = Literal["number", "category", "date", "ignore"]  # of a table's column
Header = Literal["auto", "yes", "no"]
Task = Literal["classification", "regression"]
Scratch = Callable[[], IO[bytes]]  # opens an unnamed temporary file on this machine
Tell = Callable[[float, int], None]  # gets the fraction read and the number of examples; may raise to stop


def half(tell: Tell, which: int) -> Tell:
    """Progress callback for the first (0) or the second (1) half of an import."""
    return lambda fraction, examples: tell((which + fraction) / 2, examples)


def text_encoding(name: str) -> str:
    """Python's name of a text encoding. Raises ImportFailed if it is unknown, or a codec that no table uses."""
    try:
        io.TextIOWrapper(io.BytesIO(), name)  # raises LookupError for codecs that are not text encodings
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = None
    if codec is None or codec in NO_ENCODINGS:
        raise ImportFailed("unknown_encoding", encoding=name[:100])
    return codec


@dataclass(frozen=True)
class ImportOptions:
    """Options for reading an upload, as its sender gave them.

    shape: (C, H, W) of a picture, C 1 or 3; None for 28×28 gray, or for the arrays' own shape.
    crop: `ink` to cut photos to what stands out from their ground.
    depth: bits of a pixel in 16-bit pictures; 2**depth − 1 is white.
    classes_from: level of the folders that are the classes: 1 is the outermost, −1 the one that holds the pictures.
    target: the column of a table to predict: its name, `first`, `last`, or its place, counted from 1.
    header: `yes` if the first line of a text table names the columns. skip: lines above it.
    encoding: Python's name for the encoding of a text table, or of the names in an archive; None to detect it.
    types: column types that override the detected ones.
    classes: names of the classes that the upload numbers from 0.
    """

    shape: tuple[int, int, int] | None = None
    resize: Resize = "fit"
    background: Background = "white"
    crop: Crop | None = None
    depth: int = 16
    classes_from: int = -1
    target: str | None = None
    header: Header = "auto"
    skip: int = 0
    encoding: str | None = None
    task: Task | None = None
    types: Mapping[str, Kind] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def given(self) -> list[str]:
        """Names of the options that differ from their defaults."""
        defaults = vars(ImportOptions())
        return [name for name, value in vars(self).items() if value != defaults[name]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ImportOptions":
        shape, classes = stored.get("shape"), stored.get("classes", ())
        return cls(**{**stored, "shape": None if shape is None else tuple(shape), "classes": tuple(classes)})


@dataclass(frozen=True)
class Imported:
    """Result of an import: the examples; `{"file", "reason"}` for each skipped file; facts about the dataset, as JSON;
    and remarks for the report."""

    arrays: Arrays
    skipped: list[dict[str, str]] = field(default_factory=list)
    about: Mapping[str, Any] = field(default_factory=dict)
    remarks: list[Message] = field(default_factory=list)


def limited(remarks: Iterable[Message]) -> list[Message]:
    """The remarks, at most MOST_REMARKS of one code: a table may have thousands of columns."""
    kept, counts = [], Counter[str]()
    for remark in remarks:
        counts[remark.code] += 1
        if counts[remark.code] <= MOST_REMARKS:
            kept.append(remark)
    more = sum(count - MOST_REMARKS for count in counts.values() if count > MOST_REMARKS)
    return [*kept, Message.of("further_remarks", count=more, most=MOST_REMARKS)] if more else kept


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
        """The items in the order of their names, with a last line for those beyond the limit."""
        items = sorted(self.first, key=lambda item: item["file"])
        more = self.count - len(items)
        return [*items, {"file": "…", "reason": f"{more:,} more {self._were(more)} skipped"}] if more else items

    def warnings(self) -> list[Message]:
        """A warning if more items than usual were skipped."""
        return [Message.of("files_skipped", count=self.count, usual=MANY)] if self.count >= MANY else []

    def example(self) -> dict[str, Any]:
        """The count and the first one, as parameters of a message."""
        if not self.first:
            return {"skipped": 0}
        return {"skipped": self.count, "skipped_what": self._were(self.count), **self.first[0]}

    def _were(self, count: int) -> str:
        return f"{self.what} was" if count == 1 else f"{self.what}s were"
