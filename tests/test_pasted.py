import base64
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markup import NOTES

from indexer.parsing import parse
from indexer.parsing.pasted import HIDDEN, LEAST, hidden, without_bytes
from indexer.types import Document, Source

BYTES = base64.b64encode(random.Random(5).randbytes(300)).decode()
PASTED = f"data:image/png;base64,{BYTES}"
WRAPPED = "\n".join(["data:image/png;base64," + BYTES[:76], *(BYTES[at : at + 76] for at in range(76, len(BYTES), 76))])
DRAWN = "data:image/svg+xml;utf8," + "%3Csvg%20xmlns=" * 9


def parsed(text: str, file: str = "note.md") -> Document:
    return parse(Source(Path("/vault"), file, text.encode(), "", 0))


def said(text: str, file: str = "note.md") -> list[tuple[str, str, tuple[int, int]]]:
    return [(block.kind, block.text, block.lines) for block in parsed(text, file).blocks]


@pytest.mark.parametrize("pasted", [PASTED, DRAWN])
@pytest.mark.parametrize(
    ("file", "note", "blocks"),
    [
        ("a.md", "Before.\n\n![]({})\n\nAfter.", [("Before.", (1, 1)), ("After.", (5, 5))]),
        ("a.md", "See ![the loss]({} 'b') here.", [("See the loss here.", (1, 1))]),
        ("a.md", "The loss:\n![the loss]({})\nfalls.", [("The loss:", (1, 1)), ("falls.", (3, 3))]),
        ("a.md", "![][1] shows it.\n\n[1]: <{}>\n", [("shows it.", (1, 1))]),
        ("a.md", "- a <img width=5 src='{}'> b\n- c", [("a b", (1, 1)), ("c", (2, 2))]),
        ("a.md", '<p>\na <img\nsrc="{}"> b\n</p>', [("a b", (1, 4))]),
        ("a.md", "| a | ![]({}) |\n|---|---|\n| c | d |", [("a | \nc | d", (1, 3))]),
        ("a.md", "[a log]({}) of it", [("a log of it", (1, 1))]),
        ("a.org", "Before.\n\n[[{}]]\n\nAfter.", [("Before.", (1, 1)), ("After.", (5, 5))]),
        ("a.org", "See [[{}][the loss]] here.", [("See here.", (1, 1))]),
        ("a.org", "- a\n- [[{}]] b", [("a", (1, 1)), ("b", (2, 2))]),
    ],
)
def test_a_pasted_picture_says_nothing(file, note, blocks, pasted):
    assert [(text, lines) for _, text, lines in said(note.replace("{}", pasted), file)] == blocks


def test_data_may_run_on_over_lines():
    note = f'Before.\n\n<img alt="a" src="{WRAPPED}"> after\n\nand more'
    last = 3 + WRAPPED.count("\n")
    assert said(note)[1:] == [("paragraph", "after", (last, last)), ("paragraph", "and more", (last + 2, last + 2))]


def test_a_line_of_prose_after_data_stays():
    assert without_bytes([PASTED, "word", "-" * LEAST + " rule", ""]) == [
        "data:image/png,",
        "word",
        "-" * LEAST + " rule",
        "",
    ]


def test_an_example_stays():
    assert said("`data:text/plain;base64,SGVsbG8=` says hello") == [
        ("paragraph", "data:text/plain;base64,SGVsbG8= says hello", (1, 1))
    ]


def test_a_picture_of_a_megabyte_is_read_at_once():
    note = "![](" + "data:image/png;base64," + "A" * 1_000_000  # which never closes
    assert said(f"{note}\n\nText.") == [("paragraph", "![](data:image/png,", (1, 1)), ("paragraph", "Text.", (3, 3))]
    assert hidden(note) == HIDDEN * 2 + "](" + HIDDEN * (len(note) - 4)


PICTURES = st.sampled_from([" ![]({}) ", " <img src='{}'> ", " {} ", " ![a]({} 'b') ", " [[{}]] "])


@given(st.lists(st.one_of(NOTES, PICTURES), max_size=6), st.sampled_from(["note.md", "note.org"]))
def test_nothing_else_of_a_note_changes(pieces, file):
    note = "".join(pieces)
    pasted = note.replace("{}", PASTED)
    assert said(pasted, file) == said(note.replace("{}", "data:image/png,"), file)
    assert "\n".join(parsed(pasted, file).source_lines).count(BYTES) == note.count("{}")
    assert [(a, b) for a, b in zip(pasted, hidden(pasted), strict=True) if a != b and (b != HIDDEN or a == "\n")] == []
    assert BYTES[:LEAST] not in hidden(pasted)
