"""Each address asks for a key, and for the scope that its route declares: a walk over all that is mounted."""

import re
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import Mount

from app.access import NO_LIMITS, Scope
from app.api.access import OPEN_PATHS, STATIC
from app.api.openapi import operations, scopes_of
from app.api.scopes import ANY_KEY, READ, Requires, required_scope
from tests.support.keys import Key, bearer, new_key, revoke, until_known, until_refused
from tests.support.services import KEY, Service, Template

NONE = asdict(NO_LIMITS)
PLACES = {"{index}": "0", "{format}": "png"}
Address = tuple[str, str, Requires | None]  # method, path, and the scope that its route declares


@pytest.fixture(scope="module")
def locked(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        yield client


@pytest.fixture(scope="module")
def keys(locked: TestClient) -> dict[Scope, Key]:
    """A key for each scope alone."""
    database = Service.of(locked).database
    made = {scope: new_key(database, f"of {scope}", scope) for scope in Scope}
    until_known(locked, *made.values())
    return made


def addresses(client: TestClient) -> list[Address]:
    """An address of every route and of every mounted app. A route of Starlette's may answer for one of FastAPI's, which
    declares its scope."""
    found: dict[tuple[str, str], Requires | None] = {}
    for context in iter_route_contexts(client.app.routes):  # type: ignore[attr-defined]
        path = re.sub(r"{\w+}", lambda place: PLACES.get(place[0], "x"), context.path or "")
        if isinstance(context.route, Mount):
            found["GET", f"{path}/swagger-ui.css"] = None
            continue
        requires = required_scope(context.route) if isinstance(context.route, APIRoute) else None
        found |= {(method, path): requires for method in sorted(context.methods or ()) if method != "HEAD"}
    return [(*address, requires) for address, requires in found.items()]


def test_without_a_key_every_address_is_401_but_the_open_ones(locked: TestClient) -> None:
    walked = addresses(locked)
    assert len(walked) > 60 and {"/", "/docs", "/openapi.json"} <= {path for _, path, _ in walked}
    for method, path, requires in [*walked, ("GET", "/nothing", None), ("DELETE", "/runs", None)]:
        answer = locked.request(method, path)
        is_open = requires is not None and requires.is_open
        assert is_open == (path in OPEN_PATHS or path.startswith(STATIC))
        assert (answer.status_code == 401) == (not is_open), (method, path)
        if not is_open:
            assert answer.headers["WWW-Authenticate"] == "Bearer" and answer.json()["code"] == "api_key_wrong"


def test_revoked_expired_and_malformed_keys_are_none(locked: TestClient) -> None:
    database = Service.of(locked).database
    revoke(database, revoked := new_key(database, "s1", *Scope))
    until_refused(locked, revoked)
    expired = new_key(database, "s1", *Scope, seconds=-1)
    for wrong in (
        revoked.headers["Authorization"],
        expired.headers["Authorization"],
        f"Basic {KEY}",
        "Bearer",
        b"\xff",
    ):
        assert locked.get("/runs", headers=[("Authorization", wrong)]).status_code == 401
    assert locked.get("/runs", headers=bearer(KEY)).status_code == 200


def test_every_wrong_scope_is_403_and_the_right_one_is_not(locked: TestClient, keys: dict[Scope, Key]) -> None:
    for method, path, requires in addresses(locked):
        wanted = None if requires is None else requires.scope
        for scope in {Scope.READ, Scope.PREDICT, Scope.TRAIN, wanted} - {None}:
            answer = locked.request(method, path, headers=keys[scope].headers, follow_redirects=False)
            if wanted in (None, scope):
                assert answer.status_code not in (401, 403), (method, path, scope, answer.text)
            else:
                assert answer.status_code == 403, (method, path, scope)
                if not path.startswith("/ui/"):  # pages say it in HTML
                    assert answer.json()["code"] == "key_lacks_scope"
                    assert answer.json()["params"] == {"scope": wanted, "scopes": [scope]}


def test_the_document_names_the_scope_of_each_operation(locked: TestClient) -> None:
    document = locked.get("/openapi.json", headers=bearer(KEY)).json()
    scopes = scopes_of(locked.app)  # type: ignore[arg-type]
    for path, _, operation in operations(document):
        requires = scopes[operation["operationId"]]
        security = operation.get("security", document["security"])
        assert security == ([] if requires.is_open else [{"key": [requires.scope] if requires.scope else []}]), path


def test_a_document_gets_the_scopes_when_the_first_key_is_made(client: TestClient, service: Service) -> None:
    assert "security" not in client.get("/openapi.json").json()
    key = new_key(service.database, "s1", Scope.READ)
    until_known(client, key)
    assert client.get("/openapi.json").status_code == 401
    assert client.get("/openapi.json", headers=key.headers).json()["security"] == [{"key": []}]


@pytest.mark.parametrize("dependencies", [[], [READ, ANY_KEY]])
def test_a_route_that_declares_no_scope_or_two_is_refused_at_the_start(dependencies: list) -> None:
    app, router = FastAPI(), APIRouter(dependencies=dependencies)
    router.get("/forgotten")(lambda: None)
    app.include_router(router)
    with pytest.raises(ValueError, match=r"has \d of READ, TRAIN"):
        scopes_of(app)


def test_a_probe_without_a_key_learns_no_more_than_ready_or_not(locked: TestClient) -> None:
    assert locked.get("/readyz").json() == {"status": "ready"}
    assert locked.get("/readyz", headers=bearer(KEY)).json()["database"] == "ok"


def test_me_is_the_key_that_is_sent(locked: TestClient, keys: dict[Scope, Key], quick_client: TestClient) -> None:
    key = keys[Scope.PREDICT]
    of_key = {"key": key.id, "owner": "of predict", "scopes": ["predict"], "expires_at": None, "limits": NONE}
    assert locked.get("/me", headers=key.headers).json() == of_key
    of_settings = locked.get("/me", headers=bearer(KEY)).json()
    assert of_settings["owner"] is None and of_settings["scopes"] == ["admin"] and KEY not in str(of_settings)
    everybody = {"key": None, "owner": None, "scopes": ["admin"], "expires_at": None, "limits": NONE}
    assert quick_client.get("/me").json() == everybody
