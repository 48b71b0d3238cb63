"""A client gets the media type that it prefers."""

import pytest

from app.api.headers import preferred

OFFERED = ("application/json", "text/plain", "text/csv")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; header=present", "text/csv"),
        ("application/json;q=0.5, text/plain", "text/plain"),
        ("text/plain;q=0.2,text/csv ; q=0.4", "text/csv"),
        ("text/csv, */*", "text/csv"),
        ("text/*, */*;q=0.1", "text/plain"),
        ("text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5", "text/plain"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/plain;q=0, */*", "application/json"),
        ("application/json;q=0, */*;q=0.1", "text/plain"),
        ("text/html", "application/json"),
        ("text/csv;q=x", "text/csv"),
        (", ;q=1,", "application/json"),
    ],
)
def test_the_highest_weight_counts_and_then_the_closest_range(accept: str, media_type: str) -> None:
    assert preferred(accept, OFFERED) == media_type
