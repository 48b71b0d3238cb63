"""Errors of datasets, uploads and pictures."""

from app.messages import Refusal


class ImportFailed(Refusal, ValueError):
    """The upload cannot become a dataset."""


class SplitImpossible(Refusal, ValueError):
    """The data cannot be split as asked; `pointer` leads to the wrong field of the split."""


class NoPicture(Refusal, ValueError):
    """The bytes cannot be read as a picture."""


class WrongSize(NoPicture):
    """The picture has another size than the network takes: `width` and `height` are its own."""


class TooManyPixels(NoPicture):
    """The picture has more pixels than may be decoded now."""


class DownloadFailed(ImportFailed):
    """A published file cannot be downloaded."""
