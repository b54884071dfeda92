"""Answers and the question dump as text for a terminal, at most 80 columns of it."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal
from unicodedata import combining, east_asian_width

from indexer.plain import plain
from indexer.visible import visible
from service.filters import parse
from service.present import VERDICTS, as_read, first_related, place_of, place_of_related, sureness
from service.report import change_of, counted, is_first_time, news
from service.types import Answer, AnsweredQuestion, Citation, Related, SearchResult, Sentence, Verdict

WIDTH = 80
"""Rows are no longer than that, also where the terminal is wider: longer ones are hard to read."""

LEAST_PATH = 16
"""In fewer cells beside a place, the headings above it say nothing."""

MARKS: dict[Verdict, str] = {"supported": "✓", "partial": "~", "unsupported": "✗"}

LEAST_WIDTH = 20

_INDENT = " " * 6


GREEN, AMBER, RED = "38;5;64", "38;5;136", "38;5;167"
"""Of the fixed colours those that stand out on light and on dark alike; yellow, as most terminals have it, does not."""


def no_address(_: Citation | Related) -> str:
    """Link nothing."""
    return ""


@dataclass(frozen=True, slots=True)
class Style:
    """How to set text off, with ANSI codes where `colour`, and how many cells of the terminal a row may take.

    `address` gives what a place leads to when it is clicked, empty for nothing.
    """

    colour: bool = False
    width: int = WIDTH
    address: Callable[[Citation | Related], str] = no_address

    def strong(self, text: str) -> str:
        """Text that matters."""
        return self._set("1", text)

    def faint(self, text: str) -> str:
        """Text beside the matter."""
        return self._set("2", text)

    def verdict(self, verdict: Verdict) -> str:
        """The verdict as a mark and in words, in its colour."""
        code = {"supported": GREEN, "partial": AMBER, "unsupported": RED}[verdict]
        return self._set(f"1;{code}", f"{MARKS[verdict]} {VERDICTS[verdict]}")

    def state(self, state: Literal["well", "note", "broken"], mark: str) -> str:
        """The mark of how something is, in its colour."""
        code = {"well": GREEN, "note": AMBER, "broken": RED}[state]
        return self._set(f"1;{code}", mark)

    def matched(self, text: str, words: Iterable[str]) -> str:
        """A text with some words of it set off, in whatever case they stand there."""
        if not self.colour or not (wanted := [re.escape(word) for word in words]):
            return text
        found = rf"(?<!\w)(?:{'|'.join(wanted)})(?!\w)"
        return re.sub(found, lambda match: self._set("1", match[0]), text, flags=re.IGNORECASE)

    def place(self, name: str, of: Citation | Related) -> str:
        """The name of a place, which can be clicked where the terminal knows how (OSC 8)."""
        name = visible(name).replace("\n", "␊")  # the name of a file may hold anything
        if address := self.address(of):
            return f"\033]8;;{visible(address)}\033\\{name}\033]8;;\033\\"
        return name

    def _set(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def wrapped(
        self, text: str, *, first: str = "", then: str = "", most: int | None = None, cut: str = " …"
    ) -> list[str]:
        """Break a text into rows; after `most` of them it ends in `cut`. What is wide in East Asia takes two cells.

        Nothing that the text holds commands the terminal.
        """
        text = visible(text)
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


def style_of(environ: Mapping[str, str], *, columns: int | None = None) -> Style:
    """What stdout can show: colour and a width that fits, plain where it is no terminal.

    https://no-color.org goes before FORCE_COLOR and CLICOLOR_FORCE, which ask for colour in a pipe as well.
    """
    terminal = sys.stdout.isatty()
    forced = any(environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE"))
    able = terminal and environ.get("TERM") != "dumb" and environ.get("CLICOLOR") != "0"
    colour = not environ.get("NO_COLOR") and (forced or able)
    if not terminal:
        return Style(colour)
    columns = columns or shutil.get_terminal_size((WIDTH, 24)).columns
    return Style(colour, max(LEAST_WIDTH, min(columns, WIDTH)))


def can_link(environ: Mapping[str, str]) -> bool:
    """Whether stdout is a terminal that shows links, or at least does not show what they are made of."""
    plain = environ.get("TERM") in ("dumb", "linux") or "INSIDE_EMACS" in environ
    return sys.stdout.isatty() and not plain


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

    def rest(self, answer: Answer, style: Style) -> str:
        """What is left to print of the whole answer; all of it where the library took the word again."""
        return answer_text(answer, style, said=self._count if answer.writer == "chat" else 0)


def answer_text(answer: Answer, style: Style, *, said: int = 0) -> str:
    """The answer, then its numbered sources; for what is not answered, the nearest passages.

    The first `said` sentences are left out.
    """
    lines = list(_sentences(answer, style, answer.sentences[said:]))
    lines += ["", *_verdict(answer, style), ""]
    used = {n for sentence in answer.sentences for n in sentence.citations}
    resting = [citation for citation in answer.citations if citation.n in used]
    nearest = [citation for citation in answer.citations if citation.n not in used]
    related = first_related(resting or nearest)
    if resting:
        said_already = "\n".join(_sentence(sentence, answer) for sentence in answer.sentences)
        lines += ["Sources", *_sources(resting, related, style, beside=said_already)]
    if not answer.citations:
        lines += ["Nothing comes near it. What the library holds: footnote status"]
    if nearest and resting:
        lines += ["", "See also", *_briefly(nearest, style)]
    elif nearest:
        lines += ["Nearest passages", *_sources(nearest, related, style)]
    return "\n".join(lines)


def _verdict(answer: Answer, style: Style) -> Iterator[str]:
    head = f"{MARKS[answer.verdict]} {VERDICTS[answer.verdict]}"
    words = " · in the words of the chat model" if answer.writer == "chat" else ""
    for n, row in enumerate(
        style.wrapped(f"{head} · {sureness(answer)}{words}{_only(answer.question, ' · ')}", then="  ")
    ):
        yield style.faint(row) if n else style.verdict(answer.verdict) + style.faint(row.removeprefix(head))


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
            lines += ["", style.faint(visible(f"{file} › {section}" if section else file))]
            for item in group:
                lines += ["", *_item(item, style, first_time=is_first_time(items))]
    lines += ["", *style.wrapped(counted(items))]
    return "\n".join(lines).lstrip("\n")


def _item(item: AnsweredQuestion, style: Style, *, first_time: bool) -> Iterator[str]:
    assert item.answer is not None
    mark = MARKS[item.answer.verdict]
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
            place = style.place(place_of(cited[n]), cited[n])
            yield style.faint(f"    {place}") + (" (changed since it was indexed)" if cited[n].stale else "")


def _only(question: str, before: str = "") -> str:
    """Name the filters in a question, so that none works unseen."""
    filters = parse(question).filters
    return visible(f"{before}only {' '.join(map(str, filters))}") if filters else ""


def _sentences(answer: Answer, style: Style, sentences: Iterable[Sentence]) -> Iterator[str]:
    for sentence in sentences:
        marks = "".join(f" [{n}]" for n in sentence.citations)
        yield from (style.strong(row) for row in style.wrapped(_sentence(sentence, answer) + marks))


def _sentence(sentence: Sentence, answer: Answer) -> str:
    """A sentence as it is shown: in a chat model's words, or as a reader sees what its source says."""
    cited = {citation.n: citation for citation in answer.citations}
    return sentence.text if answer.writer == "chat" else _read(sentence, cited)


