"""`python -m tests.bench.pages [WORK]`: what the pages weigh, and how soon an answer is painted after Enter.

In headless Chromium, over a library of ten thousand passages made below WORK (see `tests.bench.grown`).
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.asking import questions, served
from tests.bench.commands import heads, print_section, row
from tests.bench.grown import grown
from tests.browser import ARGUMENTS, CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZE = 10_000
WARM_UP, ASKED = 5, 40
TYPED_MS = 40
"""From one key to the next: some 300 letters a minute."""

# When Enter was pressed, and when the answer to it was on the screen: after the frame that it came in was drawn. The
# clock is that of the whole browser, because a page may be left for the next one.
WATCH = """
const now = () => performance.timeOrigin + performance.now();
addEventListener("keydown", (event) => {
  if (event.key === "Enter") sessionStorage.setItem("entered", now());
}, true);
const look = () => {
  const title = document.querySelector(".answer h1");
  if (title && title.textContent === sessionStorage.getItem("asked") && !sessionStorage.getItem("painted"))
    requestAnimationFrame(() => setTimeout(() => sessionStorage.setItem("painted", now())));
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
PAINTED = (
    "() => sessionStorage.getItem('painted') && sessionStorage.getItem('painted') - sessionStorage.getItem('entered')"
)
LISTED = "() => performance.getEntriesByType('paint').map((entry) => [entry.name, entry.startTime])"

LEGEND = """\
Bytes as the browser unpacks them, without KaTeX, which only pages with formulas load. `requests` are all that the page
makes. First paint is that of a page nothing of which was loaded before."""

PAINT = """\
A question typed with {typed} ms from key to key, then Enter; until the frame that shows its answer was drawn. {asked}
questions that were not asked before, {passages:,} passages, browser and service on the same two cores."""


@dataclass(slots=True)
class Load:
    """What a page loads: the bytes of each kind of file, how many requests, and when something was first painted."""

    bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    requests: int = 0
    painted: float = 0.0


@contextmanager
def tab(browser: Browser, address: str) -> Iterator[Page]:
    """A page with nothing in its cache."""
    context = browser.new_context(base_url=address)
    yield context.new_page()
    context.close()


def load(browser: Browser, address: str, path: str) -> Load:
    """Load a page, and weigh it."""
    found = Load()
    with tab(browser, address) as page:
        answers = []
        page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - it cannot take a builtin
        page.goto(path, wait_until="networkidle")
        for answer in answers:
            if "/katex/" not in answer.url:
                kind = answer.headers.get("content-type", "").partition(";")[0].rpartition("/")[2]
                found.bytes[kind] += len(answer.body())
                found.requests += 1
        found.painted = dict(page.evaluate(LISTED)).get("first-contentful-paint", 0.0)
    return found


def entered(browser: Browser, address: str, texts: Sequence[str]) -> list[float]:
    """Milliseconds from Enter to the painted answer, one for each question."""
    taken = []
    with tab(browser, address) as page:
        page.add_init_script(WATCH)
        for text in texts:
            page.goto("/")
            page.evaluate("text => { sessionStorage.clear(); sessionStorage.setItem('asked', text); }", text)
            page.locator("#q").press_sequentially(text, delay=TYPED_MS)
            page.keyboard.press("Enter")
            taken.append(page.wait_for_function(PAINTED).json_value())
    return taken


def section(work: Path) -> list[str]:
    """The section of docs/BENCHMARKS.md."""
    from playwright.sync_api import sync_playwright

    made = grown(SIZE, work / str(SIZE))
    texts = [text for text in questions() if len(text) <= 80 and text == " ".join(text.split())][: WARM_UP + ASKED]
    with sync_playwright() as running, served(made.library) as (host, _):
        browser = running.chromium.launch(executable_path=CHROMIUM or "chromium", args=ARGUMENTS)
        address = f"http://{host}"
        entered(browser, address, texts[:WARM_UP])
        loads = {
            name: load(browser, address, path)
            for name, path in (
                ("Ask", "/"),
                ("Ask, with an answer", f"/?q={texts[0].replace(' ', '+')}"),
                ("Questions", "/questions"),
                ("Library", "/library"),
                ("A note", "/notes/1"),
            )
        }
        parts = np.percentile(entered(browser, address, texts[WARM_UP:]), [50, 95, 100])
        browser.close()
    kinds = ("html", "css", "javascript")
    rows = [
        row(
            name,
            *(f"{one.bytes[kind] / 1000:.1f}" for kind in kinds),
            f"{sum(size for kind, size in one.bytes.items() if kind not in kinds) / 1000:.1f}",
            f"{sum(one.bytes.values()) / 1000:.1f}",
            one.requests,
            f"{one.painted:.0f}",
        )
        for name, one in loads.items()
    ]
    return [
        "### Pages",
        "",
        "What a page weighs, in kB, and when it is first painted, in ms.",
        "",
        *heads("page", *kinds, "other", "in all", "requests", "first paint"),
        *rows,
        "",
        LEGEND,
        "",
        *heads("from Enter to the painted answer", "p50", "p95", "max"),
        row("ms", *(f"{part:.0f}" for part in parts)),
        "",
        PAINT.format(typed=TYPED_MS, asked=ASKED, passages=made.passages),
        "",
        "    python -m tests.bench.pages",
        "",
    ]


if __name__ == "__main__":
    print_section(section, sys.argv[1:])
