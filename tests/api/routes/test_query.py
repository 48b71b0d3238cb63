"""Query parameters that are read as one model: documented, and rejected by name."""

import pytest
from fastapi.testclient import TestClient


def test_the_document_has_each_with_its_bounds_and_what_it_is_for(quick_client: TestClient) -> None:
    parameters = quick_client.get("/openapi.json").json()["paths"]["/predict"]["post"]["parameters"]
    declared = [parameter for parameter in parameters if parameter["in"] == "query"]
    named = {parameter["name"]: parameter for parameter in declared}
    assert list(named) == ["run", "model", "sticky", "step", "top", "logits", "fit", "crop", "background", "invert",
                           "explain", "target"]  # fmt: skip
    assert all(not found["required"] and found["description"] for found in named.values())
    assert named["invert"]["schema"]["enum"] == ["false", "true", "auto"] and named["top"]["schema"]["default"] == "3"


@pytest.mark.parametrize(
    ("query", "pointer", "said"),
    [
        ("top=0", "top", "give a number of labels"),
        ("step=0&run=x", "step", "greater than or equal to 1"),
        ("fit=perhaps", "fit", "boolean"),
        ("invert=yes", "invert", "'auto'"),
        ("run=" + "x" * 101, "run", "at most 100"),
        ("rum=x", "rum", "did you mean 'run'?"),
        ("fit=true&fit=perhaps", "fit", "given 2 times"),
    ],
)
def test_a_wrong_one_is_refused_by_its_name(quick_client: TestClient, query: str, pointer: str, said: str) -> None:
    answer = quick_client.post(f"/predict?{query}", content=b"x", headers={"Content-Type": "image/png"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text
    assert said in answer.json()["errors"][0]["detail"], answer.text
