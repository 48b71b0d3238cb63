"""The image and the compose file, as far as they can be tested without a container engine: linted, checked for
required statements, and the Dockerfile's steps run in a clean folder."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.processes import free_port
from tests.support.services import KEY

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def run(*command: str | Path, **options: Any) -> str:
    """Run the command; returns its output, which a failure shows."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, comments and line breaks taken out."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def build_steps() -> list[tuple[str, str]]:
    """The instructions of the first stage after its FROM."""
    found = instructions()
    second = [index for index, (word, _) in enumerate(found) if word == "FROM"][1]
    return found[1:second]


def composition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def test_linters_find_nothing() -> None:
    run(BIN / "hadolint", "--no-color", ROOT / "Dockerfile")
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml")


def test_the_image_runs_unprivileged_and_checks_its_health() -> None:
    last = dict(instructions())
    assert last["USER"] == "10001"
    assert "/healthz" in last["HEALTHCHECK"]
    assert last["VOLUME"] == "/data"
    assert "ANTIGRAD_HOME=/data" in last["ENV"]
    assert ("ARG", "TORCH_INDEX=https://download.pytorch.org/whl/cpu") in instructions()


def test_the_image_refuses_to_listen_without_a_key(tmp_path: Path) -> None:
    command = json.loads(dict(instructions())["CMD"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANTIGRAD_")}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", *command[1:]],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT), "ANTIGRAD_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert command[0] == "antigrad"
    assert done.returncode == 2
    assert "ANTIGRAD_API_KEY" in done.stderr


def test_the_composition_waits_for_what_it_needs_and_shows_itself_to_this_machine_only() -> None:
    services = composition()["services"]
    assert set(services) == {"api", "worker", "worker-gpu", "postgres"}
    for name, needs in {"api": "postgres", "worker": "api", "worker-gpu": "api"}.items():
        assert services[name]["depends_on"] == {needs: {"condition": "service_healthy"}}
        assert services[name]["image"] == services["api"]["image"]
    assert "healthcheck" in services["postgres"]
    assert [port for service in services.values() for port in service.get("ports", [])] == [
        "127.0.0.1:${PORT:-8000}:8000"
    ]
    assert services["worker-gpu"]["profiles"] == ["gpu"]
    assert services["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]


def test_secrets_come_from_env_and_every_variable_has_its_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)
    passed_on = {name for name, value in composition()["x-antigrad"]["environment"].items() if value is None}
    assert passed_on == set(re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert example["POSTGRES_PASSWORD"] == ""
    assert not re.findall(r"\$\{POSTGRES_PASSWORD(?!:\?)", text)  # if unset, `docker compose` stops with the reason
    run("git", "check-ignore", "--quiet", ".env", cwd=ROOT)


def test_the_key_comes_from_a_file_that_no_environment_shows_and_git_does_not_know() -> None:
    secret = composition()["secrets"]["api_key"]
    assert secret == {"file": "./api_key"}  # a read-only container takes secrets from files alone
    run("git", "check-ignore", "--quiet", secret["file"], cwd=ROOT)
    for name in ("api", "worker", "worker-gpu"):
        service = composition()["services"][name]
        assert service["secrets"] == ["api_key"]
        assert service["environment"]["ANTIGRAD_API_KEY_FILE"] == "/run/secrets/api_key"
        assert "ANTIGRAD_API_KEY" not in service["environment"]


@pytest.mark.parametrize("name", ["api", "worker", "worker-gpu"])
def test_a_container_writes_to_its_volume_alone_and_has_no_more_rights_than_its_user(name: str) -> None:
    service = composition()["services"][name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] and service["pids_limit"]
    assert service["volumes"] == ["files:/data"]
    written = [path.partition(":")[0] for path in service["tmpfs"]] + ["/data"]
    last = dict(instructions())
    assert service["environment"]["TMPDIR"] in written
    assert set(re.findall(r"(?:ANTIGRAD_HOME|MPLCONFIGDIR)=(\S+)", last["ENV"])) == set(written)


def test_the_runtime_lock_is_a_part_of_the_lock_that_is_tested() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / name).read_text().replace("\\\n", " ")
        return {line.split()[0] + line.partition(";")[2].partition("--")[0]: line for line in text.splitlines()}

    tested, runtime = pins("requirements-dev.lock"), pins("requirements.lock")
    assert runtime.items() < tested.items()
    assert not any(line.startswith(("torch==", "pytest==")) for line in runtime)
    assert all("--hash=sha256:" in line for line in runtime.values())


@contextmanager
def serving(command: list[str | Path], **options: Any) -> Iterator[httpx.Client]:
    port = free_port()
    process = subprocess.Popen([*command, "--port", str(port)], **options)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            while True:
                assert process.poll() is None
                try:
                    client.get("/healthz").raise_for_status()
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def torch_index(default: str) -> str:
    """The index for torch, as for `make`; a machine that does not reach the image's index uses PyPI."""
    if os.environ.get("TORCH_INDEX"):
        return os.environ["TORCH_INDEX"]
    try:
        return default if httpx.head(f"{default}/torch/", timeout=10).is_success else "https://pypi.org/simple"
    except httpx.HTTPError:
        return "https://pypi.org/simple"


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Path]:
    """The Dockerfile's first stage, run in a folder: it contains /src and /opt; other paths are the machine's."""
    variables: dict[str, str] = {}

    def placed(text: str) -> str:
        return re.sub(r"(?<![\w.:/])/(?=opt/|src\b)", f"{tmp_path}/", text)

    folder = tmp_path
    for word, rest in build_steps():
        match word:
            case "ARG":
                name, _, default = rest.partition("=")
                variables[name] = torch_index(default) if name == "TORCH_INDEX" else default
            case "ENV":
                variables |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "WORKDIR":
                folder = Path(placed(rest))
                folder.mkdir()
            case "COPY":
                source, target = rest.split()
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, folder / target)
            case "RUN":
                bin = f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"
                environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
                run("sh", "-euc", placed(rest), cwd=folder, env=environment | {"PATH": bin} | variables)
            case _:
                raise AssertionError(f"{word} is not known here")
    yield tmp_path / "opt/antigrad"
    shutil.rmtree(tmp_path / "opt")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_dockerfiles_own_steps_give_a_service_that_trains(built: Path, tmp_path: Path) -> None:
    home = tmp_path / "data"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"ANTIGRAD_HOME": str(home), "ANTIGRAD_API_KEY": KEY}
    with serving([built / "bin/antigrad", "serve"], cwd=home, env=environment) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        assert client.get("/readyz").json()["status"] == "ready"
        queued = client.post("/runs", json={"dataset": "digits", "stop": {"max_steps": 2}}).json()
        assert client.get(f"/runs/{queued['id']}").status_code == 200
        while (found := client.get(f"/runs/{queued['id']}").json())["status"] in ("queued", "running"):
            time.sleep(0.1)
        assert found["status"] == "succeeded", found["error"]
