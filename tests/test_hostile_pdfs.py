"""PDFs that were made to do harm cost their own process some time and memory, and are answered in words."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hostile import HOSTILE
from stub_encoder import HashEncoder
from test_reader import processes

from indexer.build import build
from indexer.errors import SourceError
from indexer.reader import Reader
from indexer.rooted import Rooted
from indexer.settings import PaperSettings, Settings
from indexer.types import Source
from tests.arxiv_atom import small_pdf

SETTINGS = PaperSettings(read_seconds=30, read_bytes=250_000_000)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
GIVEN_UP = (
    r"(needed more than 250 MB of memory|took longer than \d+ s)\b.* FOOTNOTE_PDF_(BYTES|SECONDS) to give it more"
)
NO_TEXT = r"its \d pages? holds? no text: a scan; .*"
WORDS = r"Adam keeps two moments\."
READ = {
    "flate_bomb": GIVEN_UP,
    "nested_bomb": GIVEN_UP,
    "many_filters": WORDS,
    "run_length_bomb": NO_TEXT,
    "operators": GIVEN_UP,
    "letters": rf"{GIVEN_UP}|a{{200000}}",
    "page_tree_loop": NO_TEXT,
    "page_tree_depth": NO_TEXT,
    "million_pages": r"1,000,000 pages, more than 5,000; split it",
    "thousands_of_pages": r"5,001 pages, more than 5,000; split it",
    "huge_box": rf"{GIVEN_UP}|{WORDS}",
    "tiny_box": NO_TEXT,
    "giant_image": NO_TEXT,
    "claimed_image": NO_TEXT,
    "forms_in_circles": GIVEN_UP,
    "forms_that_double": GIVEN_UP,
    "brackets": NO_TEXT,
    "dictionaries": WORDS,
    "outline_loop": WORDS,
    "long_outline": WORDS,
    "bad_key": r"encrypted with a password; save a copy without one",
    "xref_loop": r"a PDF that is damaged beyond repair; fetch or copy it again",
    "stream_in_itself": WORDS,
    "functions": WORDS,
    "tiles": WORDS,
}
"""What is read of each, or why nothing is."""

DRAWN = {
    "flate_bomb": GIVEN_UP,
    "forms_that_double": GIVEN_UP,
    "giant_image": rf"{GIVEN_UP}|PNG",
    "huge_box": "PNG",
    "tiny_box": "PNG",
    "page_tree_loop": r"page 1 cannot be drawn: it is damaged; .*",
    "tiles": GIVEN_UP,
}
"""What becomes of drawing the first page of some."""


def source(name: str, data: bytes) -> Source:
    return Source(Path("/papers"), f"{name}.pdf", data, sha256(data).hexdigest(), 7)


@pytest.fixture(scope="module")
def reader():
    with Reader(SETTINGS, workers=2) as reading:
        yield reading


def test_every_one_is_tried():
    assert set(READ) == set(HOSTILE)


@LINUX
def test_reading_them_costs_a_process_at_most(reader):
    good = source("good", small_pdf("Residual connections carry the gradient."))
    asked = [one for name, make in HOSTILE.items() for one in (source(name, make()), good)]
    found = {}
    for given, read in reader.read_many(asked):
        said = str(read) if isinstance(read, SourceError) else read.blocks[0].text
        if given is good:
            assert said == "Residual connections carry the gradient."
        else:
            found[given.file.removesuffix(".pdf")] = said
    assert {name: said[:200] for name, said in found.items() if not re.fullmatch(READ[name], said)} == {}


@pytest.fixture(scope="module")
def hasty():
    """For what would go on and on."""
    with Reader(replace(SETTINGS, read_seconds=2), workers=1) as reading:
        yield reading


@LINUX
@pytest.mark.parametrize("name", sorted(DRAWN))
def test_drawing_them_costs_a_process_at_most(reader, hasty, tmp_path, name):
    drawing = hasty if DRAWN[name] == GIVEN_UP else reader
    (tmp_path / "a.pdf").write_bytes(HOSTILE[name]())
    try:
        said = drawing.draw(Rooted(str(tmp_path), "a.pdf"), 1)[1:4].decode()
    except SourceError as error:
        said = str(error)
    assert re.fullmatch(DRAWN[name], said), said
    assert len(processes(hasty)) <= 1
    assert len(processes(reader)) <= 2


@LINUX
def test_a_vault_with_a_bomb_is_indexed_but_for_the_bomb(tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "bomb.pdf").write_bytes(HOSTILE["nested_bomb"]())
    (notes / "good.pdf").write_bytes(small_pdf("Residual connections carry the gradient."))
    settings = Settings(library=tmp_path / "library", cache=tmp_path / "cache", papers=SETTINGS)
    report = build(settings.library, [notes], HashEncoder(), settings)
    ((file, reason),) = report.failures
    assert (file, bool(re.fullmatch(GIVEN_UP, reason))) == ("bomb.pdf", True)
    assert report.new == 1
