"""Diagram of a network as SVG, in the style of the lecture's VGG: a body's height and depth show its size in space, its
width the channels.

A layer without a body (activations, dropout, normalisation) is drawn with the layer before it. Layers of one kind and
shape are drawn next to each other. Each kind has a colour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from math import log2, prod

from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, LayerShape, Shape
from app.plots.texts import drawable

COLOURS = {  # by an entry's `body`; the lecture's VGG: black, red, blue
    "convolution": "#3f4650",
    "pooling": "#c8373a",
    "fully connected": "#2f6fb7",
    "residual": "#7a4fa3",
    "softmax": "#c98a12",
    "other": "#7d8790",
}
SIDE_BY_SIDE = 4  # further bodies of one kind and shape are only counted
MOST_BODIES = 100
TITLE = 60  # characters that fit
TALLEST, SHALLOW = (
    190.0,
    0.42,
)  # height of the largest body in pixels; share of its depth that is drawn up and to the right
LINE, GAP, MARGIN, ABOVE = 15, 94, 28, 54
TOP, SIDE = 0.42, 0.22  # share of white in the colour of these faces
FONT = "font-family='system-ui, -apple-system, Segoe UI, DejaVu Sans, Arial, sans-serif'"


@dataclass
class Body:
    """Layers that are drawn as one, with their `names`; `count` is the number of equal bodies in a row."""

    kind: str
    names: list[str]
    shape: Shape
    count: int = 1
    parameters: int = 0
    before: Shape = ()


def bodies(places: Sequence[LayerShape]) -> list[Body]:
    """Bodies of a network's layers, from the input on, with blocks expanded. Flattening shows only in the shapes."""
    drawn: list[Body] = []
    for place in places:
        layer = place.layer
        if layer.role == "reshaping":
            continue
        if layer.body is None and drawn and drawn[-1].shape == place.output_shape:
            drawn[-1].names.append(_name(layer))
            drawn[-1].parameters += layer.parameters(place.shape)
            continue
        drawn.append(
            Body(
                layer.body or "other",
                list(_names(layer)),
                place.output_shape,
                parameters=layer.parameters(place.shape),
                before=place.shape,
            )
        )
    return list(_counted(drawn))


def _name(layer: Layer) -> str:
    return layer.label or layer.type.replace("_", " ")


def _names(layer: Layer) -> Iterator[str]:
    """Name of the layer, with its window's size, and names of the layers within."""
    yield _name(layer) if layer.window is None else f"{_name(layer)} {layer.window.size}×{layer.window.size}"
    for inner in (inner for layers in layer.rounds[:1] for inner in layers):
        yield from (f"· {name}" for name in _names(inner))


def _counted(drawn: list[Body]) -> Iterator[Body]:
    """Merge neighbours that look alike into one body with a count."""
    last: Body | None = None
    for body in drawn:
        if last and (last.kind, last.names, last.shape) == (body.kind, body.names, body.shape):
            last.count += 1
            last.parameters += body.parameters
            continue
        if last:
            yield last
        last = body
    if last:
        yield last


@dataclass(frozen=True)
class Size:
    """Size of a drawn body in pixels: width (channels) and height of its front, and its depth."""

    width: float
    height: float
    depth: float


def size_of(shape: Shape, largest: int) -> Size:
    """Pixels for a size: proportional to its root for space, so that 7 pixels are visible next to 224, and to its
    logarithm for channels and units."""
    if len(shape) == 3:
        channels, height, width = shape
        scale = TALLEST / largest**0.5
        return Size(4 + 3.2 * log2(channels + 1), max(6.0, scale * height**0.5), max(6.0, scale * width**0.5))
    return Size(9, 34 + 12.5 * log2(prod(shape) + 1), 9)


