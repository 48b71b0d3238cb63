"""Folders of pictures within one another, and folders of classes at different depths."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from app.datasets.formats.folder_names import PARTS
from app.datasets.names import first
from app.messages import Message

Folders = tuple[str, ...]


class NestedFolders:
    """The folders that hold pictures, with the number of pictures, and the folders of pictures within each."""

    def __init__(self, folders: Iterable[Folders]) -> None:
        self.counts = Counter(folders)
        self.inner: dict[Folders, list[Folders]] = {}
        for folder in self.counts:
            for end in range(1, len(folder)):
                if folder[:end] in self.counts:
                    self.inner.setdefault(folder[:end], []).append(folder)

    def around_all_classes(self) -> set[Folders]:
        """The folder within which all other ones lie, if they are several classes: it is none itself."""
        others = len(self.counts) - 1
        return {
            folder
            for folder, inner in self.inner.items()
            if len(inner) == others and len({within[-1] for within in inner}) > 1
        }

    def remarks(self, levels: Callable[[], list[Message]]) -> list[Message]:
        """Warnings about folders of pictures within one another, or else about classes at different depths.

        levels: lists levels of the folders that may be the classes instead.
        """
        if self.inner:
            folder = min(self.inner)
            names = first(sorted({within[-1] for within in self.inner[folder]}))
            params: dict[str, Any] = {"folder": "/".join(folder), "pictures": self.counts[folder], "levels": levels()}
            return [Message.of("classes_within_a_class", further=len(self.inner) - 1, **params, **names)]
        by_depth: dict[int, Folders] = {}
        for folder in sorted(self.counts):
            by_depth.setdefault(sum(name.lower() not in PARTS for name in folder[:-1]), folder)
        if len(by_depth) < 2:
            return []
        outer, deep = ("/".join(by_depth[depth]) for depth in (min(by_depth), max(by_depth)))
        return [Message.of("classes_at_different_depths", outer=outer, inner=deep, levels=levels())]
