"""An answer as Markdown: what is said, and a numbered list of links to where it stands.

Links lead to the lines of notes, relative to the folder that was indexed, and to the pages of papers on arXiv. Whatever
the notes hold, it is shown letter by letter and changes nothing of that structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from indexer.visible import visible
from service.present import VERDICTS, as_read, place_of, sureness
from service.types import Answer, Citation

_WHOLE = re.compile(
    r"(?<![\\$\w])(\${1,2})(?![\s$])[^$%`<>\[\]]+(?<![\s\\])\1(?![$\w])|(?P<address>https?://(?!\S*%%)[^\s<>\\`]*[\w/])"
)
"""A formula, which is shown as one, and an address; those with brackets or the like are shown as they are written."""

_ACTIVE = re.compile(r"[\\`*_\[\]<>#|~$^=%]|&(?=#?\w+;)|(?<=http):|(?<=https):|(?<=www)\.|@")
"""What means something to Markdown, GFM or Obsidian within a line."""

_ESCAPED = r"\\\g<0>"

_OPENING = re.compile(r"^(?=[-+])|^\d{1,9}(?=[.)](?:\s|$))")
"""What begins a list; all else that opens a block is escaped already."""


def answer_markdown(answer: Answer) -> str:
    """A question, what the library says to it, and where that stands; where it says nothing, the nearest passages."""
    said = f"*{VERDICTS[answer.verdict]}*, {sureness(answer)}"
    if answer.writer == "chat":
        said += ", in the words of a chat model"
    lines = [f"### {line_of(answer.question)}", "", said]
    if answer.verdict == "unsupported":
        if answer.citations:
            lines += ["", "The nearest passages:", "", *_numbered(answer.citations, quoted=True)]
    else:
        lines += ["", *said_and_sources(answer)]
    return "\n".join(lines)


def said_and_sources(answer: Answer) -> Iterator[str]:
    """The lines of a list of what an answer says, and of a numbered list of where that stands.

    With the quotes, where the words are not theirs.
    """
    cited = {citation.n: citation for citation in answer.citations}
    used = sorted({n for sentence in answer.sentences for n in sentence.citations})
    number = {n: k for k, n in enumerate(used, 1)}
    extractive = answer.writer == "extractive"
    for sentence in answer.sentences:
        own = extractive and sentence.citations
        said = as_read(sentence.text, cited[sentence.citations[0]]) if own else sentence.text
        yield f"- {line_of(said)}" + "".join(f" \\[{number[n]}\\]" for n in sentence.citations)
    yield ""
    yield from _numbered((cited[n] for n in used), quoted=not extractive)


def _numbered(citations: Iterable[Citation], *, quoted: bool) -> Iterator[str]:
    for n, citation in enumerate(citations, 1):
        titled = citation.headings if citation.kind == "note" else (citation.title, *citation.headings)
        path = f", {line_of(' › '.join(titled))}" if titled else ""
        changed = " (changed since it was indexed)" if citation.stale else ""
        yield f"{n}. [{line_of(place_of(citation))}]({address_in_files(citation)}){path}{changed}"
        if quoted:
            yield f"{' ' * len(f'{n}. ')}> {line_of(as_read(citation.quote, citation))}"


def address_in_files(citation: Citation) -> str:
    """Where a link leads to: the lines of the file itself, or the page of the paper, else of arXiv's."""
    page = f"#page={citation.pages[0]}" if citation.pages else ""
    if citation.file:
        first, last = citation.lines or (0, 0)
        lines = f"#L{first}" if first == last else f"#L{first}-L{last}"
        return path_of(citation.file) + (lines if citation.lines else page)
    if citation.paper:
        return f"https://arxiv.org/{'pdf' if page else 'abs'}/{quote(citation.paper)}{citation.version or ''}{page}"
    return quote(citation.link, safe="/?&=#")


def path_of(file: str) -> str:
    """The path of a file as a link has it, which no character of a name can end."""
    return quote(file, safe="/")


def line_of(text: str) -> str:
    """A text as one line of Markdown that shows just that text."""
    folded = " ".join(visible(text).split())
    pieces, end = [], 0
    for whole in _WHOLE.finditer(folded):
        pieces += [
            _ACTIVE.sub(_ESCAPED, folded[end : whole.start()]),
            f"<{whole[0]}>" if whole["address"] else whole[0],
        ]
        end = whole.end()
    pieces.append(_ACTIVE.sub(_ESCAPED, folded[end:]))
    return _OPENING.sub(lambda match: f"{match[0]}\\", "".join(pieces))
