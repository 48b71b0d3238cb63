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
    found = address()
    assert (found.url, found.api_key) == ("http://file", "of the file")
    monkeypatch.setenv("antigrad_url", "http://environment")
    assert address().url == "http://environment"


ELSEWHERE = "http://lab.example:8000"
FILE, ENVIRONMENT = "of the file", "of the environment"


@pytest.mark.parametrize(
    ("url", "file", "environment", "key"),
    [
        (ELSEWHERE, ("URL", "API_KEY"), (), FILE),
        (ELSEWHERE, (), ("URL", "API_KEY"), ENVIRONMENT),
        (ELSEWHERE, ("URL",), ("API_KEY",), None),  # the folder of a stranger
        (ELSEWHERE, ("API_KEY",), ("URL",), None),
        (ELSEWHERE, ("URL", "API_KEY"), ("API_KEY",), FILE),
        ("http://127.0.0.1.lab.example", ("URL",), ("API_KEY",), None),
        ("http://localhost@lab.example", ("URL",), ("API_KEY",), None),
        ("http://localhost:9000", ("URL",), ("API_KEY",), ENVIRONMENT),
        ("http://[::1]:9000", ("API_KEY",), ("URL",), FILE),
    ],
)
def test_a_key_goes_only_to_the_address_beside_it_or_to_this_machine(
    monkeypatch: pytest.MonkeyPatch, url: str, file: tuple[str, ...], environment: tuple[str, ...], key: str | None
) -> None:
    Path(".env").write_text("".join(f"ANTIGRAD_{name}='{url if name == 'URL' else FILE}'\n" for name in file))
    for name in environment:
        monkeypatch.setenv(f"ANTIGRAD_{name}", url if name == "URL" else ENVIRONMENT)
    found = address()
    assert (found.url, found.api_key) == (url, key)
    assert any("is not sent" in note for note in found.notes) == (key is None)
    assert any(str(Path(".env").resolve()) in note for note in found.notes) == ("URL" in file or key is None)


def test_the_key_stays_out_of_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIGRAD_API_KEY", "s3cret")
    assert address().api_key == "s3cret" and "s3cret" not in repr(address())


def test_a_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"ANTIGRAD_URL=\xff")
    with pytest.raises(UnicodeDecodeError):
        address()
