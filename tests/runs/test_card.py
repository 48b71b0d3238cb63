"""Model cards: facts from the record, and names that change neither the YAML nor the Markdown."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from scipy.stats import binomtest

from app.datasets.names import printable
from app.runs.card import Card, card_of, wilson_interval
from app.runs.card_markdown import card_markdown
from app.storage.tables import Dataset, Run

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
NASTY = [
    "a | b",
    "`x` ```",
    "# title",
    "<script>",
    "![](http://x)",
    "---",
    "- a\n- b",
    "&amp;",
    "1. a",
    "a\\",
    "*a*",
    "'; :",
    "",
]
names = st.sampled_from(NASTY) | st.text(max_size=20)


def card(name: str = "baseline", dataset: str = "letters", classes: tuple[str, str] = ("A", "B"), **run: Any) -> Card:
    """The card of a run on pictures of two classes."""
    score = {"precision": 0.9, "recall": 0.8, "f1": 0.85, "support": 50}
    evaluation = {
        "part": "test",
        "examples": 100,
        "accuracy": 0.85,
        "classes": list(classes),
        "confusion_matrix": [[45, 5], [10, 40]],
        "per_class": [
            {"label": label} | score | {"recall": recall} for label, recall in zip(classes, (0.9, 0.8), strict=True)
        ],
        "calibration": {
            "ece": 0.04,
            "bins": [{"from": 0.8, "to": 0.9, "examples": 100, "confidence": 0.89, "accuracy": 0.85}],
        },
    }
    request = {
        "model": {"layers": [{"type": "linear", "units": 2}]},
        "split": {"validation": 0.1, "test": 0.2, "seed": 0},
        "optimizer": {"name": "adam", "lr": 0.001, "betas": [0.9, 0.999]},
        "batch_size": 32,
    }
    about = {
        "shape": [1, 28, 28],
        "checksum": "0" * 64,
        "classes": [{"index": k, "label": label, "count": 250} for k, label in enumerate(classes)],
    }
    known = {
        "evaluation": {"test": evaluation},
        "metrics": {"test": {"loss": 0.4, "accuracy": 0.85}},
        "fault": None,
        "environment": {"examples": {"train": 350, "validation": 50, "test": 100}},
        "progress": {"step": 7},
        "task": "classification",
        "device": "cpu",
        "stop_reason": "max_epochs",
    }
    row = Run(id="run_1", name=name, request=request, **known | run)
    return card_of(row, Dataset(id="ds_1", name=dataset, version=2, about=about), [], [])


def parsed(text: str) -> tuple[dict[str, Any], list[Any]]:
    """The head, and the tokens of the body."""
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), MARKDOWN.parse(body)


@settings(max_examples=30)
@given(name=names, dataset=names, one=names, other=names)
def test_no_name_changes_the_head_or_the_shape_of_the_page(name: str, dataset: str, one: str, other: str) -> None:
    head, tokens = parsed(card_markdown(card(name, dataset, (one, other))))
    _, plain = parsed(card_markdown(card()))
    assert head["model-index"][0]["name"] == (name or "run_1")
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == dataset
    assert [(token.type, token.tag) for token in tokens] == [(token.type, token.tag) for token in plain]
    inline = [{child.type for child in token.children or ()} for token in tokens]
    assert set().union(*inline) <= {"text", "softbreak", "code_inline"}, "a name became a link, an image, or markup"
    title = next(token for token in tokens if token.type == "inline")
    assert "".join(child.content for child in title.children) == (printable(name).strip() or "run_1")


def test_the_head_says_to_the_hub_what_the_model_is_for_and_how_good_it_is() -> None:
    head, _ = parsed(card_markdown(card()))
    assert (head["library_name"], head["pipeline_tag"], head["metrics"]) == (
        "antigrad",
        "image-classification",
        ["loss", "accuracy"],
    )
    result = head["model-index"][0]["results"][0]
    assert result["task"] == {"type": "image-classification"}
    assert result["dataset"] == {"name": "letters", "type": "letters", "split": "test", "revision": "0" * 64}
    assert {"type": "accuracy", "value": 0.85} in result["metrics"]


def test_the_page_has_the_classes_the_mistakes_and_the_calibration() -> None:
    text = card_markdown(card())
    for row in ("| A | 0.9 | 0.9 | 0.85 | 50 |", "| 0.80 to 0.90 | 100 | 0.89 | 0.85 |", "- B taken for A\\: 10"):
        assert row in text
    assert "- optimizer\\: adam, lr 0\\.001, betas 0\\.9 0\\.999" in text


def test_the_limits_name_the_class_that_is_missed_and_the_uncertainty_of_the_figures() -> None:
    limits = " ".join(card().limits)
    assert "misses B" in limits and "100 examples: the 95% interval is 0.767 to 0.907" in limits
    assert "28×28" in limits and "2 classes" in limits


def test_the_limits_say_what_was_not_tested_and_what_was_done_wrong() -> None:
    part = card().evaluation
    untested = " ".join(card(evaluation={"validation": part}).limits)
    assert "those of the validation part" in untested
    assert "not been evaluated" in " ".join(card(evaluation=None).limits)
    assert "deliberate mistake" in " ".join(card(fault="no_zero_grad").limits)


@pytest.mark.parametrize(("right", "count"), [(0, 10), (7, 10), (10, 10), (930, 1000)])
def test_the_interval_is_wilsons(right: int, count: int) -> None:
    expected = binomtest(right, count).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right / count, count) == pytest.approx((expected.low, expected.high), abs=1e-4)
