import json
from pathlib import Path

import pytest
from hypothesis import given
from markup import NOTES

from indexer.parsing import parse
from indexer.questions import asks, numbered_items, questions
from indexer.types import Document, Question, Source

SHARED = Path(__file__).resolve().parents[2] / "shared"
needs_notes = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared notes")


def parsed(text: str, file: str = "note.md") -> Document:
    return parse(Source(Path("/vault"), file, text.encode(), "", 0))


def note(name: str) -> Document:
    path = SHARED / "notes" / name
    return parse(Source(path.parent, path.name, path.read_bytes(), "", 0))


def gold(name: str):
    return json.loads((SHARED / "gold" / name).read_text("utf-8"))


def wanted(text: str, **options) -> list[str]:
    return [question.text for question in questions(parsed(text), **options) if question.wanted]


def test_a_question_knows_what_the_dump_says_of_it():
    dump = "# Question Dump\n\n- Nets\n  - [ ] How does [[ResNet#Blocks|it]] work? [a](https://arxiv.org/abs/1512.03385v1)\n"
    assert questions(parsed(dump))[1] == Question(
        text="How does it work? a",
        state="open",
        kind="question",
        line=4,
        section="Question Dump",
        parent="Nets",
        wikilinks=("ResNet#Blocks",),
        arxiv_ids=("1512.03385",),
        urls=("https://arxiv.org/abs/1512.03385v1",),
        wanted=True,
    )


def test_what_is_open_and_asks_is_wanted():
    dump = "# Questions:\n- [ ] DenseNet\n- [ ] Why?\n- [x] How?\n- [ ] read the paper\n- What is it\n- a remark\n"
    assert wanted(dump) == ["DenseNet", "Why?", "What is it"]


def test_elsewhere_only_open_questions_are_wanted():
    assert wanted("# Work\n- [ ] DenseNet\n- [ ] Why?\n- [x] How?\n- Where?\n- [ ] pay the rent\n") == ["Why?"]


def test_headings_that_collect_are_a_setting():
    text = "# Ratlos\n- [ ] DenseNet\n- Warum?\n"
    assert wanted(text) == []
    assert wanted(text, headings=["ratlos"]) == ["DenseNet", "Warum?"]


def test_headings_below_one_that_collects_collect_too():
    assert wanted("# Open questions\n## Vision\n- [ ] SimMIM\n# Done\n- [ ] SAM\n") == ["SimMIM"]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ("[ ] What is a Markov chain", "question"),
        ("[ ] so how do filters help", "question"),
        ("[ ] filters help?", "question"),
        ("[ ] Laptop (?)", "topic"),
        ("[ ] a page https://x.y/z?q=1 to see", "topic"),
        ("[ ] read chapter 3", "task"),
        ("[ ] chapter 3 exercises", "task"),
        ("[ ] Deep residual learning, He et al", "paper"),
        ("[ ] ResNet https://arxiv.org/abs/1512.03385", "paper"),
        ("[ ] https://x.y/z", "link"),
        ("[ ] TransFusion", "topic"),
    ],
)
def test_kinds(item, kind):
    assert [question.kind for question in questions(parsed(f"# Question dump\n- {item}\n"))] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        *("Why?", "how is it done", "What’s a prior", "and is it convex", "it is convex, isn't it?"),
        *("为什么要除以根号？", "ما هو الانتشار العكسي؟"),
    ],
)
def test_what_asks(text):
    assert asks(text)


@pytest.mark.parametrize("text", ["", "https://x.y/?q=1", "Whatever works", "Laptop (?)", "Isomap", "However"])
def test_what_does_not_ask(text):
    assert not asks(text)


def numbered(document):
    """The numbered questions: number, text, line, the lines below that say something, and the heading."""
    blocks, lines = document.blocks, document.source_lines
    items = numbered_items(document)
    root = {k: k for k in items}
    below = {k: [] for k in items}
    for k, block in enumerate(blocks):
        if block.parent in root:
            root[k] = root[block.parent]
            said = (n for n in range(block.lines[0], block.lines[1] + 1) if lines[n - 1].strip())
            below[root[k]] += said
    return [(blocks[k].number, blocks[k].text, blocks[k].lines[0], below[k], blocks[k].headings[-1]) for k in items]


def test_numbered_questions_take_the_bullets_under_them():
    document = parsed("## AlexNet\n1. why two GPUs ?\n- memory\n\n2. \n- an answer\n3. last ?\n")
    assert numbered(document) == [
        (1, "why two GPUs ?", 2, [3], "AlexNet"),
        (2, "", 5, [6], "AlexNet"),
        (3, "last ?", 7, [], "AlexNet"),
    ]
    assert questions(document) == []


def test_an_ordinary_numbered_list_asks_nothing():
    assert numbered_items(parsed("1. first\n   - more\n2. second\n")) == []


@needs_notes
def test_the_dump_of_a_real_note():
    found = {question.line: question for question in questions(note("000_141ceb6293e7620d.md"))}
    rows = {row["line"]: row for row in gold("question_dump.json")}
    assert found.keys() == rows.keys()
    for line, row in rows.items():
        question = found[line]
        assert question.kind in (row["kind"], *row.get("kind_also_ok", []))
        for name in ("text", "state", "section", "parent"):
            assert getattr(question, name) == row[name]
        for name in ("wikilinks", "arxiv_ids", "urls"):
            assert list(getattr(question, name)) == row[name]


@needs_notes
@pytest.mark.parametrize("name", sorted(path.name for path in (SHARED / "notes").glob("*.md")))
def test_the_structure_of_real_notes(name):
    document, structure = note(name), gold("structure.json")[name]
    assert [
        (block.lines[0], block.depth, block.text, list(block.headings))
        for block in document.blocks
        if block.kind == "heading"
    ] == [(row["line"], row["level"], row["text"], row["path"]) for row in structure["headings"]]
    assert numbered(document) == [
        (q["number"], " ".join(q["question"].split()), q["line"], q["answer_line_numbers"], q["section"])
        for q in structure.get("questions", [])
    ]


@given(NOTES)
def test_any_text_may_ask(text):
    for source in (f"# Questions\n{text}", text):
        document = parsed(source)
        for question in questions(document):
            assert question.text
            assert 1 <= question.line <= len(document.source_lines)
