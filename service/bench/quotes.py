"""Whether what is quoted stands where the citation says, found out without the code that makes citations.

A note is read as any editor reads it, and the lines of the citation are looked at. Of a paper, pdfium is asked which
characters have their middle in the boxes of the citation, one box after the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import pypdfium2
from numpy.typing import NDArray

from indexer.catalogue import Catalogue
from indexer.types import Box
from service.types import Citation

NEAR = 0.9
"""Of a quote that is not found letter by letter, at least such a share must stand at its place, in order."""

_OTHERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Quotes:
    """How many quotes were looked for, and what came of it.

    `exact` are found verbatim. `near` are those found but for single symbols, which the text layer of a PDF may hold
    as others than it shows (the big operators and script letters of TeX's fonts). `missing` are the first of the rest.
    Citations that say that their file has changed are not looked for.
    """

    checked: int
    exact: int
    near: int
    missing: tuple[str, ...]


@dataclass(slots=True)
class Checker:
    """Looks quotes up in the files of a library. A context manager: it keeps PDFs open."""

    catalogue: Catalogue
    exact: int = 0
    near: int = 0
    missing: list[str] = field(default_factory=list)
    _documents: dict[Path, pypdfium2.PdfDocument] = field(default_factory=dict)
    _pages: dict[tuple[Path, int], _Page] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for document in self._documents.values():
            document.close()

    def look(self, citations: Sequence[Citation]) -> None:
        """Look the quotes of an answer up."""
        for citation in citations:
            if citation.stale:
                continue
            share = max((_share(citation, text) for text in self._texts(citation)), default=0.0)
            if share == 1:
                self.exact += 1
            elif share >= NEAR:
                self.near += 1
            else:
                where = f"line {citation.lines[0]}" if citation.lines else f"page {(citation.pages or (0,))[0]}"
                self.missing.append(f"{citation.file or citation.paper}, {where}: {citation.quote}")

    def quotes(self, most: int = 20) -> Quotes:
        """What came of it, with at most so many of the missing ones."""
        checked = self.exact + self.near + len(self.missing)
        return Quotes(checked, self.exact, self.near, tuple(self.missing[:most]))

    def _texts(self, citation: Citation) -> Iterator[str]:
        """What stands at the place of a citation, in each file that it may mean."""
        if citation.lines:
            first, last = citation.lines
            for path in self._files(citation):
                lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
                yield " ".join(lines[first - 1 : last])
        elif citation.boxes:
            for path in self._files(citation):
                yield "".join(self._page(path, box.page).text_in(box) for box in citation.boxes)
        else:  # of a paper that could not be fetched there is what the library was told of it
            for document in self.catalogue.documents_of_paper(citation.paper or ""):
                yield from (stored.passage.text for stored in self.catalogue.passages_of(document.id))

    def _files(self, citation: Citation) -> Iterator[Path]:
        if citation.file is None:
            for document in self.catalogue.documents_of_paper(citation.paper or ""):
                if document.version == citation.version and document.path.is_file():
                    yield document.path
        else:
            paths = (Path(root) / citation.file for root in self.catalogue.roots())
            yield from (path for path in paths if path.is_file())

    def _page(self, path: Path, number: int) -> _Page:
        """The characters of a page, from 1."""
        if path not in self._documents:
            self._documents[path] = pypdfium2.PdfDocument(path)
        if (path, number) not in self._pages:
            self._pages[path, number] = _Page.read(self._documents[path], number)
        return self._pages[path, number]


@dataclass(frozen=True, slots=True)
class _Page:
    """The characters of a page and where the middle of each is, (characters, 2), in PDF points."""

    text: str
    middles: NDArray[np.float64]

    @classmethod
    def read(cls, document: pypdfium2.PdfDocument, number: int) -> Self:
        if not 0 < number <= len(document):
            return cls("", np.empty((0, 2)))
        layer = document[number - 1].get_textpage()
        count = layer.count_chars()
        text = "".join(chr(pypdfium2.raw.FPDFText_GetUnicode(layer, k)) for k in range(count))
        boxes = np.array([layer.get_charbox(k) for k in range(count)], dtype=float).reshape(-1, 2, 2)
        return cls(text, boxes.mean(axis=1))

    def text_in(self, box: Box) -> str:
        inside = ((self.middles >= (box.x0, box.y0)) & (self.middles <= (box.x1, box.y1))).all(axis=1)
        return "".join(self.text[k] for k in np.flatnonzero(inside))


def _share(citation: Citation, text: str) -> float:
    """How much of a quote stands in a text, in order.

    In a note every character counts, white space folded; on a page letters and digits, because spaces and hyphens at
    line ends are the page's, not the author's.
    """
    if citation.lines:
        quote = " ".join(citation.quote.split())
        return float(bool(quote) and quote in " ".join(text.split()))
    quote, letters = _letters(citation.quote), _letters(text)
    if not quote:
        return float(bool(citation.quote.strip()) and "".join(citation.quote.split()) in "".join(text.split()))
    if quote in letters:
        return 1.0
    blocks = SequenceMatcher(None, quote, letters, autojunk=False).get_matching_blocks()
    return min(sum(block.size for block in blocks) / len(quote), 1 - 1e-9)


@cache
def _letters(text: str) -> str:
    """The letters and digits of a text, without case, accents and ligatures."""
    return _OTHERS.sub("", unicodedata.normalize("NFKD", text)).casefold()
