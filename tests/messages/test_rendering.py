"""Templates of messages: fields, lists, clauses, words for each kind of reader, nested messages."""

import math

import numpy as np
import pytest

from app.messages import Fix, Message, Refusal
from app.messages.catalogue import MESSAGES
from app.messages.rendering import fields, render
from app.messages.vocabulary import API, CLI

TEMPLATES = {
    "numbers": "{count:,} of {share:g}",
    "quoted": "{name!r}",
    "joined": "{names:, } and {names!r:; }",
    "clauses": "{?near:did you mean {near!r}?}{~near:there are {names:, }}",
    "words": "say {@option:target=} or {@option:types={column}:number}",
    "outer": "{reason}; again",
    "several": "{reasons: / }",
    "counted": "{rows:,} {#rows:row of {name} is|rows of {name} are} left out",
}


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    for code, template in TEMPLATES.items():
        monkeypatch.setitem(MESSAGES, code, template)


@pytest.mark.parametrize(
    ("code", "params", "sentence"),
    [
        ("numbers", {"count": 1234567, "share": 0.5}, "1,234,567 of 0.5"),
        ("quoted", {"name": "a'b"}, '"a\'b"'),
        ("quoted", {"name": "{near} %s"}, "'{near} %s'"),
        ("joined", {"names": ["a", "b"]}, "a, b and 'a'; 'b'"),
        ("joined", {"names": []}, " and "),
        ("clauses", {"near": "sgd", "names": ["adam", "sgd"]}, "did you mean 'sgd'?"),
        ("clauses", {"near": None, "names": ["adam", "sgd"]}, "there are adam, sgd"),
        ("clauses", {"names": ["adam"]}, "there are adam"),
        ("counted", {"rows": 1, "name": "a|b"}, "1 row of a|b is left out"),
        ("counted", {"rows": 0, "name": "x"}, "0 rows of x are left out"),
        ("counted", {"rows": 1234, "name": "x"}, "1,234 rows of x are left out"),
    ],
)
def test_parameters_become_a_sentence(code: str, params: dict[str, object], sentence: str) -> None:
    assert render(code, params, API) == sentence


def test_each_reader_has_its_own_words() -> None:
    message = Message.of("words", column="zip")
    assert message.text(API) == "say target= or types=zip:number"
    assert message.text(CLI) == "say --target or --type zip:number"


def test_messages_may_be_parameters_of_messages() -> None:
    inner = Message.of("words", column="zip")
    assert Message.of("outer", reason=inner).text(CLI) == f"{inner.text(CLI)}; again"
    assert Message.of("several", reasons=[inner, inner]).text() == f"{inner.text()} / {inner.text()}"


def test_parameters_are_what_json_has() -> None:
    message = Message.of("x", shape=(3, np.int64(2)), share=np.float32(0.5), loss=math.nan, names={"a": (1,)})
    assert message.to_json() == {
        "code": "x",
        "params": {"shape": [3, 2], "share": 0.5, "loss": "nan", "names": {"a": [1]}},
    }
    assert type(message.params["shape"][1]) is int


def test_an_unknown_code_and_a_missing_parameter_are_errors() -> None:
    with pytest.raises(KeyError):
        render("nothing like it", {}, API)
    with pytest.raises(KeyError):
        render("quoted", {}, API)


def test_a_refusal_moves_with_its_place() -> None:
    refusal = Refusal("quoted", "/kernel_size", Fix("/kernel_size", 3), name="a")
    moved = refusal.below("/0").below("/model/layers")
    assert moved.pointer == "/model/layers/0/kernel_size" and moved.fix == Fix(moved.pointer, 3)
    assert str(moved) == "'a'" and [field.pointer for field in moved.errors] == [moved.pointer]
    assert Refusal("quoted", name="a").errors == []


def test_the_fields_of_a_template_are_found_within_clauses_and_words() -> None:
    assert set(fields(TEMPLATES["clauses"])) == {("?", "near"), ("", "near"), ("~", "near"), ("", "names")}
    assert set(fields(TEMPLATES["counted"])) == {("", "rows"), ("#", "rows"), ("", "name")}
    assert set(fields(TEMPLATES["words"])) == {("@", "option"), ("", "column")}
