"""The browser pages: written on the server, whole without scripts."""

from __future__ import annotations

from fastapi import FastAPI

from service.pages import asking, interface, library, papers, questions, reading, signing
from service.pages.frame import error_page
from service.pages.signing import show as sign_in_page

__all__ = ["add_pages", "error_page", "sign_in_page"]


def add_pages(app: FastAPI) -> None:
    """Hang the pages on the service."""
    for room in (asking, questions, papers, reading, library, interface, signing):
        room.add(app)
