"""A name commands no terminal: it is refused, and one that is stored already is escaped where it is printed."""

from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from app.storage.database import Database
from app.storage.tables import Run
from tests.support.commands import antigrad, serving

HOSTILE = [
    "a\x1b[2Jb", "\x1b]0;title\x07", "gnp.\u202egnp", "two\nlines", "a\rb", "\u2066x\u2069", "a\u2028b", "a\x00b",
    "\x9b2J",
]  # fmt: skip
HARMLESS = ["Straße", "буквы", "文字", "naïve\u0301", "👩\u200d🔬", "a b\u00a0c"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("where", ["name", "tag", "key"])
def test_a_name_has_no_control_characters(quick_client: TestClient, name: str, where: str) -> None:
    named = {"name": {"name": name}, "tag": {"tags": {"class": name}}, "key": {"tags": {name: "x"}}}[where]
    answer = quick_client.post("/runs", json={"dataset": "digits"} | named)
    assert answer.status_code == 422
    assert {error["code"] for error in answer.json()["errors"]} == {"text_with_control"}
    assert answer.text.isprintable()


@pytest.mark.parametrize("name", HARMLESS)
def test_names_of_all_languages_are_taken(client: TestClient, name: str) -> None:
    assert client.post("/runs", json={"dataset": "digits", "name": name}).json()["name"] == name


def test_a_name_that_an_older_version_has_taken_is_escaped_in_the_terminal(tmp_path: Path) -> None:
    hostile = "".join(HOSTILE).replace("\0", "")
    with serving(tmp_path) as address:
        run = httpx.post(f"http://{address}/runs", json={"dataset": "digits", "stop": {"max_steps": 1}}).json()["id"]
        assert antigrad(address, "watch", run).returncode == 0
        database = Database(f"sqlite:///{tmp_path / 'antigrad.db'}")
        with database.write() as db:
            stored = db.get_one(Run, run)
            stored.request = stored.request | {"name": hostile}
            stored.environment = stored.environment | {"dataset_name": hostile}
        database.close()
        listed = antigrad(address, "runs")
    assert listed.returncode == 0 and "\\x1b[2J" in listed.stdout
    assert all(line.isprintable() for line in listed.stdout.splitlines())
