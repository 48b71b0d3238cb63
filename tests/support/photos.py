"""Synthetic photos of letters: a font's letter on an uneven ground, off centre, slightly turned."""

import io
import random
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 640, 480
FONTS = sorted((Path(matplotlib.get_data_path()) / "fonts/ttf").glob("DejaVu*.ttf"))
FONTS = [font for font in FONTS if "Display" not in font.name and "Oblique" not in font.name]


def photo(letter: str, seed: int) -> bytes:
    """A JPEG of 640×480: dark ink on a light ground, or the reverse, under uneven light."""
    chance = random.Random(f"{letter}{seed}")
    font = ImageFont.truetype(str(FONTS[seed % len(FONTS)]), chance.randint(120, 240))
    stencil = Image.new("L", SIZE, 0)
    place = SIZE[0] / 2 + chance.uniform(-130, 130), SIZE[1] / 2 + chance.uniform(-70, 70)
    ImageDraw.Draw(stencil).text(place, letter, fill=255, font=font, anchor="mm")
    stencil = stencil.rotate(chance.uniform(-8, 8), Image.Resampling.BICUBIC, center=place)
    ink = np.asarray(stencil, np.float64) / 255
    dark, light = chance.uniform(20, 70), chance.uniform(170, 235)
    ground, drawn = (light, dark) if seed % 2 else (dark, light)
    y, x = np.mgrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    shade = 1 + chance.uniform(-0.2, 0.2) * x + chance.uniform(-0.2, 0.2) * y
    noise = np.random.default_rng(seed).normal(0, 3, ink.shape)
    pixels = ((ground + (drawn - ground) * ink) * shade + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()
