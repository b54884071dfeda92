from pathlib import Path

import pytest
from drawing import drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.parsing.org import LONGEST_HEADING, parse
from indexer.types import Document, Source

FIXTURES = Path(__file__).parent / "fixtures" / "org"
VAULT = Path(__file__).resolve().parents[2] / "shared" / "vaults" / "jethrokuan_braindump"


def parsed(text: str | bytes) -> Document:
    data = text.encode() if isinstance(text, str) else text
    return parse(Source(Path("/vault"), "note.org", data, "", 0))


@pytest.mark.parametrize("note", sorted(FIXTURES.glob("*.org")), ids=lambda path: path.stem)
def test_fixture(note):
    assert drawn(parsed(note.read_bytes())) == note.with_suffix(".txt").read_text("utf-8")


def test_a_single_top_heading_that_opens_the_file_is_its_title():
    assert parsed("* Adam\nText.\n** Bias").title == "Adam"
    assert parsed("Text.\n* Adam\n").title is None
    assert parsed("* Adam\n* SGD\n").title is None


def test_the_date_and_the_keywords_of_the_file():
    document = parsed(
        "#+title: A\n#+date: [2021-02-03 Wed]\n#+keywords: deep learning, nlp\n#+filetags: :ml:\n* B :c:\n"
    )
    assert (document.date, document.tags) == ("2021-02-03", ("ml", "deep learning", "nlp", "c"))
    assert parsed(":PROPERTIES:\n:CREATED: [2020-04-01 Wed]\n:END:\n* A\n").date == "2020-04-01"
    assert parsed("* A\n:PROPERTIES:\n:CREATED: [2020-04-01 Wed]\n:END:\n").date is None  # said of the heading


def test_without_a_todo_line_the_usual_states_are_known():
    states = [(block.text, block.state) for block in parsed("* TODO a\n* NEXT b\n* CANCELLED c\n* MAYBE d\n").blocks]
    assert states == [("a", "open"), ("b", "open"), ("c", "done"), ("MAYBE d", "none")]


def test_without_a_bar_the_last_state_means_done():
    states = [(block.text, block.state) for block in parsed("#+SEQ_TODO: OPEN(o) SHUT(s)\n* OPEN a\n* SHUT b\n").blocks]
    assert states == [("a", "open"), ("b", "done")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_move_lines(end):
    document = parsed(b"\xef\xbb\xbf" + end.join(["* A", "", "b\x0bc\u2028d", "- e", "  f"]).encode())
    assert [(block.lines, block.text) for block in document.blocks] == [
        ((1, 1), "A"),
        ((3, 3), "b c d"),
        ((4, 5), "e f"),
    ]
    assert document.source_lines[2] == "b\x0bc\u2028d"


def test_a_heading_too_long_to_be_one_is_text():
    (block,) = parsed("* " + "long " * LONGEST_HEADING).blocks
    assert (block.kind, block.lines) == ("paragraph", (1, 1))


def test_lists_nest_two_hundred_deep():
    blocks = parsed("\n".join(f"{' ' * k}- item {k}" for k in range(200))).blocks
    assert [(block.depth, block.parent) for block in blocks] == [(0, None), *((k, k - 1) for k in range(1, 200))]


def test_binary_data_is_refused():
    with pytest.raises(SourceError, match="binary data, not text"):
        parsed(b"\x00\x01\x02" * 100)


@pytest.mark.parametrize(
    "piece",
    ["[[a][", "*b ", "$$ ", r"\( ", "[[", "(((", "http://(", "=a ", "* :a", "#+begin_quote\n", ":a:\n", "\\begin{a}\n",
     "$$ x\n", "| ", "- ", "[fn:1", "<<"],
)  # fmt: skip
def test_what_never_closes_is_read_in_linear_time(piece):
    text = piece * (200_000 // len(piece))  # minutes, were it quadratic
    assert len(parsed(text).source_lines) == max(1, text.count("\n"))


MARKUP = st.sampled_from(
    ["* TODO [#A] ", "** ", "- ", "  - [ ] ", "3. ", "1) [@7] ", ":PROPERTIES:", ":END:", ":LOGBOOK:", ":ID: x",
     "#+begin_src py", "#+end_src", "#+begin_quote", "#+end_quote", "#+title: ", "#+caption: ", "# ", ": ",
     "| a | b |", "|--+--|", r"\begin{align}", r"\end{align}", "$$", r"\[", r"\]", "[[id:a][b]]", "[[", "]]", "*b*",
     "=c=", "$x$", "[fn:1] ", "<2024-13-41 Foo>", "https://a.b/c)", ":tag:", "\r\n", "\r", "\n\n", "\t", "\\\\",
     "-----", "CLOCK: [2024-01-01]"]
)  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8)
NOTES = st.lists(st.one_of(MARKUP, WORDS, st.sampled_from(["\n", "word", " "]))).map("".join)


@settings(deadline=None)  # the first example imports orgparse
@given(NOTES)
def test_any_text_is_read_and_every_block_knows_its_place(text):
    document = parsed(text)
    previous = 1
    for k, block in enumerate(document.blocks):
        first, last = block.lines
        assert previous <= first <= last <= len(document.source_lines)
        previous = last + 1  # no line is in two blocks
        assert all(first <= link.line <= last for link in block.links)
        assert "\0" not in block.text
        if block.parent is not None:
            parent = document.blocks[block.parent]
            assert block.parent < k
            assert parent.kind == "item"
            assert parent.headings == block.headings


@settings(deadline=None)
@given(st.lists(st.one_of(MARKUP.map(lambda mark: mark + " word"), st.sampled_from(["word", "  word", ""]))))
def test_no_word_is_lost(rows):
    kept = [row for row in rows if not row.startswith(("#", ":", "CLOCK", "|--", "\\begin", "\\end", "-----"))]
    document = parsed("\n".join(kept))
    covered = {line for block in document.blocks for line in range(block.lines[0], block.lines[1] + 1)}
    missed = {k: line for k, line in enumerate(document.source_lines, 1) if "word" in line and k not in covered}
    assert missed == {}


@pytest.mark.skipif(not VAULT.is_dir(), reason="needs the shared vaults")
def test_real_notes_are_covered():
    markup = ("#+", ":", "# ", "[[file:", "-----")
    notes = sorted(VAULT.rglob("*.org"))
    assert len(notes) > 100
    for note in notes:
        document = parsed(note.read_bytes())
        covered = {line for block in document.blocks for line in range(block.lines[0], block.lines[1] + 1)}
        lines = enumerate(document.source_lines, 1)
        missed = [
            line
            for k, line in lines
            if k not in covered and line.strip() and not line.strip().lower().startswith(markup)
        ]
        assert (note.name, missed) == (note.name, [])
        assert document.title
