"""Contents of the documents, to compare with the code."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def described_warnings() -> list[str]:
    """The codes in the table of warnings."""
    section = (DOCS / "architectures.md").read_text().split("## Warnings")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
