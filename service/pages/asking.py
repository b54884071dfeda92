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
from service.current import begun, in_turn, open_desk
from service.filters import Inquiry, parse
from service.links import resolver
from service.pages.frame import page_of, serve_form, serve_page
from service.present import first_related, streamed
from service.problem import status_of
from service.schemas import K
from service.templates import fill
from service.types import Answer, WriterName

HINTS = 3
"""How many of the person's own open questions the first page offers."""


def add(app: FastAPI) -> None:
    """Hang the page on the service."""
    serve_page(app, "/", search_page)
    serve_form(app, "/wording", wording, EventSourceResponse)


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
    return page_of(
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
