"""The papers of a library as a bibliography has them, and as BibTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from indexer.records import StoredDocument, StoredPaper
from service.addresses import address_on_arxiv
from service.types import Citation
from service.vocabulary import STOP_WORDS


@dataclass(frozen=True, slots=True)
class Work:
    """A paper that the library holds. `key` names it in a bibliography: author, year and a word of the title.

    `published` is a day, a month or a year, `2017-06-12` or shorter; `paper` is the id on arXiv and `version` the one
    that the library has; `url` is where another was fetched from, `file` where one lies among the notes. `document_id`
    is the document that is it.
    """

    key: str
    title: str
    authors: tuple[str, ...]
    published: str | None
    paper: str | None
    version: str | None
    url: str | None
    file: str | None
    document_id: int

    @property
    def year(self) -> str | None:
        """The year of the first version: as arXiv has it, else as the id says, else as the PDF does."""
        return self.published[:4] if self.published else None

    @property
    def address(self) -> str | None:
        """Where it is on the network."""
        return address_on_arxiv(self.paper, self.version) if self.paper else self.url


def works(papers: Iterable[StoredPaper], documents: Iterable[StoredDocument]) -> list[Work]:
    """The papers that a library holds, each once, by their keys.

    A key does not change when other papers come, but where two would have the same: then the one that was on arXiv
    first has it, and those after it a letter more.
    """
    known = {paper.document_id: paper for paper in papers if paper.document_id is not None}
    found: dict[str, Work] = {}
    held = (one for one in documents if one.kind == "paper" and one.failure is None)
    for document in sorted(held, key=lambda one: (one.paper or "~", int((one.version or "v0")[1:]), one.pages, one.id)):
        work = _work(document, known.get(document.id))
        same = found.get(document.paper or document.place)
        if same and not work.authors:  # what arXiv says of one version is said of all
            work = replace(work, authors=same.authors, published=same.published, title=same.title)
        found[document.paper or document.place] = work
    named = dict[str, int]()
    result = []
    for work in found.values():
        key = _key(work)
        named[key] = named.get(key, 0) + 1
        result.append(replace(work, key=key + _letters(named[key] - 1)))
    return sorted(result, key=lambda work: work.key)


def _work(document: StoredDocument, paper: StoredPaper | None) -> Work:
    return Work(
        key="",
        title=" ".join(((paper and paper.title) or document.title).split()),
        authors=paper.authors if paper else (),
        published=(paper and paper.published) or _year_of(document.paper) or document.date,
        paper=document.paper,
        version=document.version,
        url=document.url,
        file=None if document.fetched else document.file,
        document_id=document.id,
    )


def _year_of(identifier: str | None) -> str | None:
    """The year that an id on arXiv says: 1706.03762, hep-th/9901001."""
    match = re.match(r"(?:.*/)?(\d\d)\d\d", identifier or "")
    return match and f"{'19' if match[1] > '90' else '20'}{match[1]}"


def cited(works: Sequence[Work], citations: Iterable[Citation]) -> list[Work]:
    """The papers that citations are from, in the version that they cite, by their keys."""
    by_paper = {work.paper: work for work in works if work.paper}
    by_file = {work.file: work for work in works if work.file}
    found = {}
    for citation in citations:
        if citation.kind == "paper":
            work = by_paper.get(citation.paper or "") or by_file.get(citation.file or "")
            work = work or next((one for one in works if one.title == citation.title), None)
            if work:
                found[work.key] = replace(work, version=citation.version or work.version)
    return [found[key] for key in sorted(found)]


# -------------------------------------------------------------------------------------------------------- keys

_JUNIOR = frozenset(("jr", "sr", "ii", "iii", "iv"))
_LETTERS = str.maketrans({
    "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i",
})  # fmt: skip
"""Letters that do not come apart into one of ASCII and a mark."""


def _key(work: Work) -> str:
    names = [name for name in _words(work.authors[0]) if name.lower() not in _JUNIOR] if work.authors else []
    words = [word.lower() for word in _words(work.title)]
    word = next((word for word in words if word not in STOP_WORDS and not word.isdecimal()), "")
    year = work.year or ""
    if names or word:
        return f"{names[-1].lower()}{year}{word}" if names else f"{word}{year}"
    return "paper" + (re.sub(r"\W", "", work.paper or "") or str(work.document_id))


def _words(text: str) -> list[str]:
    """The words of a text in letters and digits of ASCII; hyphens and apostrophes join what they stand between."""
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    ascii_only = "".join(char for char in apart if char.isascii())
    return re.findall(r"[A-Za-z0-9]+", re.sub(r"(?<=\w)['’-](?=\w)|\$[^$]*\$|\\[A-Za-z]+|[\\{}\"'`^~]", "", ascii_only))


def _letters(number: int) -> str:
    """Nothing, b, c, …, z, ba, …"""
    letters = ""
    while number:
        number, rest = divmod(number, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


# ------------------------------------------------------------------------------------------------------ BibTeX


def bibtex(works: Iterable[Work]) -> str:
    """A file of BibTeX in UTF-8, an entry a paper, with the fields that arXiv gives and the version."""
    return "\n".join("\n".join(_entry(work)) + "\n" for work in works)


def _entry(work: Work) -> Iterator[str]:
    fields: Mapping[str, str | None] = {
        "title": _title(work.title),
        "author": " and ".join(map(_author, work.authors)) or None,
        "year": work.year,
        "eprint": work.paper,
        "archivePrefix": "arXiv" if work.paper else None,
        # only old ids say their class: hep-th/9901001
        "primaryClass": work.paper.partition("/")[0] if work.paper and "/" in work.paper else None,
        "version": (work.version or "").removeprefix("v") or None,
        "doi": f"10.48550/arXiv.{work.paper}" if work.paper else None,
        "url": _address(work.address) if work.address else None,
    }
    yield f"@misc{{{work.key},"
    for name, value in fields.items():
        if value:
            yield f"  {name} = {{{value}}},"
    yield "}"


_WRITTEN = re.compile(
    r"(?P<math>\$[^$]+\$)|(?P<accent>\\[`'^\"~=.](?:[A-Za-z]|\{[A-Za-z]\})|\\[uvHtcdbkr]\{[A-Za-z]\})"
    r"|(?P<space>\s+)|(?P<word>[^\s$\\]+|.)",
    re.DOTALL,
)
"""What stays as its authors typed it, formulas and accents, and what is text."""

_SPECIAL = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
})  # fmt: skip
"""Braces by name: BibTeX counts those that are escaped as well."""

_ACTS = re.compile(
    r"\^\^|\\(?:input|include|read|write|open|close|immediate|special|directlua|catcode|active|csname|[egx]?def|let|future"
    r"|global|new|renew|provide|expandafter|loop|begin|usepackage|verbatiminput|lstinputlisting|aftergroup|every|output)"
)
"""What in a formula would do more than set it: reach files, change what commands mean, or write them otherwise."""

_CAPITALS = re.compile(r"(?<=[^\W_])(?=[^\W\d_])[^a-z\W\d_]|\d[^\W\d_]")
"""A capital within a word."""


_NO_PERSON = re.compile(r",|\b(?:and|collaboration|group|team)\b", re.IGNORECASE)


def _title(title: str) -> str:
    """A title for TeX; words with capitals inside are kept from styles that make titles small."""
    return "".join(_pieces(title, keep_capitals=not title.isupper()))


def _author(name: str) -> str:
    """A name for TeX, whole where BibTeX would take it apart otherwise than people do."""
    text = "".join(_pieces(name, keep_capitals=False))
    return f"{{{text}}}" if _NO_PERSON.search(name) else text


def _pieces(text: str, *, keep_capitals: bool) -> Iterator[str]:
    for found in _WRITTEN.finditer(text):
        piece = found[0]
        if found["math"] and _is_balanced(piece) and not _ACTS.search(piece):
            yield piece
        elif found["accent"]:
            yield f"{{{piece}}}"
        elif found["space"]:
            yield " "
        else:
            escaped = piece.translate(_SPECIAL)
            yield f"{{{escaped}}}" if keep_capitals and _CAPITALS.search(piece) else escaped


def _is_balanced(text: str) -> bool:
    """Whether all braces close, to BibTeX, which counts those that are escaped, and to readers that do not."""
    return "%" not in text and _closes(text) and _closes(_ESCAPED.sub("", text))


_ESCAPED = re.compile(r"\\.", re.DOTALL)


def _closes(text: str) -> bool:
    depth = 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            return False
    return depth == 0


def _address(address: str) -> str:
    """An address, which is no text: what would end a field or a line is percent-encoded."""
    return "".join(f"%{ord(char):02X}" if char in "{}\\ \n\r\t" else char for char in address)
