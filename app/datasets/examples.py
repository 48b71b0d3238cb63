"""Remarks about the examples of a dataset, whatever their format: blanks, copies, small classes."""

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import OWN_PARTS, Arrays
from app.datasets.duplicates import copies
from app.datasets.names import first
from app.datasets.splits import Indices, Split
from app.messages import Message

AT_ONCE = 4096  # examples
FEW_EXAMPLES = 5  # of a class; fewer cannot be in all parts
SHARE_OF_BLANKS = 0.1  # of the pictures; fewer may be of one value for a reason


def remarks(arrays: Arrays) -> list[Message]:
    return [*_blanks(arrays), *_equal_inputs(arrays), *_copies(arrays), *_small_classes(arrays)]


def _blanks(arrays: Arrays) -> list[Message]:
    """Remarks about pictures of one value: if they are many, or a large share of a class."""
    if arrays.inputs.dtype != np.uint8:
        return []
    blank = np.concatenate([(piece == piece[:, :1]).all(1) for piece in _flat_pieces(arrays)])
    count, examples, messages = int(blank.sum()), len(blank), []
    if count and count >= SHARE_OF_BLANKS * examples:
        messages.append(Message.of("pictures_of_one_value", count=count, examples=examples, all=count == examples))
    counts = zip(arrays.classes, arrays.counts(np.flatnonzero(blank)), arrays.counts(), strict=True)
    mostly = [f"{name} ({blanks:,} of {whole:,})" for name, blanks, whole in counts if 2 * blanks > whole]
    if mostly and count < examples:
        messages.append(
            Message.of("classes_of_blank_pictures", count=len(mostly), classes=len(arrays.classes), **first(mostly))
        )
    return messages


def _equal_inputs(arrays: Arrays) -> list[Message]:
    pieces = _flat_pieces(arrays)
    return [Message.of("inputs_are_equal")] if all((piece == pieces[0][:1]).all() for piece in pieces) else []


def _flat_pieces(arrays: Arrays) -> "list[NDArray[np.generic]]":
    """The inputs (N, D) in pieces, which are read from the disk when they are needed."""
    flat = arrays.inputs.reshape(len(arrays.inputs), -1)
    return [flat[start : start + AT_ONCE] for start in range(0, len(flat), AT_ONCE)]


def _copies(arrays: Arrays) -> list[Message]:
    """Remarks about exact copies of examples in two parts, if the upload defines the parts."""
    if arrays.parts is None:
        return []
    train, validation, test = (np.flatnonzero(arrays.parts == part) for part in range(len(OWN_PARTS)))
    messages = []
    if count := _copied(arrays, test, train):
        messages.append(Message.of("copies_across_parts", count=count, examples=len(test)))
    for other, is_test in ((train, False), (test, True)):
        if count := _copied(arrays, validation, other):
            messages.append(Message.of("copies_in_validation", count=count, examples=len(validation), test=is_test))
    return messages


def _copied(arrays: Arrays, examples: Indices, of: Indices) -> int:
    """The number of these examples that are exact copies of other ones."""
    if not len(examples) or not len(of):
        return 0
    return copies(arrays, Split(of, examples[:0], examples)).in_test


def _small_classes(arrays: Arrays) -> list[Message]:
    counts = dict(zip(arrays.classes, arrays.counts(), strict=True))
    small = [f"{name} ({count:,})" for name, count in counts.items() if 0 < count < FEW_EXAMPLES]
    if not small:
        return []
    params = {"count": len(small), "classes": len(counts), "least": FEW_EXAMPLES}
    return [Message.of("classes_too_small", **params, **first(small))]
