"""Surfaces and their contours, over HTTP."""

import pytest
from fastapi.testclient import TestClient

from app.insight.surfaces.functions import SURFACES


def test_every_surface_is_described(quick_client: TestClient) -> None:
    entries = {entry["name"]: entry for entry in quick_client.get("/optimizers/surfaces").json()["items"]}
    assert list(entries) == list(SURFACES)
    quadratic = entries["quadratic"]
    assert quadratic["start"] == [10.0, 1.0] and quadratic["minima"] == [[0.0, 0.0]]
    assert quadratic["summary"].startswith("A bowl") and quadratic["formula"].startswith("f(x, y)")
    assert [(field["name"], field["default"]) for field in quadratic["fields"]] == [("condition", 10.0)]


@pytest.mark.parametrize("name", SURFACES)
def test_the_contours_are_those_of_its_view(quick_client: TestClient, name: str) -> None:
    answer = quick_client.post("/optimizers/contours", json={"surface": name, "levels": 6}).json()
    assert answer["surface"]["name"] == name
    (left, bottom), (right, top) = answer["view"]
    assert len(answer["regions"]) == 6 and answer["regions"][0]["rings"]
    for x, y in (point for region in answer["regions"] for ring in region["rings"] for point in ring):
        assert left <= x <= right and bottom <= y <= top


def test_a_steeper_surface_has_narrower_contours(quick_client: TestClient) -> None:
    def height(condition: float) -> float:
        body = {"surface": {"name": "quadratic", "condition": condition}}
        lowest = quick_client.post("/optimizers/contours", json=body).json()["regions"][-1]
        ring = lowest["rings"][0]
        return (max(y for _, y in ring) - min(y for _, y in ring)) / (max(x for x, _ in ring) - min(x for x, _ in ring))

    assert height(100.0) < height(10.0) < height(1.0)
