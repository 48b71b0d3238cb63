"""`antigrad predict` with many pictures, folders, archives and rows of tables."""

import csv
import io
import json
import tarfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import digit
from tests.support.archives import zipped
from tests.support.commands import antigrad

COLUMNS = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
PATIENT = ("59", "2", "32.1", "101", "157", "93.2", "38", "4", "4.86", "87")


@pytest.fixture(scope="module")
def table_run(address: str) -> str:
    return str(json.loads(antigrad(address, "train", "diabetes", "--epochs", "2", "--json").stdout)["id"])


def results(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


def test_more_pictures_than_one_request_may_have_go_in_groups(address: str, trained: str, tmp_path: Path) -> None:
    picture = digit(address, tmp_path).read_bytes()
    (folder := tmp_path / "many").mkdir()
    for number in range(300):
        (folder / f"{number:03}.png").write_bytes(picture)
    done = antigrad(address, "predict", trained, *map(str, sorted(folder.iterdir())))
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 300, done.stderr
    whole = json.loads(antigrad(address, "predict", trained, str(folder), "--json").stdout)
    assert whole["inputs"] == [str(folder / f"{number:03}.png") for number in range(300)]
    assert len(whole["predictions"]) == 300 and whole["run"] == trained
    out = tmp_path / "result.csv"
    saved = antigrad(address, "predict", trained, str(folder), "--out", str(out))
    assert saved.stdout == f"{out}: 300 predictions\n" and "300 predicted" in saved.stderr
    assert {row["label"] for row in results(out)} == {whole["predictions"][0]["label"]}
    assert float(results(out)[0]["probability"]) == whole["predictions"][0]["probability"]


def test_pictures_that_are_too_large_together_go_in_smaller_groups(address: str, trained: str, tmp_path: Path) -> None:
    for number in range(5):
        Image.new("1", (5000, 5000)).save(tmp_path / f"{number}.png")  # 125 megapixels together
    done = antigrad(address, "predict", trained, str(tmp_path), "--fit", "--json")
    assert done.returncode == 0 and len(json.loads(done.stdout)["predictions"]) == 5, done.stderr


def test_a_picture_that_cannot_be_read_is_named_in_any_group(address: str, trained: str, tmp_path: Path) -> None:
    picture = digit(address, tmp_path).read_bytes()
    (folder := tmp_path / "many").mkdir()
    for number in range(260):
        (folder / f"{number:03}.png").write_bytes(picture if number != 258 else b"no picture")
    (tmp_path / "a.csv").write_text("an earlier result")
    refused = antigrad(address, "predict", "run_1", str(folder), "--out", str(tmp_path / "a.csv"))
    assert refused.returncode == 2 and (tmp_path / "a.csv").read_text() == "an earlier result"
    done = antigrad(address, "predict", trained, str(folder), "--out", str(tmp_path / "a.csv"))
    assert done.returncode == 2 and f"{folder / '258.png'}: this is not a readable picture" in done.stderr
    assert f"{tmp_path / 'a.csv'}: 256 predictions" in done.stderr and len(results(tmp_path / "a.csv")) == 256


def test_folders_and_archives_give_their_pictures_and_say_what_they_leave_out(
    address: str, trained: str, tmp_path: Path
) -> None:
    (folder := tmp_path / "set").mkdir()
    names = ["a/3.png", "b/é.PNG", "__MACOSX/a/._3.png", "notes.txt", "b/.DS_Store"]
    files = dict.fromkeys(names, digit(address, tmp_path).read_bytes())
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "a/link.png").symlink_to(folder / "a/3.png")
    (tmp_path / "set.zip").write_bytes(zipped(files))
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        archive.add(folder, "")
    for source in (folder, tmp_path / "set.zip", tmp_path / "set.tar.gz"):
        done = antigrad(address, "predict", trained, str(source))
        assert done.returncode == 0, done.stderr
        assert [line.split(":")[0] for line in done.stdout.splitlines()] == [f"{source}/a/3.png", f"{source}/b/é.PNG"]
        assert "left out 1 files that are no pictures, such as notes.txt" in done.stderr
    (tmp_path / "empty").mkdir()
    nothing = antigrad(address, "predict", trained, str(tmp_path / "empty"))
    assert nothing.returncode == 2 and "nothing to predict" in nothing.stderr
    (tmp_path / "cut.zip").write_bytes((tmp_path / "set.zip").read_bytes()[:-30])
    cut = antigrad(address, "predict", trained, str(tmp_path / "cut.zip"))
    assert cut.returncode == 2 and "cannot be read as an archive" in cut.stderr and "Traceback" not in cut.stderr


