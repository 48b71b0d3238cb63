"""The cost of a batch by its size, learned from the last batches."""

KEPT = 0.9  # weight of the batches before, each time one is added


class CostLine:
    """Seconds of a batch of n inputs, a·n + b, fitted by least squares. Older batches weigh less and less."""

    def __init__(self) -> None:
        self.weight = self.sizes = self.squares = self.seconds = self.products = 0.0  # weighted sums

    def add(self, size: int, seconds: float) -> None:
        """Learn from a batch."""
        self.weight = KEPT * self.weight + 1
        self.sizes = KEPT * self.sizes + size
        self.squares = KEPT * self.squares + size * size
        self.seconds = KEPT * self.seconds + seconds
        self.products = KEPT * self.products + size * seconds

    def predict(self, size: int) -> float:
        """Expected seconds of a batch; 0 before the first one."""
        if not size or not self.weight:
            return 0.0
        slope, constant = self._line()
        return slope * size + constant

    def _line(self) -> tuple[float, float]:
        """The slope a and the constant b, neither below 0."""
        spread = self.weight * self.squares - self.sizes**2
        if spread > 1e-6 * self.sizes**2:  # else all batches had one size, and any line through it fits
            slope = (self.weight * self.products - self.sizes * self.seconds) / spread
            constant = (self.seconds - slope * self.sizes) / self.weight
            if slope >= 0 and constant >= 0:
                return slope, constant
            if slope < 0:
                return 0.0, self.seconds / self.weight
        return self.products / self.squares, 0.0
