"""What there is to say of the whole question dump: what is new, how many, and all of it as a report in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from urllib.parse import quote

from indexer.plain import plain
from service.present import VERDICTS, as_read, place_of
from service.types import AnsweredQuestion, Citation

FRONT_MATTER = "---\nfootnote: report\n---\n"
"""Marks a report, so that one which is saved among the notes is no evidence for itself (see `indexer.parsing`)."""

_WHOLE = re.compile(
    r"(?<![\\$\w])(\${1,2})(?![\s$])[^$%`<>\[\]]+(?<![\s\\])\1(?![$\w])|(?P<address>https?://(?!\S*%%)[^\s<>\\`]*[\w/])"
)
"""A formula, which is shown as one, and an address; those with brackets or the like are shown as they are written."""

_ACTIVE = re.compile(r"[\\`*_\[\]<>#|~$^=%]|&(?=#?\w+;)|(?<=http):|(?<=https):|(?<=www)\.|@")
"""What means something to Markdown, GFM or Obsidian within a line."""

_ESCAPED = r"\\\g<0>"

_OPENING = re.compile(r"^(?=[-+])|^\d{1,9}(?=[.)](?:\s|$))")
"""What begins a list; all else that opens a block is escaped already."""


def is_first_time(items: Sequence[AnsweredQuestion]) -> bool:
    """Whether the person has never been told of any of these."""
    return all(item.changed == "new" for item in items)


def news(items: Sequence[AnsweredQuestion]) -> dict[str, list[AnsweredQuestion]]:
    """The wanted items in the order to show them, by what became of them since last time; empty parts are left out."""
    wanted = [item for item in items if item.answer is not None]
    if is_first_time(items):
        return {"": wanted} if wanted else {}
    parts: dict[str, list[AnsweredQuestion]] = {
        "Newly answered since last time": [],
        "Not answered any more": [],
        "The others": [],
    }
    fresh, lost, others = parts.values()
    for item in wanted:
        answered = _is_answered(item)
        is_fresh = answered and item.changed != "same"
        (fresh if is_fresh else lost if item.before in ("supported", "partial") and not answered else others).append(
            item
        )
    return {name: part for name, part in parts.items() if part}


def is_news(item: AnsweredQuestion) -> bool:
    """Whether what the library says to an item is another thing than last time, or an answer to one that is new."""
    return bool(change_of(item)) and (item.changed != "new" or _is_answered(item))


def change_of(item: AnsweredQuestion) -> str:
    """What became of an item since last time, in a few words; empty when nothing did."""
    if item.changed != "same" or item.answer is None:
        return {"new": "new", "answered": "newly answered", "same": ""}[item.changed]
    became = {
        ("supported", "partial"): "answered only in part now",
        ("supported", "unsupported"): "not answered any more",
        ("partial", "unsupported"): "not answered any more",
        ("partial", "supported"): "answered in full now",
    }
    return became.get((item.before or "", item.answer.verdict), "")


def counted(items: Sequence[AnsweredQuestion]) -> str:
    """How many items are open, how many of them answered, and how many of those are news, in a line."""
    wanted = [item for item in items if item.answer is not None]
    verdicts = [item.answer.verdict for item in wanted if item.answer is not None]
    counts = ", ".join(f"{verdicts.count(v)} {name.lower()}" for v, name in VERDICTS.items() if v in verdicts)
    parts = news(items)
    changes = ", ".join(
        f"{len(parts[name])} {word}"
        for name, word in (
            ("Newly answered since last time", "newly answered"),
            ("Not answered any more", "not answered any more"),
        )
        if name in parts
    )
    return f"{len(wanted)} open: {counts}" + (f"; since last time {changes}" if changes else "")


def questions_markdown(items: Sequence[AnsweredQuestion]) -> str:
    """A report in Markdown, with a link to the place of every quote, relative to the folder that was indexed.

    Whatever the notes hold, its structure is this: a heading for each place in the dumps, one for each question, a list
    of what is said, a numbered list of where that stands.
    """
    wanted = [item for item in items if item.answer is not None]
    lines = [FRONT_MATTER, "# Question dump", "", _line(counted(items) if wanted else "No open questions.")]
    for (file, section), group in groupby(wanted, key=lambda item: (item.file, item.question.section)):
        lines += ["", f"## {_line(f'{file} › {section}' if section else file)}"]
        for item in group:
            lines += ["", *_item(item, first_time=is_first_time(items))]
    return "\n".join(lines)


def _item(item: AnsweredQuestion, *, first_time: bool) -> Iterator[str]:
    assert item.answer is not None
    line = item.question.line
    asked = f"[{_line(f'{item.file}:{line}')}]({_path(item.file)}#L{line})"
    change = "" if first_time else change_of(item)
    yield f"### {_line(plain(item.question.text))}"
    yield ""
    yield f"*{VERDICTS[item.answer.verdict]}*" + (f", {change}" if change else "") + f" · {asked}"
    if not _is_answered(item):
        return
    cited = {citation.n: citation for citation in item.answer.citations}
    used = sorted({n for sentence in item.answer.sentences for n in sentence.citations})
    number = {n: k for k, n in enumerate(used, 1)}
    yield ""
    for sentence in item.answer.sentences:
        said = as_read(sentence.text, cited[sentence.citations[0]]) if sentence.citations else sentence.text
        yield f"- {_line(said)}" + "".join(f" \\[{number[n]}\\]" for n in sentence.citations)
    yield ""
    for n in used:
        citation = cited[n]
        titled = citation.headings if citation.kind == "note" else (citation.title, *citation.headings)
        path = f", {_line(' › '.join(titled))}" if titled else ""
        changed = " (changed since it was indexed)" if citation.stale else ""
        yield f"{number[n]}. [{_line(place_of(citation))}]({_address(citation)}){path}{changed}"


def _is_answered(item: AnsweredQuestion) -> bool:
    return item.answer is not None and item.answer.verdict != "unsupported"


def _address(citation: Citation) -> str:
    """Where a report leads to: the lines of the file itself, or the page of the paper, else of arXiv's."""
    page = f"#page={citation.pages[0]}" if citation.pages else ""
    if citation.file:
        first, last = citation.lines or (0, 0)
        lines = f"#L{first}" if first == last else f"#L{first}-L{last}"
        return _path(citation.file) + (lines if citation.lines else page)
    if citation.paper:
        return f"https://arxiv.org/{'pdf' if page else 'abs'}/{quote(citation.paper)}{citation.version or ''}{page}"
    return quote(citation.link, safe="/?&=#")


def _path(file: str) -> str:
    """The path of a file as a link has it, which no character of a name can end."""
    return quote(file, safe="/")


def _line(text: str) -> str:
    """A text as one line of Markdown that shows just that text."""
    folded = " ".join(text.split())
    pieces, end = [], 0
    for whole in _WHOLE.finditer(folded):
        pieces += [
            _ACTIVE.sub(_ESCAPED, folded[end : whole.start()]),
            f"<{whole[0]}>" if whole["address"] else whole[0],
        ]
        end = whole.end()
    pieces.append(_ACTIVE.sub(_ESCAPED, folded[end:]))
    return _OPENING.sub(lambda match: f"{match[0]}\\", "".join(pieces))
