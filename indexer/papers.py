"""The papers that a document names: those on arXiv by their ids, and PDFs elsewhere by their addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

from indexer.errors import InputError
from indexer.types import Document, Lines, PaperId, PaperLink

_ARCHIVES = (
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga|"
    "funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|physics|plasm-ph|"
    "q-alg|q-bio|quant-ph|solv-int|supr-con"
)
_SITES = (
    r"(?:(?:www|export|browse|[a-z]{2})\.)?arxiv\.org|ar5iv(?:\.labs\.arxiv)?\.org|(?:www\.)?ar5iv\.org|"
    r"(?:www\.)?alphaxiv\.org|(?:www\.)?huggingface\.co|hf\.co"
)
_PAGES = r"abs|pdf|html|format|ps|e-print|src|bibtex|papers?|overview|ftp/arxiv/papers/\d{4}"
_NEW = r"(?P<new>\d{4}\.\d{4,5})"
_OLD = rf"(?P<archive>{_ARCHIVES})(?:\.[a-z]{{2}})?(?:/|%2f)(?P<number>\d{{7}})"
_IDENTIFIER = rf"(?:{_NEW}|{_OLD})(?P<version>v[1-9]\d*)?(?!\d|/\d)"
_REFERENCE = re.compile(
    rf"(?:(?:https?://|(?<![\w./-]))(?:{_SITES})/(?:{_PAGES})/|\barxiv:\s?|\b10\.48550(?:/|%2f)arxiv\.){_IDENTIFIER}",
    re.IGNORECASE | re.ASCII,  # letters of other scripts may stand right beside it
)
_BARE = re.compile(rf"[\[(]?{_IDENTIFIER}(?:\s*\[[\w.-]+\])?[\])]?", re.IGNORECASE | re.ASCII)
_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}\[\]()，。；：、！？（）「」『』【】《》“”]+", re.IGNORECASE)
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def paper_links(document: Document) -> list[PaperLink]:
    """The papers that a document names in its text, its links or as the whole text of a link, line by line.

    Each is given once a line. An address of a PDF is given without its fragment, and only where it is not arXiv's; in
    code it is an example, and none.
    """
    lines = list(enumerate(document.source_lines, 1))
    links = [*document.links, *(link for block in document.blocks for link in block.links)]
    bare = [(link.line, match) for link in links if (match := _BARE.fullmatch(link.text.strip()))]
    named = {(n, paper) for n, line in lines for paper in references(line)}
    named |= {(link.line, paper) for link in links for paper in references(link.target)}
    named |= {(n, paper) for n, match in bare if (paper := _paper(match))}
    mute = {n for block in document.blocks if block.kind == "code" for n in _numbers(block.lines)}
    texts = [(n, match[0].rstrip(".,;:!?*_~")) for n, line in lines if n not in mute for match in _URL.finditer(line)]
    targets = [(link.line, link.target) for link in links]
    elsewhere = {(n, url) for n, text in targets + texts if (url := _pdf_elsewhere(text))}
    papers = sorted(named, key=lambda row: (row[0], row[1].identifier, row[1].version or ""))
    found = [PaperLink(n, paper=paper) for n, paper in papers] + [PaperLink(n, url=url) for n, url in sorted(elsewhere)]
    return sorted(found, key=lambda link: link.line)


def references(text: str) -> Iterator[PaperId]:
    """The arXiv papers named in a text, each with the version that is named or none, in order."""
    for match in _REFERENCE.finditer(text):
        if paper := _paper(match):
            yield paper


def arxiv_ids(text: str) -> list[str]:
    """The arXiv ids named in a text, without versions, each once, in order."""
    return list(dict.fromkeys(paper.identifier for paper in references(text)))


def paper_named(text: str) -> PaperLink:
    """The paper that a person names: an id of arXiv's, a link to it or to a mirror, or the address of a PDF.

    Raises InputError where it is none of these.
    """
    name = text.strip()
    paper = _paper(match) if (match := _BARE.fullmatch(name)) else next(references(name), None)
    if paper:
        return PaperLink(0, paper)
    if url := _pdf_elsewhere(name):
        return PaperLink(0, url=url)
    said = f"{name[:80]!r} names no paper" if name else "no paper was named"
    raise InputError(f"{said}; give an arXiv id like 1706.03762, a link to it, or the address of a PDF")


def is_arxiv_id(text: str) -> bool:
    """Tell whether a text is an id as arXiv gives them, as `references` says it."""
    match = re.fullmatch(_IDENTIFIER, text, re.ASCII)
    return match is not None and _paper(match) == PaperId(text)


def _paper(match: re.Match[str]) -> PaperId | None:
    """The paper in a match, or None where arXiv gives no such id.

    An id begins with year and month: until March 2007 of seven digits behind the archive (the subject class is no part
    of it), then with four digits behind the dot, since 2015 with five.
    """
    new, number = match["new"], match["number"]
    month = new[:4] if new else number[:4]
    if not "01" <= month[2:] <= "12":
        return None
    if new and (month < "0704" or len(new) != (9 if month < "1501" else 10)):
        return None
    if number and "0703" < month < "9107":
        return None
    return PaperId(new or f"{match['archive'].lower()}/{number}", match["version"] and match["version"].lower())


def _pdf_elsewhere(text: str) -> str | None:
    """The address of a PDF that is not arXiv's, without its fragment; None for everything else."""
    try:
        parts = urlsplit(quote(text, safe=_ASCII))
    except ValueError:
        return None
    is_pdf = parts.scheme in ("http", "https") and parts.netloc and unquote(parts.path).lower().endswith(".pdf")
    return parts._replace(fragment="").geturl() if is_pdf and not any(references(text)) else None


def _numbers(lines: Lines) -> range:
    return range(lines[0], lines[1] + 1)
