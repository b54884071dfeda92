"""Files for other programs over HTTP, as `footnote export` writes them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import Response

from service import exports, schemas
from service.current import Dump, in_turn, open_desk
from service.exports import Form

As = Annotated[
    Form, PathParameter(description="A table (`csv`), a text with links (`md`), or the papers in BibTeX (`bib`).")
]

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file, to be saved.",
        "content": {media.partition(";")[0]: {"schema": {"type": "string"}} for media in exports.MEDIA_TYPES.values()},
    }
}


def add(app: FastAPI) -> None:
    """Hang the routes on the service."""
    for path, endpoint in (
        ("/api/export/papers.{form}", export_papers),
        ("/api/export/questions.{form}", export_questions),
        ("/api/export/answer.{form}", export_answer),
    ):
        app.get(path, operation_id=endpoint.__name__, tags=["exports"], response_class=Response, responses=_FILE)(
            endpoint
        )


def export_papers(request: Request, form: As) -> Response:
    """Give the papers that the library holds, with the key under which a bibliography names each."""
    return _file("papers", form, exports.works_as(form, open_desk(request).works()))


def export_questions(request: Request, items: Dump, form: As) -> Response:
    """Give the question dumps with what the library answers; as BibTeX, the papers that the answers rest on."""
    return _file("questions", form, exports.questions_as(form, items, open_desk(request).works()))


async def export_answer(
    request: Request,
    form: As,
    q: Annotated[
        str, Query(description="The question, with filters as in a search.", json_schema_extra=schemas.NOT_BLANK)
    ],
    k: schemas.K = 8,
) -> Response:
    """Answer a question and give its citations; as BibTeX, the papers that are cited."""
    desk = open_desk(request)
    text = await in_turn(request, lambda: exports.answer_as(form, desk.ask(q, k=k), desk.works()))
    return _file("answer", form, text)


def _file(name: str, form: Form, text: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="footnote-{name}.{form}"'}
    return Response(text, media_type=exports.MEDIA_TYPES[form], headers=headers)
