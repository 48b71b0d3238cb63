"""Dataset formats over HTTP: upload, training, and prediction by column names."""

import io
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.datasets.catalogue.published import CATALOGUE
from tests.support.archives import letters, png, zipped
from tests.support.numbered import idx
from tests.support.runs import ended
from tests.support.uploads import settled, upload
from tests.support.workers import Workers

FLOWERS = "width,colour,kind\n" + "".join(
    f"{'' if number % 7 == 0 else 1 + number % 2 + number / 100},{'red' if number % 2 else 'blue'},{'ab'[number % 2]}\n"
    for number in range(60)
)
FEW = {"batch_size": 8, "stop": {"max_epochs": 30}, "optimizer": {"name": "adam", "lr": 0.01}}


def predicted(client: TestClient, run: str, *rows: Any) -> Any:
    return client.post(f"/predict?run={run}", json={"instances": rows})


def test_a_table_is_trained_on_and_asked_by_its_columns_with_what_is_missing(
    client: TestClient, workers: Workers
) -> None:
    workers.start()
    table = FLOWERS.replace("\n", ",\n").replace("kind,", "kind,seen")  # an empty column, which is left out
    upload(client, "flowers&target=kind", table.encode())
    found = settled(client, "flowers")
    assert found["status"] == "ready" and found["feature_names"] == ["width", "colour=blue", "colour=red"]
    assert found["target"] == "kind" and found["missing"] == 9 and found["separator"] == ","
    assert found["columns"][0] == {"name": "width", "type": "number", "missing": 9}
    run = ended(client, client.post("/runs", json={"dataset": "flowers"} | FEW).json()["id"])
    assert run["status"] == "succeeded" and run["metrics"]["test"]["accuracy"] == 1
    rows = {"width": 1.2, "colour": "blue"}, {"width": None, "colour": "red"}, {"width": 2.3, "colour": None}
    answer = predicted(client, run["id"], *rows)
    assert [item["label"] for item in answer.json()["predictions"]] == ["a", "b", "b"]
    by_place = predicted(client, run["id"], [1.2, 1, 0], [None, 0, 1]).json()["predictions"]
    assert by_place == answer.json()["predictions"][:2]
    whole = predicted(client, run["id"], *({"kind": "a", "seen": None} | row for row in rows))
    assert whole.json()["predictions"] == answer.json()["predictions"]
    for row, said in (
        ({"width": 1.2, "colour": "green"}, "one of blue, red"),
        ({"width": "wide", "colour": "red"}, "a number"),
        ({"width": 1.2}, "lacks colour"),
        ({"width": 1.2, "color": "red"}, "did you mean 'colour'"),
    ):
        refused = predicted(client, run["id"], row)
        assert refused.status_code == 422 and said in refused.text


def test_an_import_answers_how_many_numbers_are_missing_and_how_many_categories(
    client: TestClient, workers: Workers
) -> None:
    workers.start()
    upload(client, "houses&target=price", b"rooms,kind,price\n3,flat,100\n,house,250\n4,,180\n5,NA,190\n")
    found = settled(client, "houses")
    assert (found["missing"], found["missing_categories"]) == (1, 2)
    [listed] = [item for item in client.get("/datasets").json()["items"] if item["name"] == "houses"]
    assert (listed["missing"], listed["missing_categories"]) == (1, 2)


