"""The browser pages: written on the server, whole without scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from markupsafe import Markup

from indexer.errors import QuestionError
from indexer.records import PaperState, StoredPaper
from indexer.status import is_stale
from indexer.types import Lines, pages_of
from service.addresses import QUOTE, address_of
from service.current import begun, check_page, find_document, find_note, in_turn, open_desk
from service.files import Note
from service.filters import Inquiry, parse
from service.ledger import state_of
from service.links import resolver
from service.present import first_related, streamed
from service.problem import anchor_of, every_error, status_of, title_of
from service.render import Resolve, render
from service.report import change_of, is_first_time, is_news
from service.schemas import K
from service.sheets import cited_spans, sections, sheets, text_of
from service.templates import fill
from service.types import Answer, AnsweredQuestion, WriterName

Show: TypeAlias = Literal["open", "news", "answered", "unsupported", "all"]

SHOWS: dict[Show, str] = {
    "open": "Open",
    "news": "News",
    "answered": "Answered",
    "unsupported": "Not answered",
    "all": "All items",
}
"""What the page of questions can show, by the name that it has there."""

WINDOW = 2000
"""How many lines of its source a page shows at once."""

HINTS = 3
"""How many of the person's own open questions the first page offers."""

FEW = 5
"""So many papers that are not there are listed at once; of more, only the number is shown at first."""

TROUBLE: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "Nothing is here",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be shown",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not ready",
    HTTPStatus.INTERNAL_SERVER_ERROR: "That went wrong",
}
"""What went wrong, in words; else as HTTP names it."""

BECAME: dict[PaperState, str] = {
    "fetched": "In the library",
    "pending": "Pending",
    "failed": "Could not be had",
    "absent": "Not on arXiv",
    "withdrawn": "Withdrawn",
}
"""What became of a paper, in words."""

_LINES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_FIRST = re.compile(r"\A[a-z](?=[a-z]*\b[^.:/])")
_RENDERED = ("md", "markdown")


def add_pages(app: FastAPI) -> None:
    """Hang the pages on the service."""
    for path, page in (
        ("/", search_page),
        ("/questions", questions_page),
        ("/notes/{document_id}", note_page),
        ("/papers/{document_id}", paper_page),
        ("/library", library_page),
        ("/docs", docs_page),
    ):
        app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False, response_class=HTMLResponse)
    app.add_api_route("/questions/seen", mark_seen, methods=["POST"], include_in_schema=False, response_class=Response)
    app.add_api_route(
        "/wording", wording, methods=["POST"], include_in_schema=False, response_class=EventSourceResponse
    )


