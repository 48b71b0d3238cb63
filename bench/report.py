"""Output of figures."""


def figure(name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None) -> None:
    """Print a figure on one line, with its target and if it is met."""
    line = f"{name:<62} {value:>9.4g} {unit:<8}"
    if at_least is not None:
        line += f" target ≥ {at_least:g}: {'yes' if value >= at_least else 'NO'}"
    if at_most is not None:
        line += f" target ≤ {at_most:g}: {'yes' if value <= at_most else 'NO'}"
    print(line.rstrip())
