"""The interface of Files, tested with a folder and with an object store. Tests of only the object store follow
below."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

import botocore.exceptions
import pytest

from app.storage.files import Files, FilesRefused, is_away, open_files, s3
from app.storage.files.s3 import S3Files
from app.storage.files.tree import files_below
from tests.support.commands import run_module
from tests.support.object_store import ObjectStore

NAME = "datasets/ds_1/inputs.npy"


@pytest.fixture(params=["local", "s3"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "local":
        return ""
    return f"s3://{request.getfixturevalue('object_store').new_bucket()}/antigrad"


@pytest.fixture
def files(url: str, tmp_path: Path) -> Files:
    return open_files(url, tmp_path / "home")


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    return object_store.new_bucket()


@pytest.fixture
def remote_files(bucket: str, tmp_path: Path) -> S3Files:
    found = open_files(f"s3://{bucket}/a/b", tmp_path / "home")
    assert isinstance(found, S3Files)
    return found


def left_over(home: Path) -> list[Path]:
    """The half-written files on this machine."""
    return [path for path in files_below(home) if path.suffix == ".part"]


def test_a_sweep_leaves_what_is_whole_and_what_is_still_being_written(files: Files, tmp_path: Path) -> None:
    files.write(NAME, b"whole")
    files.local(NAME)
    with files.create("datasets/ds_2/upload") as growing:
        growing.write(b"half")
        files.sweep()
        assert len(left_over(tmp_path)) == 1
        growing.write(b", and the rest")
    assert files.read(NAME) == b"whole" and files.read("datasets/ds_2/upload") == b"half, and the rest"
    assert left_over(tmp_path) == []


def test_a_file_that_is_swept_before_it_is_locked_is_made_anew(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = []

    def sweep_first(file: IO[bytes], how: int) -> None:
        if not swept:
            swept.append(file.name)
            Path(file.name).unlink()
        flock(file, how)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", sweep_first)
    files.write(NAME, b"whole")
    assert swept and files.read(NAME) == b"whole"


def test_what_is_written_is_read_opened_and_deleted(files: Files) -> None:
    assert not files.exists(NAME)
    files.write(NAME, b"first")
    files.write("datasets/ds_1/deep/er", b"")
    files.write("datasets/ds_10/inputs.npy", b"of another one")
    assert files.exists(NAME) and files.read(NAME) == b"first"
    assert files.local(NAME).read_bytes() == files.local(NAME).read_bytes() == b"first"
    files.delete(NAME)
    files.delete(NAME)
    assert not files.exists(NAME) and not files.local("datasets/ds_10/inputs.npy").samefile("/dev/null")
    files.write(NAME, b"first")
    files.local(NAME)
    files.delete_folder("datasets/ds_1")
    files.delete_folder("datasets/ds_1")
    assert not files.exists(NAME) and not files.exists("datasets/ds_1/deep/er")
    assert files.read("datasets/ds_10/inputs.npy") == b"of another one"


def test_a_file_and_a_folder_have_a_size(files: Files) -> None:
    files.write("runs/run_1/1/a", b"12345")
    files.write("runs/run_1/2/b", b"123")
    files.write("runs/run_10/1/a", b"1")
    assert [files.size(name) for name in ("runs/run_1/1/a", "runs/run_1", "runs/run_2")] == [5, 8, 0]


def test_what_is_not_there_is_told_as_such(files: Files) -> None:
    for open_it in (files.read, lambda name: files.local(name).open("rb")):
        with pytest.raises(FileNotFoundError) as raised:
            open_it(NAME)
        assert raised.value.errno == errno.ENOENT and raised.value.strerror and not is_away(raised.value)


def test_a_block_that_fails_leaves_nothing(files: Files, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), files.create(NAME) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert not files.exists(NAME) and left_over(tmp_path) == []
    files.write(NAME, b"whole")
    with pytest.raises(KeyboardInterrupt), files.create(NAME) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert files.read(NAME) == b"whole" and left_over(tmp_path) == []


def test_a_file_is_seen_whole_or_not_at_all(files: Files, tmp_path: Path) -> None:
    with files.create(NAME) as file:
        file.write(b"whole" * 2**20)
        file.flush()
        assert not files.exists(NAME)
    assert len(files.read(NAME)) == 5 * 2**20 and left_over(tmp_path) == []


def test_a_process_that_is_killed_while_it_writes_leaves_no_name(url: str, files: Files, tmp_path: Path) -> None:
    program = """if True:
        import os, signal, sys
        from pathlib import Path
        from app.storage.files import open_files
        with open_files(sys.argv[1], Path(sys.argv[2])).create(sys.argv[3]) as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", program, url, tmp_path / "home", NAME], check=False)
    assert done.returncode == -9 and not files.exists(NAME) and len(left_over(tmp_path)) == 1
    files.sweep()
    assert left_over(tmp_path) == []


