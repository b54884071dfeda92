from pathlib import Path

import pytest
from drawing import drawn
from hypothesis import given
from hypothesis import strategies as st
from markup import NOTES

from indexer.errors import SourceError
from indexer.parsing.html import html_text
from indexer.parsing.inline import PIECE_CHARS
from indexer.parsing.markdown import parse
from indexer.parsing.prepare import LONGEST_LINE
from indexer.types import Document, Source

FIXTURES = Path(__file__).parent / "fixtures" / "markdown"


def parsed(text: str | bytes, file: str = "note.md") -> Document:
    data = text.encode() if isinstance(text, str) else text
    return parse(Source(Path("/vault"), file, data, "", 0))


def said(text: str, file: str = "note.md") -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in parsed(text, file).blocks]


@pytest.mark.parametrize("note", sorted(FIXTURES.glob("*.md")), ids=lambda path: path.stem)
def test_fixture(note):
    assert drawn(parsed(note.read_bytes())) == note.with_suffix(".txt").read_text("utf-8")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_move_lines(end):
    document = parsed(b"\xef\xbb\xbf" + end.join(["# A", "", "b\x0bc\u2028d\fe", "", "- f", "  g"]).encode())
    assert [(block.lines, block.text) for block in document.blocks] == [
        ((1, 1), "A"),
        ((3, 3), "b c d e"),
        ((5, 6), "f g"),
    ]
    assert document.source_lines[2] == "b\x0bc\u2028d\fe"


@pytest.mark.parametrize(
    ("front", "title", "aliases", "tags"),
    [
        ("title: A\naliases: B\ntags: c", "A", ("B",), ("c",)),
        ("title: 7\nalias: B, C\ntag: c d", "7", ("B", "C"), ("c", "d")),
        ("aliases: [B, 'C, D']\ntags: ['#c', d/e]", None, ("B", "C, D"), ("c", "d/e")),
        ("aliases:\n  - B\n  -\ntags:\n- c\n- c", None, ("B",), ("c",)),
        ("Aliases: []\ntags:", None, (), ()),
        ("title: A: b\ntags: [c", "A: b", (), ("[c",)),  # broken YAML: its plain pairs are read
        ("aliases: {a: b}\ntags: [[c], {d: e}, f]", None, (), ("f",)),
        ("created: 2024-13-45\ntitle: A", "A", (), ()),
    ],
)
def test_front_matter(front, title, aliases, tags):
    document = parsed(f"---\n{front}\n---\nText.\n")
    assert (document.title, document.aliases, document.tags) == (title, aliases, tags)
    assert [(block.text, block.lines[0]) for block in document.blocks] == [("Text.", front.count("\n") + 4)]


@pytest.mark.parametrize(
    ("front", "date"),
    [
        ("date: 2024-05-03", "2024-05-03"),
        ("updated: 2024-06-01\nDate created: 2024-05-03 10:00", "2024-05-03"),
        ("last_modified: '2024/06'", "2024-06"),
        ("date: soon\ncreated: May 3, 2024", "2024-05-03"),
        ("due: 2024-05-03", None),
        ("title: '2024-05-03'", None),
    ],
)
def test_the_date_that_front_matter_states(front, date):
    assert parsed(f"---\n{front}\n---\nText of 2023-01-01.\n").date == date


def test_keywords_are_tags_that_may_hold_spaces():
    note = "---\nkeywords: Deep Learning, nlp\ntags: a\n---\nOn #ml/vision and #a.\n"
    assert parsed(note).tags == ("a", "Deep Learning", "nlp", "ml/vision")


@pytest.mark.parametrize("text", ["---\nword\n", "---\nJust a sentence.\n---\n", "Text\n---\na: b\n---\n"])
def test_what_is_no_front_matter_is_text(text):
    document = parsed(text)
    assert document.title is None
    assert document.blocks


def test_a_single_top_heading_that_opens_the_file_is_its_title():
    assert parsed("# Adam\nText.\n## Bias").title == "Adam"
    assert parsed("Text.\n\n# Adam\n").title is None
    assert parsed("# Adam\n# SGD\n").title is None


def test_plain_text_has_no_indented_code():
    assert said("a\n\n    b\n", "a.txt") == [("paragraph", "a"), ("paragraph", "b")]
    assert said("a\n\n    b\n", "a.md") == [("paragraph", "a"), ("code", "b")]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("it costs $5 and $6", "it costs $5 and $6"),
        ("$a_1 + b_2$ and *c*", "$a_1 + b_2$ and c"),
        (r"\*as written\* a_b_c", "*as written* a_b_c"),
        ("[[A]](b) [c]", "A(b) [c]"),
        ("[[]] [[ ]] [[a\nb]]", "[[]] [[ ]] [[a b]]"),
        ("x<sub>i</sub><br>y &lt; z", "x_i y < z"),
        ("100%% sure", "100 sure"),
        ("broken [link](http://", "broken [link](http://"),
        ("Ã©tÃ© \ufffd", "Ã©tÃ© \ufffd"),
    ],
)
def test_inline(markup, text):
    assert said(markup) == [("paragraph", text)]