def test_null_is_refused_where_nothing_was_missing(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = ended(client, client.post("/runs", json={"dataset": "diabetes", "stop": {"max_epochs": 1}}).json()["id"])
    row = dict.fromkeys(client.get("/datasets/diabetes").json()["feature_names"], 1.0)
    assert predicted(client, run["id"], row).status_code == 200
    assert predicted(client, run["id"], row | {"age": None}).status_code == 422
    assert predicted(client, run["id"], [None, *list(row.values())[1:]]).status_code == 422


def test_idx_pairs_come_as_parts_and_bring_their_own_split(client: TestClient, workers: Workers) -> None:
    workers.start()
    chance = np.random.default_rng(0)
    pictures = chance.integers(0, 256, (60, 28, 28), dtype=np.uint8)
    labels = np.arange(60, dtype=np.uint8) % 2
    parts = {"images": pictures[:40], "labels": labels[:40], "test_images": pictures[40:], "test_labels": labels[40:]}
    files = {role: (f"{role}.idx", idx(array)) for role, array in parts.items()}
    answer = client.post("/datasets?name=pairs&classes=no,yes", files=files)
    assert answer.status_code == 202, answer.text
    found = settled(client, "pairs")
    assert found["status"] == "ready" and found["own_split"] == ["train", "test"]
    assert [item["label"] for item in found["classes"]] == ["no", "yes"]
    run = client.post("/runs", json={"dataset": "pairs", "stop": {"max_epochs": 1}}).json()
    assert run["request"]["split"]["own"] is True
    sizes = client.get("/datasets/pairs/split", params={"run": run["id"]}).json()
    assert sizes["test"]["examples"] == 20 and sizes["train"]["examples"] == 33
    ended(client, run["id"])
    test = client.get("/datasets/pairs/samples", params={"run": run["id"], "part": "test", "limit": 50}).json()["items"]
    assert [item["index"] for item in test] == list(range(40, 60))
    drawn = client.post("/runs", json={"dataset": "pairs", "split": {"test": 0.5}}).json()["request"]["split"]
    assert drawn["own"] is False and drawn["test"] == 0.5
    again = client.post(f"/runs/{run['id']}/again", json={}).json()
    assert again["request"]["split"] == run["request"]["split"]
    with np.load(io.BytesIO(client.get("/datasets/pairs/export.npz").content)) as exported:
        assert exported["parts"].tolist() == [0] * 40 + [2] * 20


def test_a_run_on_an_own_validation_part_goes_on_under_patience(client: TestClient, workers: Workers) -> None:
    workers.start()
    files = {f"{part}/{letter}/{number}.png": png(number) for part in ("train", "validation", "test")
             for letter in "AB" for number in range(20)}  # fmt: skip
    upload(client, "parts", zipped(files))
    assert settled(client, "parts")["own_split"] == ["train", "validation", "test"]
    request = {"dataset": "parts", "stop": {"max_epochs": 2, "patience": 5}, "split": {"validation": 0}}
    run = ended(client, client.post("/runs", json=request).json()["id"])
    assert run["status"] == "succeeded" and run["environment"]["examples"]["validation"] == 40
    further = client.post(f"/runs/{run['id']}/resume", json={"stop": {"max_epochs": 4}})
    assert further.status_code == 202, further.text
    drawn = client.post(f"/runs/{run['id']}/again", json={"split": {"test": 0.5, "validation": 0.1}})
    assert drawn.json()["request"]["split"]["own"] is False
    elsewhere = client.post(f"/runs/{run['id']}/again", json={"dataset": "notmnist", "split": {"validation": 0.1}})
    assert elsewhere.status_code == 202 and elsewhere.json()["environment"]["examples"]["test"] == 2000


def test_a_users_own_dataset_is_not_taken_for_the_catalogues(client: TestClient, workers: Workers) -> None:
    workers.start()
    upload(client, "mnist", zipped({f"{letter}/{n}.png": png(n) for letter in "AB" for n in range(5)}))
    own = settled(client, "mnist")
    answer = client.post("/datasets/catalogue/mnist")
    assert answer.status_code == 202 and answer.json()["id"] != own["id"] and answer.json()["version"] == 2


def test_colour_pictures_are_trained_on_and_classified(client: TestClient, workers: Workers) -> None:
    workers.start()

    def picture(color: str) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (64, 48), color).save(file, "JPEG")
        return file.getvalue()

    archive = zipped({f"{color}/{number}.jpg": picture(color) for color in ("red", "blue") for number in range(20)})
    upload(client, "colours&shape=3,32,32&resize=stretch&background=black", archive)
    found = settled(client, "colours")
    assert found["shape"] == [3, 32, 32] and found["reading"]["resize"] == "stretch"
    layers = [{"type": "conv2d", "channels": 4}, {"type": "relu"}, {"type": "max_pool2d"}]
    request = {"dataset": "colours", "model": {"layers": layers}, "batch_size": 8, "stop": {"max_epochs": 8}}
    run = ended(client, client.post("/runs", json=request).json()["id"])
    assert run["metrics"]["test"]["accuracy"] == 1, run["error"]
    of_run = f"/predict?run={run['id']}&fit=true&explain=preprocessing"
    answer = client.post(of_run, content=picture("blue"), headers={"Content-Type": "image/jpeg"}).json()
    assert answer["predictions"][0]["label"] == "blue"
    assert answer["preprocessing"]["resize"] == "stretch" and answer["preprocessing"]["background"] == "black"
    shown = Image.open(io.BytesIO(client.get("/datasets/colours/images/0.png").content))
    assert shown.mode == "RGB" and shown.size == (32, 32)
    numbers = client.get("/datasets/colours/images/0.json").json()
    assert numbers["channels"] == ["red", "green", "blue"] and len(numbers["pixels"]) == 3
    preview = Image.open(io.BytesIO(client.get("/datasets/colours/preview.png?part=all").content))
    assert preview.mode == "RGB"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("shape=28,28", "channels (1 or 3), height and width"),
        ("shape=3,1000,32", "224"),
        ("shape=2,28,28", "1 or 3"),
        ("types=zip", "not column:type"),
        ("types=zip:text", "number, category, date, ignore"),
        ("types=zip:number&types=zip:category", "two types"),
        ("classes=A,,B", "its own name"),
        ("encoding=klingon", "usual ones are utf-8"),
        ("encoding=base64", "is not supported"),
        ("resize=crop", "fill"),
        ("catalogue=minst", "mnist"),
        ("catalogue=mnist&shape=3,32,32", "leave shape= out"),
        ("targets=price", "target"),
    ],
)
def test_what_is_said_wrong_of_an_upload_is_refused_before_it_is_kept(
    quick_client: TestClient, query: str, said: str
) -> None:
    answer = quick_client.post(f"/datasets?name=x&{query}", content=b"a,b\n1,2\n")
    assert answer.status_code == 422 and said in answer.text, answer.text


