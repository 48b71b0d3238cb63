"""openapi-python-client generates a client that uploads, trains, waits and predicts."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from app.api.openapi import operations
from tests.support.archives import letters, zipped
from tests.support.clients import FOLDER, tool

FILES = ("image/", "text/event-stream")  # media types that the generator has no types for


@pytest.fixture(scope="module")
def generated(address: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder with the client, and what the generator printed."""
    generator, folder = tool(".venv/bin/openapi-python-client"), tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_text(httpx.get(f"http://{address}/openapi.json").text)
    output = folder / "antigrad_client"
    command = [generator, "generate", "--path", document, "--output-path", output, "--meta", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    return folder, done.stdout + done.stderr


@pytest.mark.long
def test_only_pictures_and_streams_are_left_out(generated: tuple[Path, str], address: str) -> None:
    folder, printed = generated
    warnings = re.split(r"^WARNING ", printed, flags=re.M)[1:]
    assert [warning for warning in warnings if not any(kind in warning for kind in FILES)] == []
    assert "will not be generated" not in printed and "Unable to" not in printed
    document = httpx.get(f"http://{address}/openapi.json").json()
    modules = {path.stem for path in (folder / "antigrad_client" / "api").glob("*/*.py")}
    assert {operation["operationId"] for _, _, operation in operations(document)} <= modules


@pytest.mark.long
def test_a_program_uploads_trains_waits_and_predicts(generated: tuple[Path, str], address: str, tmp_path: Path) -> None:
    folder, _ = generated
    files = letters(each=10)
    (tmp_path / "letters.zip").write_bytes(zipped(files))
    pictures = [tmp_path / f"{place}.png" for place in range(3)]
    for picture, data in zip(pictures, list(files.values())[:3], strict=True):
        picture.write_bytes(data)
    program = [tool(".venv/bin/python"), FOLDER / "train_and_predict.py", f"http://{address}", tmp_path / "letters.zip"]
    done = subprocess.run(
        [*program, *pictures], capture_output=True, text=True, env={"PYTHONPATH": str(folder)}, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 3
