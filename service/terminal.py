"""Answers and the question dump as text for a terminal, at most 80 columns of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from unicodedata import east_asian_width

from indexer.plain import plain
from service.filters import parse
from service.present import VERDICTS, as_read, first_related, place_of, place_of_related
from service.report import change_of, counted, is_first_time, news
from service.types import Answer, AnsweredQuestion, Citation, Related, SearchResult, Sentence, Verdict

WIDTH = 80
"""Rows are no longer than that, also where the terminal is wider: longer ones are hard to read."""

_INDENT = " " * 6


@dataclass(frozen=True, slots=True)
class Style:
    """How to set text off, with ANSI codes where `colour`, and how many cells of the terminal a row may take."""

    colour: bool = False
    width: int = WIDTH

    def strong(self, text: str) -> str:
        """Text that matters."""
        return f"\033[1m{text}\033[0m" if self.colour else text

    def faint(self, text: str) -> str:
        """Text beside the matter."""
        return f"\033[2m{text}\033[0m" if self.colour else text

    def verdict(self, verdict: Verdict) -> str:
        """The verdict in words, in its colour."""
        code = {"supported": "32", "partial": "33", "unsupported": "31"}[verdict]
        return f"\033[{code}m{VERDICTS[verdict]}\033[0m" if self.colour else VERDICTS[verdict]

    def wrapped(
        self, text: str, *, first: str = "", then: str = "", most: int | None = None, cut: str = " …"
    ) -> list[str]:
        """Break a text into rows; after `most` of them it ends in `cut`. What is wide in East Asia takes two cells."""
        cells = "".join(f"{char}\0" if east_asian_width(char) in "WF" else char for char in text)
        rows = textwrap.wrap(
            cells,
            self.width - (cells != text),  # one of two cells may be left to the next row
            initial_indent=first,
            subsequent_indent=then,
            break_on_hyphens=False,
            max_lines=most,
            placeholder=cut,
        )
        return [row.replace("\0", "") for row in rows] or [first]


class Said:
    """An answer on a terminal, sentence by sentence while it is written."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._count = 0

    def more(self, answer: Answer) -> None:
        """Print the sentences of a chat model that were not printed yet."""
        if answer.writer == "chat":
            for row in _sentences(answer, self._style, answer.sentences[self._count :]):
                print(row, flush=True)  # noqa: T201 - the one place where an answer is not printed whole
            self._count = len(answer.sentences)

    def rest(self, answer: Answer) -> str:
        """What is left to print of the whole answer; all of it where the library took the word again."""
        return answer_text(answer, self._style, said=self._count if answer.writer == "chat" else 0)


def answer_text(answer: Answer, style: Style, *, said: int = 0) -> str:
    """The answer, then its numbered sources; for what is not answered, the nearest passages.

    The first `said` sentences are left out.
    """
    lines = list(_sentences(answer, style, answer.sentences[said:]))
    words = " · in the words of the chat model" if answer.writer == "chat" else ""
    sure = f" · confidence {answer.confidence:.0%}{words}{_only(answer.question, ' · ')}"
    lines += ["", f"{style.verdict(answer.verdict)}{style.faint(sure)}", ""]
    used = {n for sentence in answer.sentences for n in sentence.citations}
    resting = [citation for citation in answer.citations if citation.n in used]
    nearest = [citation for citation in answer.citations if citation.n not in used]
    related = first_related(resting + nearest)
    if resting:
        lines += ["Sources", *_sources(resting, related, style)]
    if not answer.citations:
        lines += ["Nothing comes near it. What the library holds: footnote status"]
    if nearest:
        lines += ["See also" if resting else "Nearest passages", *_sources(nearest, related, style)]
    return "\n".join(lines)


def search_text(result: SearchResult, style: Style) -> str:
    """The hits, numbered."""
    if not result.hits:
        return f"Nothing found{_only(result.query, ', ')}."
    above = [style.faint(f"O{only[1:]}")] if (only := _only(result.query)) else []
    return "\n".join([*above, *_sources(result.hits, first_related(result.hits), style)])