def test_a_temporary_file_has_no_name(files: Files, tmp_path: Path) -> None:
    with files.temporary() as file:
        file.write(b"x")
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_objects_lie_under_the_prefix_and_large_ones_are_put_whole(
    remote_files: S3Files, object_store: ObjectStore, bucket: str
) -> None:
    with remote_files.create(NAME) as file:
        for _ in range(110):  # uploaded in parts
            file.write(os.urandom(2**20))
        file.seek(0)
        written = file.read()
    assert object_store.keys(bucket) == {f"a/b/{NAME}"}
    assert remote_files.local(NAME).read_bytes() == remote_files.read(NAME) == written


def test_a_copy_is_fetched_once_by_however_many(remote_files: S3Files, tmp_path: Path) -> None:
    remote_files.write(NAME, b"x" * 10**6)
    with patch.object(remote_files.store, "get_file", wraps=remote_files.store.get_file) as fetch:
        sizes: list[int] = []
        threads = [
            threading.Thread(target=lambda: sizes.append(remote_files.local(NAME).stat().st_size)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert remote_files.local(NAME).is_relative_to(tmp_path / "home" / "cache")
    assert sizes == [10**6] * 8 and fetch.call_count == 1


def test_copies_over_the_bound_make_room_the_least_recently_used_first(remote_files: S3Files) -> None:
    for name in "abcd":
        remote_files.write(name, name.encode() * 1000)
    with patch.object(s3, "CACHE_BYTES", 2500):
        for age, name in ((300, "a"), (200, "b")):
            path = remote_files.local(name)
            then = path.stat().st_mtime - age
            os.utime(path, (then, then))
        (remote_files.cache.root / ".killed.part").write_bytes(b"x" * 400)
        os.utime(remote_files.cache.root / ".killed.part", (0, 0))
        remote_files.local("a")  # used again
        remote_files.local("c")
        assert {path.name for path in remote_files.cache.root.iterdir()} == {"a", "c"}
        remote_files.write("large", b"x" * 5000)
        assert remote_files.local("large").read_bytes() == b"x" * 5000  # a single file may exceed the limit
        assert {path.name for path in remote_files.cache.root.iterdir()} == {"large"}


def test_what_is_deleted_leaves_no_copy(remote_files: S3Files) -> None:
    for name in (NAME, "datasets/ds_1/upload"):
        remote_files.write(name, b"x")
        remote_files.local(name)
    remote_files.delete("datasets/ds_1/upload")
    remote_files.delete_folder("datasets/ds_1")
    assert [path for path in remote_files.cache.root.rglob("*") if path.is_file()] == []


def test_a_fetch_that_breaks_off_leaves_no_copy(remote_files: S3Files, tmp_path: Path) -> None:
    remote_files.write(NAME, b"x" * 10**6)

    def half(_: str, target: str) -> None:
        Path(target).write_bytes(b"x" * 10)
        raise TimeoutError

    with patch.object(remote_files.store, "get_file", half), pytest.raises(OSError, match="does not answer"):
        remote_files.local(NAME)
    assert left_over(tmp_path) == []
    assert remote_files.local(NAME).stat().st_size == 10**6


ACTIONS: dict[str, Callable[[Files], object]] = {
    "write": lambda files: files.write(NAME, b"x"),
    "read": lambda files: files.read(NAME),
    "local": lambda files: files.local(NAME),
    "exists": lambda files: files.exists(NAME),
    "delete": lambda files: files.delete(NAME),
    "delete a folder": lambda files: files.delete_folder("datasets"),
}


@pytest.fixture
def shut(object_store: ObjectStore) -> Iterator[None]:
    object_store.door.shut()
    yield
    object_store.door.open()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_store_that_is_away_is_told_in_words(remote_files: S3Files, shut: None, action: str) -> None:
    with pytest.raises(OSError, match=r"the object store does not answer: .*127\.0\.0\.1") as raised:
        ACTIONS[action](remote_files)
    assert is_away(raised.value) and raised.value.filename
    assert left_over(remote_files.cache.root) == []


def test_connections_that_were_cut_are_made_anew(remote_files: S3Files, object_store: ObjectStore) -> None:
    remote_files.write(NAME, b"x")
    object_store.door.shut()
    object_store.door.open()
    assert remote_files.read(NAME) == b"x"


@pytest.mark.parametrize("action", ["write", "read", "local"])
def test_a_store_that_refuses_is_told_in_words(
    remote_files: S3Files, object_store: ObjectStore, bucket: str, action: str
) -> None:
    remote_files.write(NAME, b"x")
    object_store.refuse(bucket)
    with pytest.raises(PermissionError, match="the object store refuses it: ") as raised:
        ACTIONS[action](remote_files)
    assert not is_away(raised.value)


@pytest.mark.parametrize("action", [name for name in ACTIONS if name != "exists"])
def test_a_bucket_that_is_missing_is_no_missing_file(object_store: ObjectStore, tmp_path: Path, action: str) -> None:
    files = open_files("s3://no-such-bucket/a", tmp_path)
    with pytest.raises(OSError, match="bucket does not exist") as raised:
        ACTIONS[action](files)
    assert not isinstance(raised.value, FileNotFoundError) and not is_away(raised.value)


def test_an_error_of_the_stores_own_passes(remote_files: S3Files) -> None:
    """A load balancer answers like this while its store restarts."""

    async def bad_gateway(*_: object, **__: object) -> None:
        answer: Any = {"Error": {"Code": "502", "Message": "Bad Gateway"}, "ResponseMetadata": {"HTTPStatusCode": 502}}
        raise botocore.exceptions.ClientError(answer, "PutObject")

    remote_files.store.connect()
    with (
        patch.object(remote_files.store.s3, "_make_api_call", bad_gateway),
        pytest.raises(OSError, match=r"cannot do it now: .*Bad Gateway") as raised,
    ):
        remote_files.write(NAME, b"x")
    assert is_away(raised.value)


def test_a_disk_that_is_full_is_no_fault_of_the_store(remote_files: S3Files) -> None:
    remote_files.write(NAME, b"x")
    with (
        patch.object(remote_files.store, "get_file", side_effect=OSError(errno.ENOSPC, "No space left on device")),
        pytest.raises(OSError, match="No space left on device") as raised,
    ):
        remote_files.local(NAME)
    assert raised.value.errno == errno.ENOSPC and raised.value.strerror == "No space left on device"


def test_missing_credentials_are_told_in_words(
    object_store: ObjectStore, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(OSError, match="Unable to locate credentials"):
        open_files(f"s3://{bucket}", tmp_path).read(NAME)


WRONG = {
    "gs://bucket/prefix": "begins with 'gs'",
    "/folder": "names no bucket",
    "s3://": "names no bucket",
    "s3:///prefix": "names no bucket",
    "s3://key:secret@bucket": "credentials and options in the environment",
    "s3://bucket?key=secret": "credentials and options in the environment",
}


@pytest.mark.parametrize(("wrong", "words"), WRONG.items())
def test_a_url_that_names_no_object_store_is_refused_and_shows_no_secret(
    wrong: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(FilesRefused, match=words) as raised:
        open_files(wrong, tmp_path)
    assert "secret@" not in str(raised.value) and "key=" not in str(raised.value)


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    with (
        patch.dict(sys.modules, {"app.storage.files.s3": None}),
        pytest.raises(FilesRefused, match="pip install s3fs"),
    ):
        open_files("s3://bucket", tmp_path)


COMMANDS = (
    ["app.cli.main", "serve", "--workers", "0"],
    ["app.cli.main", "worker"],
    ["app.cli.main", "migrate"],
    ["worker"],
)


@pytest.mark.parametrize("command", [*COMMANDS, ["app.cli.main", "doctor"]], ids=" ".join)
def test_every_command_refuses_such_a_url_in_one_sentence(command: list[str], tmp_path: Path) -> None:
    done = run_module(*command, ANTIGRAD_HOME=str(tmp_path), ANTIGRAD_FILES_URL="s3://me:secret@bucket")
    printed = done.stdout if "doctor" in command else done.stderr
    assert done.returncode != 0 and "ANTIGRAD_FILES_URL contains more than a bucket" in printed
    assert "secret@" not in done.stdout + done.stderr and "Traceback" not in done.stderr
    assert "doctor" in command or len(done.stderr.splitlines()) == 1
