"""What reads notes: text in any encoding, Markdown, org, the HTML in them, and the pages that show them."""

from __future__ import annotations

import codecs
import re
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import orgparse  # noqa: F401  # that its lines are seen to run, it has to be imported with the others
from PIL import Image
from stub_desk import StubDesk
from test_passages import count, faults
from test_render import Elements, assert_harmless

from indexer.errors import SourceError
from indexer.papers import paper_links
from indexer.parsing import parse
from indexer.parsing.html import html_text, tag_text
from indexer.parsing.text import decode, lines_of
from indexer.passages import split
from indexer.questions import questions
from indexer.records import StoredDocument
from indexer.types import Document, Source
from service.links import links_of
from service.orgmode import as_markdown
from service.pictures import Pictures
from service.render import render, render_inline
from service.view import Links
from tests.fuzz.target import Target, files, text_of

MAX_TOKENS = 64
_PICTURE = re.compile(r"<img\b[^<>]*>")


def _source(file: str, data: bytes) -> Source:
    return Source(Path("/vault"), file, data, "", 0)


def check_note(file: str, data: bytes) -> Document | None:
    """A note is read, and all that is made of it knows its place; None where the bytes are no text."""
    try:
        document = parse(_source(file, data))
    except SourceError as error:
        assert "binary data" in str(error), str(error)
        return None
    lines = document.source_lines
    for k, block in enumerate(document.blocks):
        first, last = block.lines
        assert 1 <= first <= last <= len(lines), f"{block.kind} on {block.lines} of {len(lines)}"
        assert all(first <= link.line <= last for link in block.links), "a link outside of its block"
        assert "\0" not in block.text, "a pasted file is shown"
        if block.parent is not None:
            assert block.parent < k, "a parent below its item"
            assert document.blocks[block.parent].kind == "item", "a parent that is no item"
    found = split(document, max_tokens=MAX_TOKENS, count_tokens=count)
    assert faults(document, found, MAX_TOKENS) == []
    assert all(1 <= question.line <= len(lines) for question in questions(document)), "a question outside of the file"
    assert all(0 <= link.line <= len(lines) for link in paper_links(document)), "a paper outside of the file"
    return document


def markdown(data: bytes) -> None:
    check_note("note.md", data)


def org(data: bytes) -> None:
    document = check_note("note.org", data)
    for before, after in zip(document.blocks, document.blocks[1:], strict=False) if document else ():
        assert before.lines[1] < after.lines[0], "a line in two blocks"


def text(data: bytes) -> None:
    """Bytes are decoded as what they are, and a text is the same in every encoding that says which it is."""
    check_note("note.txt", data)
    written = "".join(char for char in text_of(data) if char != "\ufffd" and (char.isprintable() or char in "\t\n\r"))
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ):
        assert decode(mark + written.encode(encoding), "note.txt") == written, encoding
    lines = lines_of(written)
    assert not any("\n" in line or "\r" in line for line in lines)
    assert "\n".join(lines) == written.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def html(data: bytes) -> None:
    """The words of HTML are words, in order, and what has no markup says all of them."""
    written = text_of(data)
    words = html_text(written)
    assert words == " ".join(words.split())
    if not set("<&") & set(written):
        assert words == " ".join(written.split())
    assert tag_text(written) in {"", " ", "^", "_"}


@cache
def _vault() -> tuple[StoredDocument, Links]:
    """A note with all that it may link to."""
    root = Path(tempfile.mkdtemp(prefix="footnote-fuzz-"))
    (root / "sub").mkdir()
    for name, note in {"a.md": "# A\n\nb ^c\n\n## D\n\n![[a]] ![[sub/b#D]]", "sub/b.md": "[[a]]\n\n![[a#D]]"}.items():
        (root / name).write_text(note)
    Image.new("RGB", (3, 2)).save(root / "p.png")
    desk = StubDesk(root)
    document = desk.documents()[0]
    return document, links_of(document, desk.documents, Pictures(), max_bytes=10_000)


def _shown(lines: list[str]) -> None:
    document, links = _vault()
    cited = [(k, k + 1) for k in range(1, len(lines), 7)]
    page = render(lines, links=links, cited=cited, title="A", number=document.id)
    if page is None:
        return
    _assert_pictures(page.html)
    assert_harmless(_PICTURE.sub("", page.html))
    ids = [attributes["id"] for _, attributes in Elements(page.html).found if "id" in attributes]
    assert len(ids) == len(set(ids)), f"an id twice: {sorted(one for one in ids if ids.count(one) > 1)}"
    numbers = [int(one[1:]) for one in ids if one and one[0] == "L" and one[1:].isdecimal()]
    assert all(1 <= number <= max(len(lines), 1) for number in numbers), "a line outside of the file"
    assert {first for first, _ in cited} <= set(numbers), "a cited line that cannot be scrolled to"