def error_page(request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """Tell a person what went wrong."""
    waits = status == HTTPStatus.SERVICE_UNAVAILABLE
    return _page(
        request,
        "error.html",
        status=status,
        headers=headers,
        title=TROUBLE.get(status, HTTPStatus(status).phrase.capitalize()),
        detail=_sentence(detail),
        again=str(request.url.replace(scheme="", netloc="")) if waits else None,
    )


# ------------------------------------------------------------------------------------------------------- pages


async def search_page(request: Request, q: str = "", k: K = 8, writer: WriterName = "extractive") -> Response:
    """Ask, and see the answer with its sources; filters alone list what they let through.

    Where a chat model is to word the answer, a script asks for that then.
    """
    return await in_turn(request, _search_page, request, q, k, writer)


def _search_page(request: Request, q: str, k: int, writer: WriterName) -> Response:
    desk, chat = open_desk(request), request.app.state.settings.chat
    answer, listed, inquiry, status, trouble = None, None, Inquiry(""), HTTPStatus.OK, ""
    if q.strip():
        try:
            inquiry = parse(q)
            if inquiry.text:
                answer = desk.ask(q, k=k)
            else:
                listed = desk.search(q, k=k).hits
        except QuestionError as error:
            status, trouble = HTTPStatus(status_of(error)), str(error)
    worded = answer is not None and answer.verdict != "unsupported" and chat.configured and writer == "chat"
    return _page(
        request,
        "search.html",
        status=status,
        resolve=resolver(desk.documents),
        q=q,
        trouble=trouble,
        filters=[(str(one), str(inquiry.dropped(one))) for one in inquiry.filters],
        listed=listed,
        totals=None if listed or (answer and answer.citations) else desk.status(),
        hints=[] if q.strip() else desk.open_questions(HINTS),
        chat=chat.model if chat.configured else None,
        writer=writer,
        wording=json.dumps({"question": q, "k": k, "writer": "chat"}) if worded else None,
        **(_answered(answer) if answer else {"answer": None, "related_to": first_related(listed or ())}),
    )


def wording(request: Request, answers: Annotated[Iterator[Answer], Depends(begun)]) -> Iterator[ServerSentEvent]:
    """Give the part of the page that is the answer, again and again while a chat model words it."""
    model, resolve = request.app.state.settings.chat.model, resolver(open_desk(request).documents)
    for event, answer in streamed(answers):
        if event == "answer" or answer.writer == "chat":
            html = fill(request, "answer.html", resolve=resolve, **_answered(answer))
            status = f"{model} is wording the answer …"
            if event == "answer":
                status = f"Worded by {model}; each sentence rests on the quotes below it."
            if answer.notice:
                status = answer.notice[:1].upper() + answer.notice[1:]
            yield ServerSentEvent(event=event, data={"html": html, "status": status})


def questions_page(request: Request, show: Show = "open") -> Response:
    """Show the question dumps with what the library answers."""
    desk = open_desk(request)
    items = desk.questions()
    first_time = is_first_time(items)
    counts = {choice: len(_shown(items, choice)) for choice in SHOWS if choice != "news" or not first_time}
    return _page(
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
    resolve = resolver(open_desk(request).documents, beside=document)
    body = None
    if not view and document.format in _RENDERED:
        body = render(note.lines, resolve=resolve, cited=cited, title=document.title)
    return _page(
        request,
        "note.html",
        resolve=resolve,
        document=document,
        address=address_of(document),
        stale=note.stale,
        cited=cited,
        body=None if body is None else Markup(body),  # noqa: S704 - sanitised by `render`
        may_render=document.format in _RENDERED and not (view == "" and body is None),
        source=_window(note, cited[0] if cited else at) if body is None else None,
        related=list({one.link: one for one in open_desk(request).related(document)}.values()),
    )


def paper_page(
    request: Request,
    document_id: int,
    page: Annotated[int | None, Query(ge=1, le=10**9)] = None,
    sentences: str = "",
) -> Response:
    """Show a page of a PDF with the words marked that are cited, and what there is to know of the paper."""
    desk = open_desk(request)
    document = find_document(request, document_id)
    if document.kind == "note":
        return RedirectResponse(address_of(document))
    passages = [stored.passage for stored in desk.passages_of(document_id)]
    cited = cited_spans(passages, _cited(sentences, 10**9), page)
    on = pages_of(cited)
    page = page or (on[0] if on else 1)
    if document.pages:
        check_page(document, page)
    shown = sheets(document, request.app.state.drawings, passages, cited, page) if document.pages else []
    return _page(
        request,
        "paper.html",
        document=document,
        address=address_of(document),
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


def library_page(request: Request) -> Response:
    """List what is in the library, and what could not be read."""
    desk = open_desk(request)
    documents = [one for one in desk.documents() if one.failure is None]
    placed = sorted((one for one in documents if not one.fetched), key=lambda one: (one.root, one.file))
    status = desk.status()
    return _page(
        request,
        "library.html",
        status_of_library=status,
        papers=_by_state(status.papers),
        titles={one.id: one.title for one in documents},
        few=FEW,
        roots=[(root, list(group)) for root, group in groupby(placed, key=lambda one: one.root)],
        address_of=address_of,
    )


def docs_page(request: Request) -> Response:
    """Describe the HTTP interface, from its OpenAPI document."""
    app: FastAPI = request.app
    errors = [
        (anchor_of(kind), title_of(kind), status_of(kind), (kind.__doc__ or "").partition("\n")[0])
        for kind in every_error()
    ]
    return _page(request, "docs.html", api=app.openapi(), errors=errors)


# ------------------------------------------------------------------------------------------------- what they show


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


def _cited(lines: str, count: int) -> Lines | None:
    """Read `a-b` or `a` as lines that the file has; None where that is no range of them."""
    match = _LINES.fullmatch(lines)
    if not match:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, min(last, count)) if 1 <= first <= min(last, count) else None


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


def _answered(answer: Answer) -> dict[str, Any]:
    """What the part of the page shows that is an answer: what it rests on, and what else it cites."""
    inquiry = parse(answer.question)
    used = {n for sentence in answer.sentences for n in sentence.citations}
    return {
        "answer": answer,
        "words": inquiry.text,
        "narrowed": bool(inquiry.filters),
        "sources": [one for one in answer.citations if one.n in used],
        "nearby": [one for one in answer.citations if one.n not in used],
        "related_to": first_related(answer.citations),
    }


_Section: TypeAlias = tuple[str, list[AnsweredQuestion]]


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


def _by_state(papers: Iterable[StoredPaper]) -> list[tuple[str, list[StoredPaper]]]:
    """Group papers by what became of them, in words: those that are here first, and others by the reason."""
    groups = dict[str, list[StoredPaper]]()
    for paper in sorted(papers, key=lambda one: (one.state != "fetched", one.state != "pending", one.key)):
        said = BECAME[paper.state] if not paper.reason else f"{BECAME[paper.state]}: {paper.reason}"
        groups.setdefault(said, []).append(paper)
    return list(groups.items())


def _sentence(detail: str) -> str:
    """Write what an error says as a sentence; names of files stay as they are."""
    return _FIRST.sub(lambda first: first[0].upper(), detail)


def _page(
    request: Request,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    resolve: Resolve | None = None,
    **context: Any,
) -> Response:
    return HTMLResponse(fill(request, template, resolve=resolve, **context), status, headers=headers)
