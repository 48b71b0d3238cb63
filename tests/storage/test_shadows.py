"""Tallies of comparisons: those of several processes add up, and the newest differences stay."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.storage import models, shadows
from app.storage.models import VersionKey
from app.storage.packed_inputs import unpack
from app.storage.shadows import MOST_DIFFERENCES, Difference, Tally
from tests.support.served import serve
from tests.support.services import Service

KEY = VersionKey("", "letters", 1)


def tally(number: int) -> Tally:
    content = np.full(3, number, np.float32)
    difference = Difference("", content, {"label": "A"}, {"label": "B"})
    return Tally(mirrored=12, compared=10, agreed=4, failed=1, live_seconds=0.5, shadow_seconds=1.5,
                 differences=[difference] * 6)  # fmt: skip


@pytest.mark.sql
def test_tallies_of_several_processes_add_up_and_the_newest_differences_stay(service: Service) -> None:
    for run in ("run_live", "run_shadow"):
        serve(service.client, run)
    service.client.put("/models/letters", json={"run": "run_live", "shadow": {"run": "run_shadow"}})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: shadows.store_tallies(service.database, [(KEY, tally(number))] * 2), range(4)))
    shadows.store_tallies(service.database, [(KEY, tally(9))])
    with service.database.read() as db:
        version = models.history(db, "letters")[0]
        stored, differences = shadows.tally_of(db, version), shadows.differences(db, version)
    assert stored is not None
    assert (stored.compared, stored.agreed, stored.failed, stored.mirrored) == (90, 36, 9, 108)
    assert (stored.live_seconds, stored.shadow_seconds) == (4.5, 13.5)
    assert len(differences) == MOST_DIFFERENCES
    assert [unpack(item.content).tolist() for item in differences[:6]] == [[9.0] * 3] * 6


@pytest.mark.sql
def test_tallies_of_a_model_that_is_gone_are_left_out(service: Service) -> None:
    shadows.store_tallies(service.database, [(KEY, tally(1))])
    with service.database.read() as db:
        assert db.get(shadows.ShadowTally, KEY) is None
