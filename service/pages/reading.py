"""The pages where a note or a paper is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from starlette.exceptions import HTTPException

from indexer.errors import SourceError
from indexer.records import StoredDocument
from indexer.status import is_stale
from indexer.types import Lines, pages_of
from service.addresses import (
    QUOTE,
    address_in_obsidian,
    address_in_vscode,
    address_of,
    address_of_arxiv_pdf,
    address_on_arxiv,
)
from service.current import check_page, find_document, find_note, open_desk
from service.files import Note
from service.links import links_of, resolver
from service.orgmode import as_markdown
from service.pages.frame import page_of, serve_page
from service.pictures import SANDBOX, open_picture, read_picture
from service.render import render
from service.sheets import cited_spans, sections, sheets, text_of

WINDOW = 2000
"""How many lines of its source a page shows at once."""

MOST_PLACES = 100
"""So many places of a note are marked at most."""

ZOOMS = (100, 125, 150, 200, 300, 400)
"""How large a page of a paper is shown, in per cent of the width that it fits."""


_LINES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_RENDERED = ("md", "markdown", "org")
_HERE = ("127.0.0.1", "::1")


def add(app: FastAPI) -> None:
    """Hang the pages on the service."""
    serve_page(app, "/notes/{document_id}", note_page)
    serve_page(app, "/papers/{document_id}", paper_page)
    app.add_api_route("/files/{document_id}/{file:path}", picture, methods=["GET", "HEAD"], include_in_schema=False)


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
    listed = open_desk(request).documents
    rendered = None
    if not view and document.format in _RENDERED:
        max_bytes = request.app.state.settings.max_file_bytes
        links = links_of(document, listed, request.app.state.pictures, max_bytes=max_bytes)
        lines_of_it = as_markdown(note.lines) if document.format == "org" else note.lines
        rendered = render(lines_of_it, links=links, cited=cited, title=document.title, number=document.id)
    return page_of(
        request,
        "note.html",
        resolve=resolver(listed, beside=document),
        document=document,
        address=address_of(document),
        elsewhere=_elsewhere(request, document, cited[0][0] if cited else 1),
        stale=note.stale,
        cited=cited,
        marked={n for first, last in cited for n in range(first, last + 1)} if rendered is None else (),
        body=None if rendered is None else Markup(rendered.html),  # noqa: S704 - sanitised by `render`
        headings=rendered.headings if rendered else (),
        may_render=document.format in _RENDERED and not (view == "" and rendered is None),
        source=_window(note, cited[0][0] if cited else at) if rendered is None else None,
        related=list({one.link: one for one in open_desk(request).related(document)}.values()),
    )


def picture(request: Request, document_id: int, file: str) -> Response:
    """Serve a picture that lies beside a note: `file` is its path from the note's root."""
    document = find_document(request, document_id)
    if document.kind != "note":
        raise HTTPException(HTTPStatus.NOT_FOUND, f"document {document_id} is a paper, and has no pictures beside it")
    try:
        found = open_picture(document, file)
        headers = {
            "ETag": f'"{found.stamp}"',
            "Cache-Control": "private, no-cache",
            "Content-Security-Policy": SANDBOX,
        }
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(read_picture(found), media_type=found.media_type, headers=headers)
    except SourceError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error


def paper_page(
    request: Request,
    document_id: int,
    page: Annotated[int | None, Query(ge=1, le=10**9)] = None,
    sentences: str = "",
    zoom: Annotated[int, Query(ge=100, le=400)] = 100,
) -> Response:
    """Show a page of a PDF with the words marked that are cited, and what there is to know of the paper."""
    desk = open_desk(request)
    document = find_document(request, document_id)
    if document.kind == "note":
        return RedirectResponse(address_of(document))
    passages = [stored.passage for stored in desk.passages_of(document_id)]
    cited = cited_spans(passages, next(iter(_cited(sentences, 10**9)), None), page)
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
        elsewhere=_elsewhere(request, document, page),
        zoom=min(ZOOMS, key=lambda step: abs(step - zoom)),
        zooms=ZOOMS,
        asked=f"&sentences={sentences}" if cited else "",
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


def _elsewhere(request: Request, document: StoredDocument, at: int) -> list[tuple[str, str]]:
    """Say where else a document can be opened at a line or page: words and addresses.

    Programs are offered only to who sits at this machine, Obsidian only for what lies in a vault of its.
    """
    found = []
    if request.client and request.client.host in _HERE and not document.fetched and not document.url:
        if any((folder / ".obsidian").is_dir() for folder in document.path.parents):
            found.append(("Obsidian", address_in_obsidian(document.path)))
        if document.kind == "note":
            found.append(("VS Code", address_in_vscode(document.path, at)))
    if document.paper:
        found.append(("arXiv", address_on_arxiv(document.paper, document.version)))
        found.append((f"PDF, page {at}", address_of_arxiv_pdf(document.paper, document.version, at)))
    if document.url:
        found.append(("where it was fetched from", document.url))
    return found


def _cited(lines: str, count: int) -> tuple[Lines, ...]:
    """Read `a-b` or `a`, or several with commas between, as lines that the file has; others are left out."""
    found = []
    for match in filter(None, map(_LINES.fullmatch, lines.split(",")[:MOST_PLACES])):
        first, last = int(match[1]), int(match[2] or match[1])
        if 1 <= first <= min(last, count):
            found.append((first, min(last, count)))
    return tuple(sorted(found))
