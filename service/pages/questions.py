"""The page of the question dumps."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from itertools import groupby
from typing import Literal, TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from service.current import open_desk
from service.ledger import state_of
from service.links import resolver
from service.pages.frame import page_of, serve_form, serve_page
from service.report import change_of, is_first_time, is_news
from service.types import AnsweredQuestion

Show: TypeAlias = Literal["open", "news", "answered", "unsupported", "all"]


SHOWS: dict[Show, str] = {
    "open": "Open",
    "news": "News",
    "answered": "Answered",
    "unsupported": "Not answered",
    "all": "All items",
}
"""What the page of questions can show, by the name that it has there."""


_Section: TypeAlias = tuple[str, list[AnsweredQuestion]]


def add(app: FastAPI) -> None:
    """Hang the page on the service."""
    serve_page(app, "/questions", questions_page)
    serve_form(app, "/questions/seen", mark_seen)


def questions_page(request: Request, show: Show = "open") -> Response:
    """Show the question dumps with what the library answers."""
    desk = open_desk(request)
    items = desk.questions()
    first_time = is_first_time(items)
    counts = {choice: len(_shown(items, choice)) for choice in SHOWS if choice != "news" or not first_time}
    return page_of(
        request,
        "questions.html",
        resolve=resolver(desk.documents),
        show=show,
        choices=[(choice, SHOWS[choice], count) for choice, count in counts.items() if count or choice != "news"],
        first_time=first_time,
        counts=counts,
        change_of=(lambda _item: "") if first_time else change_of,
        state=state_of(_shown(items, "all" if first_time else show)),
        files=_by_place(_shown(items, show)),
    )


def mark_seen(request: Request, state: str, show: Show = "news") -> Response:
    """Remember that the person has seen what the page showed; nothing, where that is not what it would show now."""
    desk = open_desk(request)
    items = _shown(desk.questions(), show)
    if state_of(items) == state:
        desk.remember(items, whole=False)
        show = "open"
    return RedirectResponse(f"/questions?show={show}", HTTPStatus.SEE_OTHER)


def _shown(items: Iterable[AnsweredQuestion], show: Show) -> list[AnsweredQuestion]:
    """Choose the items that one of the page's filters lets through."""
    match show:
        case "open":
            return [item for item in items if item.question.wanted]
        case "news":
            return [item for item in items if is_news(item)]
        case "answered":
            return [item for item in items if item.answer and item.answer.verdict != "unsupported"]
        case "unsupported":
            return [item for item in items if item.answer and item.answer.verdict == "unsupported"]
        case _:
            return list(items)


def _by_place(items: Iterable[AnsweredQuestion]) -> list[tuple[AnsweredQuestion, list[_Section]]]:
    """Group items by file and then by section, in the order in which they come; a file stands as its first item."""
    files = [list(group) for _, group in groupby(items, key=lambda item: item.document_id)]
    return [
        (
            group[0],
            [(section, list(inner)) for section, inner in groupby(group, key=lambda item: item.question.section)],
        )
        for group in files
    ]
