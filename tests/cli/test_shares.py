"""`antigrad share` and `shares`: links that show a run."""

import json

import httpx

from tests.support.commands import antigrad


def test_a_run_is_shared_listed_and_hidden_again(address: str, trained: str) -> None:
    made = antigrad(address, "share", trained, "--days", "2")
    link = made.stdout.strip()
    assert made.returncode == 0 and link.startswith(f"http://{address}/shared/"), made.stderr
    assert httpx.get(link).headers["Content-Type"].startswith("text/html")
    assert httpx.get(link.replace("/ui/", "/")).json()["id"] == trained
    assert link in antigrad(address, "shares").stdout
    items = json.loads(antigrad(address, "shares", "list", "--json").stdout)["items"]
    share = next(item["id"] for item in items if link.endswith(item["page"]))
    assert antigrad(address, "shares", "delete", share).stdout == f"{share} deleted\n"
    assert httpx.get(link).status_code == 401
    gone = antigrad(address, "shares", "delete", share)
    assert gone.returncode == 2 and "antigrad shares list lists those" in gone.stderr


def test_a_race_is_shared_by_its_id(address: str) -> None:
    raced = antigrad(address, "race", "digits", "sgd", "adam", "--epochs", "1", "--no-wait", "--json")
    race = json.loads(raced.stdout)["id"]
    shared = json.loads(antigrad(address, "share", race, "--json").stdout)
    assert shared["path"] == f"/optimizers/race/{race}"
    unknown = antigrad(address, "share", "x", "--experiment", "linear_collapse")
    assert unknown.returncode == 2 and "Traceback" not in unknown.stderr
