"""The page where questions are asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from indexer.errors import QuestionError
from service.access import may
from service.current import begun, in_turn, open_desk
from service.door import role_of
from service.facets import Facets
from service.filters import Inquiry, parse
from service.links import resolver
from service.pages.frame import page_of, serve_form, serve_page
from service.present import first_related, streamed
from service.problem import status_of
from service.schemas import K
from service.templates import fill
from service.types import Answer, Citation, WriterName

HINTS = 3
"""How many of the person's own open questions the first page offers."""

USUAL_K = 8
"""How many citations an answer has, where it is not said."""

GLANCED = 6
"""How many passages are shown while a question is being typed."""


def add(app: FastAPI) -> None:
    """Hang the page on the service."""
    serve_page(app, "/", search_page)
    serve_page(app, "/near", near_part)
    serve_form(app, "/wording", wording, EventSourceResponse)


async def search_page(request: Request, q: str = "", k: K = USUAL_K, writer: WriterName = "extractive") -> Response:
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
    by_chat = writer == "chat" and chat.configured and may(role_of(request), "admin")
    worded = by_chat and answer is not None and answer.verdict != "unsupported"
    return page_of(
        request,
        "search.html",
        status=status,
        resolve=resolver(desk.documents),
        q=q,
        k=k,
        usual_k=USUAL_K,
        trouble=trouble,
        filters=[(str(one), str(inquiry.dropped(one))) for one in inquiry.filters],
        offers=[] if trouble else _offers(desk.facets(), inquiry),
        listed=listed,
        totals=None if listed or (answer and answer.citations) else desk.status(),
        hints=[] if q.strip() else desk.open_questions(HINTS),
        chat=chat.model if chat.configured else None,
        writer=writer,
        wording=json.dumps({"question": q, "k": k, "writer": "chat"}) if worded else None,
        **(_answered(answer) if answer else {"answer": None, "related_to": first_related(listed or ())}),
    )


async def near_part(request: Request, q: str = "", k: K = GLANCED) -> Response:
    """Give the part of the page that shows the passages nearest to what is being typed.

    What is half typed may be no filter yet: that is said, and is no error.
    """
    return await in_turn(request, _near_part, request, q, k)


def _near_part(request: Request, q: str, k: int) -> Response:
    hits: tuple[Citation, ...] = ()
    trouble = ""
    if q.strip():
        try:
            hits = open_desk(request).search(q, k=k).hits
        except QuestionError as error:
            trouble = str(error)
    return page_of(request, "near.html", hits=hits, trouble=trouble, related_to=first_related(hits))


def _offers(facets: Facets, inquiry: Inquiry) -> list[tuple[str, list[tuple[str, str, int, str]]]]:
    """Filters that may be added, by group: as written, without its name, how many it lets through, and the question."""
    return [
        (name, [(str(one), one.value, count, str(inquiry.narrowed((one,)))) for one, count in choices])
        for name, choices in facets.without(inquiry.filters).items()
    ]


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
