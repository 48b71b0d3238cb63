"""A web page of another origin reads and changes nothing: neither by a name of its own nor by a form.

What stays available: the service itself, under its names, to programs and to the pages that a setting names.
"""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from app.api.browser_guard import host_and_port
from tests.support.services import KEY, Template

PAGE = "https://lab.example"
# Requests that a browser sends for any page, without asking the service first.
SIMPLE = {
    "a dataset as text": ("/datasets?name=x&target=y",
                          {"content": b"x,y\n1,2\n", "headers": {"Content-Type": "text/plain"}}),
    "a form": ("/datasets?name=x", {"files": {"file": ("a.zip", b"PK", "application/zip")}}),
    "cancel": ("/runs/cancel?status=running", {}),
    "again": ("/runs/run_x/again", {}),
    "resume": ("/runs/run_x/resume", {}),
    "an experiment": ("/experiments/linear_collapse", {}),
    "a catalogue entry": ("/datasets/catalogue/mnist", {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def open_to_some(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(
        tmp_path_factory.mktemp("service") / "home", hosts=("lab.example",), origins=(PAGE,)
    ) as client:
        yield client


@pytest.fixture(scope="module")
def locked(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        yield client


def code(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return str(answer.json()["code"])


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]", "[::1]:8000", "localhost."])
def test_the_service_answers_under_the_names_of_loopback(quick_client: TestClient, host: str) -> None:
    assert quick_client.get("/runs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "", "localhost:1@evil",
     "[::1].evil", "::1", "localhost\xff"],
)  # fmt: skip
def test_a_name_that_a_page_has_pointed_here_is_refused(quick_client: TestClient, host: str) -> None:
    sent = [("Host", host.encode("latin-1"))]
    for method, path in (("GET", "/runs"), ("POST", "/runs"), ("GET", "/docs"), ("GET", "/nowhere")):
        answer = quick_client.request(method, path, headers=sent)
        assert (answer.status_code, code(answer)) == (421, "host_unknown")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_take_any_name(quick_client: TestClient, path: str) -> None:
    assert quick_client.get(path, headers={"Host": "10.1.2.3"}).status_code == 200


def test_two_hosts_are_none(quick_client: TestClient) -> None:
    answer = quick_client.get("/runs", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert (answer.status_code, code(answer)) == (400, "host_not_one")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_no_host_is_none(address: str, version: str) -> None:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 60) as connection:
        connection.sendall(f"GET /runs HTTP/{version}\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    assert answer.split(b" ", 2)[1] == b"400" and b"host_not_one" in answer


def test_a_setting_names_further_hosts(open_to_some: TestClient) -> None:
    assert open_to_some.get("/runs", headers={"Host": "Lab.example:8000"}).status_code == 200
    assert open_to_some.get("/runs", headers={"Host": "other.example"}).status_code == 421


def test_with_a_key_every_name_is_taken(locked: TestClient) -> None:
    """A page has no key to send."""
    answer = locked.get("/runs", headers={"Host": "lab.example", "Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
    assert locked.get("/runs", headers={"Host": "lab.example"}).status_code == 401


@pytest.mark.parametrize("request_", SIMPLE.values(), ids=SIMPLE)
@pytest.mark.parametrize(
    "sent",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:3000"}, {"Origin": ""},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
    ids=str,
)  # fmt: skip
def test_a_page_of_another_origin_changes_nothing(
    quick_client: TestClient, request_: tuple[str, dict[str, Any]], sent: dict[str, str]
) -> None:
    path, options = request_
    before = quick_client.get("/datasets").json()
    answer = quick_client.post(path, **options | {"headers": options.get("headers", {}) | sent})
    assert (answer.status_code, code(answer)) == (
        403, "origin_not_allowed" if "Origin" in sent else "request_cross_site"
    )  # fmt: skip
    assert "ANTIGRAD_ORIGINS" in answer.json()["detail"]
    assert quick_client.get("/datasets").json() == before


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("localhost:8000", {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}),
        ("localhost", {"Origin": "http://localhost"}),
        ("localhost", {"Origin": "https://localhost"}),  # a proxy ends TLS
        ("localhost:443", {"Origin": "https://localhost"}),
        ("localhost", {"Sec-Fetch-Site": "same-origin"}),
        ("localhost", {"Sec-Fetch-Site": "none"}),  # typed into the address bar
        ("localhost", {}),  # curl
    ],
)
def test_the_services_own_pages_and_programs_are_not_refused(
    quick_client: TestClient, host: str, sent: dict[str, str]
) -> None:
    answer = quick_client.post("/runs/run_x/resume", headers={"Host": host} | sent)
    assert answer.status_code == 404


def test_reading_needs_no_permission_since_a_browser_keeps_the_answer_from_the_page(quick_client: TestClient) -> None:
    answer = quick_client.get("/runs", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200 and "Access-Control-Allow-Origin" not in answer.headers
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert quick_client.options("/runs", headers=preflight).status_code == 405


def test_a_page_that_a_setting_names_may_use_the_service(open_to_some: TestClient) -> None:
    preflight = {
        "Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"
    }  # fmt: skip
    answer = open_to_some.options("/runs", headers=preflight)
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == PAGE
    answer = open_to_some.post("/runs/run_x/resume", headers={"Origin": PAGE, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 404 and answer.headers["Access-Control-Allow-Origin"] == PAGE
    refused = open_to_some.options("/runs", headers=preflight | {"Origin": "https://evil.example"})
    assert refused.status_code == 400 and "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize(
    ("host", "scheme", "parts"),
    [
        ("localhost", "http", ("localhost", 80)),
        ("lab.example", "https", ("lab.example", 443)),
        ("Lab.Example.:8000", "http", ("lab.example", 8000)),
        ("[::1]", "http", ("[::1]", 80)),
        ("[::1]:8000", "http", ("[::1]", 8000)),
    ],
)
def test_a_host_has_a_name_and_a_port(host: str, scheme: str, parts: tuple[str, int]) -> None:
    assert host_and_port(host, scheme) == parts


@pytest.mark.parametrize(
    "path", ["/healthz", "/runs", "/docs", "/nowhere", "/openapi.json", "/architectures/lecture_mlp/diagram.svg"]
)
def test_no_answer_is_framed_embedded_or_guessed(quick_client: TestClient, path: str) -> None:
    headers = quick_client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_only_the_documentation_page_runs_scripts(quick_client: TestClient) -> None:
    assert "script-src 'self'" in quick_client.get("/docs").headers["Content-Security-Policy"]
    assert quick_client.get("/runs").headers["Content-Security-Policy"].startswith("default-src 'none'")
