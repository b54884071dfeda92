"""The map in a real browser."""

from __future__ import annotations

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import MARKS, opened, served
from desks import write
from stub_encoder import HashEncoder
from test_chart import NOTES

from indexer.build import build
from indexer.library import Library
from indexer.settings import Settings
from service.app import create_app
from service.chart import FULL
from service.desk import Desk
from service.picture import palette

pytestmark = MARKS

UNNAMED = """document.addEventListener("DOMContentLoaded", () => document.querySelector(".map-regions")?.remove())"""
"""Dots lie below the names of regions: without them every dot can be looked at."""

PIXELS = """(places) => {
  const canvas = document.querySelector(".map-canvas");
  const size = Math.min(canvas.width, canvas.height);
  const left = (canvas.width - size) / 2, top = (canvas.height - size) / 2;
  const context = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return places.map(([x, y]) => [...context.getImageData(left + x * size, top + y * size, 1, 1).data].slice(0, 3));
}"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    write(folder / "notes", NOTES)
    settings = Settings(library=folder / "library", cache=folder / "cache")
    build(settings.library, [folder / "notes"], HashEncoder(), settings)
    with Library.open(settings.library) as library:
        yield Desk(settings, library, HashEncoder())


@pytest.fixture(scope="module")
def address(desk):
    with served(create_app(desk.settings, desk=desk)) as address:
        yield address


def painted(page, places, colours, within=6):
    """Which of some places have their colours, as soon as most do."""
    page.wait_for_function(
        f"""([places, colours]) => {{
          const found = ({PIXELS})(places);
          const same = (a, b) => a.every((value, i) => Math.abs(value - b[i]) <= {within});
          return found.filter((pixel, i) => same(pixel, colours[i])).length >= 0.8 * places.length;
        }}""",
        arg=[places, [list(map(int, colour)) for colour in colours]],
    )
    return True


def faint(colour, ground):
    return [round(c + (g - c) * 0.68) for c, g in zip(colour, ground, strict=True)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dots_are_where_they_are_and_can_be_chosen_by_hand_and_by_key(chromium, address, desk, scheme):
    chart, colours = desk.chart(), palette(scheme)
    places = (chart.points / FULL).tolist()
    inks = [colours.sources[source] for source in chart.sources_of.tolist()]
    with opened(chromium, address, color_scheme=scheme, viewport={"width": 1280, "height": 1000}) as page:
        page.add_init_script(UNNAMED)
        page.goto("/library")
        page.wait_for_selector(".map-drawn")
        assert painted(page, places, inks)

        sea = page.get_by_role("button", name=re.compile("sea"))
        sea.click()
        assert sea.get_attribute("aria-pressed") == "true"
        shown = [
            ink if source == 1 else faint(ink, colours.paper)
            for ink, source in zip(inks, chart.sources_of.tolist(), strict=True)
        ]
        assert painted(page, places, shown)
        sea.click()
        assert painted(page, places, inks)

        canvas = page.locator(".map-canvas")
        box = canvas.bounding_box()
        size = min(box["width"], box["height"])
        alone = places[chart.sources_of.tolist().index(2)]
        at = [(box["width"] - size) / 2 + alone[0] * size, (box["height"] - size) / 2 + alone[1] * size]
        canvas.hover(position={"x": at[0], "y": at[1]})
        card = page.locator(".map-card")
        card.wait_for()
        assert card.inner_text().startswith("Alone")
        canvas.click(position={"x": at[0], "y": at[1]})
        page.wait_for_url("**/notes/*")
        assert page.locator("h1").inner_text() == "Alone"

        page.goto("/library")
        page.wait_for_selector(".map-drawn")
        canvas.focus()
        page.keyboard.press("+")
        page.keyboard.press("ArrowRight")
        card.wait_for()
        link = card.get_by_role("link").get_attribute("href")
        page.keyboard.press("0")
        page.wait_for_function("document.querySelector('.map-card:not([hidden]) a')")
        page.keyboard.press("Escape")
        card.wait_for(state="hidden")
        page.keyboard.press("ArrowLeft")
        card.wait_for()
        assert link.startswith("/notes/")
        page.keyboard.press("Enter")
        page.wait_for_url("**/notes/**")


def test_hits_are_lit_and_listed_without_loading_the_page_anew(chromium, address, desk):
    (first, *others) = desk.lit("sourdough ovens 7")
    chart, colours = desk.chart(), palette("light")
    garden = [place for place, one in zip((chart.points / FULL).tolist(), chart.sources_of, strict=True) if one == 1]
    with opened(chromium, address, viewport={"width": 1280, "height": 1000}) as page:
        page.add_init_script(UNNAMED)
        page.goto("/library")
        page.wait_for_selector(".map-drawn")
        page.evaluate("window.same = true")
        page.get_by_label("Light up what is nearest to").fill("sourdough ovens 7")
        page.keyboard.press("Enter")
        rows = page.locator(".map-hits li")
        rows.nth(len(others)).wait_for()
        assert rows.first.inner_text().split() == ["Bread", *desk_place(first).split()]
        assert page.url.endswith("/library?q=sourdough%20ovens%207#map")
        assert page.evaluate("window.same")
        assert painted(page, garden, [faint(colours.sources[1], colours.paper)] * len(garden))
        assert page.locator(".map-found h3").inner_text() == "Nearest to “sourdough ovens 7”"
        drawn = page.evaluate("document.querySelector('.map-canvas').toDataURL()")
        rows.first.get_by_role("link").focus()  # its mark grows
        page.wait_for_function("(before) => document.querySelector('.map-canvas').toDataURL() !== before", arg=drawn)
        page.reload()
        page.wait_for_selector(".map-drawn")
        assert rows.count() == len(others) + 1


def desk_place(hit) -> str:
    first, last = hit.citation.lines
    return f"{hit.citation.file}:{first}" + (f"-{last}" if last != first else "")


def test_without_scripts_there_is_a_picture_and_a_list(chromium, address):
    with opened(chromium, address, java_script_enabled=False, viewport={"width": 320, "height": 700}) as page:
        page.goto("/library?q=ferries#map")
        assert page.get_by_role("img", name=re.compile("31 passages as dots in groups: .*Bread")).is_visible()
        assert page.locator(".map-hits li").count() == 8
        assert page.locator("#map").get_by_role("button").all_inner_texts() == ["Light up"]
        assert page.locator(".map-regions a").first.get_attribute("href").startswith("/library?q=")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map_can_be_used_by_everyone(chromium, address, scheme):
    options = {"color_scheme": scheme, "viewport": {"width": 320, "height": 700}}
    with opened(chromium, address, **options) as page:
        page.goto("/library?q=ferries#map")
        page.wait_for_selector(".map-drawn")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        page.locator(".map-canvas").focus()
        page.keyboard.press("+")
        page.locator(".map-card").wait_for()
        found = Axe().run(page, context="#map").response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        sizes = page.evaluate(
            """[...document.querySelectorAll("#map button, #map .map-regions a, #map summary")].map((one) => {
              const box = one.getBoundingClientRect();
              return Math.min(box.width, box.height);
            })"""
        )
        assert np.min([size for size in sizes if size]) >= 24
