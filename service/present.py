"""Answers as JSON, as the contract has it, and places as a person writes them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from service.types import Answer, AnsweredQuestion, Citation, SearchResult


def answer_json(answer: Answer, *, identifier: str | int | None = None) -> dict[str, Any]:
    """An answer with the fields of the contract; `id` only where the question had one."""
    return ({} if identifier is None else {"id": identifier}) | asdict(answer)


def search_json(result: SearchResult, *, identifier: str | int | None = None) -> dict[str, Any]:
    """The hits of a search with the fields of the contract."""
    return ({} if identifier is None else {"id": identifier}) | asdict(result)


def question_json(item: AnsweredQuestion) -> dict[str, Any]:
    """An item of the dump, where it stands, and its answer."""
    question = asdict(item.question)
    question.pop("wanted")
    return question | {
        "file": item.file,
        "answer": None if item.answer is None else answer_json(item.answer),
        "changed": item.changed,
    }


def place_of(citation: Citation) -> str:
    """Write the place of a citation as a person would: `file.md:25-26`, or `1512.03385, p. 3`."""
    if citation.lines and citation.file:
        first, last = citation.lines
        return f"{citation.file}:{first}" if first == last else f"{citation.file}:{first}-{last}"
    name = citation.file or citation.paper or citation.title
    return f"{name}, p. {citation.pages[0]}" if citation.pages else name
