"""A user's errands in a real browser, on a service with a worker: upload, train, and what can go wrong on the way."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.web.translations import TRANSLATIONS
from tests.support.commands import serving
from tests.support.processes import free_port
from tests.support.services import KEY, Template
from tests.web.browser import Window

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def trained(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a new service with a worker."""
    template.fill(home := tmp_path_factory.mktemp("service") / "home")
    with serving(home) as address:
        yield f"http://{address}"


@pytest.fixture
def home(template: Template, tmp_path: Path) -> Path:
    """The home of a new service."""
    template.fill(home := tmp_path / "home")
    return home


@pytest.fixture
def page(open_window: Callable[..., Window], trained: str) -> Window:
    return open_window(trained)


def pictures(classes: str = "ox", count: int = 12) -> bytes:
    """A zip with a folder of pictures for each class."""
    random = np.random.default_rng(0)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for label in classes:
            for number in range(count):
                picture = io.BytesIO()
                Image.fromarray(random.integers(0, 255, (28, 28), np.uint8)).save(picture, "PNG")
                archive.writestr(f"{label}/{number}.png", picture.getvalue())
    return content.getvalue()


def upload(page: Page, name: str, content: bytes) -> None:
    page.locator("#file").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})


def test_the_first_visitor_trains_on_letters_with_one_press(open_window: Callable[..., Window], home: Path) -> None:
    with serving(home, "--workers", "0") as address:
        window = open_window(f"http://{address}")
        window.refused = (404,)  # until there is a page of the run
        page = window.open("/")
        expect(page.locator("h1")).to_have_text("Nothing has been trained yet")
        page.get_by_role("button", name="Train on letters").click()
        page.wait_for_url(re.compile("/ui/runs/run_"))
        [run] = httpx.get(f"http://{address}/runs").json()["items"]
        assert (run["name"], run["environment"]["dataset_name"]) == ("First letters", "notmnist")


def test_a_file_is_dropped_imported_and_shown(page: Window) -> None:
    window = page.open("/ui/datasets")
    upload(window, "noughts and crosses.zip", pictures())
    expect(window.locator("#name")).to_have_value("noughts-and-crosses")
    window.get_by_role("button", name="Upload").click()
    window.wait_for_url(re.compile("/ui/datasets/ds_"))
    expect(window.locator("h1")).to_have_text("noughts-and-crosses")
    expect(window.locator(".status")).to_have_text("Ready")
    expect(window.locator(".balance tr")).to_have_count(2)
    expect(window.locator(".samples img")).not_to_have_count(0)
    window.get_by_role("link", name="x", exact=True).click()
    expect(window.locator(".samples figcaption").first).to_have_text("x")
    assert set(window.locator(".samples figcaption").all_text_contents()) == {"x"}
    expect(window.locator(".samples img").first).to_have_js_property("complete", True)
    assert window.evaluate("document.querySelector('.samples img').naturalWidth") == 28


# A file as a browser hands it over when it is dropped.
DROP = """([name, bytes]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
  const options = { dataTransfer, bubbles: true, cancelable: true };
  for (const type of ["dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, options));
}"""


def test_a_file_that_misses_the_pane_is_taken_all_the_same(page: Window) -> None:
    window = page.open("/ui/datasets")
    window.evaluate(DROP, ["dropped.zip", list(pictures())])
    expect(window.locator("#name")).to_have_value("dropped")
    window.get_by_role("button", name="Upload").click()
    window.wait_for_url(re.compile("/ui/datasets/ds_"))
    expect(window.locator(".status")).to_have_text("Ready")
    window.locator("#calls summary").click()
    expect(window.locator("#calls-text")).to_contain_text("--data-binary @dropped.zip")


def test_a_map_by_neighbourhoods_has_every_picture(page: Window) -> None:
    window = page.open("/ui/datasets")
    upload(window, "map.zip", pictures("abc"))
    window.get_by_role("button", name="Upload").click()
    window.wait_for_url(re.compile("/ui/datasets/ds_"))
    expect(window.locator(".status")).to_have_text("Ready")
    window.get_by_role("button", name="t-SNE").click()
    expect(window.locator("#map text")).to_have_count(36)
    expect(window).to_have_url(re.compile("look=tsne"))


def test_a_dataset_is_looked_at_closely(page: Window) -> None:
    window = page.open("/ui/datasets/notmnist")
    window.get_by_role("button", name="Principal components").click()
    expect(window.locator("#map text")).to_have_count(1000)
    window.locator("#map text").first.dispatch_event("pointerover")
    expect(window.locator("#map img")).to_have_js_property("naturalWidth", 28)
    window.reload()
    expect(window.locator("#map text")).to_have_count(1000)
    window.locator("[data-view=duplicates]").click()
    expect(window.locator("#duplicates li")).to_have_count(73)
    window.locator("[data-view=suspects]").click()
    expect(window.locator("#suspects li")).to_have_count(50)
    expect(window.locator("#suspects li").first).to_contain_text(", or ")
    window.get_by_text("As code").click()
    window.locator("#calls-cli").click()
    expect(window.locator("#calls-text")).to_contain_text("antigrad datasets suspects ")


