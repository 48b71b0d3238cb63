"""What the learning core refuses, in words of its own; the API translates them to problems."""


class InvalidChoice(ValueError):
    """A wrong value; `pointer` is its JSON pointer within the request, the message says what would be right."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.detail = detail
