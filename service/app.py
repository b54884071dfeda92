"""The HTTP service: the JSON contract, health and figures; the browser pages hang on it in `pages.py`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Query, Request
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Match

from indexer.errors import FootnoteError, ServiceError, SourceError
from indexer.records import StoredDocument
from indexer.settings import Settings
from indexer.status import is_stale
from service import changing, export_routes, map_routes, pages, schemas
from service.access import Access
from service.addresses import address_of
from service.credentials import Tokens
from service.current import (
    Dump,
    begin,
    begun,
    check_page,
    desk_of,
    find_document,
    find_note,
    find_paper,
    in_turn,
    open_desk,
)
from service.door import Door, role_of
from service.drawings import Drawings
from service.figures import Figures
from service.guard import Guard
from service.mcp.mount import PATH as MCP_PATH
from service.mcp.mount import Mount
from service.openapi import describe
from service.pictures import Pictures
from service.present import answer_json, paper_json, question_json, streamed
from service.problem import problem, status_of, title_of
from service.runs import Runs
from service.shelves import Inventories
from service.turns import Joined, Turns
from service.types import Answer, SearchResult

if TYPE_CHECKING:
    from service.desk import Desk

_log = logging.getLogger("footnote")
_LONGEST_PAUSE = 30.0
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": schemas.Problem, "description": "What was asked for cannot be done as asked."},
    "5XX": {"model": schemas.Problem, "description": "The library cannot be used now."},
}


class _Service(FastAPI):
    """An app that is described when somebody first asks for it: that takes longer than the rest of its making."""

    _describing = Lock()

    def openapi(self) -> dict[str, Any]:
        with self._describing:  # nobody else sees it half described
            if self.openapi_schema is None:
                describe(super().openapi(), _PROBLEMS, secured=self.state.access.wanted)
            return super().openapi()  # kept by the framework, and made anew only when a route is added


def create_app(
    settings: Settings,
    *,
    desk: Desk | None = None,
    hosts: Collection[str] = (),
    access: Access | None = None,
    notice: Callable[[str], None] = _log.info,
) -> FastAPI:
    """Make the service of one library.

    A `desk` that is handed in stays the caller's to close; without one it is opened in the background when the
    service starts, again and again while that fails, and closed at the end. `hosts` are names, besides addresses
    and localhost, under which the service may be called; `access` says who is let in, all without it. `notice`
    hears what a person should know meanwhile.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(run_in_threadpool, app.state.drawings.close)
            stack.push_async_callback(app.state.mcp.close)
            stack.push_async_callback(run_in_threadpool, app.state.runs.close)
            if desk is not None:
                yield
                return
            opening = asyncio.create_task(_open(app, notice, stack, stopping))
            try:
                yield
            finally:
                stopping.set()
                await opening

    app = _Service(
        title="Footnote",
        summary="Answers from your own notes, with the exact place under every sentence.",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=_PROBLEMS,
    )
    app.state.settings = settings
    app.state.desk = desk
    app.state.trouble = ServiceError("the library is being opened; try again in a few seconds")
    app.state.access = access = access or Access(Tokens())
    app.state.figures = Figures()
    app.state.drawings = Drawings(settings.papers)
    app.state.pictures = Pictures()
    app.state.turns = Turns()
    app.state.dumps = Joined(lambda: desk_of(app).questions())
    app.state.apart = CapacityLimiter(1)  # the thread of the figures
    app.state.stopping = asyncio.Event()
    app.state.runs = Runs(settings, lambda: desk_of(app), app.state.figures)
    app.state.inventories = Inventories()
    app.state.mcp = Mount(partial(desk_of, app), app.state.turns, app.state.dumps)
    origins, hosts = settings.service.origins, (*hosts, *settings.service.hosts)
    app.add_middleware(Door, access=access, respond=_respond)
    if origins:  # within the guard, which has its say first
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=["*"])
    app.add_middleware(Guard, respond=_respond, figures=app.state.figures, hosts=hosts, origins=origins)
    app.add_exception_handler(FootnoteError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    _add_routes(app)
    changing.add(app)
    pages.add_pages(app)
    app.router.add_route(MCP_PATH, app.state.mcp, methods=["POST"], include_in_schema=False)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "page" / "static"), name="static")
    return app