def test_the_catalogue_is_listed_and_a_name_that_is_not_there_is_told(quick_client: TestClient) -> None:
    items = quick_client.get("/datasets/catalogue").json()["items"]
    assert [item["name"] for item in items] == list(CATALOGUE)
    assert all(item["source"].startswith("http") and item["files"] for item in items)
    answer = quick_client.post("/datasets/catalogue/minst")
    assert answer.status_code == 404 and "did you mean 'mnist'" in answer.json()["detail"]
    assert quick_client.post("/datasets?name=catalogue", content=b"x").status_code == 422


@pytest.mark.long
def test_a_public_dataset_that_cannot_be_reached_says_how_to_bring_it_in(
    client: TestClient, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # no request to the internet succeeds
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    workers.start()
    first = client.post("/datasets/catalogue/california-housing")
    assert first.status_code == 202 and first.headers["Location"] == f"/datasets/{first.json()['id']}"
    assert client.post("/datasets/catalogue/california-housing").json()["id"] == first.json()["id"]  # in progress
    found = settled(client, "california-housing")
    assert found["status"] == "failed" and "cannot be downloaded" in found["error"]
    assert "antigrad datasets add california-housing cal_housing.tgz" in found["error"]
    assert client.post("/datasets/catalogue/california-housing").json()["version"] == 2  # a second attempt


@pytest.mark.parametrize(
    ("entry", "sent", "said"),
    [
        ("mnist", ["file"], "consists of the parts images, labels, test_images, test_labels, but file was sent"),
        ("kmnist", ["images", "labels"], "but images, labels was sent"),
        ("notmnist-small", ["file"], "but the catalogue has 76b2ef7c"),
    ],
)
def test_other_files_are_not_taken_for_those_of_a_public_dataset(
    client: TestClient, entry: str, sent: list[str], said: str
) -> None:
    files = {role: (role, zipped(letters("AB", 5))) for role in sent}
    answer = client.post(f"/datasets?name={entry}&catalogue={entry}", files=files)
    assert answer.status_code == 422 and said in answer.json()["detail"], answer.text
    assert entry not in [item["name"] for item in client.get("/datasets").json()["items"]]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"data": {"target": "price"}, "files": {"file": ("a.csv", b"x,price\n1,2\n")}}, "belong in the query"),
        ({"files": [("file", ("a", b"a")), ("file", ("b", b"b"))]}, "file is sent twice"),
    ],
)
def test_nothing_in_a_form_is_left_out_in_silence(quick_client: TestClient, form: dict[str, Any], said: str) -> None:
    answer = quick_client.post("/datasets?name=x", **form)
    assert answer.status_code == 422 and said in answer.json()["detail"], answer.text


def test_one_file_and_the_parts_of_idx_are_not_sent_together(quick_client: TestClient) -> None:
    answer = quick_client.post("/datasets?name=x", files={"file": ("a", b"a"), "images": ("b", b"b")})
    assert answer.status_code == 422 and "not both" in answer.text


def test_a_table_without_a_target_says_which_columns_there_are(client: TestClient, workers: Workers) -> None:
    workers.start()
    upload(client, "flowers", FLOWERS.encode())
    assert "width, colour, kind, name the one to predict with target=" in settled(client, "flowers")["error"]


def test_a_table_is_read_in_the_encoding_that_is_said(client: TestClient, workers: Workers) -> None:
    workers.start()
    rows = "имя,y\n" + "".join(f"{'кот' if row % 2 else 'пёс'},{row / 4}\n" for row in range(30))
    upload(client, "cats&target=y&encoding=windows-1251", rows.encode("cp1251"))
    found = settled(client, "cats")
    assert found["feature_names"] == ["имя=кот", "имя=пёс"] and found["encoding"] == "cp1251"
    assert found["reading"]["encoding"] == "cp1251" and found["warnings"] == []