def test_a_broken_upload_says_what_is_wrong(page: Window) -> None:
    window = page.open("/ui/datasets")
    upload(window, "broken.zip", pictures()[:500])
    window.get_by_role("button", name="Upload").click()
    window.wait_for_url(re.compile("/ui/datasets/ds_"))
    expect(window.locator(".status")).to_have_text("Failed")
    expect(window.locator(".broken .problem")).not_to_be_empty()


def test_a_name_that_is_refused_is_marked_at_its_field(page: Window) -> None:
    page.refused = (409, 422)
    window = page.open("/ui/datasets")
    upload(window, "letters.zip", pictures())
    window.locator("#name").fill("ds_mine")
    window.get_by_role("button", name="Upload").click()
    expect(window.locator("#name-problem")).not_to_be_empty()
    expect(window.locator("#name")).to_have_attribute("aria-invalid", "true")
    window.locator("#name").fill("digits")
    window.get_by_role("button", name="Upload").click()
    expect(window.locator("#upload")).to_contain_text("built-in")


def test_a_network_is_described_and_its_size_and_warnings_follow(page: Window, trained: str) -> None:
    page.refused = (422,)
    window = page.open("/ui/runs/new?dataset=digits")
    expect(window.locator("#parameters")).to_have_text("203\u202f530")
    window.locator("#layers input").first.fill("16")
    expect(window.locator("#parameters")).to_have_text("12\u202f730")
    window.get_by_label("Remove").nth(1).click()  # the relu: now two linear layers follow each other
    expect(window.locator("#warnings")).to_contain_text("linear")
    window.locator("#add-layer").select_option("sigmoid")
    expect(window.locator("#warnings li")).to_have_count(0)
    window.locator("#layers input").first.fill("0")
    expect(window.locator("#layers .problem").first).to_contain_text("greater than or equal to 1")
    window.locator("#layers input").first.fill("8")
    window.locator("#epochs").fill("1")
    window.locator("#name").fill("by hand")
    address = window.evaluate("location.href")
    window.get_by_text("As code").click()
    expect(window.locator("#calls-text")).to_contain_text('"units":8')
    window.goto("about:blank")
    window.goto(address)  # the address holds the request
    expect(window.locator("#layers input").first).to_have_value("8")
    expect(window.locator("#name")).to_have_value("by hand")
    page.refused = (404,)
    window.get_by_role("button", name="Start the training").click()
    window.wait_for_url(re.compile("/ui/runs/run_"))
    run = httpx.get(f"{trained}/runs/{window.url.rpartition('/')[2]}").json()
    assert run["name"] == "by hand" and run["request"]["stop"]["max_epochs"] == 1
    layers = run["request"]["model"]["layers"]
    assert [layer["type"] for layer in layers] == ["linear", "sigmoid", "linear"] and layers[0]["units"] == 8
    while httpx.get(f"{trained}/runs/{run['id']}?wait=10").json()["status"] in ("queued", "running"):
        pass
    page.open("/ui/runs/new?dataset=digits")
    expect(window.locator("#time")).to_contain_text(re.compile(r"\d s"))  # judged by the run that has ended


def test_layers_are_put_into_another_order(page: Window, trained: str) -> None:
    page.refused = (404,)
    window = page.open("/ui/runs/new?dataset=digits")
    window.locator("#add-layer").select_option("dropout")
    second = window.locator("#layers > li").nth(2)
    second.get_by_role("button", name="Move up").click()
    expect(window.locator("#layers > li > strong")).to_have_text(["linear", "dropout", "relu"])
    window.locator("#epochs").fill("1")
    window.get_by_role("button", name="Start the training").click()
    window.wait_for_url(re.compile("/ui/runs/run_"))
    run = httpx.get(f"{trained}/runs/{window.url.rpartition('/')[2]}").json()
    assert [layer["type"] for layer in run["request"]["model"]["layers"]] == ["linear", "dropout", "relu", "linear"]


def test_layers_within_a_layer_are_edited_as_those_around_it(open_window: Callable[..., Window], trained: str) -> None:
    page = open_window(trained, locale="ru-RU")
    page.refused = (422,)
    window = page.open("/ui/runs/new?dataset=digits")
    window.locator("#add-layer").select_option("residual")
    residual = window.locator("#layers > li").last
    residual.get_by_role("combobox", name="Слои внутри residual").select_option("linear")
    inner = residual.locator(".layers > li")
    inner.locator("input").first.fill("256")
    expect(window.locator("#parameters")).to_have_text(re.compile(r"^\d{2}"))
    expect(inner.locator(".problem:not(:empty)")).to_have_count(0)
    inner.locator("input").first.fill("0")
    expect(inner.locator(".problem:not(:empty)")).to_have_text("число должно быть не меньше 1")
    inner.locator("input").first.fill("100")
    expect(inner.locator(".problem:not(:empty)")).to_have_count(0)
    window.get_by_text("В виде кода").click()
    expect(window.locator("#calls-text")).to_contain_text('"type":"residual","layers":[{"type":"linear","units":100}]')


