"""Tables of the documents that are generated from the code: `python -m tools.tables` prints them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from app.insight.diagnosis import RULES
from app.insight.surfaces.functions import SURFACES
from app.learning.augmentation import Augmentation
from app.learning.fields import request_fields
from app.learning.layers import LAYERS, activations
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.presets import PRESETS
from app.learning.schedules import SCHEDULES


def row(*cells: str) -> str:
    """A row of a table. A bar, as in |x|, would end the cell, so a similar character replaces it."""
    return "".join(f"| {cell.replace('|', '∣')} " for cell in cells) + "|\n"


def names(entry: Any) -> str:
    """Names of an entry's fields."""
    return ", ".join(f"`{item.name}`" for item in request_fields(entry))


def defaults(entry: Any) -> str:
    """An entry's fields with their defaults as JSON."""
    return ", ".join(
        f"`{item.name}`" + ("" if item.default is MISSING else f" {json.dumps(item.default)}") for item in fields(entry)
    )


def layers() -> str:
    """One row per layer: name, formula and fields."""
    return "".join(row(f"`{kind}`", entry.formula, names(entry)) for kind, entry in LAYERS.items())


def judged(entries: Mapping[str, Any]) -> str:
    """One row per entry: advantages and drawbacks."""
    return "".join(
        row(f"`{name}`", "; ".join(entry.advantages), "; ".join(entry.drawbacks)) for name, entry in entries.items()
    )


def slopes() -> str:
    """One row per activation: formula, derivative and range."""
    return "".join(
        row(f"`{entry.type}`", entry.formula, entry.derivative or "", entry.range or "")
        for entry in activations.ENTRIES
    )


def judged_activations() -> str:
    """One row per activation: advantages and drawbacks."""
    return judged({entry.type: entry for entry in activations.ENTRIES})


def losses() -> str:
    """One row per loss: the formula for one example, and its gradient."""
    return "".join(row(f"`{name}`", entry.formula, entry.gradient_formula) for name, entry in LOSSES.items())


def optimizers() -> str:
    """One row per optimizer: PyTorch's formula, and the lecture's if it has one."""
    return "".join(
        row(f"`{name}`", entry.formula, LECTURE_FORMS[name].formula if name in LECTURE_FORMS else "")
        for name, entry in OPTIMIZERS.items()
    )


def hyperparameters() -> str:
    """One row per optimizer: its fields with their defaults in both forms."""
    return "".join(
        row(f"`{name}`", defaults(entry), defaults(LECTURE_FORMS[name]) if name in LECTURE_FORMS else "")
        for name, entry in OPTIMIZERS.items()
    )


def formulas(entries: Mapping[str, Any]) -> str:
    """One row per entry: the formula, and the fields with their defaults."""
    return "".join(row(f"`{name}`", entry.formula, defaults(entry)) for name, entry in entries.items())


def presets() -> str:
    """One row per preset: name and summary."""
    return "".join(row(f"`{preset.name}`", preset.summary) for preset in PRESETS.values())


def findings() -> str:
    """One row per rule of the diagnosis: severity, meaning and remedy."""
    return "".join(row(f"`{rule.code}`", rule.severity, rule.means, rule.remedy) for rule in RULES)


def changes() -> str:
    """One row per field of `augment`: its maximum and its effect."""
    return "".join(
        row(f"`{item.name}`", json.dumps(item.metadata["bounds"]["le"]), item.metadata["doc"])
        for item in fields(Augmentation)
    )


PAGES: dict[str, Iterable[str]] = {
    "augmentation.md": (changes(),),
    "architectures.md": (layers(), slopes(), judged_activations(), presets(), judged(PRESETS)),
    "diagnosis.md": (findings(),),
    "losses-and-stopping.md": (losses(), judged(LOSSES)),
    "optimizers.md": (
        optimizers(),
        hyperparameters(),
        judged(OPTIMIZERS),
        formulas(SCHEDULES),
        judged(SCHEDULES),
        formulas(SURFACES),
    ),
}

if __name__ == "__main__":
    for page, tables in PAGES.items():
        print(f"docs/{page}\n")
        print("\n".join(tables))
