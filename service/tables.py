"""The ledger, citations and papers as tables: CSV (RFC 4180) in UTF-8, a line of names first."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from io import StringIO

from service.bibliography import Work
from service.present import as_read, place_of
from service.types import Answer, AnsweredQuestion

Cell = str | int | float | None

_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
"""What a spreadsheet takes a cell that begins with it for."""


def questions_csv(items: Iterable[AnsweredQuestion]) -> str:
    """A row for each item of the dumps; the places that the sentences rest on are in one cell, one a line."""
    names = (
        "question",
        "state",
        "kind",
        "section",
        "file",
        "line",
        "verdict",
        "confidence",
        "changed",
        "answer",
        "places",
    )
    return _csv(names, map(_question_row, items))


def _question_row(item: AnsweredQuestion) -> Sequence[Cell]:
    question, answer = item.question, item.answer
    row = (question.text, question.state, question.kind, question.section, item.file, question.line)
    if answer is None:
        return (*row, None, None, item.changed, None, None)
    cited = {citation.n: citation for citation in answer.citations}
    said = [
        as_read(one.text, cited[one.citations[0]]) if one.citations and answer.writer == "extractive" else one.text
        for one in answer.sentences
    ]
    used = dict.fromkeys(n for sentence in answer.sentences for n in sentence.citations)
    places = "\n".join(place_of(cited[n]) for n in used)
    return (*row, answer.verdict, round(answer.confidence, 4), item.changed, "\n".join(said), places)


def citations_csv(answer: Answer) -> str:
    """A row for each citation of an answer, best first; `said` is whether a sentence rests on it."""
    names = (
        *("question", "verdict", "n", "said", "place", "kind", "file", "paper", "version", "title", "headings"),
        *("first_line", "last_line", "first_page", "last_page", "quote", "score", "stale"),
    )
    used = {n for sentence in answer.sentences for n in sentence.citations}
    return _csv(
        names,
        (
            (
                *(answer.question, answer.verdict, one.n, "yes" if one.n in used else "no", place_of(one), one.kind),
                *(one.file, one.paper, one.version, one.title, " › ".join(one.headings)),
                *(one.lines or (None, None)),
                *(one.pages or (None, None)),
                *(one.quote, round(one.score, 4), "yes" if one.stale else "no"),
            )
            for one in answer.citations
        ),
    )


def works_csv(works: Iterable[Work]) -> str:
    """A row for each paper; its authors are in one cell, one a line."""
    names = ("key", "title", "authors", "published", "paper", "version", "url", "file")
    return _csv(
        names,
        (
            (one.key, one.title, "\n".join(one.authors), one.published, one.paper, one.version, one.address, one.file)
            for one in works
        ),
    )


def _csv(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _safe(cell: Cell) -> Cell:
    """A text that a spreadsheet would run gets a mark before it which says that it is text."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
