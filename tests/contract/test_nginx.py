"""The service behind nginx, under a path prefix: pages, addresses, large uploads and event streams."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.archives import letters, zipped
from tests.support.commands import serving
from tests.support.nginx import serving_nginx
from tests.support.processes import free_port

PREFIX = "/antigrad"
SITE = """
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 1g;
        location {prefix}/ {{
            proxy_pass http://{address}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
        }}
    }}
"""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service behind nginx."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    with serving(tmp_path_factory.mktemp("home"), ANTIGRAD_ROOT_PATH=PREFIX) as address:
        site = SITE.format(port=port, prefix=PREFIX, address=address)
        with serving_nginx(folder, site, f"http://127.0.0.1:{port}{PREFIX}") as client:
            yield client


def test_the_page_loads_all_that_it_needs_under_the_prefix(behind: httpx.Client) -> None:
    start, docs = behind.get("/", follow_redirects=True), behind.get("/docs")
    assert start.status_code == docs.status_code == 200 and start.url.path == f"{PREFIX}/ui/runs"
    for page in (start, docs):
        loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.text) + re.findall(r"url: '([^']+)'", page.text)
        assert len(loaded) >= 4  # script, style, icon and the OpenAPI document
        for address in loaded:
            assert httpx.get(page.url.join(address), follow_redirects=True).status_code == 200, address
    servers = behind.get("/openapi.json").json()["servers"]
    assert servers == [{"url": PREFIX}]


def test_addresses_in_answers_have_the_prefix(behind: httpx.Client) -> None:
    created = behind.post("/runs", json={"dataset": "digits", "stop": {"max_steps": 3}})
    origin = behind.base_url.copy_with(path="/")
    assert created.headers["Location"] == f"{PREFIX}/runs/{created.json()['id']}"
    seen = behind.get(f"/runs/{created.json()['id']}", params={"wait": 30}).json()
    for run in (created.json(), seen):
        assert all(link.startswith(f"{PREFIX}/") for link in run["links"].values()), run["links"]
        assert httpx.get(origin.join(run["links"]["self"])).status_code == 200
    assert httpx.get(origin.join(seen["links"]["curve"])).status_code == 200
    done = behind.post("/experiments/linear_collapse", json={"seeds": [0]})
    assert done.headers["Location"].startswith(f"{PREFIX}/experiments/")
    race = behind.post("/optimizers/race", json={"run": {"dataset": "digits"}, "optimizers": ["sgd", "adam"]}).json()
    assert race["links"]["curve"].startswith(f"{PREFIX}/optimizers/")
    behind.post("/runs/cancel", params={"status": "queued"})


def test_refusals_and_limits_know_the_paths_below_the_prefix(behind: httpx.Client) -> None:
    refused = behind.get("/runs/run_none")
    assert refused.status_code == 404 and refused.json()["instance"] == f"{PREFIX}/runs/run_none"
    assert behind.put("/runs").headers["Allow"] == "DELETE, GET, HEAD, PATCH, POST"
    large = behind.post("/predict", content=b"x" * 3_000_000, headers={"Content-Type": "image/png"})
    assert large.status_code != 413  # above the limit for JSON, below that for pictures
    assert behind.head("/readyz", headers={"Host": "any.example"}).status_code == 200


def test_events_pass_nginx_as_they_happen(behind: httpx.Client) -> None:
    run = behind.post("/runs", json={"dataset": "digits", "stop": {"max_epochs": None, "max_seconds": 300}}).json()
    kinds = []
    with behind.stream("GET", f"/runs/{run['id']}/events") as events:
        for line in events.iter_lines():
            kinds += [line.removeprefix("event: ")] if line.startswith("event: ") else []
            if "points" in kinds:  # while the run trains, so nothing waits for a full buffer
                break
    assert behind.get(f"/runs/{run['id']}").json()["status"] == "running"
    assert kinds[0] == "status"
    behind.post(f"/runs/{run['id']}/cancel")


def test_a_dataset_is_uploaded_through_nginx(behind: httpx.Client) -> None:
    sent = behind.post("/datasets", params={"name": "small"}, files={"file": ("a.zip", zipped(letters()))})
    assert sent.status_code == 202 and sent.headers["Location"] == f"{PREFIX}/datasets/{sent.json()['id']}"


@pytest.mark.long
def test_an_upload_of_200_mb_passes_nginx(behind: httpx.Client, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    row = ",".join(["0.5"] * 200)
    with table.open("w") as file:
        file.write(",".join(f"x{number}" for number in range(200)) + ",y\n")
        for number in range(263_000):
            file.write(f"{row},{number % 7}\n")
    assert table.stat().st_size >= 200 * 1024**2
    with table.open("rb") as file:
        sent = behind.post("/datasets", params={"name": "large", "target": "y"}, content=file)
    assert sent.status_code == 202, sent.text
    cancelled = behind.post(f"/datasets/{sent.json()['id']}/cancel")
    assert cancelled.status_code in (200, 409), json.dumps(cancelled.json())
