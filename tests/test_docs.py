"""The documents are correct: their commands run, and their tables match the code."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import torch

from app.insight.experiments import EXPERIMENTS
from app.learning.losses import LOSSES
from app.learning.stopping import LIMITS, Stop
from app.messages.catalogue.runs import WAITING_RUNS
from app.settings import Settings
from tests.support.archives import letters, zipped
from tests.support.exports import tensorboard_points
from tools import docs_figures, tables

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def run_shell(page: str, address: str, folder: Path) -> str:
    """Run a page's commands in their order; returns their output."""
    script = "\n".join(blocks("sh", page)).replace("localhost:8000", address)
    script = script.replace("curl -s", "curl --fail-with-body -sS")
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_curl_commands_work_in_their_order(address: str, tmp_path: Path) -> None:
    printed = run_shell(README, address, tmp_path)
    assert "event: done" in (tmp_path / "events.txt").read_text()
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert '"predictions":[{"label"' in printed


def test_ones_own_pictures_become_a_dataset_as_its_page_says(address: str, tmp_path: Path) -> None:
    (tmp_path / "letters.zip").write_bytes(zipped(letters(each=10)))
    rows = [f"{number % 5 + 1},{'flat' if number % 2 else 'house'},{100 * number}" for number in range(40)]
    (tmp_path / "houses.csv").write_text("\n".join(["rooms,kind,price", *rows, ",flat,3"]))
    page = (ROOT / "docs/datasets.md").read_text()
    printed = run_shell(page, address, tmp_path)
    assert '"predictions":[{"label"' in printed and '"predictions":[{"value"' in printed
    assert (tmp_path / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "means.png").read_bytes() == (ROOT / "docs/means.png").read_bytes()
    twins = re.search(r'"compared":2000,"found":(\d+)', printed)
    assert twins is not None and f"{twins[1]} of the 2,000 test letters" in " ".join(page.split())


def test_the_queue_is_shown_as_its_page_says(address: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/queue.md").read_text()
    assert '"items":' in run_shell(page, address, tmp_path)
    assert set(re.findall(r"^\| `(waits_\w+)` \|", page, re.MULTILINE)) == set(WAITING_RUNS)


def test_many_runs_are_queued_as_their_page_says(address: str, tmp_path: Path) -> None:
    run_shell((ROOT / "docs/many-runs.md").read_text(), address, tmp_path)
    assert httpx.get(f"http://{address}/runs", params={"q": "lr<0.02", "limit": 1}).json()["items"]


def test_a_curve_is_read_in_parts_as_its_page_says(address: str, tmp_path: Path) -> None:
    run_shell((ROOT / "docs/curves.md").read_text(), address, tmp_path)
    assert "event: done" in (tmp_path / "events.txt").read_text()
    whole, part = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("whole", "part"))
    losses = whole["series"]["train.loss"]
    lines = (tmp_path / "curve.csv").read_text().count("\ntrain.loss,")
    assert whole["downsampled"] and sum(losses["stands_for"]) == lines
    steps = part["series"]["train.loss"]["step"]
    assert steps[0] >= 200 and steps[-1] <= 400


def test_many_runs_are_kept_in_order_as_their_page_says(address: str, tmp_path: Path) -> None:
    printed = run_shell((ROOT / "docs/housekeeping.md").read_text(), address, tmp_path)
    assert (tmp_path / "course.csv").read_text().startswith("run,name,status,")
    assert printed.count('"kept":') == 2  # a preview and a deletion


