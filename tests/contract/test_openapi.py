"""The OpenAPI document is complete and correct: every answer to any request is documented, and none is a 5xx."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.main import ROUTES
from app.settings import Settings
from tests.support.rows import insert_run
from tests.support.services import Service, client_of

METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with ended runs and without workers: the events of an open run would never end."""
    with client_of(Settings(home=tmp_path_factory.mktemp("home"), _env_file=None)) as client:
        database = Service.of(client).database
        with database.write() as db:
            request = client.post("/runs", json={"dataset": "digits"}).json()["request"]
            for id in ("run_ended", "run_changed"):
                insert_run(db, id, request=request)
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations() -> list[tuple[str, str]]:
    """Every method and path of the document, from the app itself; pages are not in it."""
    return sorted(
        {
            (method.lower(), route.path)
            for module in ROUTES
            for route in module.router.routes
            if route.include_in_schema  # type: ignore[attr-defined]
            for method in route.methods  # type: ignore[attr-defined]
        }
    )


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_operation_says_what_it_does_takes_and_answers(document: dict[str, Any], method: str, path: str) -> None:
    operation = document["paths"][path][method]
    assert operation["summary"] and operation["tags"]
    good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
    assert good
    for status, answer in good.items():
        if status == "204":
            continue
        assert answer["content"], (status, answer)
        for media_type, content in answer["content"].items():
            schema = content["schema"]
            assert schema, media_type  # no "anything"
            if media_type == JSON:
                assert "$ref" in schema or "anyOf" in schema or path in ("/healthz", "/readyz")
    for status, answer in operation["responses"].items():
        if status.startswith(("4", "5")):
            assert list(answer["content"]) == ["application/problem+json"] and answer["description"]


def test_the_bounds_of_an_augmentation_are_documented_with_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    bounds = {name: (field["minimum"], field["maximum"], field["default"]) for name, field in
              schemas["AugmentationRequest"]["properties"].items()}  # fmt: skip
    assert bounds == {"shift": (0, 0.5, 0), "rotate": (0, 180, 0), "scale": (0, 0.5, 0), "noise": (0, 1, 0),
                      "erase": (0, 0.5, 0)}  # fmt: skip
    (example,) = schemas["RunRequest"]["properties"]["augment"]["examples"]
    jsonschema.validate(example, schemas["AugmentationRequest"])


def test_every_model_has_examples_or_says_what_its_fields_are(document: dict[str, Any]) -> None:
    for name in ("RunRequest", "RunAnswer", "DatasetAnswer", "PredictAnswer", "Problem", "CurveAnswer",
                 "FindingAnswer", "LayerDiagnostics",
                 "LayerAnswer", "LossAnswer", "OptimizerAnswer", "ScheduleAnswer", "FieldAnswer", "TrajectoryRequest",
                 "SurfaceAnswer", "PathAnswer", "InspectRequest", "MemoryAnswer", "LinearStackAnswer",
                 "TraceRequest", "TraceAnswer", "TracedLayerAnswer", "ProductAnswer"):  # fmt: skip
        assert "example" in json.dumps(document["components"]["schemas"][name]), name


