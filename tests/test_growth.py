"""Notes of every shape that could cost the square of its length: they cost about twice as much when twice as long.

What a library would take too long for is left as it is written, or shown as its source; nothing is lost by that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_passages import count

from indexer.papers import paper_links
from indexer.parsing import parse
from indexer.passages import split
from indexer.questions import questions
from indexer.types import Source
from service.orgmode import as_markdown
from service.render import render
from service.view import Links

MOST_GROWTH = 3.2
"""How many times longer twice the note may take: 2 is linear, 4 the square; what is between is noise and sorting."""
ENOUGH_SECONDS = 0.6
"""What takes less than this at its full size is fast, however it grows."""

MARKDOWN: dict[str, Callable[[int], str]] = {
    "one line": lambda n: "word " * (10 * n),
    "one word": lambda n: "w" * (50 * n),
    "spaces": lambda n: "a" + " " * (50 * n) + "b",
    "a row of spaces": lambda n: "|" + " " * (50 * n) + "x",
    "wikilinks": lambda n: "[[a note|so]] " * (4 * n),
    "links": lambda n: "".join(f"[a](http://b.c/{k})\n" for k in range(5 * n)),
    "references": lambda n: "".join(f"[r{k}]: http://b.c/{k}\n" for k in range(3 * n)) + "[r1] " * n,
    "papers": lambda n: "see arXiv:1706.03762v1 and https://arxiv.org/abs/1512.03385\n" * n,
    "nested lists": lambda n: "".join(f"{'  ' * (k % 300)}- x\n" for k in range(n)),
    "nested quotes": lambda n: "> " * min(n, 2_000) + "x\n" + ">" * (10 * n) + "\n",
    "brackets": lambda n: "[" * (20 * n),
    "pictures": lambda n: "![" * (10 * n),
    "emphasis": lambda n: "*a **b " * (3 * n),
    "underlines": lambda n: "_a_b" * (5 * n),
    "backticks": lambda n: "".join("`" * (k % 90) + " " for k in range(n)),
    "headings": lambda n: "".join(f"{'#' * (1 + k % 6)} h {k}\n\ntext\n\n" for k in range(n)),
    "the same heading": lambda n: "# h\n" * (4 * n),
    "a table": lambda n: "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * (4 * n),
    "a wide table": lambda n: "|" + "a|" * (n // 4) + "\n|" + "-|" * (n // 4) + "\n|" + "1|" * (n // 4) + "\n",
    "footnotes": lambda n: "".join(f"x[^{k}]\n\n[^{k}]: y\n\n" for k in range(n)),
    "questions": lambda n: "# Question dump\n" + "".join(f"- [ ] why {k}?\n" for k in range(4 * n)),
    "numbers": lambda n: "".join(f"{k}. why {k}?\n- so\n" for k in range(2 * n)),
    "tags": lambda n: "<b>" * (5 * n),
    "tags without end": lambda n: "<a " * (5 * n),
    "comments without end": lambda n: "<!-- " * (5 * n),
    "comment marks": lambda n: "%% a " * (5 * n),
    "formulas": lambda n: "$x_1$ and $y$ " * (2 * n),
    "dollars": lambda n: "$ a " * (5 * n) + "\n\n$$\n" * (n // 8),
    "fences": lambda n: "```\nx\n" * (3 * n),
    "entities": lambda n: "&amp;" * (5 * n) + "&" * (5 * n),
    "backslashes": lambda n: "\\" * (20 * n),
    "front matter": lambda n: "---\ntags: [" + "a, " * (5 * n) + "]\n---\nx\n",
    "deep front matter": lambda n: "---\na: " + "[" * min(n, 900) + "]" * min(n, 900) + "\n---\nx\n",
    "aliases of YAML": lambda n: (
        "---\na: &a [x, x]\n" + "".join(f"k{k}: &k{k} [*a, *a]\n" for k in range(n // 4)) + "---\nx\n"
    ),
    "callouts": lambda n: "> [!note]- a\n> b\n\n" * n,
    "pasted pictures": lambda n: f"![a](data:image/png;base64,{'iVBORw0KGgo' * 9}) " * (n // 2),
    "schemes": lambda n: "http:" * (20 * n),
    "names": lambda n: "a@" * (40 * n),
    "addresses": lambda n: "mailto:a@b.cxmpp:a@b.c/" * (4 * n),
    "hosts": lambda n: "www." * (30 * n),
    "colons": lambda n: "a :" * (10 * n),
    "definitions": lambda n: "a\n: b\n" * (2 * n),
}
ORG: dict[str, Callable[[int], str]] = {
    "one line": MARKDOWN["one line"],
    "headings": lambda n: "".join(f"{'*' * (1 + k % 9)} TODO h {k} :a:b:\ntext\n" for k in range(n)),
    "deep headings": lambda n: "".join(f"{'*' * (1 + k % 200)} h\n" for k in range(n)),
    "drawers": lambda n: "* h\n:PROPERTIES:\n:ID: 1\n:END:\n" * n,
    "drawers without end": lambda n: ":LOGBOOK:\n" * (4 * n),
    "frames without end": lambda n: "#+begin_src py\n" * (4 * n),
    "frames": lambda n: "#+begin_quote\nx\n#+end_quote\n" * n,
    "items": lambda n: "".join(f"{'  ' * (k % 300)}- x\n" for k in range(n)),
    "a table": lambda n: "| a | b |\n" * (4 * n),
    "emphasis": lambda n: "*a /b =c " * (3 * n),
    "links": lambda n: "[[id:a][b]] " * (3 * n),
    "brackets": lambda n: "[[" * (10 * n),
    "formulas without end": lambda n: "\\[ a\n" * (4 * n),
    "environments without end": lambda n: "\\begin{align}\n" * (4 * n),
    "footnotes": lambda n: "[fn:1] a\n\n" * (2 * n),
    "terms": lambda n: "- " + "a :" * (10 * n) + "\n",
    "dates": lambda n: "* <2024-01-01> [1/2]\n" * (2 * n),
}
SHAPES = [("a.md", name, make) for name, make in MARKDOWN.items()] + [
    ("a.org", name, make) for name, make in ORG.items()
]
LENGTHS = (200, 400)


def index(file: str, note: str) -> None:
    document = parse(Source(Path("/vault"), file, note.encode(), "", 0))
    split(document, max_tokens=256, count_tokens=count)
    questions(document)
    list(paper_links(document))


def show(file: str, note: str) -> None:
    lines = note.split("\n")
    render(as_markdown(lines) if file.endswith(".org") else lines, links=Links(), cited=[(1, 2)])


def seconds(work: Callable[[str, str], None], file: str, note: str) -> float:
    begun = time.thread_time()
    work(file, note)
    return time.thread_time() - begun


@pytest.mark.parametrize("work", [index, show])
@pytest.mark.parametrize(("file", "make"), [pytest.param(f, make, id=f"{f} {name}") for f, name, make in SHAPES])
def test_twice_as_long_takes_about_twice_as_long(work, file, make):
    if (took := seconds(work, file, make(LENGTHS[-1]))) > ENOUGH_SECONDS:
        half, whole = (min(seconds(work, file, make(length)) for _ in range(2)) for length in LENGTHS)
        assert whole <= MOST_GROWTH * half, (took, half, whole)
