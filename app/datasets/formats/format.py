"""The interface of a format."""

from collections.abc import Callable
from dataclasses import dataclass

from app.datasets.errors import ImportFailed
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.import_options import Imported, ImportOptions, Scratch, Tell
from app.messages import Message


@dataclass(frozen=True)
class Format:
    """One way in which a dataset lies in a file.

    Attributes:
        name: as it stands in a sentence.
        takes: the fields of `Reading` that say something of it.
        recognises: tells it by its content.
        read: gives the examples; raises ImportFailed, and what `Tell` raises.
    """

    name: str
    takes: tuple[str, ...]
    recognises: Callable[[CompressedFile], bool]
    read: Callable[[CompressedFile, ImportOptions, Scratch, Tell], Imported]


def refuse_others(reading: ImportOptions, name: str, takes: tuple[str, ...]) -> None:
    """Raises ImportFailed where something is said that says nothing of this format."""
    others = [field for field in reading.given() if field not in takes]
    if others:
        not_taken, taken = ([Message.of("option", name=field) for field in fields] for fields in (others, takes))
        raise ImportFailed("options_do_not_apply", format=name, takes=taken, not_taken=not_taken)
