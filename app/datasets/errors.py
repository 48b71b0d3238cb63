"""Errors of datasets, uploads and pictures."""

from app.messages import Refusal


class ImportFailed(Refusal, ValueError):
    """The upload cannot become a dataset."""


class SplitImpossible(Refusal, ValueError):
    """The data cannot be split as requested; `pointer` is the JSON pointer to the wrong field of the split."""


class NoPicture(Refusal, ValueError):
    """The bytes cannot be read as a picture."""


class WrongSize(NoPicture):
    """The picture's size is not the one that the network takes. Its own is in the parameters `width` and `height`."""


class TooManyPixels(NoPicture):
    """The picture has more pixels than may be decoded now."""


class DownloadFailed(ImportFailed):
    """A published file cannot be downloaded."""
