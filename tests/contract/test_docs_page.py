"""The documentation page loads nothing from other hosts, so it works without internet access."""

import re

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.support.services import KEY, client_of


def test_the_page_and_all_that_it_loads_come_from_here(quick_client: TestClient) -> None:
    answer = quick_client.get("/")
    assert answer.status_code == 200 and answer.url.path == "/docs"
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
