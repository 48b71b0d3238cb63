"""Diagram of a network: all texts are readable and inside the picture."""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.learning.architecture import flatten_layers, rows, with_output_layer
from app.learning.errors import InvalidChoice
from app.learning.layers import LAYERS, Layer, Linear, ReLU, Shape
from app.learning.layers.convolution import Conv2d
from app.learning.layers.serialization import layers_from_json
from app.learning.layers.structure import Block, Residual
from app.learning.presets import PRESETS
from app.plots.network import COLOURS, diagram, size_of

SVG = "{http://www.w3.org/2000/svg}"


def drawn(layers: list[Layer], shape: Shape, title: str = "") -> ElementTree.Element:
    places = [place for _, place in flatten_layers(rows(layers, shape, 10**9), opened=("sequence",))]
    return ElementTree.fromstring(diagram(places, shape, title))


def texts(picture: ElementTree.Element, kind: str) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text") if text.get("class") == kind]


def preset(name: str) -> ElementTree.Element:
    found = PRESETS[name]
    return drawn(with_output_layer(layers_from_json(found.layers), found.outputs), found.input_shape, name)


def test_vgg16_is_drawn_as_the_lecture_draws_it() -> None:
    picture = preset("vgg16")
    assert texts(picture, "title") == ["vgg16: 138,357,544 parameters"]
    assert texts(picture, "shape") == [
        "3×224×224", "64×224×224", "64×112×112", "128×112×112", "128×56×56", "256×56×56", "256×28×28", "512×28×28",
        "512×14×14", "512×14×14", "512×7×7", "4,096", "1,000",
    ]  # fmt: skip
    assert texts(picture, "change") == [
        "channels ×21.3", "space ÷2", "channels ×2", "space ÷2", "channels ×2", "space ÷2", "channels ×2", "space ÷2",
        "space ÷2", "flatten", "units ÷6.12", "units ÷4.1",
    ]  # fmt: skip
    assert texts(picture, "name")[-3:] == ["convolution", "pooling", "fully connected"]  # the legend
    assert "2 × conv 3×3" in texts(picture, "name") and "ReLU" in texts(picture, "name")
    fronts = [rect.get("fill") for rect in picture.iter(f"{SVG}rect")]
    assert fronts.count(COLOURS["convolution"]) == 13 + 1  # thirteen layers, and the legend
    assert fronts.count(COLOURS["pooling"]) == 5 + 1


def test_a_softmax_is_drawn() -> None:
    picture = preset("lecture_classifier_as_written")
    assert texts(picture, "name")[-2:] == ["fully connected", "softmax"] and "softmax" in texts(picture, "name")[:-2]


def test_bodies_shrink_in_space_and_grow_in_channels() -> None:
    sizes = [size_of(shape, 224) for shape in ((3, 224, 224), (64, 224, 224), (128, 112, 112), (512, 7, 7))]
    assert all(before.width < after.width for before, after in pairwise(sizes))
    assert [size.height for size in sizes] == sorted((size.height for size in sizes), reverse=True)
    assert min(size.height for size in sizes) >= 6


@pytest.mark.parametrize("name", PRESETS)
def test_everything_lies_within_the_picture(name: str) -> None:
    picture = preset(name)
    wide, high = (float(picture.get(side) or 0) for side in ("width", "height"))
    for rect in picture.iter(f"{SVG}rect"):
        if rect.get("x"):
            x, y, w, h = (float(rect.get(side) or 0) for side in ("x", "y", "width", "height"))
            assert x >= 0 and y >= 0 and x + w <= wide and y + h <= high
    spans = []
    for text in picture.iter(f"{SVG}text"):
        x, y, width = float(text.get("x") or 0), float(text.get("y") or 0), 5.5 * len(text.text or "")
        left = x - width / 2 if text.get("text-anchor") == "middle" else x
        assert left >= 0 and left + width <= wide and 10 <= y <= high
        spans.append((y, left, left + width))
    for index, (y, left, right) in enumerate(spans):
        for other_y, other_left, other_right in spans[index + 1 :]:
            assert abs(y - other_y) >= 8 or right <= other_left or other_right <= left, (y, left, other_left)


def test_many_alike_are_counted_and_many_others_refused() -> None:
    picture = drawn([Block((Conv2d(8), ReLU()), 300), Linear(3)], (8, 6, 6))
    assert "300 × conv 3×3" in texts(picture, "name")
    with pytest.raises(InvalidChoice, match="at most 100"):
        drawn([Block((Linear(8), Linear(9)), 60)], (5,))


def test_what_is_within_a_residual_is_named() -> None:
    picture = drawn([Residual((Conv2d(8), ReLU())), Linear(3)], (8, 6, 6))
    assert texts(picture, "name")[1:4] == ["residual", "· conv 3×3", "· ReLU"]


def test_a_title_is_text_and_nothing_else() -> None:
    title = "<script>alert('&')</script>\x01\ud800"
    (shown,) = texts(drawn([Linear(3)], (5,), title), "title")
    assert shown == "<script>alert('&')</script>\ufffd\ufffd: 18 parameters"
    (cut,) = texts(drawn([Linear(3)], (5,), "a" * 200), "title")
    assert re.fullmatch("a{59}…: 18 parameters", cut)


def test_every_body_has_a_colour() -> None:
    assert {entry.body for entry in LAYERS.values()} - {None} == set(COLOURS) - {"other"}


def test_the_picture_in_the_documents_is_as_it_is_drawn_now() -> None:
    shown = ElementTree.fromstring((Path(__file__).parents[2] / "docs/vgg16.svg").read_text())
    assert ElementTree.tostring(shown) == ElementTree.tostring(preset("vgg16"))