def test_a_warning_is_said_in_the_readers_language(open_window: Callable[..., Window], trained: str) -> None:
    window = open_window(trained, locale="ru-RU").open("/ui/runs/new?dataset=digits")
    window.locator("#add-layer").select_option("softmax")
    warning = window.locator("#warnings li").first
    expect(warning).to_contain_text(TRANSLATIONS["ru"]["warnings"]["activations_in_a_row"])
    english = "softmax directly follows relu: nothing is learnt between them"
    expect(warning.locator("[lang=en]").first).to_have_text(english)


def test_a_preset_brings_its_recipe(page: Window) -> None:
    window = page.open("/ui/runs/new?dataset=digits")
    window.locator("#preset").select_option("lecture_classifier")
    expect(window.locator("#optimizer")).to_have_value("sgd")
    expect(window.locator("#epochs")).to_have_value("2000")
    window.get_by_text("As code").click()
    expect(window.locator("#calls-text")).to_contain_text('"preset":"lecture_classifier"')


def test_a_model_is_pointed_at_a_run_and_rolled_back(page: Window, trained: str) -> None:
    page.refused = (404,)
    runs = [
        httpx.post(f"{trained}/runs", json={"dataset": "digits", "name": name, "stop": {"max_epochs": 1}}).json()["id"]
        for name in ("one", "two")
    ]
    for run in runs:
        while httpx.get(f"{trained}/runs/{run}?wait=10").json()["status"] in ("queued", "running"):
            pass
        httpx.put(f"{trained}/models/digits", json={"run": run}).raise_for_status()
    window = page.open("/ui/models")
    window.get_by_role("link", name="digits").click()
    expect(window.locator(".title")).to_contain_text("Version 2")
    window.get_by_role("button", name="Back to 1").click()
    expect(window.locator(".title")).to_contain_text("Version 3")
    window.locator("#runs").fill(f"{runs[0]} 0.75\n{runs[1]} 0.25")
    window.get_by_role("button", name="Apply").click()
    expect(window.locator(".title")).to_contain_text("Version 4")
    expect(window.locator(".shares").first).to_contain_text("75.0")
    window.locator("#runs").fill("run_none")
    window.get_by_role("button", name="Apply").click()
    expect(window.locator("#runs-problem, .point > .problem").filter(has_text="run_none")).to_have_count(1)


def test_the_queue_says_who_trains_and_who_waits(page: Window, trained: str) -> None:
    endless = {"dataset": "digits", "stop": {"max_epochs": 10**6}}
    names = ("first", "second", "third")
    runs = [httpx.post(f"{trained}/runs", json=endless | {"name": name}).json()["id"] for name in names]
    window = page.open("/ui/queue")
    expect(window.locator(".training")).to_contain_text("first")
    expect(window.get_by_role("row", name="second")).to_contain_text("it is next; the only place is taken")
    expect(window.get_by_role("row", name="third")).to_contain_text("1 run comes first")
    for run in runs:
        httpx.post(f"{trained}/runs/{run}/cancel")
    expect(window.locator("#queue")).to_contain_text("No run waits.")


def test_a_list_outlives_a_restart_of_the_service(open_window: Callable[..., Window], home: Path) -> None:
    port = free_port()
    with serving(home, "--workers", "0", port=port) as address:
        httpx.post(f"http://{address}/runs", json={"dataset": "digits", "name": "first"})
        window = open_window(f"http://{address}")
        window.expected += ("Failed to fetch",)
        page = window.open("/ui/runs")
        expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#notices")).to_contain_text("cannot be reached")
    with page.expect_event("requestfailed"):  # it asks again, and says so once
        pass
    assert page.locator(".notice").count() == 1 and page.locator("#list tbody tr").count() == 1
    with serving(home, "--workers", "0", port=port) as address:
        httpx.post(f"http://{address}/runs", json={"dataset": "digits", "name": "second"})
        expect(page.locator("#list tbody tr")).to_have_count(2)
        page.goto("about:blank")


def test_where_keys_are_required_a_visitor_logs_in_and_out(open_window: Callable[..., Window], home: Path) -> None:
    with serving(home, "--workers", "0", ANTIGRAD_API_KEY=KEY) as address:
        window = open_window(f"http://{address}")
        window.refused = (401,)
        page = window.open("/ui/runs?q=letters")
        page.get_by_label("Your API key").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("wrong")
        page.get_by_label("Your API key").fill(KEY)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"http://{address}/ui/runs?q=letters")
        page.get_by_text("As code").click()
        expect(page.locator("#calls-text")).to_contain_text("Authorization: Bearer $ANTIGRAD_API_KEY")
        expect(page.locator("#calls-text")).not_to_contain_text(KEY)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Your API key")).to_be_visible()
