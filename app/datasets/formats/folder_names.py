"""Names of folders that say what they hold: a part of the dataset, or pictures without a class."""

import re
from typing import Literal

from app.datasets.formats.provided_splits import TEST, TRAIN, VALIDATION

# Names of outer folders that assign their pictures to a part.
PARTS = {
    name: part
    for part, names in {
        TRAIN: ("train", "training"),
        VALIDATION: ("validation", "valid", "val"),
        TEST: ("test", "testing"),
    }.items()
    for name in names
}
UNLABELLED = frozenset({"unlabelled", "unlabeled", "nolabel", "nolabels", "unclassified", "unannotated", "unsup"})
# Filler words in the names of parts, as in x_test and train-images.
FILLING = frozenset(
    {"", "x", "data", "set", "dataset", "images", "image", "imgs", "img", "pictures", "photos", "files"}
)
WORDS = re.compile(r"[\W_\d]+")


def announced(name: str) -> int | Literal["unlabelled"] | None:
    """The part that a folder's name announces, as in `test1` or `x_test`, or `unlabelled`; None for another name."""
    words = {word.removesuffix("set") for word in WORDS.split(name.lower().replace("no_label", "nolabel"))} - FILLING
    if len(words) != 1:
        return None
    (word,) = words
    return "unlabelled" if word in UNLABELLED else PARTS.get(word)
