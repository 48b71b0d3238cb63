"""Downloads from faulty servers: changing files, wrong lengths, wrong content and redirects."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from app.datasets.errors import DownloadFailed
from tests.support.site import DATA, HONEST, OTHER, Answer, Fetch, Site, left

CUT = Answer(DATA, cut=50_000)


@pytest.mark.parametrize(
    "now",
    [
        Answer(OTHER, etag='"two"'),
        Answer(OTHER, etag='"two"', careless=True),
        Answer(OTHER, headers={"Content-Range": "bytes 40000-199999/200000"}),
        Answer(OTHER, headers={"Content-Range": "bytes 50000-"}),
        Answer(OTHER, headers={"Content-Range": f"bytes 50000-1/{'9' * 5000}"}),
        Answer(OTHER, status=416, headers={"Content-Range": "bytes */200000"}, ranges=False),
    ],
    ids=["honest", "ignores If-Range", "another piece", "no piece", "huge piece", "not satisfiable"],
)
def test_a_file_that_changed_between_two_tries_is_never_mixed(
    fetch: Fetch, site: Site, path: Path, now: Answer
) -> None:
    site.answers = [CUT, now, Answer(OTHER, etag='"two"')]
    fetch(site)
    assert path.read_bytes() == OTHER


def test_a_server_that_never_heeds_if_range_is_asked_for_the_whole(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [CUT, Answer(OTHER, etag='"two"', careless=True)]
    fetch(site)
    assert ["Range" in asked for asked in site.asked] == [False, True, False]
    assert path.read_bytes() == OTHER


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_wrong_bytes_are_deleted_and_both_sums_said(fetch: Fetch, site: Site, path: Path, kind: str) -> None:
    site.answers = [Answer(OTHER)]
    known = hashlib.new(kind, DATA).hexdigest()
    with pytest.raises(DownloadFailed, match=f"is {hashlib.new(kind, OTHER).hexdigest()}, not {known}"):
        fetch(site, known={kind: known})
    assert left(path) == [] and len(site.asked) == 1


def test_another_size_than_the_known_one_is_refused_before_the_body(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [Answer(b"<html>Log in to this network</html>", silent=True)]
    with pytest.raises(DownloadFailed, match="has 35 bytes, but the file has 200,000"):
        fetch(site, known={"bytes": len(DATA)})
    assert left(path) == []


def test_a_length_that_is_too_long_is_a_truncation(fetch: Fetch, site: Site) -> None:
    site.answers = [Answer(DATA, length=300_000, ranges=False)]
    with pytest.raises(DownloadFailed, match="broke the connection"):
        fetch(site)


def test_fewer_bytes_than_known_are_a_truncation_even_if_no_length_was_said(
    fetch: Fetch, site: Site, path: Path
) -> None:
    site.answers = [Answer(DATA, cut=50_000, length=0), HONEST]
    fetch(site, known={"bytes": len(DATA)})
    assert path.read_bytes() == DATA and site.asked[1]["Range"] == "bytes=50000-"


@pytest.mark.parametrize(("known", "most"), [({}, 300_000), ({"bytes": 300_000}, 10**9)], ids=["most", "known size"])
def test_a_body_without_an_end_is_cut_off(
    fetch: Fetch, site: Site, path: Path, known: dict[str, object], most: int
) -> None:
    site.answers = [Answer(DATA, endless=True)]
    seen = []
    with pytest.raises(DownloadFailed, match="has over 300,000 bytes"):
        fetch(site, known=known, most=most, progress=lambda come, _: seen.append(come))
    assert max(seen) <= 300_000 and left(path) == []


@pytest.mark.parametrize("length", ["300001", "9" * 18, "9" * 25, "9" * 5000, "-1", "1e3", "x"])
def test_a_promise_of_too_much_or_of_nonsense_is_not_even_begun(
    fetch: Fetch, site: Site, path: Path, length: str
) -> None:
    site.answers = [Answer(DATA, headers={"Content-Length": length})]
    with pytest.raises(DownloadFailed):
        fetch(site, most=300_000)
    assert left(path) == []


def test_redirects_are_followed(fetch: Fetch, site: Site, mirror: Site, path: Path) -> None:
    there = Answer(status=302, headers={"Location": f"{mirror.address}/there"})
    site.answers, mirror.answers = [there], [CUT, HONEST]
    fetch(site)
    assert path.read_bytes() == DATA and mirror.asked[1]["Range"] == "bytes=50000-"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/letters.gz"])
def test_no_redirect_leads_out_of_the_web(fetch: Fetch, site: Site, path: Path, location: str) -> None:
    site.answers = [Answer(status=302, headers={"Location": location})]
    with pytest.raises(DownloadFailed, match="only http and https are followed"):
        fetch(site)
    assert left(path) == [] and len(site.asked) == 1


@pytest.mark.parametrize(
    "location",
    [
        "//[",
        "http://",
        "http://[::1",
        "http://a b/",
        "http://ä\xff/",
        f"http://{'a' * 70}/",
        "http://127.0.0.1:99999/",
        "javascript:1",
        "data:,x",
    ],
)
def test_a_redirect_to_no_address_is_told(fetch: Fetch, site: Site, path: Path, location: str) -> None:
    site.answers = [Answer(status=302, headers={"Location": location})]
    with pytest.raises(DownloadFailed):
        fetch(site)
    assert left(path) == []


def test_redirects_in_a_loop_end(fetch: Fetch, site: Site) -> None:
    site.answers = [Answer(status=302, headers={"Location": "/letters.gz"})]
    with pytest.raises(DownloadFailed, match="over 5 times"):
        fetch(site)
    assert len(site.asked) == 6


def test_the_body_of_a_redirect_is_not_read(fetch: Fetch, site: Site, path: Path) -> None:
    site.answers = [Answer(OTHER, status=302, endless=True, headers={"Location": "/there"}), HONEST]
    fetch(site)
    assert path.read_bytes() == DATA


@given(
    script=st.lists(
        st.tuples(st.sampled_from([DATA, OTHER]), st.booleans(), st.sampled_from([0, 1, 70_000, 199_999, 200_000])),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_breaks_and_changes_one_version_comes_whole_or_none(
    fetch: Fetch, site: Site, path: Path, script: list[tuple[bytes, bool, int]]
) -> None:
    """The answers may be of two versions, with and without ranges, each cut off anywhere."""
    for file in path.parent.iterdir():
        file.unlink()
    site.asked.clear()
    site.answers = [
        Answer(data, etag='"one"' if data is DATA else '"two"', ranges=ranges, cut=cut) for data, ranges, cut in script
    ]
    try:
        fetch(site)
    except DownloadFailed:
        assert not path.exists()
    else:
        assert path.read_bytes() in (DATA, OTHER)
        event("went on" if "Range" in site.asked[-1] else "came at once")
