"""What there is to say of the whole question dump: what is new, how many, and all of it as a report in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from indexer.plain import plain
from service.as_markdown import line_of, path_of, said_and_sources
from service.present import VERDICTS
from service.types import AnsweredQuestion

FRONT_MATTER = "---\nfootnote: report\n---\n"
"""Marks a report, so that one which is saved among the notes is no evidence for itself (see `indexer.parsing`)."""


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
    lines = [FRONT_MATTER, "# Question dump", "", line_of(counted(items) if wanted else "No open questions.")]
    for (file, section), group in groupby(wanted, key=lambda item: (item.file, item.question.section)):
        lines += ["", f"## {line_of(f'{file} › {section}' if section else file)}"]
        for item in group:
            lines += ["", *_item(item, first_time=is_first_time(items))]
    return "\n".join(lines)


def _item(item: AnsweredQuestion, *, first_time: bool) -> Iterator[str]:
    assert item.answer is not None
    line = item.question.line
    asked = f"[{line_of(f'{item.file}:{line}')}]({path_of(item.file)}#L{line})"
    change = "" if first_time else change_of(item)
    yield f"### {line_of(plain(item.question.text))}"
    yield ""
    yield f"*{VERDICTS[item.answer.verdict]}*" + (f", {change}" if change else "") + f" · {asked}"
    if not _is_answered(item):
        return
    yield ""
    yield from said_and_sources(item.answer)


def _is_answered(item: AnsweredQuestion) -> bool:
    return item.answer is not None and item.answer.verdict != "unsupported"