def test_the_arrays_of_a_dataset_are_predicted_like_its_pictures(address: str, trained: str, tmp_path: Path) -> None:
    single = antigrad(address, "predict", trained, str(digit(address, tmp_path)), "--json")
    antigrad(address, "datasets", "export", "digits", "--out", str(tmp_path / "digits.npz"))
    out = tmp_path / "result.csv"
    done = antigrad(address, "predict", trained, str(tmp_path / "digits.npz"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    rows = results(out)
    assert len(rows) == 1797 and rows[3]["input"] == f"{tmp_path / 'digits.npz'} row 4"
    assert rows[3]["label"] == json.loads(single.stdout)["predictions"][0]["label"]
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    other = antigrad(address, "predict", trained, str(tmp_path / "other.npz"))
    assert other.returncode == 2 and "has no inputs" in other.stderr


def test_rows_are_predicted_with_dates_and_thousands_as_they_were_imported(address: str, tmp_path: Path) -> None:
    file = tmp_path / "rents.csv"
    rows = "".join(f"{1 + n % 28}.03.2023;1.{100 + n},5;{400 + 7 * n},50\n" for n in range(60))
    file.write_text(f"day;area;rent\n{rows}")
    assert antigrad(address, "datasets", "add", "rents", str(file), "--target", "rent").returncode == 0
    run = json.loads(antigrad(address, "train", "rents", "--epochs", "1", "--json").stdout)["id"]
    done = antigrad(address, "predict", run, str(file), "--json")
    assert done.returncode == 0, done.stderr
    query = {"day": "1.03.2023", "area": 1100.5}
    asked = httpx.post(f"http://{address}/predict?run={run}", json={"instances": [query]}).json()
    predictions = json.loads(done.stdout)["predictions"]
    assert len(predictions) == 60 and predictions[0]["value"] == pytest.approx(asked["predictions"][0]["value"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_of_a_table_are_predicted_as_they_are_written(
    address: str, table_run: str, tmp_path: Path, separator: str
) -> None:
    comma = separator != ","
    patient = separator.join(value.replace(".", ",") if comma else value for value in PATIENT)
    file = tmp_path / "patients.csv"
    file.write_text(separator.join(COLUMNS) + "\n" + f"{patient}\n" * 300)
    done = antigrad(address, "predict", table_run, str(file), "--json")
    assert done.returncode == 0, done.stderr
    numbers = io.BytesIO()
    np.savez(numbers, X=np.array([PATIENT], float))
    (tmp_path / "one.npz").write_bytes(numbers.getvalue())
    one = json.loads(antigrad(address, "predict", table_run, str(tmp_path / "one.npz"), "--json").stdout)
    assert json.loads(done.stdout)["predictions"] == one["predictions"] * 300
    line = antigrad(address, "predict", table_run, str(file)).stdout.splitlines()[299]
    assert line == f"{file} row 300: {one['predictions'][0]['value']:.6g}"


def test_a_row_that_is_wrong_is_named_with_its_column(address: str, table_run: str, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    rows = [",".join(PATIENT), ",".join(("old", *PATIENT[1:]))]
    file.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    done = antigrad(address, "predict", table_run, str(file))
    assert done.returncode == 2 and f"{file} row 2, age: is a string; give a number" in done.stderr
    file.write_text("\n".join([",".join(("agee", *COLUMNS[1:])), *rows]) + "\n")
    misspelt = antigrad(address, "predict", table_run, str(file))
    assert "did you mean 'age'" in misspelt.stderr and "lacks age" in misspelt.stderr
    file.write_text("\n".join([",".join(COLUMNS), "1,2"]) + "\n")
    short = antigrad(address, "predict", table_run, str(file))
    assert short.returncode == 2 and "line 2 has 2 values" in short.stderr
    file.write_text("\n".join(rows[:1] * 3) + "\n")
    nameless = antigrad(address, "predict", table_run, str(file))
    assert nameless.returncode == 2 and "write the names of the columns there" in nameless.stderr


def test_what_does_not_fit_the_run_says_what_would(address: str, trained: str, table_run: str, tmp_path: Path) -> None:
    picture, table = digit(address, tmp_path), tmp_path / "a.csv"
    table.write_text("a,b\n1,2\n")
    for run, files, said in (
        (trained, [table], "the run predicts from pictures"),
        (table_run, [picture], "give a .csv file or an .npz"),
        (trained, [picture, table], "one after the other"),
    ):
        done = antigrad(address, "predict", run, *map(str, files))
        assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_a_picture_is_explained_drawn_and_shown_with_what_is_asked_for(
    address: str, trained: str, tmp_path: Path
) -> None:
    picture = str(digit(address, tmp_path))
    assert antigrad(address, "predict", trained, picture, "--top", "1").stdout.count(",") == 0
    logits = antigrad(address, "predict", trained, picture, "--logits", COLUMNS="40").stdout
    assert "  logits " in logits
    step = json.loads(antigrad(address, "checkpoints", trained, "--json").stdout)["items"][-1]["step"]
    assert antigrad(address, "predict", trained, picture, "--step", str(step)).returncode == 0
    none = antigrad(address, "predict", trained, picture, "--step", "999999")
    assert none.returncode == 2 and "has no checkpoint of step 999999" in none.stderr
    pictures = [picture] * 20
    explained = json.loads(antigrad(address, "predict", trained, *pictures, "--explain", "gradient", "--json").stdout)
    assert len(explained["saliency"]) == len(explained["predictions"]) == 20
    done = antigrad(address, "predict", trained, picture, "--explain", "preprocessing")
    assert "shape 1×28×28" in done.stdout
    drawing = tmp_path / "why.png"
    drawn = antigrad(
        address, "predict", trained, picture, "--explain", "integrated", "--target", "7", "--out", str(drawing)
    )
    assert drawn.stdout == f"{drawing}\n" and drawing.read_bytes().startswith(b"\x89PNG"), drawn.stderr
    for words, said in (
        (["--explain", "gradient"], "--out why.png draws it"),
        (["--out", str(drawing)], "add --explain gradient"),
        ([picture, "--explain", "gradient", "--out", str(drawing)], "one drawing shows one picture"),
        (["--explain", "gradient", "--target", "X", "--json"], "no class is called 'X'"),
    ):
        refused = antigrad(address, "predict", trained, picture, *words)
        assert refused.returncode == 2 and said in refused.stderr, refused.stderr


def test_a_row_is_explained_by_its_columns(address: str, table_run: str, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text("\n".join([",".join(COLUMNS), ",".join(PATIENT)]) + "\n")
    done = antigrad(address, "predict", table_run, str(file), "--explain", "integrated")
    assert done.returncode == 0 and all(f"{name} " in done.stdout for name in COLUMNS), done.stderr


def test_a_version_of_a_model_predicts_rows(address: str, table_run: str, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text("\n".join([",".join(COLUMNS), ",".join(PATIENT)]) + "\n")
    assert antigrad(address, "promote", table_run, "patients").returncode == 0
    assert antigrad(address, "predict", "patients@1", str(file)).returncode == 0
    for version in ("", "9"):
        none = antigrad(address, "predict", f"patients@{version}", str(file))
        assert none.returncode == 2 and "antigrad models history patients" in none.stderr
