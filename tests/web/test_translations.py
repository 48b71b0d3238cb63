"""Messages in the language of a page's reader."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from markupsafe import escape

from app.insight.diagnosis import RULES
from app.messages.catalogue import MESSAGES
from app.messages.catalogue.insight import CHANGES
from app.messages.catalogue.remarks import REMARKS
from app.messages.catalogue.validation import VALIDATION
from app.messages.rendering import fields
from app.web.texts import LANGUAGES
from app.web.translations import TRANSLATIONS, said
from tests.support.documents import described_warnings
from tests.support.rows import A_REQUEST, insert_run
from tests.support.services import Service, Template

CODES = TRANSLATIONS["ru"]["codes"]
LAYERS: dict[str, Any] = {"dataset": "digits", "model": {"layers": [{"type": "linear", "units": 8}]}}


@pytest.fixture(scope="module")
def client(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("service") / "home") as client:
        with Service.of(client).database.write() as db:
            insert_run(db, "run_1", request=A_REQUEST)
        yield client


def test_every_language_but_english_has_translations() -> None:
    assert set(TRANSLATIONS) == set(LANGUAGES) - {"en"}


def test_a_text_mentions_only_what_the_problem_has() -> None:
    for code, text in CODES.items():
        names = {name for _, name in fields(MESSAGES[code])}
        assert {name for _, name in fields(text)} <= names, code
        bare = {name for kind, name in fields(text) if not kind}
        assert bare <= {name for kind, name in fields(MESSAGES[code]) if not kind}, code


def test_every_problem_of_a_field_and_every_advice_has_a_text() -> None:
    assert set(VALIDATION) | set(CHANGES) <= set(CODES)


def test_every_finding_and_remark_has_a_meaning() -> None:
    assert set(TRANSLATIONS["ru"]["findings"]) == {rule.code for rule in RULES}
    assert set(TRANSLATIONS["ru"]["remarks"]) == set(REMARKS)


def test_every_warning_of_the_documents_has_a_meaning() -> None:
    """Another test compares the documents with the code."""
    assert set(TRANSLATIONS["ru"]["warnings"]) == set(described_warnings())


def test_a_meaning_stands_above_the_english_sentence(client: TestClient) -> None:
    layers = [{"type": "linear", "units": 8}, {"type": "sigmoid"}, {"type": "softmax"}]
    run = client.post("/runs", json={"dataset": "digits", "model": {"layers": layers}}).json()
    codes = [warning["code"] for warning in run["warnings"]]
    assert "softmax_within" in codes
    for language, shown in (("ru", len(codes)), ("en", 0)):
        text = client.get(f"/ui/runs/{run['id']}", headers={"Accept-Language": language}).text
        assert sum(f"<p>{TRANSLATIONS['ru']['warnings'][code]}</p>" in text for code in codes) == shown
        assert all(str(escape(warning["detail"])) in text for warning in run["warnings"])


# What the forms of the pages may send by mistake.
MISTAKES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/runs", {"dataset": "nothing"}),
    ("POST", "/runs", LAYERS | {"optimizer": {"name": "sgd", "lr": -1}}),
    ("POST", "/runs", LAYERS | {"optimizer": {"name": "sgd", "lr": "fast"}}),
    ("POST", "/runs", LAYERS | {"optimizer": {"name": "sgd", "nesterov": True}}),
    ("POST", "/runs", LAYERS | {"optimizer": {"name": "sdg"}}),
    ("POST", "/runs", LAYERS | {"stop": {"max_epochs": None}}),
    ("POST", "/runs", LAYERS | {"stop": {"max_epochs": 0}}),
    ("POST", "/runs", LAYERS | {"batch_size": "half"}),
    ("POST", "/runs", LAYERS | {"batch_size": 0}),
    ("POST", "/runs", LAYERS | {"seed": -1}),
    ("POST", "/runs", LAYERS | {"seed": 0.5}),
    ("POST", "/runs", LAYERS | {"name": "x" * 300}),
    ("POST", "/runs", LAYERS | {"name": "\u202e"}),
    ("POST", "/runs", LAYERS | {"tags": {"a": None}}),
    ("POST", "/runs", LAYERS | {"tags": {"antigrad.x": "y"}}),
    ("POST", "/architectures/inspect", {"model": {"layers": [{"type": "linear"}]}}),
    ("POST", "/architectures/inspect", {"model": {"layers": [{"type": "linear", "units": 10**9}]}}),
    ("POST", "/architectures/inspect", {"model": {"layers": [{"type": "max_pool2d", "kernel_size": 90}]}}),
    ("POST", "/architectures/inspect", {"dataset": "diabetes", "model": {"preset": "vgg_small"}}),
    ("POST", "/architectures/inspect", {"model": {"layers": [{"type": "residual", "layers": []}]}}),
    ("POST", "/runs/run_none/again", {}),
    ("POST", "/runs/run_1/pause", {}),
    ("PUT", "/models/m", {"run": "run_none"}),
    ("PUT", "/models/m", {"run": "run_1"}),
    ("PUT", "/models/m", {"runs": {"run_1": 0.5}}),
    ("PUT", "/models/m", {"runs": {}}),
    ("PATCH", "/runs?q=id:run_1", {"tags": {"a:b": "c"}}),
    ("DELETE", "/models/none", {}),
    ("POST", "/models/none/rollback?version=2", {}),
    ("POST", "/datasets?name=ds_x", {}),
    ("POST", "/datasets?name=digits", {}),
    ("POST", "/datasets/catalogue/none", {}),
    ("DELETE", "/datasets/digits", {}),
    ("DELETE", "/datasets/none", {}),
    ("POST", "/optimizers/trajectory", {"optimizers": ["sgd"], "steps": 10**7}),
    ("POST", "/experiments/none", {}),
    ("POST", "/predict?run=run_none", {}),
    ("POST", "/predict?run=run_1", {}),
)


@pytest.mark.parametrize(("method", "path", "body"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_mistake_in_a_form_has_a_text(client: TestClient, method: str, path: str, body: dict[str, Any]) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code in range(400, 500)
    problem = answer.json()
    codes = [problem["code"], *(each["code"] for each in problem["errors"])]
    assert [code for code in codes if code not in CODES] == []
    assert "lang=" not in said("ru", problem["code"], problem["params"], problem["detail"])


@pytest.mark.parametrize("q", ["stauts:failed", "status:faild", "name>3", "lr>much", "/(/"])
def test_a_wrong_filter_has_a_text(client: TestClient, q: str) -> None:
    answer = client.get("/ui/runs", params={"q": q}, headers={"Accept-Language": "ru"})
    [problem] = answer.text.split('id="filter-problem"')[1].split("</p>")[:1]
    assert "lang=" not in problem and "{" not in problem and len(problem) > 20


def test_messages_within_a_message_are_translated_too() -> None:
    within: list[dict[str, Any]] = [{"code": code, "params": {}} for code in ("int_type", "bool_type")]
    assert said("ru", "alternatives", {"messages": within}, "") == "нужно целое число, или: нужно true или false"
    unknown = [*within, {"code": "nothing_corrected", "params": {}}]
    assert said("ru", "alternatives", {"messages": unknown}, "a, or: b") == '<span lang="en">a, or: b</span>'


def test_what_has_no_text_is_english_after_its_kind() -> None:
    text = said("ru", "nothing_corrected", {}, "a <b> & c", 409)
    assert text == 'Сейчас так нельзя: <span lang="en">a &lt;b&gt; &amp; c</span>'
    assert said("en", "missing", {}, "Field required") == "Field required"


def test_a_page_that_does_not_exist_says_so_in_the_readers_language(client: TestClient) -> None:
    text = client.get("/ui/datasets/none", headers={"Accept": "text/html", "Accept-Language": "ru"}).text
    assert "<h1>Не найдено</h1>" in text and "набора данных none нет; есть " in text
