"""`antigrad keys` works on the database of the settings; a running service heeds it within a second."""

import json
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from app.cli.main import main
from tests.support.commands import antigrad, command, serving
from tests.support.keys import bearer

NAMES = {"id", "key", "owner", "scopes", "expires_at"}


def keys(home: Path, *words: str) -> Result:
    """The command in this process: starting one takes longer."""
    return CliRunner().invoke(main, ["keys", *words], env={"ANTIGRAD_HOME": str(home)})


def created(home: Path, *words: str) -> dict:
    done = keys(home, "create", "--json", *words)
    assert done.exit_code == 0, done.output
    answer: dict = json.loads(done.stdout)
    return answer


def test_a_key_is_printed_once_and_stored_as_a_hash(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = created(home, "--owner", "s1", "--scope", "predict,read", "--expires", "90d")
    assert made.keys() == NAMES and made["key"].startswith("ag_") and len(made["key"]) > 40
    assert (made["owner"], made["scopes"]) == ("s1", ["read", "predict"]) and made["expires_at"] is not None
    assert made["key"].encode() not in (home / "antigrad.db").read_bytes()
    shown = keys(home, "create", "--owner", "s2", "--scope", "admin")
    assert len(shown.stdout.splitlines()) == 1 and "admin" in shown.stderr and shown.stdout.strip() not in shown.stderr
    (first, second) = json.loads(keys(home, "list", "--json").stdout)["items"]
    assert (first["id"], first["owner"], second["owner"], second["expires_at"]) == (made["id"], "s1", "s2", None)
    assert "key" not in first and "hash" not in first


def test_a_revoked_key_is_listed_and_revoked_once(tmp_path: Path) -> None:
    id = created(tmp_path, "--owner", "s1", "--scope", "read")["id"]
    first, again = (json.loads(keys(tmp_path, "revoke", id, "--json").stdout) for _ in range(2))
    assert first["revoked_at"] is not None and again == first
    assert id in keys(tmp_path, "list").stdout
    unknown = keys(tmp_path, "revoke", "key_none")
    assert unknown.exit_code == 2 and "antigrad keys list" in unknown.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--owner", "a b", "--scope", "read"], "letters, digits"),
        (["--owner", "", "--scope", "read"], "letters, digits"),
        (["--owner", "s1", "--scope", "read,write"], "read, predict, train, admin"),
        (["--owner", "s1", "--scope", ""], "read, predict, train, admin"),
        (["--owner", "s1", "--scope", "read", "--expires", "90"], "90d"),
        (["--owner", "s1", "--scope", "read", "--expires", "0d"], "90d"),
        (["--owner", "s1", "--scope", "read", "--expires", "999999w"], "90d"),  # no time has so late a year
    ],
)
def test_a_wrong_option_is_refused_with_a_right_one(tmp_path: Path, words: list[str], said: str) -> None:
    done = keys(tmp_path, "create", *words)
    assert done.exit_code == 2 and said in done.stderr.replace("\n", " ")
    assert not (tmp_path / "antigrad.db").exists()


def test_a_running_service_heeds_a_key_within_a_second(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home, "--workers", "0") as address, httpx.Client(base_url=f"http://{address}") as client:

        def until(status: int, headers: dict[str, str]) -> None:
            """Wait for a status. What the service has to do is one query; the deadline is for a busy machine."""
            deadline = time.monotonic() + 30
            while client.get("/runs", headers=headers).status_code != status:
                assert time.monotonic() < deadline
                time.sleep(0.25)  # answers to wrong keys in a row are delayed

        assert client.get("/runs").status_code == 200
        made = created(home, "--owner", "s1", "--scope", "read")
        until(401, {})
        until(200, bearer(made["key"]))
        denied = antigrad(address, "cancel", "run_x", ANTIGRAD_API_KEY=made["key"])
        assert denied.returncode == 5 and "train" in denied.stderr and made["key"] not in denied.stderr
        keys(home, "revoke", made["id"])
        until(401, bearer(made["key"]))
        assert client.get("/healthz").status_code == 200


def test_a_key_permits_to_listen_for_other_machines(tmp_path: Path) -> None:
    words = ("serve", "--host", "192.0.2.1", "--workers", "0")  # no machine has this address
    refused = command(*words, ANTIGRAD_HOME=str(tmp_path))
    assert refused.returncode == 2 and "antigrad keys create" in refused.stderr
    created(tmp_path, "--owner", "s1", "--scope", "read")
    cannot = command(*words, ANTIGRAD_HOME=str(tmp_path))
    assert cannot.returncode == 1 and "cannot listen" in cannot.stderr


def test_a_key_has_its_own_limits_until_they_are_the_default_again(tmp_path: Path) -> None:
    id = created(tmp_path, "--owner", "s1", "--scope", "train")["id"]

    def limits(*words: str) -> dict:
        done = keys(tmp_path, "limit", id, "--json", *words)
        assert done.exit_code == 0, done.output
        answer: dict = json.loads(done.stdout)["limits"]
        return answer

    assert limits("--runs", "5", "--seconds", "600", "--priority", "-1") == {"runs": 5, "seconds": 600, "priority": -1}
    assert limits("--runs", "none", "--seconds", "default") == {"runs": None, "priority": -1}
    assert "priority -1" in keys(tmp_path, "limit", id).stdout
    unknown = keys(tmp_path, "limit", "key_none", "--runs", "1")
    assert unknown.exit_code == 2 and "antigrad keys list" in unknown.stderr


@pytest.mark.parametrize("words", [("--runs", "few"), ("--steps", "0"), ("--runs", "1.5"), ("--seconds", "nan"),
                                   ("--predictions", "0"), ("--bytes", "-1")])  # fmt: skip
def test_a_limit_that_is_none_is_refused_with_what_would_be_right(tmp_path: Path, words: tuple[str, str]) -> None:
    refused = keys(tmp_path, "limit", "key_1", *words)
    assert refused.exit_code == 2 and f"{words[0]} {words[1]}: write a" in refused.stderr
    assert "none or default" in refused.stderr
