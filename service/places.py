"""The text at a place that a citation names, with what stands around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from indexer.errors import InputError, SourceError
from indexer.records import StoredDocument
from indexer.status import is_stale
from indexer.types import DocumentKind, Lines
from service.addresses import address_of, address_of_lines
from service.files import read_note
from service.sheets import Paragraph, text_of

if TYPE_CHECKING:
    from service.desk import Desk

AROUND = 10
"""So many lines before and after a place are read with it."""

MOST_LINES = 400
"""So many lines of a note are read at once."""

_LINK = re.compile(
    r"/(?:notes|papers)/(?P<id>\d{1,18})(?:\?(?:lines=(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?)?"
    r"(?:page=(?P<page>\d{1,9}))?[^#]*)?(?:#.*)?"
)
_LINES = re.compile(r"(?P<name>.+):(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?", re.DOTALL)
_PAGE = re.compile(r"(?P<name>.+?)(?: \(v\d+\))?, (?:p\. (?P<page>\d{1,9})(?:-\d+)?|abstract)", re.DOTALL)
_VERSION = re.compile(r"(?P<name>.+?)(?P<version>v\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of a document: lines `first` to `last` of the `of` that a note has, or a page of a paper.

    A paper of which there is only the abstract has 0 pages. `text` has the lines of a note as they are on disk now, and
    of a paper what stands on the page, a paragraph a line. `link` is the page of the browser that shows it; `stale`
    says that the file has changed since it was indexed.
    """

    kind: DocumentKind
    title: str
    file: str | None
    paper: str | None
    version: str | None
    unit: Literal["lines", "pages"]
    first: int
    last: int
    of: int
    text: str
    link: str
    stale: bool


def read(
    desk: Desk,
    place: str,
    *,
    lines: Lines | None = None,
    page: int | None = None,
    around: int = AROUND,
    most: int = MOST_LINES,
) -> Reading:
    """Read a place in a note or a paper.

    `place` is one as it is written under an answer (`optimisers.md:25-26`, `1512.03385v1, p. 3`), the `link` of a
    citation, or the path of a file or the id of a paper alone; `lines` and `page` say where in it, else it begins at
    the beginning. No more than `most` lines are read. Raises InputError where the library has no such place,
    SourceError where its file cannot be read.
    """
    document, stated, stated_page = _find(desk, place.strip())
    if document.failure:
        raise SourceError(f"{document.file}: {document.failure}")
    if document.kind == "note":
        return _read_lines(desk, document, lines or stated, around, most)
    return _read_page(desk, document, page or stated_page or min(1, document.pages))


def _read_lines(desk: Desk, document: StoredDocument, lines: Lines | None, around: int, most: int) -> Reading:
    note = read_note(document, max_bytes=desk.settings.max_file_bytes)
    count = len(note.lines)
    first, last = (lines[0] - around, lines[1] + around) if lines else (1, count)
    if lines and not 1 <= lines[0] <= lines[1]:
        raise InputError(
            f"lines {lines[0]} to {lines[1]} are none; lines count from 1, and the first is not after the last"
        )
    if lines and lines[0] > count:
        raise InputError(f"{document.file} has {count} lines, and no line {lines[0]}; name one that it has")
    first = max(first, 1)
    last = min(last, count, first + most - 1)
    return Reading(
        kind="note",
        title=document.title,
        file=document.file,
        paper=None,
        version=None,
        unit="lines",
        first=first,
        last=last,
        of=count,
        text="\n".join(note.lines[first - 1 : last]),
        link=address_of_lines(document, (first, last)) if count else address_of(document),
        stale=note.stale,
    )


def _read_page(desk: Desk, document: StoredDocument, page: int) -> Reading:
    if page > document.pages:
        has = f"{document.pages} pages" if document.pages else "only an abstract here"
        raise InputError(f"{document.title} has {has}, and no page {page}; name one that it has")
    passages = [stored.passage for stored in desk.passages_of(document.id)]
    return Reading(
        kind="paper",
        title=document.title,
        file=None if document.fetched else document.file,
        paper=document.paper,
        version=document.version,
        unit="pages",
        first=page,
        last=page,
        of=document.pages,
        text="\n".join(_lines(list(text_of(passages, (), page or None)))),
        link=f"{address_of(document)}?page={page}" if page else address_of(document),
        stale=is_stale(document),
    )


def _lines(paragraphs: Sequence[Paragraph]) -> list[str]:
    found: list[str] = []
    for paragraph in paragraphs:
        if paragraph.heading:
            found += ["", f"## {paragraph.heading}", ""] if found else [f"## {paragraph.heading}", ""]
        found.append(("\n" if paragraph.rows else " ").join(text for text, _ in paragraph.spans))
    return found


def _find(desk: Desk, place: str) -> tuple[StoredDocument, Lines | None, int | None]:
    """The document of a place, with the lines or the page that it names."""
    if match := _LINK.fullmatch(place):
        if document := desk.document(int(match["id"])):
            return document, _numbers(match), int(match["page"]) if match["page"] else None
        raise InputError(f"the library has no document {match['id']}; search again: it was indexed anew")
    documents = desk.documents()
    for pattern in (_LINES, _PAGE):
        if (match := pattern.fullmatch(place)) and (found := _named(documents, match["name"])):
            lines = _numbers(match) if pattern is _LINES else None
            return found, lines, int(match["page"]) if pattern is _PAGE and match["page"] else None
    if found := _named(documents, place):
        return found, None, None
    raise InputError(f"the library has nothing by the name {place!r}; name a file or a paper as a citation does")


def _numbers(match: re.Match[str]) -> Lines | None:
    return (int(match["first"]), int(match["last"] or match["first"])) if match["first"] else None


def _named(documents: Sequence[StoredDocument], name: str) -> StoredDocument | None:
    """The document of that path, end of a path, id on arXiv or title; raise InputError where it is one of several."""
    name = name.removeprefix("arXiv:").removeprefix("./")
    match = _VERSION.fullmatch(name)
    identifier, version = (match["name"], match["version"]) if match else (name, None)
    papers = [one for one in documents if one.paper and one.paper == identifier]
    if papers:  # of several versions the one that is named, else the newest
        return max(
            papers, key=lambda one: (one.version == version, one.pages > 0, int((one.version or "v0")[1:]), -one.id)
        )
    ends = f"/{name}"
    for found in (
        [one for one in documents if one.file == name],
        [one for one in documents if one.file.endswith(ends) or one.place == name],
        [one for one in documents if one.title.casefold() == name.casefold()],
    ):
        if len(found) > 1:
            paths = " and ".join(one.place for one in found[:3])
            raise InputError(f"{name!r} may be {paths}; write the path of the one that is meant")
        if found:
            return found[0]
    return None
