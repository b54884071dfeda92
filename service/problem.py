"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from indexer.errors import FootnoteError, SourceError

PROBLEM_TYPE = "application/problem+json"


def problem(
    status: int,
    detail: str,
    instance: str,
    *,
    error: type[FootnoteError] | None = None,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> JSONResponse:
    """Make a problem document; `type` leads to the description of `error`, or is about:blank without one."""
    body: dict[str, Any] = {
        "type": f"/docs#{anchor_of(error)}" if error else "about:blank",
        "title": title_of(error) if error else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, media_type=PROBLEM_TYPE, headers=headers)


def status_of(error: FootnoteError | type[FootnoteError]) -> int:
    """Choose the HTTP status of an error; to a reader, a file that cannot be read is a page that is not there."""
    kind = error if isinstance(error, type) else type(error)
    return HTTPStatus.NOT_FOUND if issubclass(kind, SourceError) else kind.status


def title_of(error: type[FootnoteError]) -> str:
    """Put the name of an error in words: LibraryMissing → Library missing."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", error.__name__).capitalize()


def anchor_of(error: type[FootnoteError]) -> str:
    """Name the fragment under which /docs describes an error: LibraryMissing → library-missing."""
    return title_of(error).lower().replace(" ", "-")


def every_error(root: type[FootnoteError] = FootnoteError) -> Iterator[type[FootnoteError]]:
    """Yield all classes of the error tree, the root first."""
    yield root
    for kind in root.__subclasses__():
        yield from every_error(kind)
