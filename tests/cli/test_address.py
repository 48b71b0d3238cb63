"""Client commands resolve the service's address by the rules of its settings."""

from pathlib import Path

import pytest

from app.cli.address import Address, address


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ANTIGRAD_URL", "ANTIGRAD_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_without_settings_it_is_this_machine() -> None:
    assert address() == Address("http://127.0.0.1:8000", None)


def test_the_environment_comes_before_the_file_and_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("ANTIGRAD_URL=http://file\nANTIGRAD_API_KEY='of the file' # a comment\n")
    monkeypatch.setenv("ANTIGRAD_API_KEY", "")
    assert address() == Address("http://file", "of the file")
    monkeypatch.setenv("antigrad_url", "http://environment")
    assert address().url == "http://environment"


def test_the_key_stays_out_of_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIGRAD_API_KEY", "s3cret")
    assert address().api_key == "s3cret" and "s3cret" not in repr(address())


def test_a_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"ANTIGRAD_URL=\xff")
    with pytest.raises(UnicodeDecodeError):
        address()
