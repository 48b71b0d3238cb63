"""Errors of the datasets."""


class ImportFailed(ValueError):
    """The upload cannot become a dataset; the message says why and what would be right."""


class SplitImpossible(ValueError):
    """The data cannot be split as asked; the message says what would be right."""


class NoPicture(ValueError):
    """The bytes cannot be read as a picture; the message says why."""


class WrongSize(NoPicture):
    """The picture is of another size than the one that is wanted."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(f"the picture is {width}×{height}")
        self.width, self.height = width, height


class TooManyPixels(NoPicture):
    """The picture has more pixels than may be decoded now."""


class DownloadFailed(ImportFailed):
    """A published file cannot be had; the message says what failed and how to bring the file in by hand."""
