"""The folders of an archive: which are classes, which are parts, which hold unlabelled pictures."""

from collections.abc import Container
from functools import lru_cache

from app.datasets.formats.folder_names import PARTS, announced
from app.datasets.formats.nested_folders import NestedFolders
from app.datasets.formats.provided_splits import NO_PART
from app.datasets.import_options import CLASSES
from app.datasets.names import first
from app.messages import Message

LISTED = 5


class Paths:
    """Paths of the pictures that were read, with their classes and parts, in reading order.

    level: the folder that is the class: 1 is the outermost, −1 the one that holds the picture.
    """

    def __init__(self, level: int) -> None:
        self.level = level
        self.paths: dict[str, None] = {}
        self.labels: list[str] = []
        self.parts = bytearray()

    def label(self, path: str) -> str | None:
        """The class of a picture; None if it has no folder at this level."""
        folders = folders_of(path)
        place = self.level - 1 if self.level > 0 else len(folders) + self.level
        return folders[place] if 0 <= place < len(folders) else None

    def add(self, path: str) -> bool:
        """Add a path that has a class. Returns False if it is already known."""
        if path in self.paths:
            return False
        label = self.label(path)
        assert label is not None
        self.paths[path] = None
        self.labels.append(label)
        self.parts.append(_part(path.rpartition("/")[0]))
        return True

    def order(self, without: Container[str]) -> list[int]:
        """Positions of the other paths, sorted by class and then by path."""
        keys = list(zip(self.labels, self.paths, strict=True))
        return sorted((place for place, (_, path) in enumerate(keys) if path not in without), key=keys.__getitem__)

    def unlabelled(self) -> set[str]:
        """Pictures in the folder of a part or around all classes, not in that of a class.

        A class may be called `test`. So such a folder is one if no picture is in a part, unless all folders are called
        like parts.
        """
        if self.level != -1:
            return set()
        known = {label: part for label in set(self.labels) if (part := announced(label)) is not None}
        direct = {
            path
            for path, label, part in zip(self.paths, self.labels, self.parts, strict=True)
            if label in known and part == NO_PART
        }
        if all(part == NO_PART for part in self.parts):
            names = {label.lower() for label in known}
            are_parts = len(direct) == len(self.paths) and (len(set(known.values())) > 1 or names <= PARTS.keys())
            direct = direct if are_parts else set()
        outer = NestedFolders(tuple(folders_of(path)) for path in self.paths if path not in direct).around_all_classes()
        return direct | {path for path in self.paths if outer and tuple(folders_of(path)) in outer}

    def levels(self) -> list[Message]:
        """Other levels at which there are at least two folders, with their names."""
        messages = []
        for level in range(1, 1 + max((len(folders_of(path)) for path in self.paths), default=0)):
            at_level = Paths(level)
            names = sorted({name for path in self.paths if (name := at_level.label(path)) is not None})
            if 2 <= len(names) <= CLASSES and names != sorted(set(self.labels)):
                messages.append(Message.of("level_of_folders", level=level, **first(names)))
        return messages

    def remarks(self, unlabelled: set[str]) -> list[Message]:
        remarks = []
        if unlabelled:
            folders = sorted({path.rpartition("/")[0] for path in unlabelled})
            remarks.append(
                Message.of("unlabelled_pictures", count=len(unlabelled), folder=folders[0], folders=folders[:LISTED])
            )
        mixed = self._mixed(unlabelled)
        if mixed:
            label = min(mixed, key=lambda label: (-len(mixed[label]), label))
            parents = sorted(parent or "the top" for parent in mixed[label])
            params = {"label": label, "further": len(mixed) - 1, "levels": self.levels()}
            remarks.append(Message.of("class_in_several_folders", **params, **first(parents)))
        if self.level == -1:
            labelled = [path for path in self.paths if path not in unlabelled]
            remarks += NestedFolders(tuple(folders_of(path)) for path in labelled).remarks(self.levels)
        kept = {label for path, label in zip(self.paths, self.labels, strict=True) if path not in unlabelled}
        doubtful = sorted(label for label in kept if announced(label) is not None)
        if doubtful:
            remarks.append(Message.of("classes_called_like_parts", **first(doubtful)))
        return remarks

    def _mixed(self, unlabelled: set[str]) -> dict[str, set[str]]:
        """Classes that are in several folders, apart from the parts, with these folders."""
        parents: dict[str, set[str]] = {}
        for path, label in zip(self.paths, self.labels, strict=True):
            if path not in unlabelled:
                folders = folders_of(path)
                above = folders[: folders.index(label)] if self.level > 0 else folders[: self.level]
                parents.setdefault(label, set()).add("/".join(name for name in above if name.lower() not in PARTS))
        return {label: above for label, above in parents.items() if len(above) > 1}


def folders_of(path: str) -> list[str]:
    """The folders that hold a file, from the outermost. A path may begin with `./`."""
    return [folder for folder in path.split("/")[:-1] if folder not in ("", ".")]


@lru_cache(CLASSES)
def _part(folder: str) -> int:
    """The part of a folder's images, from the nearest enclosing folder that names one."""
    *around, _ = folder.lower().split("/")
    return next((PARTS[name] for name in reversed(around) if name in PARTS), NO_PART)