async def _open(app: FastAPI, notice: Callable[[str], None], stack: AsyncExitStack, stopping: asyncio.Event) -> None:
    """Open the desk; while that fails, try again after a pause that doubles."""
    from service.desk import Desk

    pause = 1.0
    while not stopping.is_set():
        try:
            desk = await run_in_threadpool(Desk.open, app.state.settings, notice=notice)
        except FootnoteError as error:
            app.state.trouble = error
        except Exception:  # noqa: BLE001 - whatever it was, the service stays up to say so
            _log.exception("opening the library failed")
            app.state.trouble = ServiceError("the library cannot be opened; the log of the service says why")
        else:
            app.state.desk = desk.__enter__()
            stack.push_async_callback(run_in_threadpool, desk.__exit__, None, None, None)
            return
        try:
            await asyncio.wait_for(stopping.wait(), pause)
        except TimeoutError:
            pause = min(2 * pause, _LONGEST_PAUSE)


# ------------------------------------------------------------------------------------------------------ routes


def _add_routes(app: FastAPI) -> None:
    app.get("/api/search", operation_id="search", tags=["answers"], response_model=schemas.SearchResult)(search)
    app.post("/api/ask", operation_id="ask", tags=["answers"], response_model=schemas.Answer)(ask)
    app.post(
        "/api/ask/stream",
        operation_id="ask_stream",
        tags=["answers"],
        response_class=EventSourceResponse,
        responses={200: {"description": "Events `draft`, each the answer so far, and at last one `answer`."}},
    )(ask_stream)
    app.get("/api/questions", operation_id="questions", tags=["answers"], response_model=schemas.Questions)(questions)
    app.get("/api/status", operation_id="status", tags=["library"], response_model=schemas.Status)(status)
    app.get("/api/documents", operation_id="documents", tags=["library"], response_model=schemas.Documents)(documents)
    app.get(
        "/api/documents/{document_id}",
        operation_id="document",
        tags=["library"],
        response_model=schemas.DocumentText,
    )(document)
    app.get(
        "/api/papers/{paper_id:path}/pages/{page}.png",
        operation_id="paper_page",
        tags=["library"],
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}, 304: {"description": "It is as the browser has it."}},
    )(paper_page)
    map_routes.add(app)
    export_routes.add(app)
    app.get("/healthz", operation_id="health", tags=["service"], response_model=schemas.Health)(health)
    app.get("/readyz", operation_id="ready", tags=["service"], response_model=schemas.Health)(ready)
    app.get("/metrics", operation_id="metrics", tags=["service"], response_class=PlainTextResponse)(metrics)


async def ask(request: Request, body: schemas.AskRequest) -> Response:
    """Answer a question with sentences taken verbatim from the library, each with the place it comes from."""
    if body.writer == "chat":
        answer = await run_in_threadpool(_last, await begun(request, body))
    else:
        answer = await in_turn(request, lambda: _last(begin(request, body)))
    return _json(answer)


def ask_stream(answers: Annotated[Iterator[Answer], Depends(begun)]) -> Iterator[ServerSentEvent]:
    """Answer a question while it is written: each event is the answer as far as it stands, in place of those before."""
    for event, answer in streamed(answers):
        yield ServerSentEvent(event=event, data=answer_json(answer))


async def search(
    request: Request,
    q: Annotated[
        str,
        Query(
            description="What to look for, in words of your own, and filters: `tag:ml`, `path:papers/`, `kind:note`, "
            '`after:2024`, `before:2024-05`, `"exact words"`, `-word`. Filters alone list what is new first.',
            json_schema_extra=schemas.NOT_BLANK,
        ),
    ],
    k: schemas.K = 8,
) -> Response:
    """Find the passages nearest to a query."""
    return _json(await in_turn(request, open_desk(request).search, q, k=k))


def questions(items: Dump) -> dict[str, Any]:
    """List the question dumps of the library, with what the library answers to each open question."""
    return {"questions": [question_json(item) for item in items]}


def status(request: Request) -> dict[str, Any]:
    """Say what is in the library, what could not be read or fetched and why, and what is out of date."""
    found = open_desk(request).status()
    return asdict(found) | {
        "failures": [{"file": file, "reason": reason} for file, reason in found.failures],
        "remarks": [{"file": file, "remark": remark} for file, remark in found.remarks],
        "papers": [paper_json(paper) for paper in found.papers],
    }


