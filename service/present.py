"""Answers as JSON, as the contract has it, and places as a person writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Literal

from indexer.plain import plain
from indexer.records import StoredPaper
from indexer.types import Box
from service.types import Answer, AnsweredQuestion, Citation, Related, SearchResult, Sentence, Verdict, Why

VERDICTS: dict[Verdict, str] = {
    "supported": "Answered",
    "partial": "Answered in part",
    "unsupported": "Not answered",
}


def sureness(answer: Answer) -> str:
    """Say how sure an answer is, in words: `84% sure`; where it says nothing, how likely it is that it should."""
    share = f"{answer.confidence:.0%}"
    return f"{share} chance that the library does" if answer.verdict == "unsupported" else f"{share} sure"


def answer_json(answer: Answer, *, identifier: str | int | None = None) -> dict[str, Any]:
    """An answer with the fields of the contract; `id` only where the question had one."""
    return ({} if identifier is None else {"id": identifier}) | asdict(answer)


def streamed(answers: Iterable[Answer]) -> Iterator[tuple[Literal["draft", "answer"], Answer]]:
    """Name what a writer yields: drafts, each at once, and the last of them again as the answer."""
    answer = None
    for answer in answers:
        yield "draft", answer
    if answer is not None:
        yield "answer", answer


def answer_of(data: Mapping[str, Any]) -> Answer:
    """The inverse of `answer_json`; raise KeyError or TypeError when the data is no answer."""
    return Answer(
        **dict(data)
        | {
            "sentences": tuple(Sentence(item["text"], tuple(item["citations"])) for item in data["sentences"]),
            "citations": tuple(_citation(item) for item in data["citations"]),
        }
    )


def _citation(data: Mapping[str, Any]) -> Citation:
    fields = dict(data) | {
        "headings": tuple(data["headings"]),
        "lines": tuple(data["lines"]) if data["lines"] else None,
        "pages": tuple(data["pages"]) if data["pages"] else None,
        "boxes": tuple(Box(**box) for box in data["boxes"]) if data["boxes"] else None,
        "related": tuple(_related(item) for item in data["related"]),
        "why": _why(data.get("why")),
    }
    return Citation(**fields)


def _why(data: Mapping[str, Any] | None) -> Why | None:
    """Answers that were kept before there was such a thing have none."""
    return None if data is None else Why(tuple(data["words"]), tuple(data["missing"]), data["closeness"])


def _related(data: Mapping[str, Any]) -> Related:
    return Related(**dict(data) | {"lines": tuple(data["lines"]) if data["lines"] else None})


def search_json(result: SearchResult, *, identifier: str | int | None = None) -> dict[str, Any]:
    """The hits of a search with the fields of the contract."""
    return ({} if identifier is None else {"id": identifier}) | asdict(result)


def paper_json(paper: StoredPaper) -> dict[str, Any]:
    """A paper that is wanted, with the fields of the contract."""
    link = None if paper.document_id is None else f"/papers/{paper.document_id}"
    return asdict(paper) | {"paper": paper.identifier, "link": link}


def question_json(item: AnsweredQuestion) -> dict[str, Any]:
    """An item of the dump, where it stands, and its answer."""
    question = asdict(item.question)
    question.pop("wanted")
    return question | {
        "file": item.file,
        "answer": None if item.answer is None else answer_json(item.answer),
        "changed": item.changed,
        "before": item.before,
    }


def place_of(citation: Citation) -> str:
    """Write the place of a citation as a person would: `file.md:25-26`, `1512.03385v1, p. 3`, `file.pdf (v1), p. 3`."""
    if citation.lines and citation.file:
        return f"{citation.file}:{range_of(citation.lines)}"
    version = citation.version or ""
    if citation.file:
        name = f"{citation.file} ({version})" if version else citation.file
    else:
        name = f"{citation.paper or citation.title}{version}"
    return f"{name}, p. {range_of(citation.pages)}" if citation.pages else f"{name}, abstract"


def place_of_related(related: Related) -> str:
    """Write where something related is found as a person would: `file.md:12`, `1512.03385`."""
    if related.lines:
        return f"{related.file}:{range_of(related.lines)}"
    return related.file or related.paper or ""


def first_related(citations: Iterable[Citation]) -> dict[int, list[Related]]:
    """What belongs to each citation, by its number, and was not said beside one before it."""
    said = set[str]()
    found = {}
    for citation in citations:
        found[citation.n] = [related for related in citation.related if related.link not in said]
        said |= {related.link for related in citation.related}
    return found


def range_of(numbers: tuple[int, int]) -> str:
    """Write the first and the last of some lines or pages: `3`, `3-4`."""
    first, last = numbers
    return f"{first}" if first == last else f"{first}-{last}"


def as_read(text: str, citation: Citation) -> str:
    """What a reader sees of a quoted text: only notes have markup."""
    return " ".join(text.split()) if citation.kind == "paper" else plain(text)
