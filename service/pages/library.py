"""The page that shows what the library holds, and what happens to it now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from indexer.collect import wanted
from indexer.papers import paper_named
from indexer.records import PaperState, StoredPaper
from indexer.running import Running, bar
from service.addresses import address_of
from service.changing import events, indexing
from service.current import open_desk
from service.map_routes import NO_MAP, map_shown
from service.pages.frame import fields, page_of, serve_form, serve_page
from service.shelves import Folder, Inventories, Inventory, Shelf, named

if TYPE_CHECKING:
    from service.desk import Desk

FEW = 5
"""So many papers that are not there are listed at once; of more, only the number is shown at first."""

MOST = 100
"""So many papers of a kind, and files of a folder, are listed at once."""

SMALL = 60
"""The folders of a shelf with so many documents at most are all open at first."""

COMPARED = 2000
"""In a library of more documents, the files are compared with what was indexed only when that is asked for."""

ABOUT = "about to be fetched"
"""What is said of a paper that was added just now."""

BECAME: dict[PaperState, str] = {
    "fetched": "In the library",
    "pending": "Pending",
    "failed": "Could not be had",
    "absent": "Not on arXiv",
    "withdrawn": "Withdrawn",
}
"""What became of a paper, in words."""

Number = Annotated[int, Field(ge=0, le=10**9)]


class View(BaseModel):
    """What a reader has opened on the page: names looked for, a folder of a shelf from some file on, papers of a kind.

    With `compare` the files are compared with what was indexed, however many there are.
    """

    name: str = ""
    shelf: Number = 0
    folder: str = ""
    start: Number = 0
    became: str = ""
    compare: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """The folder that a reader has opened, by the number of its shelf and its path, and from which file on it lists."""

    shelf: int
    path: str
    start: int

    def shows(self, number: int, shelf: Shelf, folder: Folder) -> bool:
        """Whether what is in a folder is shown at once."""
        small = shelf.folders[""].documents <= SMALL
        return small or not folder.path or (number == self.shelf and f"{self.path}/".startswith(f"{folder.path}/"))

    def starts(self, number: int, folder: Folder) -> int:
        """From which of its files on a folder is shown."""
        return self.start if (number, folder.path) == (self.shelf, self.path) else 0


def add(app: FastAPI) -> None:
    """Hang the page on the service."""
    serve_page(app, "/library", library_page)
    serve_page(app, "/library/folder", folder_part)
    serve_form(app, "/library/look", look)
    app.get(
        "/library/progress",
        include_in_schema=False,
        response_class=EventSourceResponse,
        dependencies=[Depends(open_desk)],
    )(progress)


def library_page(
    request: Request, view: Annotated[View, Query()], on_map: Annotated[dict[str, Any], Depends(map_shown)]
) -> Response:
    """Show what is in the library, what could not be read, and what is being indexed; folders as they are opened."""
    return show(request, view, on_map=on_map)


def show(
    request: Request, view: View, *, asked: str = "", trouble: str = "", on_map: Mapping[str, Any] = NO_MAP
) -> Response:
    """Show the library, and what is wrong with the paper that was asked for."""
    desk, inventory = open_desk(request), _inventory(request)
    shelves, status = inventory.shelves, inventory.status
    compared = view.compare or status.documents <= COMPARED
    if compared:
        status = desk.status()
    return page_of(
        request,
        "library.html",
        status=HTTPStatus.BAD_REQUEST if trouble else HTTPStatus.OK,
        status_of_library=status,
        compared=compared,
        indexing=request.app.state.runs.now(),
        progress_of=progress_of,
        papers=_by_state([*status.papers, *_wished(request, status.papers)]),
        became=view.became,
        title_of=lambda paper: _title(desk, paper),
        few=FEW,
        most=MOST,
        shelves=shelves,
        opened=Opened(view.shelf, view.folder, view.start),
        name=view.name,
        found=named(shelves, view.name) if view.name.strip() else [],
        trouble=trouble,
        asked=asked,
        address_of=address_of,
        **on_map,
    )


def folder_part(request: Request, view: Annotated[View, Query()]) -> Response:
    """Give the part of the page that is inside of a folder; raise HTTP 404 where there is none."""
    shelves = _inventory(request).shelves
    if view.shelf >= len(shelves) or view.folder not in shelves[view.shelf].folders:
        raise HTTPException(HTTPStatus.NOT_FOUND, "the library has no such folder any more; /library lists all")
    shelf = shelves[view.shelf]
    return page_of(
        request,
        "folder.html",
        number=view.shelf,
        shelf=shelf,
        folder=shelf.folders[view.folder],
        opened=Opened(view.shelf, view.folder, view.start),
        most=MOST,
        address_of=address_of,
    )


def look(request: Request, sent: Annotated[dict[str, str], Depends(fields)]) -> Response:
    """Look for changes of the notes in the background, and show how far that is."""
    open_desk(request)
    request.app.state.runs.look("new" if sent.get("papers") == "new" else "known")
    return RedirectResponse("/library#indexing", HTTPStatus.SEE_OTHER)


async def progress(request: Request) -> AsyncIterator[ServerSentEvent]:
    """Tell how far a run is, as /api/progress does, and in the words of this page."""
    async for event in events(request, _told):
        yield event


def _told(request: Request) -> dict[str, Any]:
    return indexing(request) | {"shown": progress_of(request.app.state.runs.now().running)}


def progress_of(running: Running | None) -> dict[str, Any]:
    """How far a run is, for a bar and a line beside it."""
    if running is None:
        return {"stage": "About to begin", "done": None, "total": None, "counts": ""}
    parts = [f"{running.done:,} of {running.total:,} {'papers' if running.stage == 'fetch' else 'files'}"]
    parts = parts if running.total else []
    parts += [f"{running.embedded:,} passages"] if running.embedded else []
    parts += [f"{running.pace:.0f} a second"] if running.pace else []
    parts += [f"{_time(running.left)} left"] if running.left and running.left >= 1 else []
    return bar(running)._asdict() | {"counts": ", ".join(parts)}


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _inventory(request: Request) -> Inventory:
    inventories: Inventories = request.app.state.inventories
    return inventories.of(open_desk(request))


def _title(desk: Desk, paper: StoredPaper) -> str:
    """What a paper is called: as arXiv or the file says, else by its address or id."""
    document = desk.document(paper.document_id) if paper.document_id and not paper.title else None
    return paper.title or (document.title if document else paper.url or f"arXiv {paper.key}")


def _wished(request: Request, papers: Iterable[StoredPaper]) -> list[StoredPaper]:
    """The papers that were added just now, which the library does not know yet."""
    known = {paper.key for paper in papers}
    links = [paper_named(key) for key in request.app.state.runs.wished() if key not in known]
    return [replace(paper, reason=ABOUT, added=True) for paper in wanted(links).values()]


def _by_state(papers: Iterable[StoredPaper]) -> list[tuple[str, list[StoredPaper]]]:
    """Group papers by what became of them, in words: those that are here first, and others by the reason."""
    groups = dict[str, list[StoredPaper]]()
    for paper in sorted(papers, key=lambda one: (one.state != "fetched", one.state != "pending", one.key)):
        said = BECAME[paper.state] if not paper.reason else f"{BECAME[paper.state]}: {paper.reason}"
        groups.setdefault(said, []).append(paper)
    return list(groups.items())
