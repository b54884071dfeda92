"""The map of the library over HTTP: as numbers for whoever draws it, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI, Query, Request
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from service import schemas
from service.chart import Chart, Kind, Lit, Scheme, colour_of
from service.current import in_turn, open_desk
from service.present import place_of

Responses: TypeAlias = dict[int | str, dict[str, Any]]

HITS = 8
"""So many hits of a question are lit."""

NO_MAP: Mapping[str, Any] = {"chart": None, "map_question": "", "lit": []}
"""What the page of the library shows where it shows no map."""

_KNOWN: Responses = {304: {"description": "It is as the browser has it."}}
_OCTETS: Responses = {200: {"content": {"application/octet-stream": {}}}, **_KNOWN}
_PNG: Responses = {200: {"content": {"image/png": {}}}, **_KNOWN}


class Source(BaseModel):
    """Where passages come from."""

    name: str
    kind: Kind = Field(description="A folder, a single note, the papers, or whatever is left.")
    count: int = Field(description="How many passages.")
    colour: int = Field(description="The place of its colour in the palette of the pages.")


class Region(BaseModel):
    """A part of the map, by what is written there."""

    name: str
    x: float
    y: float
    share: float = Field(description="About what share of the passages lie there.")


class Map(BaseModel):
    """The map of the library; places go from 0 to 1, y downwards."""

    generation: int
    count: int = Field(description="How many passages are on it.")
    sources: list[Source]
    regions: list[Region] = Field(description="The largest first.")


class Shown(BaseModel):
    """A passage on the map."""

    id: int
    title: str
    headings: list[str]
    excerpt: str = Field(description="Its first words, without markup.")
    link: str = Field(description="The page that shows it.")


class Hit(BaseModel):
    """A passage that was found, and where it lies."""

    passage_id: int
    point: tuple[float, float] | None = Field(description="Where it lies, x and y; null where it is not on the map.")
    place: str = Field(description="Its file and lines, or its paper and pages, as a person writes them.")
    citation: schemas.Citation


class Hits(BaseModel):
    """The passages nearest to a query, best first."""

    query: str
    hits: list[Hit]


Q = Annotated[str, Query(description="What to look for, as in `/api/search`.", json_schema_extra=schemas.NOT_BLANK)]


def add(app: FastAPI) -> None:
    """Hang the routes on the service."""
    app.get("/api/map", operation_id="map", tags=["library"], response_model=Map)(map_)
    app.get("/api/map/points", operation_id="map_points", tags=["library"], response_class=Response, responses=_OCTETS)(
        points
    )
    app.get("/api/map/hits", operation_id="map_hits", tags=["library"], response_model=Hits)(hits)
    app.get("/api/map/passages/{passage_id}", operation_id="map_passage", tags=["library"], response_model=Shown)(
        passage
    )
    app.get("/api/map.png", operation_id="map_picture", tags=["library"], response_class=Response, responses=_PNG)(
        picture
    )


def map_(request: Request) -> dict[str, Any]:
    """Say what is on the map: where passages come from, and what its regions are called."""
    return head(_chart(request))


def head(chart: Chart) -> dict[str, Any]:
    """The map without its points."""
    return {
        "generation": chart.generation,
        "count": len(chart.ids),
        "sources": [asdict(one) | {"colour": colour_of(chart, n)} for n, one in enumerate(chart.sources)],
        "regions": [asdict(one) for one in chart.regions],
    }


def points(request: Request) -> Response:
    """Give the place of every passage, nine bytes each.

    Column by column, little-endian: all passages' numbers (uint32, ascending), all x, all y (uint16, from 0 to 65535),
    and the sources (uint8) as places in the list of `/api/map`.
    """
    chart = _chart(request)
    headers = _headers(chart.tag)
    if _is_known(request, headers):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(chart.packed(), media_type="application/octet-stream", headers=headers)


async def map_shown(request: Request, q: str = "") -> dict[str, Any]:
    """What the page of the library shows of the map, and of a question that is asked there."""
    desk = open_desk(request)
    chart, lit = await run_in_threadpool(desk.chart), list[Lit]()
    if chart and q.strip():
        lit = await in_turn(request, desk.lit, q, k=HITS)
    return {"chart": chart and head(chart), "map_question": q.strip(), "lit": lit}


async def hits(request: Request, q: Q, k: schemas.K = HITS) -> dict[str, Any]:
    """Find the passages nearest to a query, and where they lie."""
    lit: list[Lit] = await in_turn(request, open_desk(request).lit, q, k=k)
    return {"query": q, "hits": [asdict(hit) | {"place": place_of(hit.citation)} for hit in lit]}


def passage(
    request: Request, passage_id: Annotated[int, PathParameter(description="Its number, as on the map.")]
) -> Any:
    """Give a passage of the map as it is shown there."""
    found = open_desk(request).passage_shown(passage_id) if 0 < passage_id < 2**63 else None
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"the library has no passage {passage_id}; it may have been edited")
    return found


async def picture(
    request: Request,
    scheme: Annotated[Scheme, Query(description="For a light or a dark page.")] = "light",
    q: Annotated[str, Query(description="A question whose hits are lit.")] = "",
    width: Annotated[int, Query(ge=200, le=2000, description="In pixels.")] = 900,
) -> Response:
    """Draw the map."""
    from service.picture import draw  # only here: few pages are read without a script, or before it has drawn

    chart = await run_in_threadpool(_chart, request)
    headers = _headers(f"{chart.tag}-{scheme}-{width}-{sha256(q.encode(errors='replace')).hexdigest()[:16]}")
    if _is_known(request, headers):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    lit: list[Lit] = await in_turn(request, open_desk(request).lit, q, k=HITS) if q.strip() else []
    data = await run_in_threadpool(draw, chart, lit, scheme, width)
    return Response(data, media_type="image/png", headers=headers)


def _chart(request: Request) -> Chart:
    """The map of the library; raise HTTP 404 where there is none."""
    chart = open_desk(request).chart()
    if chart is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no map of this library yet; `footnote index` lays it out")
    return chart


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}


def _is_known(request: Request, headers: dict[str, str]) -> bool:
    return headers["ETag"] in request.headers.get("if-none-match", "")
