"""Real papers and broken files, where they are."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from indexer.errors import SourceError
from indexer.parsing.pdf import parse
from indexer.types import Document, PaperId, Source

SHARED = Path(__file__).resolve().parents[2] / "shared"
PAPERS, HARD = SHARED / "papers", SHARED / "pdfs_hard"
pytestmark = pytest.mark.skipif(not PAPERS.is_dir(), reason="needs the shared papers")


def read(path: Path) -> Document:
    data = path.read_bytes()
    return parse(Source(path.parent, path.name, data, sha256(data).hexdigest(), 7))


def folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


@pytest.fixture(scope="module")
def papers() -> dict[str, Document]:
    return {path.stem: read(path) for path in sorted(PAPERS.glob("*.pdf"))}


@pytest.fixture(scope="module")
def gold() -> dict[str, list[dict[str, str | int]]]:
    return json.loads((SHARED / "gold" / "papers_layout_dev.json").read_text())


def test_sentences_over_lines_columns_and_pages_are_whole(papers, gold):
    prose = {
        paper: [folded(block.text) for block in document.blocks if block.kind in ("paragraph", "item")]
        for paper, document in papers.items()
    }
    missing = [
        pair["text"]
        for pair in gold["pairs"]
        if not any(
            folded(pair["text"]) in text
            for found in [prose[pair["paper"]]]
            for text in (*found, *(a + b for a, b in pairwise(found)))
        )
    ]
    assert missing == []


def test_noise_is_in_no_block(papers, gold):
    found = [
        (noise["noise"], block.text)
        for noise in gold["noise"]
        for block in papers[noise["paper"]].blocks
        if noise["page"] in block.places[:, 0] and noise["noise"] in " ".join(block.text.split())
    ]
    assert found == []


def test_papers_say_which_they_are(papers):
    for name, document in papers.items():
        assert document.paper is not None
        assert document.paper.identifier == name
        assert document.title is not None
        assert document.title == document.blocks[0].text
    assert papers["1706.03762"].paper == PaperId("1706.03762", "v5")


def test_sections_are_in_order(papers):
    for document in papers.values():
        tops = [int(match[1]) for block in document.blocks if block.kind == "heading" and block.depth == 1
                and (match := re.match(r"(\d+)\.? [A-Z]", block.text))]  # fmt: skip
        assert tops == sorted(set(tops))
        assert len(tops) >= 4
        entries = [block for block in document.blocks if block.kind == "reference"]
        assert {block.headings[-1].lower().partition(" ")[0] for block in entries} <= {
            "references", "acknowledgments", "acknowledgements",
        }  # fmt: skip
        assert len(entries) >= 9


def test_places_are_where_pdfium_has_the_words(papers):
    for name in ("1512.03385", "2106.09685"):
        with pypdfium2.PdfDocument(PAPERS / f"{name}.pdf") as pdf:
            pages = [page.get_textpage() for page in pdf]
            checked = wrong = 0
            for block in papers[name].blocks:
                assert block.places.shape == (len(block.text), 5)
                if block.kind != "paragraph":
                    continue
                for word in list(re.finditer(r"(?<= )[a-z]{4,}(?= )", block.text))[::9]:
                    places = block.places[word.start() : word.end()]
                    if len(np.unique(places[:, 2])) > 1:
                        continue
                    box = (
                        places[:, 1].min() + 0.5,
                        places[:, 2].min() + 2,
                        places[:, 3].max() - 0.5,
                        places[:, 4].max() - 2,
                    )
                    found = pages[int(places[0, 0]) - 1].get_text_bounded(*map(float, box))
                    checked, wrong = checked + 1, wrong + (word.group() not in found)
            for page in pages:
                page.close()
        assert checked > 200
        assert wrong <= 0.01 * checked


OUTCOMES = {
    "bomb_giant": "GIANT JBIG2 BOMB",
    "crazyones-encrypted-256": SourceError("encrypted with a password; save a copy without one"),
    "habibi": "habibi",
    "html_as_pdf": SourceError("a web page (HTML) with the name of a PDF; download the PDF itself"),
    "invalid": SourceError("a PDF that is damaged beyond repair; fetch or copy it again"),
    "lfs_pointer": SourceError("a git-LFS pointer, not the PDF itself; run `git lfs pull`"),
    "linn": SourceError("its 1 page holds no text: a scan; have its text recognised (OCR)"),
    "multicolumn": "Two-Column Document with Lorem Ipsum",
    "no_contents": SourceError("its 1 page holds no text: a scan; have its text recognised (OCR)"),
    "poppler-395-0-fuzzed": SourceError("a PDF that is damaged beyond repair; fetch or copy it again"),
    "r4-owner-password": "pdf encryption test",
    "r6-user-password": SourceError("encrypted with a password; save a copy without one"),
    "rotated_skew": SourceError("its 1 page holds no text: a scan; have its text recognised (OCR)"),
    "scan-bad": "pdf.js",
    "truncated_resnet": SourceError("a damaged PDF, cut off before its end; fetch or copy it again"),
    "xref_command_missing": "Reduced test-case",
    "zero_bytes": SourceError("an empty file; fetch or copy it again"),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_hard_files_are_read_or_said(name):
    expected = OUTCOMES[name]
    if isinstance(expected, str):
        assert expected in read(HARD / f"{name}.pdf").blocks[0].text
    else:
        with pytest.raises(SourceError, match=f"^{re.escape(str(expected))}$"):
            read(HARD / f"{name}.pdf")


def test_every_hard_file_has_an_outcome():
    assert sorted(path.stem for path in HARD.glob("*.pdf")) == sorted(OUTCOMES)
