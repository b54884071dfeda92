"""The map drawn as a PNG: for browsers that run no script, and until the script has drawn its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from service.chart import COLOURS, FULL, Chart, Lit, Scheme, colour_of

Colour: TypeAlias = tuple[int, int, int]

HEIGHT = 0.75
"""The height of the picture, as a share of its width."""
OVERSAMPLING = 2
_STYLES = Path(__file__).parent / "page" / "static"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a scheme: ground, text, hits, and those of the sources."""

    paper: Colour
    ink: Colour
    accent: Colour
    sources: tuple[Colour, ...]


@cache
def palette(scheme: Scheme) -> Palette:
    """The colours as the style sheets have them, which are the one place where they stand."""
    found: dict[str, Colour] = {}
    for name in ("style.css", "map.css"):
        text = (_STYLES / name).read_text(encoding="utf-8")
        blocks = re.findall(r":root \{([^{}]*)\}", text)
        for block in blocks if scheme == "dark" else blocks[:1]:
            for key, value in re.findall(r"(?<![\w-])--([\w-]+): #([0-9a-f]{6});", block):
                found[key] = (int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16))
    sources = tuple(found[f"map-{n}"] for n in range(1, COLOURS + 1))
    return Palette(found["paper"], found["ink"], found["accent"], (*sources, found["map-other"]))


def draw(chart: Chart, lit: Sequence[Lit], scheme: Scheme, width: int) -> bytes:
    """Draw the map, `width` pixels wide, its hits numbered and ringed, as PNG."""
    colours, size = palette(scheme), (width, round(width * HEIGHT))
    large = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    scale, left = large[1] / FULL, (large[0] - large[1]) / 2
    pixels = np.full((large[1], large[0], 3), colours.paper, np.uint8)
    x = chart.points[:, 0] * scale + left
    y = chart.points[:, 1] * scale
    radius = dot(len(chart.ids), size[1]) * OVERSAMPLING
    reach = int(np.ceil(radius))
    inks = np.array([colours.sources[colour_of(chart, n)] for n in range(len(chart.sources))], np.uint8)
    ink = inks[chart.sources_of]
    diamond = np.array([one.kind == "papers" for one in chart.sources])[chart.sources_of]
    for right in range(-reach, reach + 1):
        for down in range(-reach, reach + 1):
            covered = np.where(diamond, abs(right) + abs(down) <= radius * 1.2, np.hypot(right, down) <= radius)
            rows = np.clip(y[covered].astype(int) + down, 0, large[1] - 1)
            pixels[rows, np.clip(x[covered].astype(int) + right, 0, large[0] - 1)] = ink[covered]
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.BOX)
    _write(picture, chart, lit, colours)
    file = BytesIO()
    picture.quantize(128, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def dot(count: int, height: float) -> float:
    """The radius of a dot, in pixels, of so many on a map of that height: small enough to leave ground between them."""
    return float(np.clip(0.28 * height / np.sqrt(max(count, 1)), 0.8, 3.6))


def _write(picture: Image.Image, chart: Chart, lit: Sequence[Lit], colours: Palette) -> None:
    """Put the names of regions on the map, and the hits."""
    pen, (width, height) = ImageDraw.Draw(picture), picture.size
    font = ImageFont.load_default(max(height / 46, 9))
    taken: list[tuple[float, float, float, float]] = []
    for region in chart.regions:
        at = (region.x * height + (width - height) / 2, region.y * height)
        box = pen.textbbox(at, region.name, font=font, anchor="mm")
        if not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            taken.append(box)
            pen.text(
                at, region.name, fill=colours.ink, font=font, anchor="mm", stroke_width=3, stroke_fill=colours.paper
            )
    for hit in reversed(lit):
        if hit.point:
            x, y, around = hit.point[0] * height + (width - height) / 2, hit.point[1] * height, height / 50
            pen.ellipse((x - around, y - around, x + around, y + around), colours.accent, colours.paper, 2)
            pen.text((x, y), str(hit.citation.n), fill=colours.paper, font=font, anchor="mm")
