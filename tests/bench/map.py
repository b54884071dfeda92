"""`python -m tests.bench.map [WORK]`: how long the map takes to be laid out and drawn, and what it is worth.

The libraries are made below WORK and kept for the next run (see `tests.bench.grown`).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from indexer.catalogue import Catalogue
from indexer.derived import MAP
from indexer.library import CATALOGUE
from indexer.map import Map, renew
from indexer.types import Matrix
from tests.bench.asking import served
from tests.bench.commands import Finished, heads, module, print_section, row
from tests.bench.grown import grown

SIZES = (10_000, 100_000)
LOOKED, NEAR, AROUND = 500, 10, 50
FRAMES = 40
WIDTH, HEIGHT = 1280, 1000

LEGEND = """\
laid out: a process of its own, from the catalogue to the file, and the most memory that it held. kept: of the {near}
passages nearest to one by meaning, the share that are among the {around} nearest on the map; of the landmarks, and of
all ({looked} passages each). by chance: what places drawn at random would keep. first: the first request for the map
from a service, with the names and sources of all passages. sent: bytes of all places, and of the picture for browsers
without scripts. frame: the script's part of drawing one, median (and longest) of {frames} while it is moved by key in
headless Chromium without a GPU, {width} pixels wide."""


def kept(vectors: Matrix, points: np.ndarray) -> float:
    """Of the NEAR nearest by meaning, the share that are among the AROUND nearest on the map, of some passages."""
    some = np.random.default_rng(0).choice(len(vectors), min(LOOKED, len(vectors)), replace=False)
    shares = []
    for place in some.tolist():
        cosines = vectors @ vectors[place]
        apart = ((points - points[place]) ** 2).sum(1)
        cosines[place], apart[place] = -2, np.inf
        nearest = np.argpartition(-cosines, NEAR)[:NEAR]
        shares.append(np.isin(nearest, np.argpartition(apart, AROUND)[:AROUND]).mean())
    return float(np.mean(shares))


def judged(library: Path) -> dict[str, float]:
    """What the map of a library keeps."""
    made = Map.open(library / MAP)
    with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
        ids, vectors = catalogue.embeddings(made.head.fingerprint)
    return {
        "landmarks": kept(made.landmarks.vectors, made.landmarks.points),
        "all": kept(vectors, made.points[np.searchsorted(made.ids, ids)]),
        "chance": AROUND / len(ids),
    }


def drawn(address: str) -> list[float]:
    """Milliseconds that the script takes for each frame while the map is moved."""
    from playwright import sync_api as playwright

    from tests.browser import ARGUMENTS, CHROMIUM

    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM or "chromium", args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"http://{address}/library#map")
        page.wait_for_selector(".map-drawn")
        page.focus(".map-canvas")
        took = []
        for n in range(FRAMES):
            start = page.evaluate("performance.getEntriesByName('map')[0]?.startTime ?? 0")
            page.keyboard.press("+" if n % 8 == 3 else "-" if n % 8 == 7 else "ArrowLeft" if n % 2 else "ArrowRight")
            page.wait_for_function("(start) => performance.getEntriesByName('map')[0]?.startTime > start", arg=start)
            took.append(page.evaluate("performance.getEntriesByName('map')[0].duration"))
        browser.close()
    return took


def shown(library: Path) -> dict[str, Any]:
    """What a service gives of the map, and how soon."""
    with served(library) as (address, _):
        start = time.perf_counter()
        sizes = [_length(f"http://{address}/api/map/points")]
        first = time.perf_counter() - start
        sizes.append(_length(f"http://{address}/api/map.png"))
        return {"first": first, "sizes": sizes, "frames": drawn(address)}


def _length(address: str) -> int:
    with urlopen(address) as answer:
        return len(answer.read())


def section(work: Path) -> list[str]:
    """The section of docs/BENCHMARKS.md."""
    figures: dict[int, tuple[Finished, dict[str, float], dict[str, Any]]] = {}
    for size in SIZES:
        made = grown(size, work / str(size))
        (made.library / MAP).unlink(missing_ok=True)
        laid = module("map", "--lay-out", made.library)
        judgement = json.loads(module("map", "--judge", made.library).out)
        figures[made.passages] = (laid, judgement, shown(made.library))
    return [
        "### The map",
        "",
        *heads(
            "passages", "laid out, s", "MB", "kept of landmarks", "of all", "by chance", "first, s", "sent", "frame"
        ),
        *(
            row(
                f"{passages:,}",
                f"{laid.seconds:.1f}",
                f"{laid.peak:.0f}",
                f"{judgement['landmarks']:.2f}",
                f"{judgement['all']:.2f}",
                f"{judgement['chance']:.4f}",
                f"{seen['first']:.2f}",
                " and ".join(f"{size:,}" for size in seen["sizes"]),
                f"{statistics.median(seen['frames']):.1f} ({max(seen['frames']):.1f}) ms",
            )
            for passages, (laid, judgement, seen) in figures.items()
        ),
        "",
        LEGEND.format(near=NEAR, around=AROUND, looked=LOOKED, frames=FRAMES, width=WIDTH),
        "",
        "    python -m tests.bench.map",
        "",
    ]


def main(argv: Sequence[str]) -> None:
    match argv:
        case ["--lay-out", library]:
            renew(Path(library), sys.exit)
        case ["--judge", library]:
            sys.stdout.write(json.dumps(judged(Path(library))))
        case _:
            print_section(section, argv)


if __name__ == "__main__":
    main(sys.argv[1:])
