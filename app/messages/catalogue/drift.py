"""Drift of the inputs of a model."""

DRIFT = {
    "drift_inverted": (
        "black and white look swapped: the borders of the pictures are {seen:.4g} on average, and were {mean:.4g} in "
        "training; send the pictures with {@option:invert=auto}"
    ),
    "drift_of_feature": "{feature} is {seen:.4g} on average, and was {mean:.4g} ± {spread:.4g} in training",
    "no_reference": (
        "the run {run} has no statistics of its training inputs: an older version trained it, or its table has over "
        "1,000 columns"
    ),
}
