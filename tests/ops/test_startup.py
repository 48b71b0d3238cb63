"""An error at start-up is one sentence that names the variable, without a traceback."""

import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from app.main import create_app
from app.ops.doctor import examine
from app.ops.startup import check_database, starting
from app.settings import Settings, SettingsRefused, load
from app.storage import migrate
from app.storage.database import Database
from tests.support.commands import command
from tests.support.services import KEY
from worker.loop import Worker

POSTGRES = "postgresql+psycopg://user:s3cret@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Invalid homes, and a sound one."""
    folder = tmp_path_factory.mktemp("homes")
    (folder / "file").write_text("no folder")
    for name in ("corrupt", "newer", "sound"):
        (folder / name).mkdir()
    (folder / "corrupt/antigrad.db").write_bytes(bytes(range(256)) * 100)
    newer = folder / "newer/antigrad.db"
    migrate.upgrade(database := Database(f"sqlite:///{newer}"))
    database.close()
    with sqlite3.connect(newer) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    below = {"below": str(folder / "file/below"), "forbidden": "/proc/antigrad"}
    return {name: str(folder / name) for name in ("file", "corrupt", "newer", "sound")} | below


FAULTS = pytest.mark.parametrize(
    ("home", "url", "said"),
    [
        ("file", "", "ANTIGRAD_HOME"),
        ("below", "", "ANTIGRAD_HOME"),
        ("forbidden", "", "ANTIGRAD_HOME"),
        ("corrupt", "", "corrupt/antigrad.db, or move it away and restore a backup with antigrad restore"),
        ("sound", POSTGRES, "start the database, or correct ANTIGRAD_DATABASE_URL"),
    ],
    ids=["file", "below a file", "forbidden", "corrupt", "away"],
)


@FAULTS
@pytest.mark.parametrize("start", [create_app, lambda settings: Worker(settings, 1)], ids=["API", "worker"])
def test_what_cannot_be_opened_ends_the_start_with_a_sentence(
    homes: dict[str, str], start: Callable[[Settings], object], home: str, url: str, said: str
) -> None:
    settings = Settings(home=Path(homes[home]), database_url=url, _env_file=None)
    with pytest.raises(SystemExit, match=said) as ended, starting(settings):
        start(settings)
    assert "s3cret" not in str(ended.value) and "\n" not in str(ended.value)