def _read(sentence: Sentence, cited: Mapping[int, Citation]) -> str:
    """What a reader sees of a sentence, which is as its source writes it."""
    return shown(sentence.text, cited[sentence.citations[0]]) if sentence.citations else sentence.text


def shown(text: str, citation: Citation) -> str:
    """What a reader sees of a quoted text, formulas in it as text."""
    if citation.kind == "note" and "$" in text:
        from service.formula_text import with_formulas

        text = with_formulas(text)
    return as_read(text, citation)


def _sources(
    citations: Iterable[Citation], related_to: Mapping[int, Sequence[Related]], style: Style, *, beside: str = ""
) -> Iterator[str]:
    """The places, each with what stands there, but for what is said in the text `beside` them already."""
    for citation in citations:
        changed = " (changed or gone since it was indexed)" if citation.stale else ""
        yield f"{_numbered(citation, style)}{changed}"  # a path is copied, so never broken
        yield from (style.faint(row) for row in style.wrapped(_path(citation), first=_INDENT, then=_INDENT))
        if (quote := shown(citation.quote, citation)) not in beside:
            yield from _quote(quote, citation, style, most=3)
        for related in related_to[citation.n][:1]:
            place = place_of_related(related)
            line = f"↳ {related.relation}: {place} {related.title}"
            for row in style.wrapped(line, first=_INDENT, then=_INDENT, most=1):
                yield style.faint(row.replace(place, style.place(place, related), 1))


def _briefly(citations: Iterable[Citation], style: Style) -> Iterator[str]:
    """The places, each in two rows: where it is, and the beginning of what stands there."""
    for citation in citations:
        changed = " (changed)" if citation.stale else ""
        left = style.width - len(_INDENT) - cells(place_of(citation) + changed) - 2
        path = f"  {_end_of_path(citation, left)}" if left >= LEAST_PATH else ""
        yield _numbered(citation, style) + changed + style.faint(path)
        yield from _quote(shown(citation.quote, citation), citation, style, most=1)


def _numbered(citation: Citation, style: Style) -> str:
    number = f"[{citation.n}]".rjust(5)
    return f"{number} {style.strong(style.place(place_of(citation), citation))}"


def _path(citation: Citation) -> str:
    """The headings above a place, in a paper below its title."""
    return " › ".join(_headings(citation))


def _end_of_path(citation: Citation, width: int) -> str:
    """As many of the headings above a place as there is room for, the nearest at least."""
    titled = _headings(citation)
    for n in range(len(titled)):
        path = " › ".join(("…", *titled[n:]) if n else titled)
        if cells(path) <= width:
            return path
    return Style(width=width).wrapped(titled[-1], most=1)[0]


def _headings(citation: Citation) -> tuple[str, ...]:
    titled = citation.headings if citation.kind == "note" else (citation.title, *citation.headings)
    return tuple(map(visible, titled or (citation.title,)))


def _quote(text: str, citation: Citation, style: Style, *, most: int) -> Iterator[str]:
    words = citation.why.words if citation.why else ()
    for row in style.wrapped(f"“{text}”", first=_INDENT, then=_INDENT, most=most, cut=" …”"):
        yield style.matched(row, words)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes: what is wide in East Asia takes two, and a mark on a letter none."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
