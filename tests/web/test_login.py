"""A browser gives its key once, and has a session that ends with the key."""

import re
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from itsdangerous import URLSafeTimedSerializer

from app.access import Scope
from app.api.tokens import SESSION, SESSION_SECONDS, Tokens
from app.storage.secrets import signing_secret
from tests.support.keys import Key, bearer, new_key, revoke, until_known
from tests.support.services import KEY, Service, Template, client_of

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def locked(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture(scope="module")
def key(locked: TestClient) -> Key:
    made = new_key(Service.of(locked).database, "s1", Scope.READ)
    until_known(locked, made)
    return made


@pytest.fixture
def browser(locked: TestClient) -> TestClient:
    locked.cookies.clear()
    return locked


def log_in(browser: TestClient, headers: dict[str, str], next: str = "/") -> str:
    """Fill in the form; returns the address that follows."""
    secret = headers["Authorization"].removeprefix("Bearer ")
    answer = browser.post("/login", data={"key": f" {secret} ", "next": next}, headers={"Origin": "http://localhost"})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_a_page_leads_to_the_form_and_the_form_back(browser: TestClient, key: Key) -> None:
    asked = browser.get("/datasets/digits/preview.png?rows=2&seed=1", headers=PAGE)
    assert asked.status_code == 303
    form = browser.get(asked.headers["Location"], headers=PAGE)
    assert form.status_code == 200 and '<form method="post" action="/login">' in form.text
    (next,) = re.findall(r'name="next" value="([^"]*)"', form.text)
    assert log_in(browser, key.headers, next.replace("&amp;", "&")) == "/datasets/digits/preview.png?rows=2&seed=1"
    assert browser.get("/docs").status_code == browser.get("/static-offline-docs/swagger-ui.css").status_code == 200
    assert browser.get("/me").json()["owner"] == "s1"


def test_programs_and_changes_are_not_led_to_a_form(browser: TestClient) -> None:
    assert browser.get("/runs").status_code == 401
    assert browser.get("/runs", headers=PAGE | bearer("ag_wrong")).status_code == 401
    assert browser.post("/runs", headers=PAGE).status_code == 401
    assert browser.head("/docs", headers=PAGE).status_code == 303


def test_the_cookie_is_for_this_service_alone_and_out_of_reach_of_scripts(browser: TestClient, key: Key) -> None:
    secret = key.headers["Authorization"].removeprefix("Bearer ")
    cookie = browser.post("/login", data={"key": secret}).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie and secret not in cookie
    over_tls = browser.post("https://localhost/login", data={"key": secret}).headers["Set-Cookie"]
    assert "Secure" in over_tls.split("; ")


def test_a_session_has_the_scopes_of_its_key_and_ends_with_it(browser: TestClient) -> None:
    until_known(browser, key := new_key(Service.of(browser).database, "s1", Scope.READ))
    log_in(browser, key.headers)
    assert browser.get("/runs").status_code == 200
    assert browser.post("/runs/cancel?status=queued").status_code == 403
    revoke(Service.of(browser).database, key)
    while browser.get("/runs").status_code != 401:
        pass


def test_the_session_of_the_settings_key_ends_when_the_setting_changes(browser: TestClient, key: Key) -> None:
    log_in(browser, bearer(KEY))
    assert browser.get("/audit").status_code == 200
    session = browser.cookies[SESSION]
    with client_of(Service.of(browser).settings.model_copy(update={"api_key": None})) as other:
        cookie = {"Cookie": f"{SESSION}={session}"}
        assert other.get("/runs", headers=cookie).status_code == 401  # keys are still required: there was one


def test_a_wrong_key_gets_the_form_again_and_no_session(browser: TestClient) -> None:
    answer = browser.post("/login", data={"key": "ag_<wrong>", "next": '"><script>'})
    assert answer.status_code == 401 and "wrong, revoked or expired" in answer.text
    assert "<script>" not in answer.text and "Set-Cookie" not in answer.headers
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_page_of_another_site_cannot_log_a_visitor_in(browser: TestClient, key: Key) -> None:
    secret = key.headers["Authorization"].removeprefix("Bearer ")
    answer = browser.post("/login", data={"key": secret}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403 and "Set-Cookie" not in answer.headers


def test_who_has_logged_out_has_to_log_in(browser: TestClient, key: Key) -> None:
    log_in(browser, key.headers)
    page = browser.get("/login").text
    assert "as s1" in page and 'action="/logout"' in page
    assert browser.post("/logout").headers["Location"] == "/login"
    assert browser.get("/runs").status_code == 401


@pytest.mark.parametrize(
    "next", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", "", "/a\r\nX: y"]
)
def test_the_login_leads_to_no_other_service(browser: TestClient, key: Key, next: str) -> None:
    assert log_in(browser, key.headers, next) == "/"
    assert "evil" not in browser.get(f"/login?next={quote(next)}", headers=key.headers).text


def test_forged_and_expired_sessions_are_none(browser: TestClient, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = signing_secret(Service.of(browser).database)
    right, others = Tokens(secret), Tokens("another secret")
    before = time.time() - SESSION_SECONDS - 1
    with monkeypatch.context() as earlier:
        earlier.setattr("itsdangerous.timed.time.time", lambda: before)
        expired = right.of_session(key.id)
    unsalted, of_share = URLSafeTimedSerializer(secret).dumps(key.id), right.of_share(key.id)
    for session in (expired, unsalted, of_share, others.of_session(key.id), right.of_session("x"), key.id, ""):
        assert browser.get("/runs", headers={"Cookie": f"{SESSION}={session}"}).status_code == 401
    assert browser.get("/runs", headers={"Cookie": f"{SESSION}={right.of_session(key.id)}"}).status_code == 200


def test_all_processes_have_one_signing_secret(browser: TestClient) -> None:
    service = Service.of(browser)
    with client_of(service.settings) as other:
        assert signing_secret(Service.of(other).database) == signing_secret(service.database)


def test_a_service_without_keys_has_no_login(quick_client: TestClient) -> None:
    assert quick_client.get("/login", follow_redirects=False).headers["Location"] == "/"


def test_under_a_prefix_the_login_stays_there(template: Template, tmp_path_factory: pytest.TempPathFactory) -> None:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        behind = TestClient(client.app, base_url="http://localhost/antigrad", root_path="/antigrad")
        asked = behind.get("/docs", headers=PAGE, follow_redirects=False)
        assert asked.headers["Location"] == "/antigrad/login?next=%2Fantigrad%2Fdocs"
        answer = behind.post("/login", data={"key": KEY, "next": "/antigrad/docs"}, follow_redirects=False)
        assert answer.headers["Location"] == "/antigrad/docs" and "Path=/antigrad;" in answer.headers["Set-Cookie"]