texts = st.one_of(
    st.sampled_from(["", "0", "-1", "1e400", "NaN", "null", "\0", "..", "%", "é", "\ud800", "A" * 300, "9" * 40]),
    st.text(max_size=20),
    st.integers().map(str),
)
atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from([2**63, -(2**64), 10**400])
)
anything = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
EXAMPLES: list[Any] = [
    {"dataset": "digits", "model": {"layers": [{"type": "linear", "units": 8}, {"type": "relu"}]},
     "optimizer": {"name": "adam", "lr": 0.1, "betas": [0.9, 0.99]}, "stop": {"max_epochs": 2, "divergence": None},
     "split": {"test": 0.2}, "batch_size": 8, "seed": 1, "tags": {"a": "b"}, "name": "x"},
    {"stop": {"max_epochs": 30}},
    {"seed": 1, "optimizer": {"lr": 0.1}},
    {"instances": [[0.5] * 784]},
    {"surface": {"name": "quadratic", "condition": 5}, "start": [1, 1.5], "steps": 5, "noise": 0.1, "seed": 1,
     "spike": {"step": 2, "factor": 9}, "optimizers": [{"name": "sgd", "lr": 0.1}]},
    {"run": "run_ended"},
    {"model": {"layers": [{"type": "linear", "units": 8}]}, "input_shape": [1, 8, 8], "outputs": 3, "batch_size": 2},
    {"dataset": "digits", "model": {"layers": [{"type": "linear", "units": 8}]}, "batch_size": 2, "seed": 1},
]  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A valid body with one changed place, or arbitrary bytes."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=50))
    body: Any = json.loads(json.dumps(draw(st.sampled_from(EXAMPLES))))
    node, deeper = body, draw(st.integers(0, 4))
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys)) if keys else "new"
        if deeper == 0 or not keys or not isinstance(node[key], dict | list):
            break
        node, deeper = node[key], deeper - 1
    if isinstance(node, dict):
        key = draw(st.sampled_from([key, "new"]))
    if not isinstance(node, list) or node:
        node[key] = draw(anything)
    return json.dumps(body).encode()


IDS = {
    "get": ["run_ended", "digits", "notmnist"],
    "post": ["run_changed"],
    "delete": ["run_changed", "letters"],
    "put": ["letters"],
    "patch": ["run_changed"],
}


@st.composite
def requests(draw: st.DrawFn, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    query, headers = (
        [],
        {"Content-Type": draw(st.sampled_from([JSON, "image/png", "text/plain", "multipart/form-data"]))},
    )
    for parameter in operation.get("parameters", []):
        name, place = parameter["name"], parameter["in"]
        if place == "path":
            allowed = texts.filter(lambda text: text not in ("", ".", "..", "cancel") and "/" not in text)
            value = draw(st.sampled_from(IDS[method]) | allowed | st.sampled_from(["0", "png", "svg"]))
            path = path.replace(f"{{{name}}}", quote(value.encode(errors="surrogatepass"), safe=""))
        elif place == "query" and name != "wait" and draw(st.booleans()):
            choices = parameter["schema"].get("enum", ["1", "true", "digits", "run_ended", "status", "queued", "a:b"])
            query.append((name, draw(st.sampled_from(choices) | texts)))
        elif place == "header" and draw(st.booleans()):
            value = draw(texts.filter(lambda text: text.isascii() and text.isprintable()))
            headers[name] = value
    pairs = ((name, quote(str(value).encode(errors="surrogatepass"), safe="")) for name, value in query)
    url = path + "?" + "&".join(f"{name}={value}" for name, value in pairs)
    return {"method": method.upper(), "url": url, "headers": headers, "content": draw(bodies())}


def check(client: TestClient, document: dict[str, Any], method: str, path: str, request: dict[str, Any]) -> None:
    operation = document["paths"][path][method]
    if method in ("get", "delete"):
        del request["content"]
    answer = client.request(**request, follow_redirects=False)
    assert str(answer.status_code) in operation["responses"], (request, answer.status_code, answer.text)
    assert answer.status_code < 500, (request, answer.text)
    listed = operation["responses"][str(answer.status_code)].get("content", {})
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    elif answer.content:
        assert answer.headers["content-type"].split(";")[0] in listed
    if answer.content and "json" in answer.headers["content-type"]:
        schema = next(iter(listed.values()))["schema"]
        jsonschema.validate(answer.json(), schema | {"components": document["components"]})


@pytest.mark.parametrize(("method", "path"), operations())
def test_whatever_is_sent_the_answer_is_one_that_is_documented(
    client: TestClient, document: dict[str, Any], method: str, path: str
) -> None:
    """`tests/fuzz` sends far more, but only what schemathesis makes of the document."""
    operation = document["paths"][path][method]

    @settings(max_examples=8, suppress_health_check=list(HealthCheck))
    @given(requests(method, path, operation))
    def whatever_is_sent(request: dict[str, Any]) -> None:
        check(client, document, method, path, request)

    whatever_is_sent()
