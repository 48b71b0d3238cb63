"""The alert rules and the dashboard ask for metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

FOLDER = Path(__file__).parent.parent / "docs/monitoring"
NAME = re.compile(r"antigrad_[a-z_]+")


@pytest.mark.parametrize("name", ["alerts.yml", "dashboard.json"])
def test_every_metric_exists(quick_client: TestClient, name: str) -> None:
    exposed = set(re.findall(r"^# TYPE (\w+)", quick_client.get("/metrics").text, re.MULTILINE))
    asked = set(NAME.findall((FOLDER / name).read_text()))
    assert asked
    assert {re.sub(r"_(sum|count|bucket)$", "", metric) for metric in asked} <= exposed


def test_the_page_explains_every_metric(quick_client: TestClient) -> None:
    page = (FOLDER.parent / "watching.md").read_text()
    exposed = set(re.findall(r"^# TYPE (\w+)", quick_client.get("/metrics").text, re.MULTILINE))
    short = {re.sub(r"^antigrad_predict_(decode|compute|encode)_seconds$", r"…\1…", name) for name in exposed}
    assert {name for name in short if not name.endswith("_created") and f"`{name}" not in page} == set()


def test_the_dashboard_is_complete() -> None:
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) and all(panel["targets"] for panel in panels)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_the_rules_are_accepted_by_prometheus() -> None:
    command = ["promtool", "check", "rules", FOLDER / "alerts.yml"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
