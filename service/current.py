"""What a request can reach of the running service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

from fastapi import Depends, FastAPI, Request
from starlette.exceptions import HTTPException

from indexer.records import StoredDocument
from indexer.settings import Settings
from service.addresses import address_of
from service.door import check_admin
from service.files import Note, read_note
from service.schemas import AskRequest
from service.turns import Joined, Turns
from service.types import Answer, AnsweredQuestion

if TYPE_CHECKING:
    from service.desk import Desk

Made = TypeVar("Made")


def open_desk(request: Request) -> Desk:
    """Give the desk of the running service; raise what keeps it from being open."""
    return desk_of(request.app)


def desk_of(app: FastAPI) -> Desk:
    """Give the desk of a service; raise what keeps it from being open."""
    desk: Desk | None = app.state.desk
    if desk is None:
        raise app.state.trouble
    return desk


async def in_turn(request: Request, function: Callable[..., Made], *arguments: object, **options: object) -> Made:
    """What a function gives that asks the desk, when it is its turn; raise ServiceError where too many wait."""
    turns: Turns = request.app.state.turns
    return await turns.take(partial(function, *arguments, **options), gone=partial(_gone, request))


async def dump(request: Request) -> tuple[AnsweredQuestion, ...]:
    """The items of the question dumps: who waits for them needs no thread, and all who wait get the same."""
    dumps: Joined[tuple[AnsweredQuestion, ...]] = request.app.state.dumps
    return await dumps.get()


Dump: TypeAlias = Annotated[tuple[AnsweredQuestion, ...], Depends(dump)]
"""What a route wants that shows the question dumps."""


async def _gone(request: Request) -> None:
    """Return when whoever asks has gone away. The body has been read by then."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def begin(request: Request, body: AskRequest) -> Iterator[Answer]:
    """Begin to answer, while what cannot be answered can still be said with a status of its own."""
    if body.writer == "chat":  # which may cost something
        check_admin(request)
    filters = body.filters.read() if body.filters else ()
    return open_desk(request).stream(body.question, k=body.k, filters=filters, writer=body.writer)


async def begun(request: Request, body: AskRequest) -> Iterator[Answer]:
    """Begin to answer when it is its turn. Waiting for a chat model's words takes nobody's."""
    return await in_turn(request, begin, request, body)


def find_document(request: Request, document_id: int) -> StoredDocument:
    """Give the document of that number; raise HTTP 404 where there is none."""
    # numbers beyond SQLite's integers name no document either
    found = open_desk(request).document(document_id) if 0 < document_id < 2**63 else None
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"the library has no document {document_id}; /library lists all")
    return found


def find_paper(request: Request, name: str) -> StoredDocument:
    """Give a paper by its number, or by its id on arXiv with or without a version; raise HTTP 404 where there is none.

    Of several, one whose pages are there is taken, and of these the newest.
    """
    if re.fullmatch(r"[0-9]{1,18}", name):
        document = find_document(request, int(name))
        if document.kind == "paper":
            return document
        raise HTTPException(HTTPStatus.NOT_FOUND, f"document {name} is a note, and has no pages; see {document.file}")
    identifier, version = re.fullmatch(r"(.*?)(v[0-9]+)?", name, re.DOTALL).groups()  # type: ignore[union-attr]
    held = open_desk(request).documents_of_paper(identifier)
    matching = [paper for paper in held if version in (None, paper.version)]
    if not matching:
        others = " and ".join(sorted({paper.version or "a version that it does not say" for paper in held}))
        but = f", but has {others} of it" if others else "; /library lists all"
        raise HTTPException(HTTPStatus.NOT_FOUND, f"the library has no paper {name}{but}")
    return max(matching, key=lambda paper: (paper.pages > 0, int((paper.version or "v0")[1:]), -paper.id))


def check_page(paper: StoredDocument, page: int) -> None:
    """Raise HTTP 404 where a paper has no such page."""
    if paper.failure:
        detail = f"{paper.file}: {paper.failure}"
    elif not paper.pages:
        detail = f"{paper.title}: the library has the abstract only, and no pages; {address_of(paper)} says why"
    elif not 1 <= page <= paper.pages:
        detail = f"{paper.title}: there is no page {page}, the last one is {paper.pages}"
    else:
        return
    raise HTTPException(HTTPStatus.NOT_FOUND, detail)


def find_note(request: Request, document: StoredDocument) -> Note:
    """Give the lines of a note; raise SourceError where it is unreadable."""
    settings: Settings = request.app.state.settings
    return read_note(document, max_bytes=settings.max_file_bytes)
