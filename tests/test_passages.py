from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markup import NOTES
from samples import placed

from indexer.parsing import SUFFIXES, parse
from indexer.passages import PAPER_WORDS, split
from indexer.spans import MAX_LINES
from indexer.types import Block, Box, Document, Passage, Source

SHARED = Path(__file__).resolve().parents[2] / "shared"
MAX_TOKENS = 64


def count(texts: Sequence[str]) -> list[int]:
    """A stand-in for a tokenizer: a token for every four characters of a word, and for every wide character."""
    return [
        2 + sum(-(-sum(c.isascii() for c in word) // 4) + sum(not c.isascii() for c in word) for word in text.split())
        for text in texts
    ]


def parsed(text: str, file: str = "note.md") -> Document:
    return parse(Source(Path("/vault"), file, text.encode(), "", 0))


def passages(text: str, max_tokens: int = MAX_TOKENS) -> list[Passage]:
    return split(parsed(text), max_tokens=max_tokens, count_tokens=count)


def texts(text: str, max_tokens: int = MAX_TOKENS) -> list[str]:
    return [passage.text for passage in passages(text, max_tokens)]


@cache
def folded(text: str) -> str:
    return " ".join(text.split())


def faults(document: Document, found: Sequence[Passage], max_tokens: int) -> list[str]:
    """What is wrong with the passages of a document: nothing, ever."""
    wrong = []
    lines = document.source_lines
    covered = {n for passage in found for n in range(passage.lines[0], passage.lines[1] + 1)}
    for block in document.blocks:
        if block.kind != "heading" and any(c.isalnum() for c in block.text):
            said = [n for n in range(block.lines[0], block.lines[1] + 1) if any(c.isalnum() for c in lines[n - 1])]
            if block.kind in ("paragraph", "item", "footnote") and not any(n in covered for n in said):
                wrong.append(f"lost {block.kind} on {block.lines}: {block.text[:60]!r}")
    for k, passage in enumerate(found):
        first, last = passage.lines
        if passage.ordinal != k:
            wrong.append(f"passage {k} has ordinal {passage.ordinal}")
        if not 1 <= first <= last <= len(lines) or last - first >= MAX_LINES:
            wrong.append(f"lines {passage.lines}")
        if count([passage.embedded_text])[0] > max_tokens:
            wrong.append(f"{count([passage.embedded_text])[0]} tokens on {passage.lines}")
        if not passage.text.strip() or not passage.spans:
            wrong.append(f"nothing said on {passage.lines}")
        for span in passage.spans:
            if not first <= span.lines[0] <= span.lines[1] <= last:
                wrong.append(f"span on {span.lines} outside {passage.lines}")
            if folded(span.text) not in folded(" ".join(lines[span.lines[0] - 1 : span.lines[1]])):
                wrong.append(f"span not verbatim on {span.lines}: {span.text[:60]!r}")
    return wrong


@given(NOTES, st.integers(16, 80))
def test_passages_hold_everything_and_know_their_place(text, max_tokens):
    document = parsed(text)
    found = split(document, max_tokens=max_tokens, count_tokens=count)
    assert faults(document, found, max_tokens) == []
    assert found == split(document, max_tokens=max_tokens, count_tokens=count)


@given(st.lists(st.one_of(NOTES, st.sampled_from([" ![a]({}) ", " <img src='{}'> ", "\n\n> {}\n"])), max_size=5))
def test_passages_hold_nothing_of_a_pasted_picture(pieces):
    data = "iVBORw0KGgo" * 40
    note = "".join(pieces)
    document = parsed(note.replace("{}", f"data:image/png;base64,{data}"))
    found = split(document, max_tokens=MAX_TOKENS, count_tokens=count)
    assert faults(document, found, MAX_TOKENS) == []
    assert [text for p in found for text in (p.text, *(s.text for s in p.spans)) if "VBORw0KGgo" in text] == []


def test_a_quote_ends_before_a_pasted_picture_and_goes_on_behind_it():
    data = "data:image/png;base64," + "iVBORw0KGgo" * 40
    (passage,) = passages(f"# Nets\n\nThe loss ![a]({data}) falls. It\nrises <img src='{data}'>\n[b]({data}) later.\n")
    assert [(span.text, span.lines) for span in passage.spans] == [
        ("The loss", (3, 3)),
        ("a", (3, 3)),
        ("falls.", (3, 3)),
        ("It rises", (3, 4)),
        ("b", (5, 5)),
        ("later.", (5, 5)),
    ]
    assert passage.text == "The loss a falls. It rises b later."


@given(
    st.lists(
        st.sampled_from(["Adam keeps two moments.", "- word", "  - word", "1. why?", "word", "", "> word", "## word"])
    )
)
def test_no_line_of_prose_is_lost(rows):
    document = parsed("\n".join(rows))
    found = split(document, max_tokens=MAX_TOKENS, count_tokens=count)
    headings = {n for b in document.blocks if b.kind == "heading" for n in range(b.lines[0], b.lines[1] + 1)}
    covered = {n for passage in found for n in range(passage.lines[0], passage.lines[1] + 1)} | headings
    assert [n for n, row in enumerate(document.source_lines, 1) if row.strip() and n not in covered] == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared notes")
@pytest.mark.parametrize(
    "folder", ["notes", "vaults/Lawrence-Godfrey_obsidian-ai-notes", "vaults/jethrokuan_braindump"]
)
def test_real_notes(folder):
    files = sorted(path for path in (SHARED / folder).rglob("*") if path.suffix.lower() in SUFFIXES)
    assert files
    for path in files:
        document = parse(Source(SHARED, path.name, path.read_bytes(), "", 0))
        found = split(document, max_tokens=256, count_tokens=count)
        assert (path.name, faults(document, found, 256)) == (path.name, [])


def test_an_item_keeps_its_children():
    (passage,) = passages("# Nets\n\n- ResNet\n  - adds the input\n    - so gradients flow\n")
    assert passage.text == "ResNet\n- adds the input\n  - so gradients flow"
    assert (passage.kind, passage.context, passage.lines) == ("list", "Nets", (3, 5))
    assert [(span.text, span.lines) for span in passage.spans] == [
        ("ResNet", (3, 3)),
        ("adds the input", (4, 4)),
        ("so gradients flow", (5, 5)),
    ]


def test_a_numbered_question_stands_with_its_answer():
    found = passages("## AlexNet\n1. Why dropout ?\n- less overfitting\n2. Why GPUs ?\n3. Size ?\n- eight layers\n")
    assert [(p.kind, p.text, p.lines) for p in found] == [
        ("question", "Why dropout ?\n- less overfitting", (2, 3)),
        ("heading", "Why GPUs ?", (4, 4)),
        ("question", "Size ?\n- eight layers", (5, 6)),
    ]


def test_tables_and_code_are_passages_of_their_own():
    found = passages("Text.\n\n| a | b |\n|---|---|\n| c | d |\n\n```py\nx = 1\n```\n")
    assert [(p.kind, p.text, p.lines) for p in found] == [
        ("text", "Text.", (1, 1)),
        ("table", "a | b\nc | d", (3, 5)),
        ("code", "x = 1", (7, 9)),
    ]


def test_a_line_with_a_colon_leads_into_the_list_below_it():
    first = "- " + "first word " * 30
    found = passages(f"# Nets\n\nThere are two kinds:\n\n{first}\n- [ ] second\n", 256)
    assert [p.context for p in found] == ["Nets", "Nets › There are two kinds:"]


def test_small_neighbours_are_joined_and_questions_are_not():
    assert texts("One.\n\nTwo.\n") == ["One.\nTwo."]
    assert texts("- [ ] one\n- [ ] two\n") == ["one", "two"]
    assert texts("One.\n\n# A\n\nTwo.\n") == ["One.", "Two."]


def test_a_heading_with_nothing_under_it_is_a_passage_and_others_are_not():
    found = passages("# A\n\n## B\n\n## C\n\nText.\n\n# Contents\n")
    assert [(p.kind, p.text, p.context, p.headings) for p in found] == [
        ("heading", "B", "A", ("A",)),
        ("text", "Text.", "A › C", ("A", "C")),
    ]


def test_contents_anchors_and_pictures_are_no_passages():
    note = "# Table of Contents\n\n1. [A](#a)\n2. [B](#b)\n\n<a id='a'></a>\n\n![](x.png)\n\n---\n\n-\n\nText.\n"
    assert texts(note) == ["Text."]


def test_long_paragraphs_are_cut_at_sentences():
    sentences = [f"Sentence number {k} says something about nets." for k in range(12)]
    found = passages(" ".join(sentences))
    assert " ".join(passage.text for passage in found) == " ".join(sentences)
    assert all(passage.text.startswith("Sentence") and passage.text.endswith(".") for passage in found)


def test_a_later_part_says_what_it_is_a_part_of():
    found = passages("# Nets\n\n- ResNet adds the input\n" + "".join(f"  - child {k}\n" for k in range(14)))
    assert [(p.lines, p.context) for p in found] == [((3, 14), "Nets"), ((15, 17), "Nets › ResNet adds the input")]


def test_a_text_without_spaces_is_cut_anywhere():
    text = "注意力机制" * 60
    found = passages(text)
    assert "".join(passage.text for passage in found) == text
    assert all(count([passage.embedded_text])[0] <= MAX_TOKENS for passage in found)


def test_a_sentence_of_many_lines_is_cut_at_its_lines():
    rows = [f"& term {k}" for k in range(40)]
    found = passages("\n".join(rows), 512)
    assert " ".join(passage.text for passage in found) == " ".join(rows)
    assert all(passage.lines[1] - passage.lines[0] < MAX_LINES for passage in found)


def test_a_context_never_takes_the_place_of_the_text():
    found = passages("# " + "标题" * 100 + "\n\n正文\n", 32)
    assert [(p.text, p.context) for p in found] == [("正文", "标题" * 6)]


@pytest.mark.parametrize("piece", ["ax\n", "`", "a` ", "<a ", "Word. ", "**a ", "[^", "字"])
def test_long_texts_are_split_in_linear_time(piece):
    text = piece * (60_000 // len(piece))  # minutes, were it quadratic
    document = parsed(text)
    assert faults(document, split(document, max_tokens=256, count_tokens=count), 256) == []


def test_a_part_that_is_nothing_but_markup_is_no_passage():
    text = "<details>\n" + "Adam keeps two moments of the gradient " * 4
    found = passages(text, max_tokens=16)
    assert all(passage.text.strip() for passage in found)
    assert " ".join(passage.text for passage in found).split() == text.split()[1:]


# -------------------------------------------------------------------------------------------------------- papers


def block(kind, text, headings=("2 Method",), **where):
    return Block(kind, text, (1, 1), headings, places=placed(text, **where))


def split_paper(*blocks):
    source = Source(Path("/papers"), "p.pdf", b"", "", 0)
    document = Document(source, "paper", "On Cells", tuple(blocks), (), pages=2)
    return split(document, max_tokens=256, count_tokens=lambda texts: [len(text.split()) + 2 for text in texts])


def sentence(words, word="cell"):
    return " ".join([word.capitalize(), *[word] * (words - 2), "ends."])


def test_a_sentence_of_a_paper_has_a_box_for_each_of_its_lines():
    first, second = "Gates decide what is kept in a cell, and for how long.", "The rest fades."
    (passage,) = split_paper(block("paragraph", f"{first} {second}"))
    assert [span.text for span in passage.spans] == [first, second]
    assert passage.spans[0].boxes == (Box(1, 100.0, 700.0, 300.0, 710.0), Box(1, 105.0, 688.0, 170.0, 698.0))
    assert passage.spans[1].boxes == (Box(1, 175.0, 688.0, 250.0, 698.0),)
    assert (passage.context, passage.headings, passage.pages) == ("On Cells › 2 Method", ("2 Method",), (1, 1))
    assert [span.lines for span in passage.spans] == [(1, 1), (2, 2)]


def test_a_long_paragraph_is_cut_into_parts_of_about_the_same_length():
    found = split_paper(block("paragraph", " ".join(sentence(20) for _ in range(2 * PAPER_WORDS // 20 + 2))))
    lengths = [len(passage.text.split()) for passage in found]
    assert len(found) == 3
    assert max(lengths) <= PAPER_WORDS
    assert max(lengths) - min(lengths) <= 20
    assert [span.lines[0] for passage in found for span in passage.spans] == list(range(1, sum(lengths) // 20 + 1))


def test_short_paragraphs_are_joined_and_captions_tables_and_references_kept_apart():
    found = split_paper(
        block("heading", "2 Method"),
        block("paragraph", sentence(10)),
        block("math", "y = W x + b"),
        block("caption", "Table 3: Errors by depth."),
        block("table", "depth error\n18 27.9\n34 25.0"),
        block("paragraph", sentence(12, "gate")),
        block("reference", "[1] A. Mull. On Depth. 2015.", headings=("References",)),
        block("reference", "[2] B. Grau. On Width. 2016.", headings=("References",)),
    )
    assert [(passage.kind, len(passage.spans)) for passage in found] == [
        ("text", 2), ("caption", 1), ("table", 3), ("text", 1), ("reference", 6),
    ]  # fmt: skip
    assert found[2].context == "On Cells › 2 Method › Table 3: Errors by depth."
    assert [span.text for span in found[2].spans] == ["depth error", "18 27.9", "34 25.0"]
    assert found[-1].text == "[1] A. Mull. On Depth. 2015.\n[2] B. Grau. On Width. 2016."


@given(
    st.lists(
        st.tuples(st.sampled_from(["paragraph", "caption", "table", "reference", "footnote"]), st.integers(1, 400)),
        min_size=1,
        max_size=8,
    )
)
def test_passages_of_a_paper_hold_all_its_text_in_order(shape):
    blocks = [block(kind, " ".join(f"w{n}x{k}" + "." * (k % 9 == 8) for k in range(words)))
              for n, (kind, words) in enumerate(shape)]  # fmt: skip
    found = split_paper(*blocks)
    assert [w for p in found for s in p.spans for w in s.text.split()] == [w for b in blocks for w in b.text.split()]
    width = sum(box.x1 - box.x0 for passage in found for span in passage.spans for box in span.boxes)
    assert width >= 5 * sum(not char.isspace() for b in blocks for char in b.text) - len(found)
    lines = [span.lines[0] for passage in found for span in passage.spans]
    assert lines == sorted(lines)
    for passage in found:
        assert passage.text.split() == [word for span in passage.spans for word in span.text.split()]
        assert len(passage.embedded_text.split()) + 2 <= 256
        assert all(span.boxes for span in passage.spans)