def questions_text(items: Sequence[AnsweredQuestion], style: Style) -> str:
    """The wanted items of the dump, each with its answer: first what is news since last time, then the rest.

    Items stand by file and section, and the last line counts them.
    """
    wanted = [item for item in items if item.answer is not None]
    if not wanted:
        return "No open questions."
    parts = news(items)
    lines: list[str] = []
    for name, part in parts.items():
        if len(parts) > 1:
            lines += ["", style.strong(f"{name} ({len(part)})")]
        for (file, section), group in groupby(part, key=lambda item: (item.file, item.question.section)):
            lines += ["", style.faint(f"{file} › {section}" if section else file)]
            for item in group:
                lines += ["", *_item(item, style, first_time=is_first_time(items))]
    lines += ["", *style.wrapped(counted(items))]
    return "\n".join(lines).lstrip("\n")


def _item(item: AnsweredQuestion, style: Style, *, first_time: bool) -> Iterator[str]:
    assert item.answer is not None
    mark = {"supported": "✓", "partial": "~", "unsupported": "✗"}[item.answer.verdict]
    change = "" if first_time else change_of(item)
    yield from style.wrapped(f"{mark} {plain(item.question.text)}" + (f" ({change})" if change else ""), then="  ")
    if item.answer.verdict == "unsupported":
        yield style.faint("  nothing in the library answers this")
        return
    cited = {citation.n: citation for citation in item.answer.citations}
    for numbers, sentences in groupby(item.answer.sentences, key=lambda sentence: sentence.citations):
        for sentence in sentences:
            yield from (style.strong(row) for row in style.wrapped(_read(sentence, cited), first="  ", then="  "))
        for n in numbers:
            yield style.faint(f"    {place_of(cited[n])}") + (
                " (changed since it was indexed)" if cited[n].stale else ""
            )


def _only(question: str, before: str = "") -> str:
    """Name the filters in a question, so that none works unseen."""
    filters = parse(question).filters
    return f"{before}only {' '.join(map(str, filters))}" if filters else ""


def _sentences(answer: Answer, style: Style, sentences: Iterable[Sentence]) -> Iterator[str]:
    cited = {citation.n: citation for citation in answer.citations}
    for sentence in sentences:
        marks = "".join(f" [{n}]" for n in sentence.citations)
        text = sentence.text if answer.writer == "chat" else _read(sentence, cited)
        yield from (style.strong(row) for row in style.wrapped(text + marks))


def _read(sentence: Sentence, cited: Mapping[int, Citation]) -> str:
    """What a reader sees of a sentence, which is as its source writes it."""
    return as_read(sentence.text, cited[sentence.citations[0]]) if sentence.citations else sentence.text


def _sources(citations: Iterable[Citation], related_to: Mapping[int, Sequence[Related]], style: Style) -> Iterator[str]:
    for citation in citations:
        number = f"[{citation.n}]".rjust(5)
        changed = " (changed or gone since it was indexed)" if citation.stale else ""
        yield f"{number} {style.strong(place_of(citation))}{changed}"  # a path is copied, so never broken
        titled = citation.headings if citation.kind == "note" else (citation.title, *citation.headings)
        path = " › ".join(titled) or citation.title
        yield from (style.faint(row) for row in style.wrapped(path, first=_INDENT, then=_INDENT))
        quote = f"“{as_read(citation.quote, citation)}”"
        yield from style.wrapped(quote, first=_INDENT, then=_INDENT, most=3, cut=" …”")
        for related in related_to[citation.n][:1]:
            line = f"↳ {related.relation}: {place_of_related(related)} {related.title}"
            yield from (style.faint(row) for row in style.wrapped(line, first=_INDENT, then=_INDENT, most=1))
