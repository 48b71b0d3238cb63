"""The tables of the documents that follow from the code: `python -m tools.tables` prints what docs/ has to hold."""

from dataclasses import fields

from app.learning.layers import LAYERS
from app.learning.presets import PRESETS


def layers() -> str:
    """A row a layer: its name, formula and fields."""
    return "".join(
        f"| `{kind}` | {entry.formula.replace('|', '∣')} | {', '.join(f'`{item.name}`' for item in fields(entry))} |\n"  # type: ignore[arg-type]
        for kind, entry in LAYERS.items()
    )


def presets() -> str:
    """A row a preset: its name and what it is."""
    return "".join(f"| `{preset.name}` | {preset.summary} |\n" for preset in PRESETS.values())


if __name__ == "__main__":
    print(layers())
    print(presets())
