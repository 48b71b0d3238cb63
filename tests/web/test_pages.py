"""Pages as a program sees them: status, headers, language, and what is text."""

import json
import re
from collections.abc import Iterator
from posixpath import dirname, normpath

import pytest
from fastapi.testclient import TestClient

from app.access import Scope
from app.api.access import STATIC
from app.constants import RunStatus
from app.storage.database import database_now
from app.storage.models import VersionKey
from app.storage.queue.run_claims import run_claims
from app.storage.shadows import Tally, store_tallies
from app.web.site import PAGES
from app.web.static_files import FOLDER, StaticFile, static_files, version
from tests.support.keys import new_key, until_known
from tests.support.rows import insert_run
from tests.support.runs import SMALL, queue
from tests.support.served import insert_network, serve
from tests.support.services import KEY, Service, Template

HOSTILE = '<img src=x onerror="alert(1)">'
OPENED = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture(scope="module")
def reader(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A reader of a service whose run, owner and tags have hostile names."""
    with template.client(tmp_path_factory.mktemp("service") / "home", origins=("https://lab.example",)) as client:
        service = Service.of(client)
        insert_network(service.database, service.files, "run_1")
        with service.database.write() as db:
            tags = {HOSTILE: HOSTILE}
            insert_run(db, "run_2", "failed", name=HOSTILE, owner=HOSTILE, tags=tags, request={"dataset": HOSTILE})
        yield client


def test_the_start_leads_to_the_runs(reader: TestClient) -> None:
    for path in ("/", "/ui", "/ui/"):
        assert reader.get(path).url.path == "/ui/runs"


@pytest.mark.parametrize(
    "path", ["/ui/runs", "/ui/runs?columns=tags,owner,dataset", "/ui/datasets", "/ui/datasets/digits", "/ui/runs/new"]
)
def test_a_page_takes_scripts_and_styles_from_this_service_alone(reader: TestClient, path: str) -> None:
    answer = reader.get(path, headers=OPENED)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    for name, address in re.findall(r'<(?:script|link|img)[^>]*?\b(src|href)="([^"]*)"', answer.text):
        assert address.startswith("/") and reader.get(address).status_code == 200, (name, address)


def test_a_page_tells_what_happened_to_its_run(reader: TestClient) -> None:
    run = queue(reader, SMALL)
    database = Service.of(reader).database
    for attempt, worker in enumerate(("lab-1", "lab-2", "lab-3"), 1):
        with database.write() as db:
            assert run_claims.claim(db, worker, database_now(), 0) is not None
        if attempt == 2:
            with database.write() as db:
                run_claims.child_died(db, run, attempt, {})
    with database.write() as db:
        run_claims.end(db, run, 3, RunStatus.SUCCEEDED, stop_reason="max_epochs")
    for language, words in (
        ("en", ["Queued", "Training began", "lab-1", "Attempt 2 took over from a worker that had gone", "lab-2",
                "The process died; the run waits for another attempt", "Attempt 3 began", "Succeeded",
                "all epochs done"]),
        ("ru", ["Поставлен в очередь", "Обучение началось", "Попытка 2 продолжила вместо пропавшего исполнителя",
                "Процесс погиб", "Попытка 3 началась", "Готово", "все эпохи пройдены"]),
    ):  # fmt: skip
        text = reader.get(f"/ui/runs/{run}", headers={"Accept-Language": language}).text
        text = text[text.index('<ol class="timeline">') :]
        places = [text.index(word) for word in words]
        assert places == sorted(places)


def test_names_are_text_everywhere(reader: TestClient) -> None:
    for path in ("/ui/runs", f"/ui/runs?q={HOSTILE}", f"/ui/runs?columns=tags,owner,{HOSTILE}", f"/ui/{HOSTILE}"):
        text = reader.get(path, headers=OPENED).text
        assert HOSTILE not in text and "<img" not in text
    assert "&lt;img src=x onerror=" in reader.get("/ui/runs", headers=OPENED).text


def test_a_key_that_may_only_read_learns_why_it_starts_no_experiment(
    template: Template, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        key = new_key(Service.of(client).database, "s1", Scope.READ)
        until_known(client, key)
        text = client.get("/ui/learn/descent", headers=OPENED | key.headers).text
        assert "A key with the scope train may start this." in text
        starts = re.findall(r"<button[^>]*data-start[^>]*>", text)
        assert len(starts) == 4 and all(' disabled aria-describedby="may-not"' in start for start in starts)
        text = client.get("/ui/learn/descent", headers=OPENED | {"Authorization": f"Bearer {KEY}"}).text
        assert "may-not" not in text and " disabled" not in text


def test_a_page_that_does_not_exist_says_so_as_a_page(reader: TestClient) -> None:
    for path, status in (
        ("/ui/nowhere", 404),
        ("/ui/datasets/none", 404),
        ("/ui/learn/none", 404),
        ("/ui/runs?sort=size", 422),
    ):
        answer = reader.get(path, headers=OPENED)
        assert answer.status_code == status and "<h1>" in answer.text and 'href="/ui/runs"' in answer.text


def test_a_part_of_a_page_that_fails_is_a_problem(reader: TestClient) -> None:
    answer = reader.get("/ui/datasets/none", headers={"Accept": "text/html", "HX-Request": "true"})
    assert answer.status_code == 404 and answer.json()["code"] == "no_such_dataset"


def test_a_failure_of_the_service_is_a_page(reader: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.runs.overview.Glances.overviews", lambda *_: 1 / 0)
    answer = reader.get("/ui/runs", headers=OPENED)
    assert answer.status_code == 500 and "<h1>Internal error</h1>" in answer.text


def test_a_wrong_filter_stays_in_its_field_with_the_reason(reader: TestClient) -> None:
    answer = reader.get("/ui/runs?q=stauts:failed")
    assert answer.status_code == 200 and 'value="stauts:failed"' in answer.text
    assert "did you mean status?" in answer.text


def test_the_language_is_that_of_the_browser_until_the_reader_chooses(reader: TestClient) -> None:
    russian = {"Accept-Language": "ru,en;q=0.5"}
    assert "<h1>Запуски</h1>" in reader.get("/ui/runs", headers=russian).text
    chosen = reader.get("/ui/runs", headers=russian | {"Cookie": "antigrad_language=en; antigrad_theme=dark"}).text
    assert "<h1>Runs</h1>" in chosen and '<html lang="en" data-theme="dark"' in chosen


def test_an_embedded_page_has_no_frame_and_may_be_framed_by_the_origins_of_the_settings(reader: TestClient) -> None:
    answer = reader.get("/ui/runs?embed=1")
    assert "frame-ancestors https://lab.example" in answer.headers["Content-Security-Policy"]
    assert "<nav aria-label" in reader.get("/ui/runs").text and "<header" not in answer.text


def without_comments(lines: list[str]) -> Iterator[str]:
    """The lines that are not, as a whole, part of a comment."""
    is_within = False
    for line in lines:
        text = line.strip()
        if is_within or text.startswith("/*"):
            is_within = not text.endswith("*/")
        elif not text.startswith("//"):
            yield line


def test_comments_of_scripts_and_styles_stay_here_and_all_else_is_sent() -> None:
    for name, file in static_files().items():
        if name.endswith((".js", ".css")) and not name.startswith("vendor/"):
            source = (FOLDER / name).read_text().splitlines()
            assert file.content.decode().splitlines() == list(without_comments(source)), name
            assert all(line.count("`") % 2 == 0 for line in source), "a text over several lines may look like a comment"


def test_static_files_are_kept_for_ever_under_the_address_of_their_content(reader: TestClient) -> None:
    for name, file in static_files().items():
        answer = reader.get(f"{STATIC}{version()}/{name}", headers={"Accept-Encoding": "gzip"})
        assert answer.content == file.content and "immutable" in answer.headers["Cache-Control"]
    assert reader.get(f"{STATIC}older/css/base.css").headers["Cache-Control"] == "no-cache"
    assert reader.get(f"{STATIC}{version()}/../main.py").status_code == 404
    assert reader.get(f"{STATIC}{version()}/nothing.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/ui/runs",
        "/ui/runs/run_1",
        "/ui/runs/new",
        "/ui/compare?runs=run_1",
        "/ui/datasets/digits",
        "/ui/try",
        "/ui/optimizers",
        "/ui/learn/descent",
        "/ui/models",
        "/ui/queue",
        "/ui/sweeps/new",
    ],
)
def test_no_page_needs_more_than_150_kb_of_script_and_style(reader: TestClient, path: str) -> None:
    answer = reader.get(path, headers=OPENED)
    assert answer.status_code == 200
    waiting = re.findall(
        rf'<(?:script|link)[^>]*?\b(?:src|href)="{STATIC}{version()}/([^"]*\.(?:js|css))"', answer.text
    )
    needed: dict[str, StaticFile] = {}
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = file = static_files()[name]
            imports = re.findall(r'^(?:import|export) (?:[^"]*from )?"([^"]+)"', file.content.decode(), re.MULTILINE)
            waiting += [normpath(f"{dirname(name)}/{imported}") for imported in imports if name.endswith(".js")]
    assert any("/" in name for name in needed) and "js/texts.js" in needed
    assert sum(len(file.content) for file in needed.values()) <= 150_000
    assert sum(len(file.gzipped or file.content) for file in needed.values()) <= 60_000


def test_a_page_offers_what_the_key_may_do(template: Template, tmp_path_factory: pytest.TempPathFactory) -> None:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        service = Service.of(client)
        with service.database.write() as db:
            metrics = {"validation": {"loss": 0.5}}
            insert_run(db, "run_1", owner="s1", name="mine", metrics=metrics)
            insert_run(db, "run_1b", owner="s1", name="mine, too", metrics=metrics)
            insert_run(db, "run_2", owner="s2", name="another's")
        reads, trains = (
            new_key(service.database, "s1", Scope.READ),
            new_key(service.database, "s1", Scope.TRAIN, Scope.READ),
        )
        until_known(client, reads, trains)
        assert client.get("/ui/runs", headers=OPENED).url.path == "/login"
        assert client.get("/ui/runs", headers={"HX-Request": "true", "Accept": "text/html"}).status_code == 401
        for key, offers in ((reads, False), (trains, True)):
            text = client.get("/ui/runs", headers=OPENED | key.headers).text
            assert "mine" in text and "another" not in text
            assert ('href="/ui/runs/new"' in text) == ('id="selection"' in text) == offers
            assert ('href="/ui/sweeps/new' in client.get("/ui/sweeps", headers=OPENED | key.headers).text) == offers
            compared = client.get("/ui/compare?runs=run_1,run_1b", headers=OPENED | key.headers).text
            assert ('href="/ui/sweeps/new?runs=run_1,run_1b' in compared) == offers
        for path in ("/ui/runs/new", "/ui/sweeps/new"):
            assert client.get(path, headers=OPENED | reads.headers).status_code == 403


def test_no_sweep_yet_leads_to_one_and_says_how_to_start_it_elsewhere(service: Service) -> None:
    text = service.client.get("/ui/sweeps", headers=OPENED).text
    assert 'href="/ui/sweeps/new"' in text
    found = re.search(r'id="call">(.*?)</script>', text)
    assert found and (call := json.loads(found[1]))["method"] == "POST"
    assert service.client.post(call["path"], json=call["body"]).status_code == 202
    assert '"method": "GET"' in service.client.get("/ui/sweeps", headers=OPENED).text


def test_a_new_sweep_is_on_a_dataset_that_can_be_trained_on(reader: TestClient) -> None:
    text = reader.get("/ui/sweeps/new?dataset=diabetes", headers=OPENED).text
    assert "optimizer.lr" in text and 'value="validation.mse" selected' in text
    for path in ("/ui/sweeps/new?dataset=none", "/ui/sweeps/new?runs=run_none"):
        assert reader.get(path, headers=OPENED).status_code == 404


def test_every_page_is_below_ui_but_the_way_in() -> None:
    paths = {route.path for module in PAGES for route in module.router.routes}
    assert {path for path in paths if not path.startswith("/ui")} == {"/", "/login", "/logout"}


def test_a_model_shows_what_its_shadow_has_compared_dropped_and_failed(service: Service) -> None:
    for run in ("run_live", "run_shadow"):
        serve(service.client, run)
    service.client.put("/models/letters", json={"run": "run_live", "shadow": {"run": "run_shadow"}})
    tally = Tally(mirrored=1234, compared=1000, agreed=981, failed=4)
    store_tallies(service.database, [(VersionKey("", "letters", 1), tally)])
    text = service.client.get("/ui/models/letters", headers=OPENED).text
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text))
    assert (facts["Compared"], facts["Not compared"], facts["Failed"]) == ("1\u202f000", "230", "4")
    assert facts["Agree"] == "98.1\u202f%"
