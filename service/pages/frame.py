"""What all pages have in common, and the page that says what went wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from service.templates import fill
from service.view import Resolve

TROUBLE: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "Nothing is here",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be shown",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not ready",
    HTTPStatus.INTERNAL_SERVER_ERROR: "That went wrong",
}
"""What went wrong, in words; else as HTTP names it."""


_FIRST = re.compile(r"\A[a-z](?=[a-z]*\b[^.:/])")


def serve_page(app: FastAPI, path: str, page: Callable[..., Any]) -> None:
    """Serve a page at an address."""
    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False, response_class=HTMLResponse)


def serve_form(app: FastAPI, path: str, form: Callable[..., Any], response: type[Response] = Response) -> None:
    """Serve what a page sends to an address."""
    app.add_api_route(path, form, methods=["POST"], include_in_schema=False, response_class=response)


async def fields(request: Request) -> dict[str, str]:
    """What a form of a page sends, by name: the last where one is sent twice, and "" where one is left empty."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def page_of(
    request: Request,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    resolve: Resolve | None = None,
    **context: Any,
) -> Response:
    """Fill a template, and send it as a page; `resolve` finds the pages that links in notes lead to."""
    return HTMLResponse(fill(request, template, resolve=resolve, **context), status, headers=headers)


def error_page(request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """Tell a person what went wrong."""
    waits = status == HTTPStatus.SERVICE_UNAVAILABLE
    return page_of(
        request,
        "error.html",
        status=status,
        headers=headers,
        title=TROUBLE.get(status, HTTPStatus(status).phrase.capitalize()),
        detail=_sentence(detail),
        again=asked(request) if waits else None,
    )


def asked(request: Request) -> str:
    """The address that was asked for, on this service."""
    return within(str(request.url.replace(scheme="", netloc="")))


def within(address: str) -> str:
    """An address on this service; the first page where it may lead elsewhere."""
    elsewhere = not address.startswith("/") or address[1:2] in ("/", "\\") or any(ord(char) < 33 for char in address)
    return "/" if elsewhere else address


def _sentence(detail: str) -> str:
    """Write what an error says as a sentence; names of files stay as they are."""
    return _FIRST.sub(lambda first: first[0].upper(), detail)