@FAULTS
def test_the_doctor_finds_what_cannot_be_opened(
    homes: dict[str, str], home: str, url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIGRAD_HOME", homes[home])
    monkeypatch.setenv("ANTIGRAD_DATABASE_URL", url)
    [failed] = [finding for finding in examine() if finding.status != "ok" and finding.check != "disk"]
    assert failed.status == "fail" and said in failed.advice


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "said"),
    [
        (
            ["serve", "--port", "47653"],
            {"ANTIGRAD_HOME": "/proc/antigrad"},
            1,
            "is ANTIGRAD_HOME=/proc/antigrad right?",
        ),
        (["worker"], {"ANTIGRAD_HOME": "/proc/antigrad"}, 1, "is ANTIGRAD_HOME=/proc/antigrad right?"),
        (["migrate"], {"ANTIGRAD_HOME": "/proc/antigrad"}, 1, "is ANTIGRAD_HOME=/proc/antigrad right?"),
        (["doctor"], {"ANTIGRAD_DATABASE_URL": "nonsense"}, 1, "ANTIGRAD_DATABASE_URL: it is not a database URL"),
        (["worker"], {"ANTIGRAD_LEASE_SECONDS": "abc"}, 2, "LEASE_SECONDS is 'abc'; it should be a valid number"),
        (["worker"], {"ANTIGRAD_HOSTS": "lab.example, lab:8000"}, 2, "ANTIGRAD_HOSTS: 'lab:8000' is not a host name"),
        (
            ["worker"],
            {"ANTIGRAD_ORIGINS": "https://lab.example/"},
            2,
            "ANTIGRAD_ORIGINS: 'https://lab.example/' is not",
        ),
        (["worker"], {"ANTIGRAD_ORIGINS": "*"}, 2, "ANTIGRAD_ORIGINS: '*' is not an origin"),
        (["restore", "none.tar"], {"ANTIGRAD_THREADS": "0"}, 2, "ANTIGRAD_THREADS is '0'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_commands_end_with_a_sentence_and_without_a_traceback(
    arguments: list[str], variables: dict[str, str], status: int, said: str
) -> None:
    done = command(*arguments, **variables)
    assert done.returncode == status
    assert said in (done.stdout if arguments == ["doctor"] else done.stderr) and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (arguments != ["doctor"])


def test_a_database_of_a_newer_version_is_left_alone(homes: dict[str, str]) -> None:
    settings = Settings(home=Path(homes["newer"]), _env_file=None)
    with pytest.raises(SystemExit, match="belongs to a newer version of Antigrad"), starting(settings):
        create_app(settings)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"LEASE_SECONDS": "10", "DATABASE_URL": POSTGRES},
            "LEASE_SECONDS is 10.* at least 15, three times .*HEARTBEAT",
        ),
        (
            {"LEASE_SECONDS": "20"},
            "LEASE_SECONDS is 20.* at least 30, three times the time that a writer waits for SQLite",
        ),
        ({"POLL_SECONDS": "6"}, "POLL_SECONDS is 6.* at most ANTIGRAD_HEARTBEAT_SECONDS, which is 5"),
        ({"LEASE_SECONDS": "inf"}, "LEASE_SECONDS is 'inf'"),
        ({"DATABASE_URL": "postgresql://u:s3cret@host/db"}, r"begins with postgresql://; give postgresql\+psycopg://"),
        ({"DATABASE_URL": "postgresql+psycopg://u:s3cret@host:port/db"}, "not a database URL"),
        ({"DATABASE_URL": "sqlite://"}, "cannot share an in-memory database"),
        ({"PROXIES": "10.0.0.1, proxy.example"}, "PROXIES: 'proxy.example' does not .* 192.0.2.7, with commas"),
        ({"CONNECTIONS_PER_PEER": "0"}, "CONNECTIONS_PER_PEER is '0'"),
        ({"API_KEY": "schlüssel"}, "API_KEY: .* ASCII"),
        ({"API_KEY": "key\n"}, "API_KEY: .* without spaces"),
        ({"API_KEY": "s3cret"}, "API_KEY: it has 6 characters; give at least 16, made with: openssl rand -hex 16"),
        ({"API_KEY": "s3cret" * 3, "API_KEY_FILE": "key"}, "API_KEY and ANTIGRAD_API_KEY_FILE are both set; unset one"),
        ({"API_KEY_FILE": "none"}, "API_KEY_FILE: none cannot be read: No such file"),
        ({"API_KEY_FILE": "."}, "API_KEY_FILE: . cannot be read: Is a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_work_together_are_refused(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(f"ANTIGRAD_{name}", value)
    with pytest.raises(SettingsRefused, match=said) as refused:
        load()
    assert "s3cret" not in str(refused.value) and "schlüssel" not in str(refused.value)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=ascii)
def test_a_key_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_bytes(f"{KEY}{end}".encode())
    monkeypatch.setenv("ANTIGRAD_API_KEY", "")
    monkeypatch.setenv("ANTIGRAD_API_KEY_FILE", "key")
    found = load()
    assert found.api_key is not None and found.api_key.get_secret_value() == KEY
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it has 0 characters; give at least 16"),
        (b"\n", "it has 0 characters"),
        (b"s3cret", "it has 6 characters"),
        (f" {KEY}".encode(), "without spaces"),
        (f"{KEY}\n\n".encode(), "without spaces"),
        (b"\xff" * 16, "is not text"),
    ],
)
def test_a_key_in_a_file_follows_the_same_rules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, said: str
) -> None:
    """Not even an empty file opens the service."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("ANTIGRAD_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsRefused, match=f"^ANTIGRAD_API_KEY_FILE: .*{said}") as refused:
        load()
    assert str(tmp_path / "key") in str(refused.value)
    assert KEY not in str(refused.value) and "s3cret" not in str(refused.value)


def test_a_shorter_lease_is_fine_where_writers_do_not_wait_for_one_another() -> None:
    assert Settings(lease_seconds=15, database_url=POSTGRES, _env_file=None).lease_seconds == 15


@pytest.mark.parametrize(
    "start",
    [check_database, create_app, lambda settings: command("migrate", ANTIGRAD_HOME=str(settings.home))],
    ids=["check", "API", "migrate"],
)
def test_a_new_home_belongs_to_this_user_alone(start: Callable[[Settings], object], tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "new/home", _env_file=None)
    start(settings)
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_a_home_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o750)
    check_database(Settings(home=tmp_path / "home", _env_file=None))
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o750


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ANTIGRAD_LEASE_SECONDS=\n")
    monkeypatch.setenv("ANTIGRAD_THREADS", "")
    found = load()
    assert (found.threads, found.lease_seconds) == (None, 30)