def test_runs_are_exported_as_their_page_says(address: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/exports.md").read_text()
    run_shell(page, address, tmp_path)
    [code] = blocks("python", page)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    run = json.loads((tmp_path / "run.json").read_text())["id"]
    assert run in done.stdout and "value_min" in done.stdout
    drawn = tensorboard_points((tmp_path / "curves.zip").read_bytes(), tmp_path / "log")
    assert drawn[f"wide-{run}"]["validation/loss"]


@pytest.mark.long
def test_a_sweep_is_ranked_and_promoted_as_its_page_says(address: str, tmp_path: Path) -> None:
    printed = run_shell((ROOT / "docs/sweeps.md").read_text(), address, tmp_path)
    assert '"in_top_group":true' in printed and '"name":"digits"' in printed


def test_networks_are_inspected_and_presets_trained_as_their_page_says(address: str, tmp_path: Path) -> None:
    printed = run_shell((ROOT / "docs/architectures.md").read_text(), address, tmp_path)
    assert '"multiply_adds"' in printed and '"status":"queued"' in printed


@pytest.mark.long
def test_pictures_are_changed_as_their_page_says(address: str, tmp_path: Path) -> None:
    run_shell((ROOT / "docs/augmentation.md").read_text(), address, tmp_path)
    named = ("with", "without", "more")
    changed, plain, more = (json.loads((tmp_path / f"{name}.json").read_text()) for name in named)
    assert changed["status"] == "succeeded" and changed["metrics"]["test"]["accuracy"] > 0.95
    assert plain["request"] == changed["request"] | {"augment": None}
    assert more["request"]["augment"] == changed["request"]["augment"] | {"rotate": 20.0}


@pytest.mark.parametrize("page", tables.PAGES)
def test_the_tables_are_those_of_the_code(page: str) -> None:
    written = (ROOT / "docs" / page).read_text()
    for table in tables.PAGES[page]:
        assert f"|\n{table}\n" in written, table  # after its heading, and without further rows


@pytest.mark.long
def test_other_programs_predict_as_their_page_says(address: str, tmp_path: Path) -> None:
    onnx, triton = blocks("python", (ROOT / "docs/other-programs.md").read_text())
    with httpx.Client(base_url=f"http://{address}") as service:
        run = service.post("/runs", json={"dataset": "digits", "stop": {"max_epochs": 5}}).json()["id"]
        while service.get(f"/runs/{run}", params={"wait": 60}, timeout=90).json()["status"] != "succeeded":
            pass
        service.put("/models/letters", json={"run": run})
        (tmp_path / "a.png").write_bytes(service.get("/datasets/digits/images/3.png").content)
        (tmp_path / "letters.onnx").write_bytes(service.get(f"/runs/{run}/onnx").content)
        body = (tmp_path / "a.png").read_bytes()
        answer = service.post("/predict?model=letters", content=body, headers={"Content-Type": "image/png"})
    for code in (onnx, triton.replace("localhost:8000", address)):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert answer.json()["predictions"][0]["label"] in done.stdout


def test_a_model_is_named_and_predicts_as_its_page_says(address: str, tmp_path: Path) -> None:
    printed = run_shell((ROOT / "docs/models.md").read_text(), address, tmp_path)
    assert '"version":1' in printed and '"model":"digits"' in printed


def test_optimizers_walk_and_train_as_their_page_says(address: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/optimizers.md").read_text()
    printed = run_shell(page, address, tmp_path)
    answers = blocks("text", page)
    assert len(answers) == 3
    for answer in answers:
        assert answer in printed
    assert "event: done" in (tmp_path / "events.txt").read_text()


def test_a_failed_run_is_explained_as_its_page_says(address: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/diagnosis.md").read_text()
    run_shell(page, address, tmp_path)
    (told,) = (json.loads(block) for block in blocks("json", page))
    (found,) = json.loads((tmp_path / "diagnosis.json").read_text())
    assert [found["code"], found["severity"], found["try"]] == [told[0][key] for key in ("code", "severity", "try")]
    assert found["evidence"].keys() == told[0]["evidence"].keys()
    measured = {
        name
        for layer in json.loads((tmp_path / "diagnostics.json").read_text())["layers"]
        for name in layer["measures"]
    }
    table = page[page.index("## In numbers") :]
    described = {name for row in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
                 for name in re.findall(r"\w+", row)}  # fmt: skip
    assert described - measured == {"saturated_units"}  # only for sigmoid and tanh, which this network lacks
    assert measured <= described
    assert (tmp_path / "gradients.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_a_run_s_script_runs_beside_its_dataset_as_its_page_says(address: str, tmp_path: Path) -> None:
    run_shell((ROOT / "docs/run-as-script.md").read_text(), address, tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())["id"]
    metrics = httpx.get(f"http://{address}/runs/{run}").json()["metrics"]
    command = [sys.executable, "-P", "train.py"]
    environment = os.environ | {"MPLBACKEND": "agg"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for part, found in metrics.items():
        (printed,) = re.findall(rf"^{part}: loss (\S+) accuracy (\S+)$", done.stdout, re.MULTILINE)
        assert [float(number) for number in printed] == pytest.approx([found["loss"], found["accuracy"]], abs=0.01)


LECTURE = (ROOT / "docs/lecture.md").read_text()


@pytest.mark.long
def test_the_lecture_is_gone_through_as_its_page_says(address: str, tmp_path: Path) -> None:
    printed = run_shell(LECTURE, address, tmp_path)
    assert printed.startswith("shown - At a learning rate of 0.01")
    assert (tmp_path / "dead.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "by_hand.json").read_text())["by_hand"]["products"]


def test_every_experiment_stands_in_the_lecture_with_what_was_seen() -> None:
    told = dict(docs_figures.BLOCK.findall(LECTURE))
    assert told.keys() == EXPERIMENTS.keys()
    for name, experiment in EXPERIMENTS.items():
        text = " ".join(told[name].split())
        assert experiment.claim in text and experiment.right in text and "*Seen (shown):*" in text
        between = re.split(r"{\w+(?::[^}]+)?}", experiment.sentence)  # the numbers are those of another machine
        assert re.search("[^ ]+".join(map(re.escape, between)), text), experiment.sentence


def test_every_slip_is_shown_by_an_experiment_or_a_test_that_there_is() -> None:
    tests = {
        name for file in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    rows = re.findall(r"^\| L\d.*\| (.*) \|$", LECTURE[LECTURE.index("## The lecture's mistakes") :], re.MULTILINE)
    assert len(rows) > 40
    for row in rows:
        named = re.findall(r"`(\w+)`", row)
        assert named and all(name in tests or name in EXPERIMENTS for name in named), row


@pytest.mark.long
def test_losses_and_criteria_work_as_their_page_says(address: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/losses-and-stopping.md").read_text()
    run_shell(page, address, tmp_path)
    ended = json.loads((tmp_path / "ended.json").read_text())
    assert ended["status"] == "succeeded" and ended["served_step"] and ended["stop_reason"] != "max_epochs"
    table = re.findall(r"^\| `(\w+)` \|.*?\| ((?:`\w+`(?:, )?)+) \|$", page, re.MULTILINE)
    assert {name: re.findall(r"\w+", cell) for name, cell in table} == {
        name: [field.name for field in dataclasses.fields(entry)]  # type: ignore[arg-type]
        for name, entry in LOSSES.items()
    }
    limits = dict.fromkeys((field.name for field in dataclasses.fields(Stop)), 1)
    stop = Stop(**limits | {name: entry(*[1] * (name != "divergence")) for name, entry in LIMITS.items()})  # type: ignore[arg-type]
    order = [criterion.reason for criterion in stop.criteria(torch.nn.Linear(1, 1), 1.0)]
    assert re.findall(r"^\| `\w+` \| `(\w+)` \|", page, re.MULTILINE)[1:] == order


def test_the_command_lines_work_in_their_order(address: str, tmp_path: Path) -> None:
    picture = httpx.get(f"http://{address}/datasets/notmnist/images/17.png").content
    (tmp_path / "letter.png").write_bytes(picture)
    (script,) = blocks("cli")
    environment = os.environ | {"ANTIGRAD_URL": f"http://{address}", "PYTHONPATH": str(ROOT)}
    script = script.replace("antigrad ", f"{sys.executable} -m app.cli.main ")
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_python_example_works(address: str) -> None:
    (script,) = blocks("python")
    script = script.replace("localhost:8000", address)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("succeeded")


def test_every_setting_stands_in_the_table() -> None:
    described = set(re.findall(r"^\| `ANTIGRAD_(\w+)`", README, re.MULTILINE))
    assert described == {name.upper() for name in Settings.model_fields}


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[\w.-]+\.md)\)", (ROOT / "README.md").read_text()))
    assert linked == {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}


def test_no_page_has_marks_of_a_merge() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    marked = [page.name for page in pages if re.search(r"^(<{7}|={7}|>{7})( |$)", page.read_text(), re.MULTILINE)]
    assert marked == []


def test_the_readme_names_every_benchmark() -> None:
    line = (ROOT / "README.md").read_text().partition("`python -m bench NAME`")[2].partition("\n\n")[0]
    offered = re.search(r"NAMES = \((.*?)\)", (ROOT / "bench/__main__.py").read_text(), re.DOTALL)
    assert offered is not None
    assert sorted(re.findall(r"`(\w+)`", line)) == sorted(re.findall(r'"(\w+)"', offered[1]))


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert link.startswith("http") or (page.parent / link).exists(), link
