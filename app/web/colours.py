"""The colour of a run: the same on every page, from its id alone. `static/js/colours.js` says it once more."""

COLOURS = 8  # --run-0 to --run-7 in `static/css/tokens.css`, which `app/cli/templates/report.html` has too


def colour_of(run: str) -> int:
    """The number of a run's colour."""
    return sum(map(ord, run)) % COLOURS
