"""Messages of the service with the command line's options."""

from typing import Any

import pytest

from app.cli.http import fix_of, sentence

WRONG_SIZE = {"width": 8, "height": 9, "wanted_width": 28, "wanted_height": 28}


def option(name: str) -> dict[str, Any]:
    return {"code": "option", "params": {"name": name}}


@pytest.mark.parametrize(
    ("code", "params", "said"),
    [
        ("picture_size_differs", WRONG_SIZE, "send that size, or add --fit to have it converted"),
        ("border_unknown", {}, "how bright the training pictures were; leave --invert out"),
        (
            "catalogue_parts_differ",
            {"catalogue": "mnist", "wanted": ["images"], "sent": ["file"]},
            "choose another name",
        ),
        ("catalogue_file_differs", {"file": "a", "sha256": "1", "wanted": "2"}, "another file; choose another name"),
        ("target_not_named", {"names": ["a", "b"], "more": 0}, "with --target; the columns are a, b"),
        ("not_text", {"line": 0, "reason": "?"}, "or name its encoding with --encoding"),
        ("label_without_name", {"label": 3, "classes": 2, "last": 1}, "but --classes names 2"),
        ("picture_shape_differs", {"shape": [1, 8, 8], "wanted": [1, 28, 28]}, "but --shape says 1×28×28"),
        ("column_ignored", {"column": "a"}, "'a': --type ignores it"),
        (
            "options_do_not_apply",
            {"format": "a table", "takes": [option("target"), option("types")], "not_taken": [option("resize")]},
            "which takes --target, --type; leave out --resize",
        ),
        ("set_field", {"path": "optimizer.lr", "json": "1e-08"}, "--set optimizer.lr=1e-08"),
        ("set_field", {"path": "normalise", "json": '"standard"'}, "--set normalise=standard"),
        ("set_field", {"path": "loss", "json": '{"name": "mse"}'}, """--set loss='{"name": "mse"}'"""),
        ("too_few_for_folds", {"folds": 5, "stratify": True}, "or --set split.stratify=false"),
        ("no_such_run", {"run": "run_1"}, "no run has the id 'run_1'; antigrad runs lists them"),
        ("run_has_diverged", {"run": "run_1"}, "antigrad again run_1 with a smaller learning rate"),
        ("nothing_to_predict_with", {}, "antigrad train DATASET queues one"),
        ("idx_without_partner", {}, "send pictures and labels together: antigrad datasets add NAME IMAGES LABELS"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_the_service_is_heard_in_the_words_of_the_command_line(code: str, params: dict[str, Any], said: str) -> None:
    text = sentence({"code": code, "params": params}, "")
    assert said in text
    assert "GET /" not in text and "curl" not in text


@pytest.mark.parametrize(
    ("code", "params", "said"),
    [
        ("encoding_guessed", {}, "--encoding cp1251 (Russian) or --encoding cp1250 (Polish"),
        ("maybe_classes", {"target": "price", "values": 3}, "import it again with --task classification"),
        ("maybe_pictures", {"columns": 784, "side": 28}, "add --shape 1,28,28"),
        ("row_index_left_out", {"column": "id"}, "add --type id:number"),
    ],
)
def test_the_report_is_in_the_words_of_the_command_line_too(code: str, params: dict[str, Any], said: str) -> None:
    assert said in fix_of({"code": code, "params": params, "fix": ""})
    assert fix_of({"code": "of_a_newer_version", "params": {}, "fix": "as the service says"}) == "as the service says"


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"code": "of_a_newer_service", "params": {}},
        {"code": "no_such_run", "params": {}},
        {"code": "no_such_run", "params": None},
        {"code": "too_many_layers", "params": {"limit": "many"}},
    ],
    ids=["none", "an older service's", "unknown", "incomplete", "without parameters", "of another type"],
)
def test_a_message_that_cannot_be_rendered_is_shown_as_the_service_says_it(message: dict[str, Any] | None) -> None:
    assert sentence(message, "what the service says") == "what the service says"
