"""The page of the question dumps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Literal, TypeAlias

from fastapi import FastAPI, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.current import Dump, open_desk
from service.elsewhere import words_of
from service.ledger import state_of
from service.links import resolver
from service.pages.frame import page_of, serve_form, serve_page
from service.report import change_of, is_first_time, is_news
from service.types import Answer, AnsweredQuestion, Citation

Show: TypeAlias = Literal["open", "news", "answered", "unsupported", "all"]


SHOWS: dict[Show, str] = {
    "open": "Open",
    "news": "News",
    "answered": "Answered",
    "unsupported": "Not answered",
    "all": "All items",
}
"""What the page of questions can show, by the name that it has there."""


AT_ONCE = 60
"""So many items stand on one page."""


FEW_SECTIONS = 8
"""A list of more sections than these is folded."""


@dataclass(frozen=True, slots=True)
class Section:
    """Items of one note under one heading, whatever page they are on: where they stand, and how many there are.

    `page` is the one where they begin, `anchor` names their heading there. `answered` counts those that are, in part at
    least.
    """

    name: str
    document_id: int
    file: str
    anchor: str
    page: int
    total: int
    answered: int


@dataclass(frozen=True, slots=True)
class Group:
    """Those items of a section that stand on a page; `continued` when others stand on the page before."""

    section: Section
    items: list[AnsweredQuestion]
    continued: bool


def add(app: FastAPI) -> None:
    """Hang the page on the service."""
    serve_page(app, "/questions", questions_page)
    serve_form(app, "/questions/seen", mark_seen)


def questions_page(
    request: Request, items: Dump, show: Show = "open", page: Annotated[int, Query(ge=1, le=10**6)] = 1
) -> Response:
    """Show the question dumps with what the library answers, some items at a time."""
    desk = open_desk(request)
    first_time = is_first_time(items)
    places = list(_by_place(_shown(items, show)))
    pages = max(1, -(-sum(len(inner) for _, inner in places) // AT_ONCE))
    page = min(page, pages)
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
        sections=[section for section, _ in places],
        groups=list(_groups(places, page)),
        page=page,
        pages=pages,
        words_of=words_of,
        cited=_cited,
        few=FEW_SECTIONS,
    )


def mark_seen(request: Request, items: Dump, state: str, show: Show = "news") -> Response:
    """Remember that the person has seen what the page showed; nothing, where that is not what it would show now."""
    desk = open_desk(request)
    shown = _shown(items, show)
    if state_of(shown) == state:
        desk.remember(shown, whole=False)
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


def _by_place(items: Iterable[AnsweredQuestion]) -> Iterator[tuple[Section, list[AnsweredQuestion]]]:
    """Group items by note and then by section, in the order in which they come."""
    before = 0
    groups = groupby(items, key=lambda item: (item.document_id, item.question.section))
    for n, ((document_id, name), group) in enumerate(groups, 1):
        inner = list(group)
        file = inner[0].file
        answered = sum(item.answer is not None and item.answer.verdict != "unsupported" for item in inner)
        named = name or file.rpartition("/")[2]
        yield Section(named, document_id, file, f"section-{n}", 1 + before // AT_ONCE, len(inner), answered), inner
        before += len(inner)


def _groups(places: Iterable[tuple[Section, list[AnsweredQuestion]]], page: int) -> Iterator[Group]:
    """What of these sections stands on a page."""
    first, before = (page - 1) * AT_ONCE, 0
    for section, items in places:
        shown = items[max(0, first - before) : max(0, first + AT_ONCE - before)]
        if shown:
            yield Group(section, shown, continued=before < first)
        before += len(items)


def _cited(answer: Answer) -> list[Citation]:
    """What the sentences of an answer rest on."""
    used = {n for sentence in answer.sentences for n in sentence.citations}
    return [one for one in answer.citations if one.n in used]