def documents(request: Request) -> dict[str, Any]:
    """List the files of the library, those that could not be read among them."""
    return {"documents": [_document_json(one) for one in open_desk(request).documents()]}


def document(request: Request, document_id: int) -> dict[str, Any]:
    """Give one file of the library: a note with its lines as they are on disk, a paper with what arXiv says of it."""
    found = find_document(request, document_id)
    if found.kind == "paper":
        stored = open_desk(request).paper_of(found)
        about = asdict(stored) if stored else {"authors": ()}
        return about | _document_json(found) | {"source_lines": None, "stale": is_stale(found)}
    note = find_note(request, found)
    return _document_json(found) | {"source_lines": note.lines, "stale": note.stale}


def paper_page(
    request: Request,
    paper_id: Annotated[str, PathParameter(description="The arXiv id, with or without a version, or the document's.")],
    page: Annotated[int, PathParameter(description="The number of the page, from 1.")],
    width: Annotated[int, Query(ge=200, le=3000, description="In pixels.")] = 1000,
) -> Response:
    """Draw one page of a paper."""
    found = find_paper(request, paper_id)
    check_page(found, page)
    drawings: Drawings = request.app.state.drawings
    digest = drawings.digest(found)
    headers = {"ETag": f'"{digest[:16]}-{page}-{width}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        picture = drawings.draw(found, digest, page, width=width)
    except SourceError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"page {page} of {found.title}: {error}") from error
    return Response(picture, media_type="image/png", headers=headers)


async def health() -> dict[str, str]:
    """Say that the service is up."""
    return {"status": "ok"}


async def ready(request: Request) -> dict[str, str]:
    """Say that the library is open, and questions can be answered; why not, only to who may look."""
    try:
        open_desk(request)
    except FootnoteError:
        if role_of(request):
            raise
        raise ServiceError("the library is not open; sign in to hear why") from None
    return {"status": "ok"}


async def metrics(request: Request) -> Response:
    """Give the service's figures in the text format of Prometheus, also when every thread has something to do."""
    state = request.app.state
    size = await to_thread.run_sync(state.desk.size, limiter=state.apart) if state.desk else None
    return Response(state.figures.show(size, state.turns.waiting), media_type=CONTENT_TYPE_LATEST)


def _last(answers: Iterator[Answer]) -> Answer:
    *_, answer = answers
    return answer


def _json(record: Answer | SearchResult) -> Response:
    """A record as it is: its fields are those of its model, and to check every value would take milliseconds."""
    return Response(to_json(record), media_type="application/json")


def _document_json(document: StoredDocument) -> dict[str, Any]:
    fields = asdict(document)
    return fields | {"title": document.title, "lines": document.line_count, "link": address_of(document)}


# ------------------------------------------------------------------------------------------------------ errors


def _respond(
    request: Request, status: int, detail: str, *, error: type[FootnoteError] | None = None, **more: Any
) -> Response:
    """Tell a person in a page, a program in a problem document."""
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if wants_page and status == HTTPStatus.UNAUTHORIZED:
        return pages.sign_in_page(request, status, headers=more.get("headers"))
    if wants_page:
        return pages.error_page(request, status, detail, headers=more.get("headers"))
    return problem(status, detail, request.url.path, error=error, **more)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FootnoteError)
    request.app.state.figures.errors.labels(title_of(type(error))).inc()
    status = status_of(error)
    headers = {"Retry-After": "2"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return _respond(request, status, str(error), error=type(error), headers=headers)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"pointer": "/".join(map(str, one["loc"])), "detail": str(one["msg"])}  # as in: body/question
        for one in error.errors()
    ]
    detail = "; ".join(f"{one['pointer']}: {one['detail']}" for one in errors)
    return _respond(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, headers = request.url.path, dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # the router names the methods of one route of the path
        matching = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
        headers["Allow"] = ", ".join(sorted({method for one in matching for method in getattr(one, "methods", ())}))
    said = str(error.detail)
    if said == HTTPStatus(error.status_code).phrase:  # the framework's own word for it
        missing = error.status_code == HTTPStatus.NOT_FOUND
        said = f"there is nothing at {path}" if missing else f"{request.method} {path}: {said.lower()}"
        said += "; /docs lists what there is"
    return _respond(request, error.status_code, said, headers=headers)
