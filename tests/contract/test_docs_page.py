"""The documentation page loads nothing from other hosts, so it works without internet access."""

import re

from fastapi.testclient import TestClient


def test_the_page_and_all_that_it_loads_come_from_here(quick_client: TestClient) -> None:
    answer = quick_client.get("/")
    assert answer.status_code == 200 and answer.url.path == "/docs"
    assert "//" not in re.sub(r"<!--.*?-->", "", answer.text).replace("://testserver", "")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(loaded) >= 3  # script, style and icon
    for address in loaded:
        assert quick_client.get(address).status_code == 200, address


def test_a_key_guards_the_page_too(tmp_path_factory: object) -> None:
    from app.main import create_app
    from app.settings import Settings

    home = tmp_path_factory.mktemp("home")  # type: ignore[attr-defined]
    with TestClient(create_app(Settings(home=home, api_key="secret", _env_file=None))) as client:  # type: ignore[arg-type]
        assert client.get("/docs").status_code == 401
        assert client.get("/static-offline-docs/swagger-ui.css").status_code == 401
        assert client.get("/healthz").status_code == 200
