"""The templates of the pages, and what they ask about what they are to show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from markupsafe import Markup

from indexer.plain import plain
from service.addresses import address_on_arxiv
from service.as_markdown import answer_markdown
from service.confidence import PARTIAL, SUPPORTED
from service.filters import as_words
from service.locate import locate
from service.matching import stretches
from service.present import as_read, place_of, sureness
from service.render import render_inline
from service.types import Answer, Citation
from service.view import Resolve

_CLOSED = re.compile(r"[.!?…:;。！？؟]\W*$")

_NEARNESS = ((0.65, "very close"), (0.5, "close"), (0.35, "related"), (0.0, "distant"))


def fill(request: Request, template: str, *, resolve: Resolve | None = None, **context: Any) -> str:
    """Fill a template; in it, `inline` shows a line of Markdown, whose links lead where `resolve` says.

    `may_change` is whether the person may press what changes something, `signed_in` whether they have signed in.
    """

    def inline(text: str) -> Markup:
        return Markup(render_inline(text, resolve=resolve or (lambda _name: None)))  # noqa: S704 - sanitised there

    return (
        _templates()
        .get_template(template)
        .render(
            path=request.url.path,
            inline=inline,
            may_change=getattr(request.state, "role", None) == "admin",
            signed_in=getattr(request.state, "signed_in", False),
            **context,
        )
    )


def paragraphs(answer: Answer) -> list[tuple[list[str], list[Citation]]]:
    """Put sentences that follow each other and rest on the same citations together, as the lines of one paragraph.

    A new line begins where the one before has no end that a reader would see, as in lists.
    """
    found = []
    for numbers, group in groupby(answer.sentences, key=lambda sentence: sentence.citations):
        citations = [one for one in answer.citations if one.n in numbers]
        lines: list[str] = []
        for text in (sentence.text for sentence in group):
            if lines and (_CLOSED.search(lines[-1]) or _follows(lines[-1], text, citations)):
                lines[-1] += f" {text}"
            else:
                lines.append(text)
        found.append((lines, citations))
    return found


def _follows(line: str, text: str, citations: Iterable[Citation]) -> bool:
    """Whether a text goes on in the same paragraph where a line has ended."""
    return any(f"{as_read(line, one)} {as_read(text, one)}" in one.passage for one in citations)


def answering(answer: Answer) -> str:
    """Say what an answer rests on: notes, papers or both."""
    used = {n for sentence in answer.sentences for n in sentence.citations}
    return " and ".join(
        f"{kind}s" for kind in ("note", "paper") if kind in {c.kind for c in answer.citations if c.n in used}
    )


def nearness(closeness: float) -> str:
    """Say in words how near a passage is in meaning, from 0 to 1; most that answer are at 0.5 or above."""
    return next(said for least, said in _NEARNESS if closeness >= least)


def type_of(schema: Mapping[str, Any]) -> str:
    """Say the type of a JSON schema in a few words: `string`, `list of Citation`, `integer or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "prefixItems" in schema:
        return f"[{', '.join(type_of(one) for one in schema['prefixItems'])}]"
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    return str(schema.get("const", schema.get("type", "any")))


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "page" / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "levels": (PARTIAL, SUPPORTED),
        "locate": locate,
        "markdown": answer_markdown,
        "nearness": nearness,
        "paragraphs": paragraphs,
        "place": place_of,
        "plain": plain,
        "stretches": stretches,
        "sureness": sureness,
        "answering": answering,
        "arxiv": address_on_arxiv,
        "type_of": type_of,
    }
    environment.filters["as_words"] = as_words
    return environment
