"""The JSON routes by which a program changes what is in the library, and hears how far that is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException

from indexer import adding
from indexer.papers import paper_named
from indexer.records import StoredPaper
from indexer.types import PaperLink
from service import elsewhere, schemas
from service.addresses import address_on_arxiv
from service.current import in_turn, open_desk
from service.elsewhere import Candidate
from service.present import paper_json
from service.runs import Runs

LOOK_SECONDS = 0.3
"""So often a listener is told how far a run is, where that has changed."""

KNOWN = schemas.Look(papers="known")
"""What is done where a request for a run says no more."""

STREAM_SECONDS = 600
"""So long may a stream take."""

RETRY_MS = 2000
"""After so long a listener asks whether something runs again."""


class _PaperConvertor(PathConvertor):
    """What names a paper in a path, with slashes in it; not one of its pages, nor the search for others."""

    regex = r"(?!search$|.*/pages/[^/]*\.png$).*"


def add(app: FastAPI) -> None:
    """Hang the routes on the service."""
    app.post("/api/papers/search", operation_id="search_papers", tags=["papers"], response_model=schemas.PapersFound)(
        search_papers
    )
    app.get("/api/papers", operation_id="papers", tags=["papers"], response_model=schemas.Papers)(papers)
    app.post(
        "/api/papers",
        operation_id="add_paper",
        tags=["papers"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=schemas.PaperState,
    )(add_paper)
    register_url_convertor("paper", _PaperConvertor())
    app.get("/api/papers/{paper_id:paper}", operation_id="paper", tags=["papers"], response_model=schemas.PaperState)(
        paper
    )
    app.delete(
        "/api/papers/{paper_id:paper}",
        operation_id="remove_paper",
        tags=["papers"],
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
    )(remove_paper)
    app.get("/api/indexing", operation_id="indexing", tags=["library"], response_model=schemas.Indexing)(indexing)
    app.post(
        "/api/indexing",
        operation_id="look",
        tags=["library"],
        status_code=HTTPStatus.ACCEPTED,
        response_model=schemas.Indexing,
    )(look)
    app.get(
        "/api/progress",
        operation_id="progress",
        tags=["library"],
        response_class=EventSourceResponse,
        dependencies=[Depends(open_desk)],  # what keeps it from being open has a status of its own
        responses={200: {"description": "Events `progress` while something is indexing, and at last one `idle`."}},
    )(progress)


Key = Annotated[str, PathParameter(description="The arXiv id, with or without a version, or the address of a PDF.")]


async def search_papers(request: Request, body: schemas.PaperSearch) -> dict[str, Any]:
    """Look on arXiv for papers that may answer a question. Its words go there: they are given back as `words`."""
    found = await papers_for(request, body.question, body.most)
    states = {paper.identifier: paper.state for paper in open_desk(request).wanted_papers()}
    return {
        "question": body.question,
        "words": elsewhere.words_of(body.question),
        "papers": [
            asdict(one.paper)
            | {
                "paper": one.paper.identifier,
                "published": one.paper.published.date().isoformat(),
                "sentence": one.sentence,
                "score": one.score,
                "link": address_on_arxiv(one.paper.identifier),
                "state": states.get(one.paper.identifier),
            }
            for one in found
        ],
    }


def papers(request: Request) -> dict[str, Any]:
    """List the papers that notes name or that were added by hand, with what became of each."""
    return {"papers": [paper_json(one) for one in open_desk(request).wanted_papers()]}


def add_paper(request: Request, body: schemas.AddPaper) -> dict[str, Any]:
    """Add a paper to the library; it is fetched and indexed in the background."""
    return paper_state(request, wish(request, body.paper))


def paper(request: Request, paper_id: Key) -> dict[str, Any]:
    """Tell what became of a paper that notes name or that was added."""
    return paper_state(request, paper_named(paper_id))


def remove_paper(request: Request, paper_id: Key) -> Response:
    """Take a paper out again that was added by hand; it stays where notes name it."""
    unwish(request, paper_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def indexing(request: Request) -> dict[str, Any]:
    """Say whether something is indexing, who, and how far it is."""
    runs: Runs = request.app.state.runs
    return asdict(runs.now()) | {"generation": open_desk(request).size().generation}


def look(request: Request, body: schemas.Look = KNOWN) -> dict[str, Any]:
    """Look for changes of the notes in the background."""
    runs: Runs = request.app.state.runs
    open_desk(request)
    runs.look(body.papers)
    return indexing(request)


async def progress(request: Request) -> AsyncIterator[ServerSentEvent]:
    """Tell how far a run is while it goes on. Where nothing runs, the stream ends; ask again after `retry`."""
    async for event in events(request, indexing):
        yield event


async def events(request: Request, told: Callable[[Request], dict[str, Any]]) -> AsyncIterator[ServerSentEvent]:
    """What `told` says while something is indexing, each time that it says something else, and once at the end.

    The end is also that of the service, or that of the time a stream has: who listens asks again.
    """
    before, until = None, time.monotonic() + STREAM_SECONDS
    while True:
        state = await run_in_threadpool(told, request)
        event = "progress" if state["busy"] else "idle"
        if state != before:
            yield ServerSentEvent(event=event, data=state, retry=RETRY_MS)
        if event == "idle" or time.monotonic() > until or request.app.state.stopping.is_set():
            return
        before = state
        await asyncio.sleep(LOOK_SECONDS)


async def papers_for(request: Request, question: str, most: int) -> list[Candidate]:
    """Papers on arXiv that may answer a question: the network keeps no other question waiting, the ranking takes turns.

    Raises QuestionError and FetchError.
    """
    from service.desk import checked

    desk, settings = open_desk(request), request.app.state.settings
    words = elsewhere.words_of(checked(question))
    found = await run_in_threadpool(elsewhere.look, words, settings.papers)
    return await in_turn(request, elsewhere.rank, question, found, desk.encoder, most)


def wish(request: Request, name: str) -> PaperLink:
    """Note that a person wants a paper, and have it fetched; raise InputError where none is named."""
    link = paper_named(name)
    open_desk(request)
    adding.add(request.app.state.settings.library, [link])
    request.app.state.runs.gather(link.key)
    return link


def unwish(request: Request, name: str) -> None:
    """Note that a person does not want a paper any more; raise InputError where it was not added."""
    open_desk(request)
    adding.remove(request.app.state.settings.library, paper_named(name))
    request.app.state.runs.gather()


def paper_state(request: Request, link: PaperLink) -> dict[str, Any]:
    """What became of a paper by now; raise HTTP 404 where nobody wants it."""
    found: StoredPaper | None = adding.state_of(request.app.state.settings.library, link)
    if found is None:
        detail = f"no note names {link.key}, and it was not added; POST /api/papers does that"
        raise HTTPException(HTTPStatus.NOT_FOUND, detail)
    return paper_json(found) | {"waiting": link.key in request.app.state.runs.wished()}
