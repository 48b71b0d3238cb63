"""A process that advances the sweep that is next, for tests that kill it: its arguments are a home and a database."""

import sys
from pathlib import Path

from app.storage.database import Database
from app.storage.files import open_files
from tests.support.sweeps import claim_and_advance

WORKER = "advance once"


def main(home: str, database: str) -> None:
    claim_and_advance(Database(database), open_files("", Path(home)), WORKER)


if __name__ == "__main__":
    main(*sys.argv[1:])
