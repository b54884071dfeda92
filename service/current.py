"""What a request can reach of the running service."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException

from indexer.catalogue import StoredDocument
from indexer.settings import Settings
from service.notes import Note, read_note

if TYPE_CHECKING:
    from service.ask import Desk


def open_desk(request: Request) -> Desk:
    """Give the desk of the running service; raise what keeps it from being open."""
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise request.app.state.trouble
    return desk


def find_note(request: Request, document_id: int) -> tuple[StoredDocument, Note]:
    """Give a document and its lines; raise HTTP 404 where there is none, SourceError where it is unreadable."""
    # numbers beyond SQLite's integers name no document either
    found = open_desk(request).document(document_id) if 0 < document_id < 2**63 else None
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"the library has no document {document_id}; /library lists all")
    settings: Settings = request.app.state.settings
    return found, read_note(found, max_bytes=settings.max_file_bytes)
