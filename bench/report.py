"""How a figure is printed."""


def figure(name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None) -> None:
    """One line: the figure, and whether it is what is wanted."""
    line = f"{name:<62} {value:>9.4g} {unit:<8}"
    if at_least is not None:
        line += f" wanted ≥ {at_least:g}: {'yes' if value >= at_least else 'NO'}"
    if at_most is not None:
        line += f" wanted ≤ {at_most:g}: {'yes' if value <= at_most else 'NO'}"
    print(line.rstrip())
