"""Registries over HTTP: the answers equal the entries."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.insight.experiments import EXPERIMENTS
from app.learning.layers import LAYERS
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import SCHEDULES

KINDS: dict[str, dict[str, Any]] = {
    "layers": LAYERS,
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
}
BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def entries(client: TestClient, kind: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in client.get(f"/{kind}").json()["items"]}


def field(entry: dict[str, Any], name: str, of: str = "fields") -> dict[str, Any]:
    (found,) = [field for field in entry[of] if field["name"] == name]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_is_listed_with_what_it_says_of_itself(quick_client: TestClient, kind: str) -> None:
    found = entries(quick_client, kind)
    assert list(found) == list(KINDS[kind])
    for name, entry in KINDS[kind].items():
        assert found[name]["formula"] == entry.formula
        assert found[name]["summary"] and found[name]["summary"] in " ".join(entry.__doc__.split())
        assert (found[name]["advantages"], found[name]["drawbacks"]) == (list(entry.advantages), list(entry.drawbacks))


@pytest.mark.parametrize("kind", [*KINDS, "presets"])
def test_something_speaks_for_every_entry_and_something_against_it(quick_client: TestClient, kind: str) -> None:
    for name, entry in entries(quick_client, kind).items():
        for side in ("advantages", "drawbacks"):
            assert entry[side] and all(text.strip() for text in entry[side]), (name, side)


def test_an_entry_names_the_experiments_that_show_it(quick_client: TestClient) -> None:
    listed = {name: entry for kind in KINDS for name, entry in entries(quick_client, kind).items()}
    assert listed["relu"]["experiments"] == ["linear_collapse", "activations_in_depth", "dead_relu"]
    for experiment in EXPERIMENTS.values():
        for name in experiment.about:
            assert experiment.name in listed[name]["experiments"]


@pytest.mark.parametrize(
    ("entry", "fields"),
    [
        *((entry, (kind, name, "fields")) for kind, found in KINDS.items() for name, entry in found.items()),
        *((entry, ("optimizers", name, "lecture_fields")) for name, entry in LECTURE_FORMS.items()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_its_fields_are_those_that_a_request_takes(
    quick_client: TestClient, entry: type, fields: tuple[str, str, str]
) -> None:
    """Defaults and bounds equal those in the request's OpenAPI schema."""
    kind, name, place = fields
    schemas = quick_client.get("/openapi.json").json()["components"]["schemas"]
    taken = dict(schemas[f"{entry.__name__}Request"]["properties"])
    for tag in ("type", "name", "formulas"):
        taken.pop(tag, None)
    listed = {field["name"]: field for field in entries(quick_client, kind)[name][place]}
    assert listed.keys() == taken.keys()
    for field_name, schema in taken.items():
        found = listed[field_name]
        assert found["required"] == (field_name in schemas[f"{entry.__name__}Request"].get("required", []))
        assert found["default"] == schema.get("default") and found["doc"] == schema["description"]
        said = str(schema)
        for bound, value in found["bounds"].items():
            assert f"'{BOUNDS[bound]}': {float(value)}" in said or f"'{BOUNDS[bound]}': {value}" in said, found
        assert all(f"'{choice}'" in said for choice in found["choices"])


def test_types_are_those_of_json(quick_client: TestClient) -> None:
    layers, losses = entries(quick_client, "layers"), entries(quick_client, "losses")
    assert field(layers["linear"], "units") == {
        "name": "units", "type": "integer", "required": True, "default": None, "bounds": {"ge": 1, "le": 10**8},
        "choices": [], "fields": [], "doc": "number of outputs",
    }  # fmt: skip
    assert field(layers["linear"], "bias")["type"] == "boolean"
    assert field(layers["conv2d"], "padding")["type"] == "integer or null"
    assert field(layers["block"], "layers")["type"] == "[layer, …]"
    assert field(losses["cross_entropy"], "class_weights")["type"] == "[number, …] or null"
    assert field(losses["mse"], "reduction")["choices"] == ["mean", "sum"]
    init = field(layers["linear"], "init")
    assert (init["type"], init["choices"]) == ("string or object", ["default", "xavier", "he", "zeros"])
    assert [(inner["name"], inner["default"]) for inner in init["fields"]] == [("name", "normal"), ("std", 0.01)]