def test_ten_broken_files_are_a_warning(client: TestClient, workers: Workers) -> None:
    workers.start()
    files = {f"{letter}/{number}.png": png(number) for letter in "AB" for number in range(10)}
    upload(client, "letters", zipped(files | {f"A/broken{number}.png": b"" for number in range(12)}))
    found = settled(client, "letters")
    assert found["warnings"] == [
        "12 files could not be read; fewer than 10 are usual; read the reasons in `skipped`, and save these files again"
    ]
    assert len(found["skipped"]) == 12 and json.dumps(found)


def test_an_import_reports_what_to_know_before_training_worst_first(client: TestClient, workers: Workers) -> None:
    workers.start()
    drawings = {f"letters/{letter}/{n}.png": icon(n) for letter in "AB" for n in range(6)}
    upload(client, "icons", zipped(drawings | {"letters/A/.DS_Store": b"x"}))
    found = settled(client, "icons")
    severities = {item["code"]: item["severity"] for item in found["report"]}
    assert severities == {"pictures_of_one_value": "error", "inputs_are_equal": "error", "system_files_ignored": "hint"}
    first = found["report"][0]
    assert first["detail"].startswith("all pictures are of one value") and "background=black" in first["fix"]
    assert found["warnings"] == [f"{item['detail']}; {item['fix']}" for item in found["report"]]
    assert found["warning_count"] == 3
    upload(client, "visible&background=black", zipped(drawings))
    assert settled(client, "visible")["report"] == []


def icon(number: int) -> bytes:
    """White on transparency."""
    picture = Image.new("RGBA", (28, 28), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (4 + number, 4, 12 + number, 24))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_dates_are_asked_as_they_were_imported(client: TestClient, workers: Workers) -> None:
    """Summer and winter: only the day of the year tells them apart."""
    workers.start()
    rows = [f"{2000 + n % 20}-{month:02}-{1 + n % 28:02},{'sun' if month in (6, 7) else 'snow'}"
            for n in range(60) for month in (1, 6, 7, 12)]  # fmt: skip
    upload(client, "weather&target=sky", ("day,sky\n" + "\n".join(rows)).encode())
    assert settled(client, "weather")["columns"][0]["type"] == "date"
    run = ended(client, client.post("/runs", json={"dataset": "weather"} | FEW).json()["id"])
    answer = predicted(client, run["id"], {"day": "1999-07-14"}, {"day": "1999-01-02"}, {"day": "2030-12-30"})
    assert [item["label"] for item in answer.json()["predictions"]] == ["sun", "snow", "snow"]
    for value in ("14.7.1999", "1999-07-32", 1999, None):
        refused = predicted(client, run["id"], {"day": value})
        assert refused.status_code == 422 and "2026-12-31" in refused.text


def test_a_class_of_one_example_is_named_and_trained_on(client: TestClient, workers: Workers) -> None:
    workers.start()
    rows = "".join(f"{n % 7},{'ab'[n % 2]}\n" for n in range(40))
    upload(client, "rare&target=kind", f"x,kind\n{rows}3,c\n".encode())
    found = settled(client, "rare")
    assert [item["code"] for item in found["report"]] == ["classes_too_small"]
    run = ended(client, client.post("/runs", json={"dataset": "rare"} | FEW).json()["id"])
    assert run["status"] == "succeeded"
    parts = client.get(f"/datasets/rare/split?run={run['id']}").json()
    assert parts["train"]["classes"][2]["count"] == 1


def test_a_table_of_pixels_is_asked_with_pictures(client: TestClient, workers: Workers) -> None:
    workers.start()
    chance = np.random.default_rng(0)
    pictures = [(chance.integers(0, 60, 64) + (190 if n % 2 else 0), "db"[n % 2]) for n in range(60)]
    table = "\n".join(",".join([label, *map(str, pixels)]) for pixels, label in pictures)
    upload(client, "pixels&target=first&shape=1,8,8", table.encode())
    assert settled(client, "pixels")["shape"] == [1, 8, 8]
    run = ended(client, client.post("/runs", json={"dataset": "pixels"} | FEW).json()["id"])
    file = io.BytesIO()
    Image.new("L", (8, 8), 230).save(file, "PNG")
    answer = client.post(f"/predict?run={run['id']}", content=file.getvalue(), headers={"Content-Type": "image/png"})
    assert answer.json()["predictions"][0]["label"] == "b"