def test_addresses_are_found_however_long_the_text_before_them_is():
    text = f"{'http: word ' * 400}see http://a.b/c, {'x@ ' * 1000}me@x.org or www.d.e"
    (block,) = parsed(text).blocks
    assert [link.target for link in block.links] == ["http://a.b/c", "mailto:me@x.org", "http://www.d.e"]
    assert block.text == text


def test_html_says_its_words():
    markup = "<div>a<script>b</script><style>c</style><!-- d -->&amp; <p>e<br>f</div><h1>g"
    assert html_text(markup) == "a& e f g"


def test_a_bare_bullet_under_text_is_no_underline():
    assert said("text\n-\nmore") == [("paragraph", "text"), ("paragraph", "more")]
    assert said("text\n----\nmore") == [("heading", "text"), ("paragraph", "more")]


def test_links_know_their_line():
    (block,) = parsed("a http://x.y/1.\n[b](http://x.y/2)\n<http://x.y/3> [[N#h|t]]").blocks
    assert [(n.kind, n.target, n.line) for n in block.links] == [
        ("url", "http://x.y/1", 1),
        ("url", "http://x.y/2", 2),
        ("url", "http://x.y/3", 3),
        ("wikilink", "N", 3),
    ]


def test_unclosed_footnotes_stay_in_their_section():
    blocks = parsed("# A\n\n[^x]: never used\n\n# B\n\nb\n").blocks
    assert [(block.kind, block.text, block.headings) for block in blocks if block.kind != "heading"] == [
        ("footnote", "never used", ("A",)),
        ("paragraph", "b", ("B",)),
    ]


def test_lists_nest_two_hundred_deep():
    blocks = parsed("\n".join(f"{'  ' * k}- item {k}" for k in range(200))).blocks
    assert {f"item {k}" for k in range(200)} == {block.text for block in blocks if block.kind == "item"}


def test_quotes_nest_two_hundred_deep():
    words = " ".join(block.text for block in parsed("\n".join(f"{'> ' * k}q{k}" for k in range(200))).blocks)
    assert set(words.split()) == {f"q{k}" for k in range(200)}


def test_a_line_too_long_to_be_markup_is_text():
    (block,) = parsed("# " + "long " * LONGEST_LINE).blocks
    assert (block.kind, block.lines) == ("paragraph", (1, 1))


def test_a_paragraph_of_many_lines_keeps_its_markup_and_lines():
    rows = [f"row [{k}](http://x.y/{k}) *soft*" for k in range(PIECE_CHARS // 8)]
    (block,) = parsed("\n".join(rows)).blocks
    assert block.text == " ".join(f"row {k} soft" for k in range(len(rows)))
    assert [link.line for link in block.links] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("piece", ["[", "![", "[[", "[^", "[a](", "*a", "a`", "<a ", "$", "\\", "(", "a@", "http://"])
@pytest.mark.parametrize("width", [70, 10_000])
def test_what_never_closes_is_read_in_linear_time(piece, width):
    row = piece * (width // len(piece))
    text = "\n".join([row] * (20_000 // width))  # minutes, were it quadratic
    assert "".join(" ".join(block.text for block in parsed(text).blocks).split())


def test_binary_data_is_refused():
    with pytest.raises(SourceError, match="binary data, not text"):
        parsed(b"\x00\x01\x02" * 100)


@given(NOTES)
def test_any_text_is_read_and_every_block_knows_its_place(text):
    document = parsed(text)
    for k, block in enumerate(document.blocks):
        first, last = block.lines
        assert 1 <= first <= last <= len(document.source_lines)
        assert all(first <= link.line <= last for link in block.links)
        if block.parent is not None:
            parent = document.blocks[block.parent]
            assert block.parent < k
            assert parent.kind == "item"
            assert parent.headings == block.headings


@given(st.lists(st.sampled_from(
    ["# word", "word", "  word", "- word", "  - [ ] word", "1. word", "> word", "> [!tip] word", "| word |", "word `a",
     "    word", "", "-", "**word", "[[word", "[word](", "[^1]: word", "$$", "\tword", "3)  word"]
)))  # fmt: skip
def test_no_word_is_lost(rows):
    document = parsed("\n".join(rows))
    covered = {line for block in document.blocks for line in range(block.lines[0], block.lines[1] + 1)}
    assert [k for k, line in enumerate(document.source_lines, 1) if "word" in line and k not in covered] == []


def test_a_line_with_nothing_but_a_form_feed_is_blank():
    (found,) = parsed("\x0c\nAdam keeps two moments.").blocks
    assert (found.text, found.lines) == ("Adam keeps two moments.", (2, 2))
