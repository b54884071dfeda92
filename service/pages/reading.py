"""The pages where a note or a paper is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from indexer.status import is_stale
from indexer.types import Lines, pages_of
from service.addresses import QUOTE, address_of
from service.current import check_page, find_document, find_note, open_desk
from service.files import Note
from service.links import resolver
from service.pages.frame import page_of, serve_page
from service.render import render
from service.sheets import cited_spans, sections, sheets, text_of

WINDOW = 2000
"""How many lines of its source a page shows at once."""


_LINES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_RENDERED = ("md", "markdown")


def add(app: FastAPI) -> None:
    """Hang the pages on the service."""
    serve_page(app, "/notes/{document_id}", note_page)
    serve_page(app, "/papers/{document_id}", paper_page)


def note_page(
    request: Request,
    document_id: int,
    lines: str = "",
    view: Literal["", "source"] = "",
    at: Annotated[int, Query(ge=1, le=10**9)] = 1,
) -> Response:
    """Show a note with its cited lines marked, rendered or as its source from line `at`."""
    document = find_document(request, document_id)
    if document.kind == "paper":
        return RedirectResponse(address_of(document))
    note = find_note(request, document)
    cited = _cited(lines, len(note.lines))
    resolve = resolver(open_desk(request).documents, beside=document)
    body = None
    if not view and document.format in _RENDERED:
        body = render(note.lines, resolve=resolve, cited=cited, title=document.title)
    return page_of(
        request,
        "note.html",
        resolve=resolve,
        document=document,
        address=address_of(document),
        stale=note.stale,
        cited=cited,
        body=None if body is None else Markup(body),  # noqa: S704 - sanitised by `render`
        may_render=document.format in _RENDERED and not (view == "" and body is None),
        source=_window(note, cited[0] if cited else at) if body is None else None,
        related=list({one.link: one for one in open_desk(request).related(document)}.values()),
    )


def paper_page(
    request: Request,
    document_id: int,
    page: Annotated[int | None, Query(ge=1, le=10**9)] = None,
    sentences: str = "",
) -> Response:
    """Show a page of a PDF with the words marked that are cited, and what there is to know of the paper."""
    desk = open_desk(request)
    document = find_document(request, document_id)
    if document.kind == "note":
        return RedirectResponse(address_of(document))
    passages = [stored.passage for stored in desk.passages_of(document_id)]
    cited = cited_spans(passages, _cited(sentences, 10**9), page)
    on = pages_of(cited)
    page = page or (on[0] if on else 1)
    if document.pages:
        check_page(document, page)
    shown = sheets(document, request.app.state.drawings, passages, cited, page) if document.pages else []
    return page_of(
        request,
        "paper.html",
        document=document,
        address=address_of(document),
        paper=desk.paper_of(document),
        stale=is_stale(document),
        related=desk.related(document),
        sections=sections(passages),
        quote=" ".join(span.text for span in cited),
        fragment=QUOTE,
        sheets=shown,
        text=[] if shown else list(text_of(passages, cited, None)),
        before=page - 1,
        after=0 if page + len(shown) > document.pages else page + len(shown),
    )


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the lines of a file, and the first lines of those before and after it."""

    first: int
    lines: Sequence[str]
    before: int | None
    after: int | None


def _window(note: Note, line: int) -> Window:
    start = min(max(line - 1, 0), max(len(note.lines) - 1, 0)) // WINDOW * WINDOW
    end = start + WINDOW
    return Window(
        first=start + 1,
        lines=note.lines[start:end],
        before=start - WINDOW + 1 if start else None,
        after=end + 1 if end < len(note.lines) else None,
    )


def _cited(lines: str, count: int) -> Lines | None:
    """Read `a-b` or `a` as lines that the file has; None where that is no range of them."""
    match = _LINES.fullmatch(lines)
    if not match:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, min(last, count)) if 1 <= first <= min(last, count) else None
