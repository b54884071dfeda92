"""Papers that may answer a question, looked for on arXiv, and the buttons that add and remove papers."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from indexer.errors import FetchError, InputError
from service.changing import papers_for, unwish, wish
from service.current import open_desk
from service.elsewhere import Candidate, words_of
from service.pages import library
from service.pages.frame import fields, page_of, serve_form
from service.problem import status_of

SHOWN = 8
"""So many papers are shown for a question."""

Fields = Annotated[dict[str, str], Depends(fields)]


def add(app: FastAPI) -> None:
    """Hang what the forms send on the service."""
    serve_form(app, "/questions/papers", candidates_page)
    serve_form(app, "/papers/add", add_paper)
    serve_form(app, "/papers/remove", remove_paper)


async def candidates_page(request: Request, sent: Fields) -> Response:
    """Look on arXiv for papers that may answer a question, and list them; say what to do where that fails."""
    question = sent.get("question", "")
    found: list[Candidate] = []
    status, trouble = HTTPStatus.OK, ""
    try:
        found = await papers_for(request, question, SHOWN)
    except (FetchError, InputError) as error:
        status, trouble = HTTPStatus(status_of(error)), str(error)
    wanted = await run_in_threadpool(open_desk(request).wanted_papers)
    return page_of(
        request,
        "candidates.html",
        status=status,
        question=question,
        words=words_of(question),
        trouble=trouble,
        candidates=found,
        states={paper.identifier: paper for paper in wanted},
    )


def add_paper(request: Request, sent: Fields) -> Response:
    """Add a paper, and show the library, where it is pending; say what is wrong with what was written."""
    return _changed(request, sent, wish)


def remove_paper(request: Request, sent: Fields) -> Response:
    """Take a paper out again that was added by hand."""
    return _changed(request, sent, unwish)


def _changed(request: Request, sent: dict[str, str], change: Callable[[Request, str], object]) -> Response:
    name = sent.get("paper", "")
    try:
        change(request, name)
    except InputError as error:
        return library.show(request, library.View(), asked=name, trouble=str(error))
    return RedirectResponse("/library#papers", HTTPStatus.SEE_OTHER)