def _assert_pictures(page: str) -> None:
    """Pictures come from this server, and bring nothing else."""
    for tag, attributes in Elements(page).found:
        if tag == "img":
            assert set(attributes) <= {"src", "alt", "width", "height", "loading", "class", "id"}, attributes
            assert (attributes["src"] or "").startswith("/"), attributes


def page(data: bytes) -> None:
    """A note is shown as HTML that runs nothing, with its lines."""
    lines = lines_of(text_of(data).replace("\0", ""))  # which no decoded text holds
    _shown(lines)
    for line in lines[:4]:
        assert_harmless(render_inline(line, resolve=lambda _: None))


def org_page(data: bytes) -> None:
    """So is a note in org, whose every line is written in Markdown as one."""
    lines = lines_of(text_of(data).replace("\0", ""))
    written = as_markdown(lines)
    assert len(written) == len(lines), "a line more or less"
    _shown(written)


_MARKDOWN = (
    *(b"# ", b"- [ ] ", b"- [x] ", b"1. ", b"> ", b"> [!note]- ", b"---\n", b"===\n", b"```\n", b"~~~ py\n", b"$$\n"),
    *(
        b"**",
        b"~~",
        b"==",
        b"%%",
        b"[[",
        b"]]",
        b"![[p.png]]",
        b"![[a#D]]",
        b"[a](b)",
        b"![a](p.png)",
        b"[^1]",
        b"[^1]: ",
    ),
    *(b"[r]: http://x.y\n", b"<a id='x'></a>", b"<details>\n", b"<!-- ", b"-->", b"&amp;", b"|---|---|\n", b" ^id1"),
    *(b"{: .a}\n", b"\r\n", b"\f", b"\n\n", b"[TOC]", b"#tag", b"aliases: [", b"title: ", b"tags:\n", b"<img src=x>"),
    *(b"data:image/png;base64,", b"https://arxiv.org/abs/1706.03762v1", b"$x^2$", b"\\begin{align}", b"\xe2\x80\xa8"),
)
_ORG = (
    *(b"* TODO [#A] ", b"** ", b"- ", b"  - [ ] ", b"3. ", b"1) [@7] ", b":PROPERTIES:\n", b":END:\n", b":LOGBOOK:\n"),
    *(
        b":ID: x\n",
        b"#+begin_src py\n",
        b"#+end_src\n",
        b"#+begin_quote\n",
        b"#+end_quote\n",
        b"#+title: ",
        b"#+TODO: ",
    ),
    *(
        b"#+caption: ",
        b"# ",
        b": ",
        b"|--+--|\n",
        b"\\begin{align}\n",
        b"\\end{align}\n",
        b"$$",
        b"\\[",
        b"\\]",
        b"[[id:a][b]]",
    ),
    *(b"[[", b"]]", b"[fn:1] ", b"<2024-13-41 Foo>", b"https://a.b/c)", b":tag:", b"-----\n", b"CLOCK: [2024-01-01]"),
)
_HTML = (
    *(
        b"<script>",
        b"</script>",
        b"<style",
        b"<!--",
        b"-->",
        b"<br>",
        b"<sup>",
        b"<p>",
        b'<a href="',
        b"<![CDATA[",
        b"&lt;",
    ),
    *(
        b"<img src='",
        b"<?",
        b"<td>",
        b" onload=",
        b"javascript:",
        b"<math>",
        b"<svg",
        b"<iframe srcdoc=",
        b"</p>",
        b"<details open",
    ),
)

_markdown_files = files(".md", ".markdown", ".txt", under=("tests/fixtures/markdown", "data/notes"))
_org_files = files(".org", under=("tests/fixtures/org", "data/notes"))


def _marked_files() -> list[bytes]:
    return [mark + data.decode().encode(code) for data in _markdown_files()[:30] for mark, code in (
        (codecs.BOM_UTF16_LE, "utf-16-le"), (b"", "utf-16-be"), (b"", "cp1252"), (b"", "utf-8"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    ) if data.isascii()]  # fmt: skip


MARKDOWN = Target(markdown, _markdown_files, _MARKDOWN, longest=4_000)
TARGETS = {
    "markdown": MARKDOWN,
    "org": Target(org, _org_files, _ORG, longest=4_000),
    "text": Target(text, _marked_files, (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE, b"\0", b"\xff")),
    "html": Target(html, _markdown_files, _HTML),
    "page": replace(MARKDOWN, check=page, words=_MARKDOWN + _HTML),
    "org_page": Target(org_page, _org_files, _ORG + _HTML, longest=4_000),
}