def diagram(places: Sequence[LayerShape], input_shape: Shape, title: str = "") -> str:
    """Draw the diagram as one SVG document. It loads nothing, and markup in names is escaped.

    Raises InvalidChoice if it would have more than `MOST_BODIES`.
    """
    drawn = [Body("other", ["input"], input_shape), *bodies(places)]
    if len(drawn) > MOST_BODIES:
        raise InvalidChoice("diagram_too_large", "/model/layers", bodies=len(drawn), limit=MOST_BODIES)
    largest = max((max(body.shape[1:]) for body in drawn if len(body.shape) == 3), default=1)
    sizes = [size_of(body.shape, largest) for body in drawn]
    tallest = max(size.height + SHALLOW * size.depth for size in sizes)
    floor = ABOVE + tallest
    parts: list[str] = []
    x = float(MARGIN)
    lowest = floor
    for index, (body, size) in enumerate(zip(drawn, sizes, strict=True)):
        labels = _labels(body)
        slabs = min(body.count, SIDE_BY_SIDE)
        width = slabs * (size.width + 5) - 5 + SHALLOW * size.depth
        room = max(width, *(6.4 * len(label) for label in labels))
        if index:
            parts += _arrow(x, floor - tallest / 2, _change(drawn[index - 1].shape, body.before, body.shape))
            x += GAP
        left = x + (room - width) / 2
        for slab in range(slabs):
            below = (tallest - size.height - SHALLOW * size.depth) / 2
            parts += _box(left + slab * (size.width + 5), floor - below, size, COLOURS[body.kind])
        parts += [
            f"<text x='{x + room / 2:.1f}' y='{floor + 20 + LINE * line:.1f}' text-anchor='middle' "
            f"class='{'shape' if line == 0 else 'name'}'>{_escaped(label)}</text>"
            for line, label in enumerate(labels)
        ]
        lowest = max(lowest, floor + 20 + LINE * len(labels))
        x += room
    kinds = [kind for kind in COLOURS if any(body.kind == kind for body in drawn[1:])]
    total = sum(body.parameters for body in drawn)
    heading = f"{_cut(title)}: {total:,} parameters" if title else f"{total:,} parameters"
    least = MARGIN * 2 + max(9.5 * len(heading), sum(7.2 * len(kind) + 36 for kind in kinds))
    wide, high = max(x + MARGIN, least), lowest + 44
    legend, at = [], float(MARGIN)
    for kind in kinds:
        legend.append(f"<rect x='{at:.1f}' y='{high - 31:.1f}' width='13' height='13' rx='2' fill='{COLOURS[kind]}'/>")
        legend.append(f"<text x='{at + 19:.1f}' y='{high - 20:.1f}' class='name'>{kind}</text>")
        at += 7.2 * len(kind) + 36
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{wide:.0f}' height='{high:.0f}' "
        f"viewBox='0 0 {wide:.0f} {high:.0f}' role='img' {FONT}>"
        f"<title>{_escaped(heading)}</title>"
        "<style>text{fill:#1c2127}.title{font-size:15px;font-weight:600}.shape{font-size:12px;font-weight:600}"
        ".name{font-size:11px;fill:#454d57}.change{font-size:10.5px;fill:#454d57}</style>"
        f"<rect width='100%' height='100%' fill='#ffffff'/>"
        f"<text x='{MARGIN}' y='28' class='title'>{_escaped(heading)}</text>{''.join(parts)}{''.join(legend)}</svg>"
    )


def _escaped(text: str) -> str:
    return escape(drawable(text))


def _cut(title: str) -> str:
    """The title, cut to what fits."""
    return title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"


def _labels(body: Body) -> list[str]:
    """Lines of text: the shape, then the names, with the count before the first."""
    shape = "×".join(f"{side:,}" for side in body.shape)
    names = list(body.names)
    if body.count > 1:
        names[0] = f"{body.count} × {names[0]}"
    return [shape, *names]


def _change(drawn: Shape, before: Shape, after: Shape) -> list[str]:
    """Lines of text: the factors by which space and channels change, as in the lecture's VGG. `drawn` is the shape of
    the previous body, `before` the layer's input shape."""
    if len(after) != 3:
        flattened = ["flatten"] if len(drawn) == 3 else []
        return flattened + ([] if before == after else [f"units {_factor(before[0], after[0])}"])
    lines = []
    if before[1:] != after[1:]:
        lines.append(f"space {_factor(before[1], after[1])}")
    if before[0] != after[0]:
        lines.append(f"channels {_factor(before[0], after[0])}")
    return lines


def _factor(before: int, after: int) -> str:
    """Factor from one size to another: ×2, ÷3 or ×1.6."""
    ratio = Fraction(after, before)
    if ratio >= 1:
        return f"×{float(ratio):.3g}"
    return f"÷{float(1 / ratio):.3g}"


def _arrow(x: float, y: float, lines: list[str]) -> list[str]:
    start, end = x + 6, x + GAP - 8
    texts = [
        f"<text x='{(start + end) / 2:.1f}' y='{y - 7 - 12 * (len(lines) - 1 - index):.1f}' text-anchor='middle' "
        f"class='change'>{_escaped(line)}</text>"
        for index, line in enumerate(lines)
    ]
    head = f"<path d='M{end:.1f} {y:.1f}l-6 -3.5v7z' fill='#454d57'/>"
    return [
        f"<line x1='{start:.1f}' y1='{y:.1f}' x2='{end - 5:.1f}' y2='{y:.1f}' stroke='#454d57' stroke-width='1.2'/>",
        head,
        *texts,
    ]


def _box(x: float, floor: float, size: Size, colour: str) -> list[str]:
    """SVG of a body, given the lower left corner of its front: top, right side and front."""
    w, h, d = size.width, size.height, SHALLOW * size.depth
    top, edge = floor - h, "stroke='#ffffff' stroke-width='0.8' stroke-linejoin='round'"
    lid = f"M{x:.1f} {top:.1f}l{d:.1f} {-d:.1f}h{w:.1f}l{-d:.1f} {d:.1f}z"
    side = f"M{x + w:.1f} {top:.1f}l{d:.1f} {-d:.1f}v{h:.1f}l{-d:.1f} {d:.1f}z"
    return [
        f"<path d='{lid}' fill='{_lighter(colour, TOP)}' {edge}/>",
        f"<path d='{side}' fill='{_lighter(colour, SIDE)}' {edge}/>",
        f"<rect x='{x:.1f}' y='{top:.1f}' width='{w:.1f}' height='{h:.1f}' fill='{colour}' {edge}/>",
    ]


def _lighter(colour: str, share: float) -> str:
    """The colour mixed with this share of white."""
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(value + (255 - value) * share):02x}" for value in channels)
