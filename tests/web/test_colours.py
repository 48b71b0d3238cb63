"""The colours of runs: visible on the paper, and different from each other for colour-blind eyes, too."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.cli import report_page
from app.web import colours

Vector = NDArray[np.float64]
WEB = Path(colours.__file__).parent
THEMES = ("light", "dark")
LEAST_CONTRAST, LEAST_DIFFERENCE = 3, 12  # the latter in CIEDE2000

# Machado, Oliveira and Fernandes (2009), severity 1, of linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def tokens(name: str) -> list[tuple[str, str]]:
    """The light and the dark value of each property whose name matches."""
    style = (WEB / "static/css/tokens.css").read_text()
    return re.findall(rf"--{name}: light-dark\((#\w{{6}}), (#\w{{6}})\)", style)


def linear(colour: str) -> Vector:
    encoded = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(XYZ[1] @ linear(colour))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lab(colour: Vector) -> Vector:
    scaled = XYZ @ colour / XYZ.sum(axis=1)
    x, y, z = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def ciede2000(one: Vector, other: Vector) -> float:
    """The perceived difference of two colours in CIELAB."""
    lightness = np.array([one[0], other[0]])
    chroma = np.hypot([one[1], other[1]], [one[2], other[2]]).mean()
    a = np.array([one[1], other[1]]) * (1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))
    b = np.array([one[2], other[2]])
    chromas, hues = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    turn = (hues[1] - hues[0] + 180) % 360 - 180
    hue = np.radians((hues[0] + turn / 2) % 360)
    away, mean = (lightness.mean() - 50) ** 2, chromas.mean()
    weight = 1 - 0.17 * np.cos(hue - np.radians(30)) + 0.24 * np.cos(2 * hue)
    weight += 0.32 * np.cos(3 * hue + np.radians(6)) - 0.2 * np.cos(4 * hue - np.radians(63))
    of_lightness = (lightness[1] - lightness[0]) / (1 + 0.015 * away / np.sqrt(20 + away))
    of_chroma = (chromas[1] - chromas[0]) / (1 + 0.045 * mean)
    of_hue = 2 * np.sqrt(chromas.prod()) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * mean * weight)
    rotation = np.radians(60 * np.exp(-(((np.degrees(hue) - 275) / 25) ** 2)))
    both = -2 * np.sqrt(mean**7 / (mean**7 + 25.0**7)) * np.sin(rotation) * of_chroma * of_hue
    return float(np.sqrt(of_lightness**2 + of_chroma**2 + of_hue**2 + both))


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ],
)
def test_the_difference_is_that_of_the_published_examples(
    one: tuple[float, ...], other: tuple[float, ...], difference: float
) -> None:
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(difference, abs=1e-4)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", THEMES)
def test_any_two_colours_differ(theme: str, eyes: str) -> None:
    shown = [pair[THEMES.index(theme)] for pair in tokens(r"run-\d")]
    assert len(shown) == colours.COLOURS
    seen = [lab(np.clip(np.array(EYES[eyes]) @ linear(colour), 0, 1)) for colour in shown]
    least = min((ciede2000(seen[i], seen[j]), shown[i], shown[j]) for i, j in combinations(range(len(seen)), 2))
    assert least[0] >= LEAST_DIFFERENCE, least


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["paper", "raised"])
def test_every_colour_stands_out(theme: str, ground: str) -> None:
    place = THEMES.index(theme)
    [behind] = [pair[place] for pair in tokens(ground)]
    assert min(contrast(pair[place], behind) for pair in tokens(r"run-\d")) >= LEAST_CONTRAST


def test_a_report_and_the_scripts_have_the_same_colours() -> None:
    report = (Path(report_page.__file__).parent / "templates/report.html").read_text()
    of_report = re.findall(r"\.run-\d \{ --run: light-dark\((#\w{6}), (#\w{6})\); \}", report)
    assert of_report == tokens(r"run-\d")
    assert f"COLOURS = {colours.COLOURS};" in (WEB / "static/js/colours.js").read_text()
