"""`python -m tests.bench.layout [SHARED]`: how well papers are read, and how fast, beside plain text extraction.

It needs the shared papers and `gold/papers_layout_dev.json`: pairs of sentences that run on over a line, a column or a
page, and noise (running heads, stamps, labels of figures, readers' notes) that is not what a page says. What Footnote
gets wrong is said on stderr.
"""

from __future__ import annotations

import json
import logging
import re
import statistics
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2

from indexer.parsing import parse
from indexer.passages import PAPER_WORDS, split
from indexer.types import Source
from tests.bench.commands import SHARED, heads, row
from tests.real_model import real_encoder

RUNS = 3
MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage, and the first and last page that it stands on."""

    text: str
    pages: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """How well one system reads.

    `strict` and `lenient` are the shares of pairs found whole in one passage or across two neighbours, with white
    space folded and with letters and digits alone. `noise` counts the strings that a passage of their page holds.
    `speed` is in pages of one core's second, reading alone. `missed` are the pairs that were not found, `heard` is the
    noise that was.
    """

    system: str
    pairs: int
    strict: float
    lenient: float
    noise: int
    speed: float
    missed: tuple[str, ...]
    heard: tuple[str, ...]


def spaced(text: str) -> str:
    """A text with its white space folded."""
    return " ".join(text.split())


def letters(text: str) -> str:
    """The letters and digits of a text."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def footnote(path: Path) -> Callable[[], list[Piece]]:
    """Read a paper as Footnote does; cut it when asked."""
    data = path.read_bytes()
    document = parse(Source(path.parent, path.name, data, sha256(data).hexdigest(), 0))

    def cut() -> list[Piece]:
        passages = split(document, max_tokens=MAX_TOKENS, count_tokens=real_encoder().count_tokens)
        return [Piece(passage.text, passage.pages or (1, document.pages)) for passage in passages]

    return cut


def by_pypdf(path: Path) -> Callable[[], list[Piece]]:
    """Read a paper page by page with pypdf."""
    pages = [page.extract_text() for page in pypdf.PdfReader(BytesIO(path.read_bytes())).pages]
    return lambda: packed(pages)


def by_pdfium(path: Path) -> Callable[[], list[Piece]]:
    """Read a paper page by page with pdfium."""
    with pypdfium2.PdfDocument(path.read_bytes()) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
    return lambda: packed(pages)


def packed(pages: Iterable[str]) -> list[Piece]:
    """The lines of pages, packed into pieces of about as many words as Footnote's passages have."""
    packs: list[list[tuple[int, str]]] = []
    room = 0
    for number, page in enumerate(pages, start=1):
        for line in page.splitlines():
            words = len(line.split())
            if words > room or not packs:
                packs.append([])
                room = PAPER_WORDS
            packs[-1].append((number, line))
            room -= words
    return [Piece("\n".join(line for _, line in pack), (pack[0][0], pack[-1][0])) for pack in packs]


SYSTEMS = {"Footnote": footnote, "pypdf, page by page": by_pypdf, "pdfium, page by page": by_pdfium}


def holds(pieces: list[Piece], text: str, fold: Callable[[str], str], joint: str) -> bool:
    """Whether one piece or two neighbours hold a text, both folded."""
    folded = [fold(piece.text) for piece in pieces]
    wanted = fold(text)
    return any(wanted in one for one in folded) or any(wanted in one + joint + two for one, two in pairwise(folded))


def measure(system: str, papers: list[Path], gold: dict[str, Any]) -> Layout:
    """Read papers with one of SYSTEMS, several times, and look for the gold in them."""
    read = SYSTEMS[system]
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        cuts = {path.stem: read(path) for path in papers}
        seconds.append(time.process_time() - start)
    pieces = {paper: cut() for paper, cut in cuts.items()}
    strict = [holds(pieces[pair["paper"]], pair["text"], spaced, " ") for pair in gold["pairs"]]
    lenient = [holds(pieces[pair["paper"]], pair["text"], letters, "") for pair in gold["pairs"]]
    heard = [
        f"{noise['paper']}, page {noise['page']}: {noise['noise']}"
        for noise in gold["noise"]
        if any(
            spaced(noise["noise"]) in spaced(piece.text)
            for piece in pieces[noise["paper"]]
            if piece.pages[0] <= noise["page"] <= piece.pages[1]
        )
    ]
    missed = [
        f"{pair['paper']}, page {pair['page']}, over a {pair['break']}{' (not even its letters)' * (not loosely)}: "
        f"{pair['text']}"
        for pair, found, loosely in zip(gold["pairs"], strict, lenient, strict=True)
        if not found
    ]
    return Layout(
        system=system,
        pairs=len(gold["pairs"]),
        strict=statistics.mean(strict),
        lenient=statistics.mean(lenient),
        noise=len(heard),
        speed=sum(len(pypdfium2.PdfDocument(path)) for path in papers) / statistics.median(seconds),
        missed=tuple(missed),
        heard=tuple(heard),
    )


def layouts(shared: Path = SHARED) -> list[Layout]:
    """Every system on the shared papers."""
    gold = json.loads((shared / "gold" / "papers_layout_dev.json").read_text(encoding="utf-8"))
    papers = sorted((shared / "papers").glob("*.pdf"))
    return [measure(system, papers, gold) for system in SYSTEMS]


def table(figures: list[Layout]) -> list[str]:
    """The figures as lines of Markdown."""
    return [
        *heads("system", "pairs whole", "letters alone", "noise", "pages a second"),
        *(row(f.system, f"{f.strict:.1%}", f"{f.lenient:.1%}", f.noise, f"{f.speed:.0f}") for f in figures),
    ]


def main() -> None:
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it says much of fonts and nothing of results
    figures = layouts(*map(Path, sys.argv[1:2]))
    sys.stdout.write("\n".join(table(figures)) + "\n")
    wrong = [f"not whole: {text}" for text in figures[0].missed] + [f"noise: {text}" for text in figures[0].heard]
    sys.stderr.write("".join(f"{line}\n" for line in wrong))


if __name__ == "__main__":
    main()
