"""The page that describes the HTTP interface."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import Response

from service.pages.frame import page_of, serve_page
from service.problem import anchor_of, every_error, status_of, title_of


def add(app: FastAPI) -> None:
    """Hang the page on the service."""
    serve_page(app, "/docs", docs_page)


def docs_page(request: Request) -> Response:
    """Describe the HTTP interface, from its OpenAPI document."""
    app: FastAPI = request.app
    errors = [
        (anchor_of(kind), title_of(kind), status_of(kind), (kind.__doc__ or "").partition("\n")[0])
        for kind in every_error()
    ]
    return page_of(request, "docs.html", api=app.openapi(), errors=errors)
