"""arXiv references in what people write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.types import Document

_SITES = (
    r"(?:(?:www\.|export\.|browse\.)?arxiv\.org|ar5iv(?:\.labs\.arxiv)?\.org|(?:www\.)?alphaxiv\.org|huggingface\.co)"
)
_NEW = r"(?P<new>\d{4}\.\d{4,5})"
_OLD = r"(?P<old>[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?/\d{7})"
_IDENTIFIER = rf"(?:{_NEW}|{_OLD})(?P<version>v\d+)?(?![\d/])"
_REFERENCE = re.compile(
    rf"(?:(?:https?://|(?<![\w./-])){_SITES}/(?:abs|pdf|html|format|papers|overview)/|\barxiv:\s?|\b10\.48550/arxiv\.)"
    rf"{_IDENTIFIER}",
    re.IGNORECASE,
)
_BARE = re.compile(rf"[\[(]?{_IDENTIFIER}(?:\s*\[[\w.-]+\])?[\])]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PaperReference:
    """An arXiv paper that a document names: its id, the version named ("v3") or None, and the 1-based line."""

    identifier: str
    version: str | None
    line: int


def paper_references(document: Document) -> list[PaperReference]:
    """The arXiv papers that a document names, in its text, its links or as the whole text of a link, line by line.

    Each id and version is given once a line.
    """
    links = [*document.links, *(link for block in document.blocks for link in block.links)]
    found = {(n, *reference) for n, line in enumerate(document.source_lines, 1) for reference in references(line)}
    for link in links:
        bare = _BARE.fullmatch(link.text.strip())
        named = _named(bare) if bare else None
        found |= {(link.line, *reference) for reference in (*references(link.target), *([named] if named else []))}
    rows = sorted(found, key=lambda row: (row[0], row[1], row[2] or ""))
    return [PaperReference(identifier, version, line) for line, identifier, version in rows]


def references(text: str) -> Iterator[tuple[str, str | None]]:
    """The arXiv ids named in a text, each with the version named ("v3") or None, in order."""
    for match in _REFERENCE.finditer(text):
        if named := _named(match):
            yield named


def arxiv_ids(text: str) -> list[str]:
    """The arXiv ids named in a text, without versions, each once, in order."""
    return list(dict.fromkeys(identifier for identifier, _ in references(text)))


def _named(match: re.Match[str]) -> tuple[str, str | None] | None:
    """The id and version in a match; None when arXiv gives no such ids: a month of 01 to 12, five digits since 2015."""
    new, old = match["new"], match["old"]
    month = int(new[2:4] if new else old.rpartition("/")[2][2:4])
    if not 1 <= month <= 12 or (new and len(new) != (9 if new[:4] < "1501" else 10)):
        return None
    return new or old.lower(), match["version"].lower() if match["version"] else None
