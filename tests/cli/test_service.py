"""`antigrad workers` and `me`."""

import json

from tests.support.commands import antigrad


def test_workers_and_the_own_key_are_shown(address: str) -> None:
    [worker] = json.loads(antigrad(address, "workers", "--json").stdout)["items"]
    shown = antigrad(address, "workers", COLUMNS="40")
    assert shown.returncode == 0 and worker["id"] in shown.stdout
    me = json.loads(antigrad(address, "me", "--json").stdout)
    assert "admin" in me["scopes"]
    said = antigrad(address, "me", COLUMNS="40").stdout.splitlines()
    assert said[0] == "owner nobody: what is made is common" and all(len(line) <= 40 for line in said)
