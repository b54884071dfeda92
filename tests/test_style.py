from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import service

CSS = (Path(service.__file__).parent / "page" / "static" / "style.css").read_text()
PALETTES = [
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
]
SCHEMES = {"light": PALETTES[0], "dark": PALETTES[0] | PALETTES[1]}


def channels(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(colour: list[float]) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: list[float], second: list[float]) -> float:
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour: list[float], share: float, ground: list[float]) -> list[float]:
    return [share * c + (1 - share) * g for c, g in zip(colour, ground, strict=True)]


def test_contrast_is_what_the_standard_says():
    assert contrast([0, 0, 0], [1, 1, 1]) == pytest.approx(21)
    assert contrast(channels("#777777"), channels("#ffffff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read(scheme):
    colours = {name: channels(value) for name, value in SCHEMES[scheme].items()}
    grounds = {"paper", "raised", "mark", "warn"}
    pairs = [
        *product(("ink", "accent"), grounds),
        *product(("soft", "good", "half", "none"), ("paper", "raised")),
        ("paper", "ink"),
        ("paper", "accent"),
    ]
    ratios = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
    chip = mixed(colours["accent"], 0.11, colours["paper"])
    assert "background: color-mix(in srgb, var(--accent) 11%, transparent)" in CSS
    assert contrast(colours["accent"], chip) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edges_and_marks_can_be_seen(scheme):
    colours = {name: channels(value) for name, value in SCHEMES[scheme].items()}
    pairs = [*product(("edge", "accent"), ("paper", "raised")), *product(("mark-edge",), ("paper", "mark"))]
    ratios = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 3} == {}
