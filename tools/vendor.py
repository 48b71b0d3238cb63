"""Other people's scripts and styles, copied from the npm registry: `python -m tools.vendor` (needs npm).

Pages load them from this service and no other host. A package is refused unless it has the checksum below.
"""

import base64
import hashlib
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Package:
    """A package's files, by the names that they get; `sha512` is that of the archive, as npm writes it."""

    name: str
    version: str
    sha512: str
    files: dict[str, str]


FOLDER = "app/web/static/vendor"
PACKAGES = (
    Package(
        "htmx.org",
        "4.0.1",
        "oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
        {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE.txt"},
    ),
    Package(
        "uplot",
        "1.6.32",
        "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        {
            "dist/uPlot.iife.min.js": "uPlot.iife.min.js",
            "LICENSE": "uPlot.LICENSE.txt",
        },
    ),
)


def copy(package: Package) -> None:
    """Copy a package's files into the project. Raises ValueError if the archive has another checksum."""
    with TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        [archive] = Path(folder).iterdir()
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != package.sha512:
            raise ValueError(f"{package.name} {package.version} has the checksum {found}, not {package.sha512}")
        target = ROOT / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as files:
            for source, name in package.files.items():
                content = files.extractfile(f"package/{source}")
                assert content is not None
                (target / name).write_bytes(content.read())


def main() -> None:
    for package in PACKAGES:
        copy(package)
        print(f"{package.name} {package.version}")


if __name__ == "__main__":
    main()