def test_layers_have_derivative_range_and_caution_and_losses_what_they_take(quick_client: TestClient) -> None:
    layers, losses = entries(quick_client, "layers"), entries(quick_client, "losses")
    assert (layers["sigmoid"]["derivative"], layers["sigmoid"]["range"]) == ("σ(x)·(1 − σ(x)), at most 1/4", "(0, 1)")
    assert layers["linear"]["range"] is None and layers["relu"]["caution"] is None and layers["log"]["caution"]
    cross_entropy = losses["cross_entropy"]
    assert (cross_entropy["task"], cross_entropy["input"]) == ("classification", "logits")
    assert cross_entropy["gradient"] == "∂L/∂z = p Σ_c q_c − q"
    schedules = entries(quick_client, "schedules")
    assert [name for name, schedule in schedules.items() if schedule["needs_total"]] == ["cosine", "one_cycle"]


def test_an_optimizers_two_forms_stand_side_by_side_with_their_own_defaults(quick_client: TestClient) -> None:
    found = entries(quick_client, "optimizers")
    adam = found["adam"]
    assert "m̂/(√v̂ + ε)" in adam["formula"] and "√(G + ε)" in adam["lecture_formula"]
    assert field(adam, "betas")["default"] == [0.9, 0.999]
    assert field(adam, "betas", "lecture_fields")["default"] == [0.9, 0.9]
    assert field(found["rmsprop"], "alpha")["default"] == 0.99
    assert field(found["rmsprop"], "alpha", "lecture_fields")["default"] == 0.9
    adamw = found["adamw"]
    assert (adamw["lecture_formula"], adamw["lecture_summary"], adamw["lecture_fields"]) == (None, None, [])


# A row of the lecture's tables, and words with which the entry states it, corrected where the lecture is wrong.
LECTURE = [
    ("layers", "sigmoid", "advantages", "probability"),
    ("layers", "sigmoid", "advantages", "smooth"),
    ("layers", "sigmoid", "advantages", "never enlarges a gradient"),  # gradients do not explode
    ("layers", "sigmoid", "drawbacks", "gradients vanish"),
    ("layers", "sigmoid", "drawbacks", "not zero-centred"),  # not what makes them vanish: saturation does
    ("layers", "tanh", "advantages", "zero-centred"),
    ("layers", "tanh", "advantages", "gradients vanish later"),
    ("layers", "tanh", "advantages", "nonlinear"),
    ("layers", "tanh", "drawbacks", "gradients vanish"),
    ("layers", "tanh", "drawbacks", "exponential"),
    ("layers", "relu", "advantages", "learn faster"),  # because it does not saturate
    ("layers", "relu", "advantages", "gradients keep their size"),
    ("layers", "relu", "advantages", "no exponential"),
    ("layers", "relu", "drawbacks", "dead"),
    ("layers", "relu", "drawbacks", "not zero-centred"),
    ("optimizers", "sgd", "advantages", "memory"),
    ("optimizers", "sgd", "advantages", "long before gradient descent on all the data"),
    ("optimizers", "sgd", "advantages", "easy to explain and to draw"),
    ("optimizers", "sgd", "drawbacks", "never quite converges"),
    ("optimizers", "sgd", "drawbacks", "learning rate"),
    ("optimizers", "momentum", "drawbacks", "in a valley"),  # not on a plateau: there it helps
    ("optimizers", "momentum", "drawbacks", "one more hyperparameter"),
    ("optimizers", "momentum", "drawbacks", "old gradients persist"),
    ("optimizers", "adagrad", "advantages", "a separate step size for each parameter"),
    ("optimizers", "adagrad", "drawbacks", "its learning rates only fall"),  # the lecture says this of momentum
    ("optimizers", "adagrad", "drawbacks", "outlier"),
    ("optimizers", "adagrad", "drawbacks", "does not diverge"),
    ("optimizers", "rmsprop", "advantages", "forgets"),
]


@pytest.mark.parametrize(("kind", "name", "side", "said"), LECTURE)
def test_the_lectures_tables_are_all_there(
    quick_client: TestClient, kind: str, name: str, side: str, said: str
) -> None:
    assert any(said in text for text in entries(quick_client, kind)[name][side])
