"""The documentation page loads nothing from other hosts, so it works without internet access."""

import re

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from app.settings import Settings
from tests.support.services import KEY, client_of


def test_the_page_and_all_that_it_loads_come_from_here(quick_client: TestClient) -> None:
    answer = quick_client.get("/docs")
    assert answer.status_code == 200
    assert "//" not in re.sub(r"<!--.*?-->", "", answer.text).replace("://localhost", "")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(loaded) >= 3  # script, style and icon
    for address in loaded:
        assert quick_client.get(address).status_code == 200, address


def test_a_key_guards_the_page_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    with client_of(Settings(home=home, api_key=KEY, _env_file=None)) as client:
        assert client.get("/docs").status_code == 401
        assert client.get("/static-offline-docs/swagger-ui.css").status_code == 401
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("given", "kept"), [("", ""), ("/antigrad", "/antigrad"), ("/lab/antigrad/", "/lab/antigrad")])
def test_a_prefix_is_a_path(given: str, kept: str) -> None:
    assert Settings(root_path=given, _env_file=None).root_path == kept


@pytest.mark.parametrize("given", ["antigrad", "//", "/a b", "/é", "/a?b", "http://lab.example/antigrad"])
def test_what_is_no_prefix_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(ValidationError, match="/antigrad"):
        Settings(root_path=given, _env_file=None)


def test_a_page_under_a_prefix_that_nobody_configured_loads_from_there(quick_client: TestClient) -> None:
    page = quick_client.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(r"url: '([^']+)'", page)
    assert len(addresses) >= 4 and not [address for address in addresses if address.startswith(("/", "http"))]
