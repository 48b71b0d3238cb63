"""schemathesis, as its authors ship it, finds no request that makes the service fail or answer otherwise than it says.

Each run ends by itself, and sends to this machine only. `FUZZ_CASES` is the least number of requests of the longest.
"""

import functools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from app.access import Scope
from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import Run
from tests.support.clients import tool
from tests.support.commands import serving
from tests.support.keys import new_key, revoke, until_refused
from tests.support.served import insert_network
from tests.support.services import Service, client_of

# Their bodies are part of the body of `start_race`, which has thousands of cases, or each case draws a picture.
ALIKE = ("create_run", "trace_architecture", "draw_architecture", "inspect_architecture", "draw_trajectory")
DRAWN = ("draw_curve", "draw_preview", "draw_means", "draw_run", "draw_race", "draw_experiment", "get_statistics")
FILES = ("schemathesis.toml", "hooks.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configuration, where schemathesis keeps nothing of earlier runs."""
    tool(".venv/bin/schemathesis")  # skip before a service starts
    for name in FILES:
        shutil.copy(Path(__file__).with_name(name), tmp_path)
    return tmp_path


@pytest.fixture
def service(folder: Path) -> Iterator[str]:
    """The address of a service with two networks and without workers: what is queued stays so."""
    with client_of(Settings(home=folder / "home", _env_file=None)) as client:
        service = Service.of(client)
        for run, dataset in (("run_pictures", "digits"), ("run_table", "diabetes")):
            request = {"dataset": dataset, "model": {"layers": []}}  # but for the output layer
            resolved = client.post("/runs", json=request).json()["request"]
            insert_network(service.database, service.files, run, dataset)
            with service.database.write() as db:
                db.execute(update(Run).where(Run.id == run).values(request=resolved))
    with serving(folder / "home", "--workers", "0", module="tests.support.hasty") as address:
        yield address


@pytest.fixture
def keys(service: str, folder: Path) -> dict[str, dict[str, str]]:
    """The header with each kind of key, and the document in a file: most kinds may not ask for it. The service then
    requires keys."""
    database = Database(f"sqlite:///{folder / 'home' / 'antigrad.db'}")
    made = {scope.value: new_key(database, "s1", scope) for scope in Scope}
    made["expired"] = new_key(database, "s1", *Scope, seconds=-1)
    revoke(database, new := new_key(database, "s1", *Scope))
    database.close()
    kinds = {kind: key.headers for kind, key in made.items()} | {"revoked": new.headers, "none": {}}
    ask = functools.partial(httpx.get, f"http://{service}/openapi.json", headers=kinds["admin"], timeout=60)
    while (answer := ask()).status_code != 200:
        time.sleep(0.1)
    (folder / "openapi.json").write_text(answer.text)
    with httpx.Client(base_url=f"http://{service}", timeout=60) as client:
        until_refused(client, new)
    return kinds


def fuzz(address: str, folder: Path, *options: str, headers: dict[str, str] | None = None) -> int:
    """The number of requests of a run of schemathesis, which has to find nothing. With `headers`, the document is in a
    file."""
    schemathesis = tool(".venv/bin/schemathesis")
    document = [f"http://{address}/openapi.json"] if headers is None else ["openapi.json", f"--url=http://{address}"]
    sent = [f"--header={name}: {value}" for name, value in (headers or {}).items()]
    command = [schemathesis, "run", *document, "--seed", "1", *options, *sent]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    found = re.search(r"([\d,]+) generated", done.stdout)
    assert found is not None
    return int(found[1].replace(",", ""))


def test_a_thousand_requests_find_nothing(service: str, folder: Path) -> None:
    """Without pictures that take long to draw, and bodies that are parts of others."""
    without = [f"--exclude-operation-id={name}" for name in (*ALIKE, *DRAWN)]
    cases = fuzz(service, folder, "--phases", "fuzzing,stateful", "--max-examples", "15", *without)
    assert cases >= 1000


def test_a_key_without_the_scope_is_refused_as_documented(
    service: str, folder: Path, keys: dict[str, dict[str, str]]
) -> None:
    assert fuzz(service, folder, "--phases", "fuzzing", "--max-examples", "1", headers=keys["predict"]) >= 50


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", [*Scope, "expired", "revoked", "none"])
def test_two_thousand_requests_with_each_kind_of_key_find_nothing(
    service: str, folder: Path, keys: dict[str, dict[str, str]], kind: str
) -> None:
    without = [f"--exclude-operation-id={name}" for name in (*ALIKE, *DRAWN)]
    cases = fuzz(service, folder, "--phases", "fuzzing", "--max-examples", "40", *without, headers=keys[kind])
    assert cases >= 2000
    rest = [f"--include-operation-id={name}" for name in (*ALIKE, *DRAWN)]  # a few: each takes long
    assert fuzz(service, folder, "--phases", "fuzzing", "--max-examples", "3", *rest, headers=keys[kind]) >= 12


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_requests_find_nothing(service: str, folder: Path) -> None:
    without = [f"--exclude-operation-id={name}" for name in ALIKE]
    cases = fuzz(service, folder, "--phases", "coverage", *without)
    cases += fuzz(service, folder, "--phases", "fuzzing,stateful", "--max-examples", "36")
    assert cases >= 10_000


@pytest.mark.skipif("FUZZ_CASES" not in os.environ, reason="it takes an hour; `make fuzz` runs it")
@pytest.mark.long
@pytest.mark.timeout(14_400)
def test_very_many_requests_find_nothing(service: str, folder: Path) -> None:
    wanted = int(os.environ["FUZZ_CASES"])
    cases = fuzz(service, folder, "--phases", "coverage,fuzzing,stateful", "--max-examples", str(wanted // 100))
    assert cases >= wanted
