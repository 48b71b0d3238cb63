"""Downloads over unreliable connections: the file is complete and verified, or the error names the reason."""

import json
import socket
from pathlib import Path

import pytest

from app.datasets.catalogue.download import Downloaded
from app.datasets.errors import DownloadFailed
from tests.support.site import DATA, HONEST, MD5, OTHER, SHA256, Answer, Fetch, Site, left

CUT = Answer(DATA, cut=50_000)


def test_a_file_comes_whole_and_checked_and_nothing_is_left_beside_it(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [HONEST]
    known = {"bytes": len(DATA), "sha256": SHA256, "md5": MD5}
    assert fetch(site, known=known) == Downloaded(SHA256, len(DATA), verified=True)
    assert path.read_bytes() == DATA and left(path) == ["letters"]


def test_a_file_without_a_known_sum_is_told_as_unverified(fetch: Fetch, site: Site) -> None:
    site.answers = [HONEST]
    assert fetch(site) == Downloaded(SHA256, len(DATA), verified=False)


def test_a_content_encoding_is_not_asked_for_and_not_applied(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [Answer(DATA, headers={"Content-Encoding": "gzip"})]  # as some servers declare for any .gz
    fetch(site)
    assert site.asked[0]["Accept-Encoding"] == "identity"
    assert path.read_bytes() == DATA


def test_what_a_former_call_has_brought_is_not_fetched_again(fetch: Fetch, site: Site, path: Path) -> None:
    path.write_bytes(DATA)
    assert fetch(site, known={"sha256": SHA256}) == Downloaded(SHA256, len(DATA), verified=True)
    assert site.asked == []
    path.write_bytes(OTHER)
    site.answers = [HONEST]
    fetch(site, known={"sha256": SHA256})
    assert path.read_bytes() == DATA


# Broken connections


def test_a_truncated_download_goes_on_where_it_stopped(
    fetch: Fetch, site: Site, path: Path, pauses: list[float]
) -> None:
    site.answers = [CUT, CUT, HONEST]  # a second one that cuts off after 50,000 further bytes
    fetch(site, known={"sha256": SHA256})
    assert path.read_bytes() == DATA
    assert [asked.get("Range") for asked in site.asked] == [None, "bytes=50000-", "bytes=100000-"]
    assert [asked.get("If-Range") for asked in site.asked] == [None, '"one"', '"one"']
    assert pauses == [1, 2]


def test_where_the_server_ignores_ranges_it_starts_over(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [CUT, Answer(DATA, ranges=False)]
    fetch(site, known={"sha256": SHA256})
    assert path.read_bytes() == DATA


def test_the_next_call_goes_on_where_the_last_one_failed(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [CUT, Answer(status=404)]
    with pytest.raises(DownloadFailed):
        fetch(site)
    assert left(path) == ["letters.part", "letters.part.json"]
    site.answers = [HONEST]
    fetch(site)
    assert site.asked[-1]["Range"] == "bytes=50000-"
    assert path.read_bytes() == DATA and left(path) == ["letters"]


@pytest.mark.parametrize(
    ("marks", "named"),
    [
        ({"ETag": '"a"', "Last-Modified": "Wed, 01 Nov 2023 10:00:00 GMT"}, '"a"'),
        ({"ETag": 'W/"a"', "Last-Modified": "Wed, 01 Nov 2023 10:00:00 GMT"}, "Wed, 01 Nov 2023 10:00:00 GMT"),
        ({"ETag": 'W/"a"'}, None),  # a weak ETag may be equal for different bytes
        ({"ETag": '"ä\x7f"'}, None),
        ({}, None),
    ],
    ids=["an ETag", "a date", "a weak ETag", "no ETag", "no mark"],
)
def test_only_a_file_with_a_mark_of_its_version_is_gone_on_with(
    fetch: Fetch, site: Site, path: Path, marks: dict[str, str], named: str | None
) -> None:
    site.answers = [Answer(DATA, etag="", cut=50_000, headers=marks), Answer(DATA, etag="", headers=marks)]
    fetch(site)
    assert site.asked[1].get("If-Range") == named
    assert ("Range" in site.asked[1]) == (named is not None)
    assert path.read_bytes() == DATA


def test_a_note_that_cannot_be_read_means_to_start_over(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [HONEST]
    for note in ("", "{", "[]", "1", json.dumps(["http://elsewhere/letters.gz", '"one"'])):
        path.with_name("letters.part").write_bytes(OTHER[:100])
        path.with_name("letters.part.json").write_text(note)
        fetch(site)
        assert path.read_bytes() == DATA and "Range" not in site.asked[-1]
        path.unlink()


def test_a_server_that_stalls_is_left_after_a_while_and_gone_on_with(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [Answer(DATA, cut=50_000, silent=True), HONEST]
    fetch(site, stall=0.2)
    assert path.read_bytes() == DATA and site.asked[1]["Range"] == "bytes=50000-"
    path.unlink()
    site.answers = [Answer(DATA, cut=0, silent=True)]
    with pytest.raises(DownloadFailed, match=r"sent nothing for 0\.2 s \(the last of 5 tries\)"):
        fetch(site, stall=0.2)


def test_passing_troubles_are_waited_for_longer_and_longer_but_not_for_ever(
    fetch: Fetch, site: Site, pauses: list[float]
) -> None:
    site.answers = [Answer(status=500), Answer(status=503), HONEST]
    fetch(site)
    assert pauses == [1, 2]


def test_what_stays_is_said_with_address_cause_and_a_way_out(fetch: Fetch, site: Site, pauses: list[float]) -> None:
    site.answers = [Answer(status=500)]
    with pytest.raises(DownloadFailed) as failed:
        fetch(site)
    assert str(failed.value) == (
        f"letters.gz cannot be downloaded: {site.address}/letters.gz answers 500 Internal Server Error (the last of 5 "
        "tries). Download letters.gz elsewhere (see a page) and import from disk: antigrad datasets add letters "
        "letters.gz, or: curl -F file=@letters.gz 'localhost:8000/datasets?name=letters&catalogue=letters'"
    )
    assert len(site.asked) == 5 and pauses == [1, 2, 4, 8]


@pytest.mark.parametrize("status", [202, 204, 206, 304, 401, 403, 404, 410, 599])
def test_other_answers_are_final(fetch: Fetch, site: Site, pauses: list[float], status: int) -> None:
    site.answers = [Answer(status=status)]
    with pytest.raises(DownloadFailed, match=f"answers {status}"):
        fetch(site)
    assert len(site.asked) == 1 and pauses == []


def test_a_refused_connection_is_tried_again_and_told(fetch: Fetch, pauses: list[float]) -> None:
    with pytest.raises(DownloadFailed, match=r"cannot be reached: .*refused.* import from disk"):
        fetch(Site(closed()))
    assert pauses == [1, 2, 4, 8]


def closed() -> str:
    """An address at which no server listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# Mirrors


def test_a_mirror_is_asked_where_the_address_fails(
    fetch: Fetch, site: Site, mirror: Site, path: Path, pauses: list[float]
) -> None:
    mirror.answers = [HONEST]
    fetch(Site(closed()), mirror)
    assert path.read_bytes() == DATA and pauses == []  # no pause for a dead host while there is another mirror
    path.unlink()
    site.answers = [Answer(OTHER)]
    assert fetch(site, mirror, known={"sha256": SHA256}).verified
    assert path.read_bytes() == DATA


def test_the_bytes_of_two_addresses_are_never_mixed(fetch: Fetch, site: Site, mirror: Site, path: Path) -> None:
    site.answers, mirror.answers = [CUT, Answer(status=404)], [Answer(OTHER)]
    fetch(site, mirror)
    assert path.read_bytes() == OTHER and "Range" not in mirror.asked[0]


def test_when_all_fail_each_is_named(fetch: Fetch, site: Site, mirror: Site) -> None:
    site.answers, mirror.answers = [Answer(status=404)], [Answer(status=403)]
    with pytest.raises(DownloadFailed) as failed:
        fetch(site, mirror)
    assert f"{site.address}/letters.gz answers 404 Not Found; " in str(failed.value)
    assert f"{mirror.address}/letters.gz answers 403 Forbidden. " in str(failed.value)


# Progress and cancellation


def test_progress_is_told_also_where_it_goes_on(fetch: Fetch, site: Site) -> None:
    site.answers = [CUT, HONEST]
    told: list[tuple[int, int | None]] = []
    fetch(site, progress=lambda *now: told.append(now))
    come = [now for now, _ in told]
    assert come == sorted(come) and come[0] == 0 and come.count(50_000) == 2 and come[-1] == len(DATA)
    assert {total for _, total in told} == {len(DATA)}


@pytest.mark.parametrize(("known", "total"), [({}, None), ({"bytes": len(DATA)}, len(DATA))], ids=["unknown", "known"])
def test_without_a_length_the_total_is_the_known_one(
    fetch: Fetch, site: Site, known: dict[str, object], total: int | None
) -> None:
    site.answers = [Answer(DATA, length=0)]
    told = set()
    fetch(site, known=known, progress=lambda _, total: told.add(total))
    assert told == {total}


def test_whoever_hears_of_the_progress_may_stop_it_and_go_on_later(fetch: Fetch, site: Site, path: Path) -> None:
    class Cancelled(Exception): ...

    def stop(come: int, total: int | None) -> None:
        if come > 100_000:
            raise Cancelled

    site.answers = [HONEST]
    with pytest.raises(Cancelled):
        fetch(site, progress=stop)
    assert not path.exists()
    fetch(site)
    assert int(site.asked[1]["Range"].removeprefix("bytes=").removesuffix("-")) > 100_000
    assert path.read_bytes() == DATA


def test_a_full_disk_is_not_taken_for_a_broken_line(
    fetch: Fetch, site: Site, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers = [HONEST]
    path.with_name("letters.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        fetch(site)
    assert len(site.asked) == 1
