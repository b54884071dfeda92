"""What can be taken out of a library, and in which forms: for the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE
from service.as_markdown import answer_markdown, line_of
from service.bibliography import Work, bibtex, cited, works
from service.report import questions_markdown
from service.tables import citations_csv, questions_csv, works_csv
from service.types import Answer, AnsweredQuestion, Citation

Form: TypeAlias = Literal["csv", "md", "bib"]

MEDIA_TYPES: dict[Form, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "md": "text/markdown; charset=utf-8",
    "bib": "application/x-bibtex; charset=utf-8",
}


def questions_as(form: Form, items: Sequence[AnsweredQuestion], held: Sequence[Work]) -> str:
    """The dumps with their answers; in BibTeX the papers that those rest on."""
    if form == "csv":
        return questions_csv(items)
    if form == "md":
        return f"{questions_markdown(items)}\n"
    answers = [item.answer for item in items if item.answer]
    return bibtex(cited(held, [citation for answer in answers for citation in _used(answer)]))


def answer_as(form: Form, answer: Answer, held: Sequence[Work]) -> str:
    """An answer with its citations; in BibTeX the papers that it cites, those too that are only near."""
    if form == "csv":
        return citations_csv(answer)
    if form == "md":
        return f"{answer_markdown(answer)}\n"
    return bibtex(cited(held, answer.citations))


def works_as(form: Form, held: Sequence[Work]) -> str:
    """The papers of the library."""
    if form == "csv":
        return works_csv(held)
    return _works_markdown(held) if form == "md" else bibtex(held)


def _used(answer: Answer) -> Iterator[Citation]:
    """The citations that the sentences rest on."""
    used = {n for sentence in answer.sentences for n in sentence.citations}
    return (citation for citation in answer.citations if citation.n in used)


def _works_markdown(held: Sequence[Work]) -> str:
    lines = []
    for work in held:
        authors = f"{line_of(', '.join(work.authors))}: " if work.authors else ""
        year = f" ({work.year})" if work.year else ""
        title = line_of(work.title)
        lines.append(f"- {authors}{f'[{title}](<{work.address}>)' if work.address else title}{year}\n")
    return "".join(lines)


def works_in(library: Path) -> list[Work]:
    """The papers of a library that is not open; raise LibraryError where there is none."""
    with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
        return works(catalogue.papers(), catalogue.documents())
