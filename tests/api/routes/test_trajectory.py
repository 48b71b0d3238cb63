"""Optimizers' paths on a surface, over HTTP."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from app.insight.surfaces.functions import SURFACES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS

SGD = {"name": "sgd", "lr": 0.001}
BOTH_FORMS = [{"name": name} for name in OPTIMIZERS] + [{"name": name, "formulas": "lecture"} for name in LECTURE_FORMS]


def walk(client: TestClient, *optimizers: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = client.post("/optimizers/trajectory", json={"optimizers": list(optimizers)} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_start_and_one_point_a_step_for_each_optimizer_in_its_order(quick_client: TestClient) -> None:
    lecture = {"name": "momentum", "lr": 0.0001, "momentum": 0.9, "formulas": "lecture"}
    found = walk(quick_client, lecture, SGD, surface="rosenbrock", start=[-1.2, 1.0], steps=50, noise=0.0, seed=0)
    assert found["surface"] == {
        "name": "rosenbrock",
        "formula": "f(x, y) = (1 − x)² + 100 (y − x²)²",
        "gradient_formula": "∇f = (−2 (1 − x) − 400 x (y − x²), 200 (y − x²))",
        "minimum": [1.0, 1.0],
        "fields": {},
    }
    first, second = found["paths"]
    assert first["optimizer"] == lecture | {"dampening": 0.0}
    assert second["optimizer"] == SGD | {"formulas": "torch", "weight_decay": 0.0}
    for path in (first, second):
        assert len(path["points"]) == len(path["values"]) == 51 and path["diverged"] is False
        assert path["points"][0] == [-1.2, 1.0] and path["values"][0] == pytest.approx(24.2)
    assert first["points"][1] == pytest.approx([-1.2 + 1e-4 * 215.6, 1.0 + 1e-4 * 88.0], rel=1e-12)


@pytest.mark.parametrize("surface", SURFACES)
def test_every_optimizer_walks_in_both_forms_with_its_own_defaults(quick_client: TestClient, surface: str) -> None:
    for at in range(0, len(BOTH_FORMS), 8):
        asked = BOTH_FORMS[at : at + 8]
        found = walk(quick_client, *asked, surface=surface, steps=3)
        for optimizer, path in zip(asked, found["paths"], strict=True):
            assert path["optimizer"].items() >= optimizer.items() and path["optimizer"]["lr"] > 0
            assert path["points"][0] == list(SURFACES[surface].start)


def test_a_quadratic_is_as_steep_as_was_asked(quick_client: TestClient) -> None:
    found = walk(quick_client, SGD, surface={"name": "quadratic", "condition": 50}, start=[1, 1], steps=1)
    assert found["surface"]["fields"] == {"condition": 50.0}
    assert found["paths"][0]["points"][1] == pytest.approx([1 - 0.001, 1 - 0.001 * 50])
    assert walk(quick_client, SGD, surface="quadratic", steps=1)["surface"]["fields"] == {"condition": 10.0}


def test_the_same_seed_is_the_same_answer_and_the_same_noise_for_all(quick_client: TestClient) -> None:
    noisy: dict[str, Any] = {"noise": 1.0, "steps": 20, "surface": "quadratic"}
    one, same, other = (walk(quick_client, SGD, SGD, seed=seed, **noisy) for seed in (1, 1, 2))
    assert one == same and one["paths"] != other["paths"]
    assert one["paths"][0] == one["paths"][1]


def test_what_diverges_says_so_in_numbers_that_json_has(quick_client: TestClient) -> None:
    answer = quick_client.post(
        "/optimizers/trajectory",
        json={"surface": "rosenbrock", "steps": 100, "optimizers": [{"name": "sgd", "lr": 1e9}, {"name": "adam"}]},
    )
    assert "NaN" not in answer.text and "Infinity" not in answer.text
    diverged, sound = answer.json()["paths"]
    assert diverged["diverged"] and 1 <= len(diverged["points"]) == len(diverged["values"]) < 101
    assert not sound["diverged"] and len(sound["points"]) == 101


def test_a_spike_stands_at_its_step(quick_client: TestClient) -> None:
    body: dict[str, Any] = {"surface": "quadratic", "steps": 5}
    calm = walk(quick_client, SGD, **body)["paths"][0]["points"]
    spiked = walk(quick_client, SGD, spike={"step": 3, "factor": 100}, **body)["paths"][0]["points"]
    assert calm[:3] == spiked[:3] and calm[3] != spiked[3]


@pytest.mark.parametrize(
    ("body", "pointer", "advice"),
    [
        ({}, "/optimizers", "required"),
        ({"optimizers": []}, "/optimizers", "at least 1"),
        ({"optimizers": [SGD] * 9}, "/optimizers", "at most 8"),
        ({"optimizers": [{"name": "sdg"}]}, "/optimizers/0", "did you mean 'sgd'"),
        ({"optimizers": [SGD, {"name": "sgd", "lr": 0}]}, "/optimizers/1/lr", "greater than 0"),
        ({"optimizers": [{"name": "momentum", "momentum": 0.9, "lr": 0}]}, "/optimizers/0/lr", "greater than 0"),
        ({"optimizers": [SGD], "surface": "rosenbrok"}, "/surface", "did you mean 'rosenbrock'"),
        ({"optimizers": [SGD], "surface": {"name": "rosenbrock", "condition": 3}}, "/surface/condition", "no such"),
        ({"optimizers": [SGD], "surface": {"name": "quadratic", "condition": 0.5}}, "/surface/condition", "equal to 1"),
        ({"optimizers": [SGD], "start": [1]}, "/start", "required"),
        ({"optimizers": [SGD], "start": [1, 1e7]}, "/start/1", "1000000"),
        ({"optimizers": [SGD], "steps": 10_001}, "/steps", "10000"),
        ({"optimizers": [SGD] * 8, "steps": 2_501}, "/steps", "2,500"),
        ({"optimizers": [SGD], "steps": 5, "spike": {"step": 6, "factor": 2}}, "/spike/step", "5 steps"),
        ({"optimizers": [SGD], "noise": -1}, "/noise", "equal to 0"),
        ({"optimizers": [SGD], "step": 5}, "/step", "no such field"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_what_could(
    quick_client: TestClient, body: dict[str, Any], pointer: str, advice: str
) -> None:
    answer = quick_client.post("/optimizers/trajectory", json=body)
    assert answer.status_code == 422
    assert any(error["pointer"].startswith(pointer) and advice in error["detail"] for error in answer.json()["errors"])


def test_while_it_computes_others_are_answered(quick_client: TestClient) -> None:
    async def both() -> list[str]:
        ended: list[str] = []
        transport = httpx.ASGITransport(quick_client.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as service:

            async def ask(name: str, request: Any) -> None:
                assert (await request).status_code == 200
                ended.append(name)

            long = {"optimizers": [{"name": "adam"}] * 8, "steps": 2500}
            walking = asyncio.create_task(ask("walk", service.post("/optimizers/trajectory", json=long, timeout=60)))
            await asyncio.sleep(0.05)
            await ask("health", service.get("/healthz"))
            await walking
        return ended

    assert asyncio.run(both()) == ["health", "walk"]


EVERYONE = [{"name": name} for name in OPTIMIZERS]


@pytest.mark.parametrize("surface", SURFACES)
def test_the_ways_are_drawn_on_every_surface(quick_client: TestClient, surface: str) -> None:
    body = {"surface": surface, "steps": 30, "optimizers": [*EVERYONE, {"name": "sgd", "lr": 0.001}]}
    answer = quick_client.post("/optimizers/trajectory.svg", json=body)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("image/svg+xml")
    assert answer.text.count("<path") > 50


@pytest.mark.parametrize(
    "body",
    [
        {"surface": "rosenbrock", "optimizers": [{"name": "sgd", "lr": 1e9}]},
        {"surface": "quadratic", "start": [0, 0], "optimizers": [{"name": "sgd"}]},
        {"surface": "himmelblau", "start": [1e6, -1e6], "steps": 1, "optimizers": [{"name": "adam"}, {"name": "adam"}]},
    ],
    ids=["diverges at once", "starts at the minimum", "starts far away, twice the same"],
)
def test_what_is_hard_to_draw_is_drawn(quick_client: TestClient, body: dict[str, Any]) -> None:
    answer = quick_client.post("/optimizers/trajectory.png", json=body)
    assert answer.status_code == 200 and answer.content.startswith(b"\x89PNG")


def test_a_picture_says_in_what_optimizers_of_one_name_differ(quick_client: TestClient) -> None:
    momentum = {"name": "momentum", "lr": 0.005}
    optimizers = [{"name": "sgd", "lr": 0.005}, momentum, momentum | {"dampening": 0.9}, momentum | {"dampening": 0.9}]
    drawn = quick_client.post("/optimizers/trajectory.svg", json={"surface": "ravine", "optimizers": optimizers}).text
    assert [text for text in re.findall(r"<!-- (.+?) -->", drawn) if ", lr " in text] == [
        "sgd, lr 0.005",
        "momentum, lr 0.005, dampening 0",
        "momentum, lr 0.005, dampening 0.9",
        "momentum, lr 0.005, dampening 0.9 (2)",
    ]


def test_a_picture_refuses_what_the_numbers_refuse(quick_client: TestClient) -> None:
    wrong = {"surface": "rosenbruck", "optimizers": [{"name": "sgd"}]}
    as_numbers, as_picture = (quick_client.post(f"/optimizers/trajectory{kind}", json=wrong) for kind in ("", ".png"))
    assert as_picture.status_code == as_numbers.status_code == 422
    assert as_picture.json()["errors"] == as_numbers.json()["errors"]
    assert quick_client.post("/optimizers/trajectory.gif", json=wrong).status_code == 422


@pytest.mark.parametrize("form", ["png", "svg"])
@pytest.mark.parametrize(
    "wanted",
    [
        {"optimizers": [{"name": "adamw", "weight_decay": 999_999_999.0}]},
        {"optimizers": [{"name": "sgd", "lr": 1e9}], "surface": "himmelblau"},
        {"optimizers": ["sgd", "adam"], "noise": 1e9, "spike": {"step": 1, "factor": 1e9}},
        {"optimizers": [{"name": "momentum", "weight_decay": 1e9}], "start": [1e6, -1e6], "surface": "beale"},
    ],
    ids=str,
)
def test_a_path_that_leads_very_far_is_drawn(quick_client: TestClient, wanted: dict[str, Any], form: str) -> None:
    answer = quick_client.post(f"/optimizers/trajectory.{form}", json=wanted)
    assert answer.status_code == 200, answer.text
    paths = quick_client.post("/optimizers/trajectory", json=wanted).json()["paths"]
    assert all(abs(value) <= 1e100 for path in paths for value in path["values"])
