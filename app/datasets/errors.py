"""What the datasets refuse."""


class ImportFailed(ValueError):
    """The upload cannot become a dataset; the message says why and what would be right."""


class SplitImpossible(ValueError):
    """The data cannot be split as asked; the message says what would be right."""
