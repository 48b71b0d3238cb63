"""The interface of a format."""

from collections.abc import Callable
from dataclasses import dataclass

from app.datasets.errors import ImportFailed
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.import_options import Imported, ImportOptions, Scratch, Tell
from app.messages import Message


@dataclass(frozen=True)
class Format:
    """A file format of datasets.

    Attributes:
        name: a noun phrase for sentences.
        takes: the fields of `ImportOptions` that apply to it.
        recognises: detects the format by content.
        read: reads the examples; raises ImportFailed, and whatever `Tell` raises.
    """

    name: str
    takes: tuple[str, ...]
    recognises: Callable[[CompressedFile], bool]
    read: Callable[[CompressedFile, ImportOptions, Scratch, Tell], Imported]


def refuse_others(reading: ImportOptions, name: str, takes: tuple[str, ...]) -> None:
    """Raise ImportFailed if an option is given that does not apply to this format."""
    others = [field for field in reading.given() if field not in takes]
    if others:
        not_taken, taken = ([Message.of("option", name=field) for field in fields] for fields in (others, takes))
        raise ImportFailed("options_do_not_apply", format=name, takes=taken, not_taken=not_taken)
