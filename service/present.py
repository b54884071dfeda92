"""Answers as JSON, as the contract has it, and as text for a terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from indexer.plain import plain
from service.types import Answer, AnsweredQuestion, Citation, SearchResult

__all__ = ["answer_json", "citation_json", "plain", "question_json", "search_json"]


def citation_json(citation: Citation) -> dict[str, Any]:
    """A citation with the fields of the contract."""
    return asdict(citation)


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
