"""The page that shows what the library holds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response

from indexer.records import PaperState, StoredPaper
from service.addresses import address_of
from service.current import open_desk
from service.pages.chart import map_shown
from service.pages.frame import page_of, serve_page

FEW = 5
"""So many papers that are not there are listed at once; of more, only the number is shown at first."""


BECAME: dict[PaperState, str] = {
    "fetched": "In the library",
    "pending": "Pending",
    "failed": "Could not be had",
    "absent": "Not on arXiv",
    "withdrawn": "Withdrawn",
}
"""What became of a paper, in words."""


def add(app: FastAPI) -> None:
    """Hang the page on the service."""
    serve_page(app, "/library", library_page)


def library_page(request: Request, on_map: Annotated[dict[str, Any], Depends(map_shown)]) -> Response:
    """List what is in the library, and what could not be read."""
    desk = open_desk(request)
    documents = [one for one in desk.documents() if one.failure is None]
    placed = sorted((one for one in documents if not one.fetched), key=lambda one: (one.root, one.file))
    status = desk.status()
    return page_of(
        request,
        "library.html",
        status_of_library=status,
        papers=_by_state(status.papers),
        titles={one.id: one.title for one in documents},
        few=FEW,
        roots=[(root, list(group)) for root, group in groupby(placed, key=lambda one: one.root)],
        address_of=address_of,
        **on_map,
    )


def _by_state(papers: Iterable[StoredPaper]) -> list[tuple[str, list[StoredPaper]]]:
    """Group papers by what became of them, in words: those that are here first, and others by the reason."""
    groups = dict[str, list[StoredPaper]]()
    for paper in sorted(papers, key=lambda one: (one.state != "fetched", one.state != "pending", one.key)):
        said = BECAME[paper.state] if not paper.reason else f"{BECAME[paper.state]}: {paper.reason}"
        groups.setdefault(said, []).append(paper)
    return list(groups.items())
