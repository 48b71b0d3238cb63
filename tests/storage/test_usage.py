"""Stored bytes of an owner: all are counted, whoever has caused them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.access import Caller, Scope
from app.storage import usage
from app.storage.database import Database
from app.storage.models import VersionKey
from app.storage.packed_inputs import pack
from app.storage.predictions import Logged, store_predictions
from app.storage.tables import ShadowDifference
from tests.support.queue_database import queue_database

pytestmark = pytest.mark.sql


@pytest.fixture(params=["sqlite", "postgres"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    yield from queue_database(request, tmp_path, "digits")


def test_the_inputs_that_a_model_has_logged_are_bytes_of_the_model_s_owner(database: Database) -> None:
    picture = np.zeros((1, 28, 28), np.uint8)
    version = VersionKey("ann", "letters", 1)
    store_predictions(
        database,
        [Logged(f"prd_{n}", "bob", version, "run_one", picture, "A", 0.9, None) for n in range(3)],
    )
    with database.write() as db:
        of_model = {"owner": "ann", "model": "letters", "version": 1}
        said = {"live": {}, "shadow": {}, "created_at": 1.0}
        db.add(ShadowDifference(id="shd_1", sender="bob", content=pack(picture), **of_model, **said))
    stored = []
    for owner in ("ann", "bob"):
        with database.of(Caller(owner, frozenset({Scope.PREDICT}))).read() as db:
            stored.append(usage.stored_bytes(db, owner))
    assert stored == [4 * len(pack(picture)), 0]
