import json
import sys

import pytest
import shelf
from desks import open_desk, put_paper
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError
from service.bench import _auroc, hits, quality, quality_json, quality_table
from service.types import Citation
from tests.bench import commands, hard, layout, stops

GOLD = [
    {"id": "1", "question": "how many layers in GoogLeNet", "kind": "direct",
     "gold": [{"file": "group.md", "start_line": 3, "end_line": 3}]},
    {"id": "2", "question": "bias correction decay", "kind": "direct",
     "gold": [{"file": "notes/adam.md", "start_line": 8, "end_line": 8},
              {"file": "adam.md", "start_line": 8, "end_line": 9}]},
    {"id": "3", "question": "zebra migration patterns", "kind": "unanswerable", "gold": []},
]  # fmt: skip


def citation(file="a/note.md", lines=(10, 12), paper=None, pages=None, passage="", quote=""):
    return Citation(
        *(1, "note", file, paper, None, "", (), lines, pages, None),
        quote=quote,
        passage=passage,
        score=0,
        link="",
        stale=False,
    )


def on_page(page, evidence):
    return {"paper": "1512.03385", "page": page, "evidence": evidence}


def place(file="note.md", first=12, last=14):
    return {"file": file, "start_line": first, "end_line": last}


@pytest.mark.parametrize(
    ("found", "gold", "hit"),
    [
        (citation(), place(), True),
        (citation(), place(first=13), False),
        (citation(), place(first=1, last=10), True),
        (citation(), place(file="a/note.md"), True),
        (citation(file="another note.md"), place(), False),
        (citation(file="x/note.md"), place(file="a/note.md"), False),
        (citation(lines=None, paper="1512.03385", pages=(3, 4)), {"paper": "1512.03385", "page": 4}, True),
        (citation(lines=None, paper="1512.03385", pages=(3, 4)), {"paper": "1512.03385", "page": 5}, False),
        (citation(lines=None, paper="1706.03762", pages=(3, 4)), {"paper": "1512.03385", "page": 3}, False),
        (citation("pdfs/A study.pdf", lines=None, pages=(3, 4)), {"paper": "A study", "page": 4}, True),
        (citation("pdfs/A study.pdf", lines=None, pages=(3, 4)), {"paper": "study", "page": 4}, False),
        (citation("pdfs/a.pdf", lines=None, paper="1512.03385", pages=(3, 4)), {"paper": "a", "page": 4}, False),
        (citation(lines=None, paper="1512.03385", pages=None), {"paper": "1512.03385", "page": 1}, False),
    ],
)
def test_a_citation_hits_when_it_lies_on_a_gold_place(found, gold, hit):
    assert hits(found, [gold]) is hit
    assert hits(found, [gold], strict=True) is hit
    assert not hits(found, [])


@pytest.mark.parametrize(
    ("passage", "quote", "hit"),
    [
        ("A Shift-\nvariant filter.", "", True),
        ("", "shift-variant", True),
        ("Invariant.", "A filter.", False),
        ("It is a shift", "variant filter", False),
    ],
)
def test_a_strict_hit_holds_the_evidence(passage, quote, hit):
    found = citation(lines=None, paper="1512.03385", pages=(3, 4), passage=passage, quote=quote)
    assert hits(found, [on_page(3, "shift variant")])
    assert hits(found, [on_page(3, "shift variant")], strict=True) is hit
    assert not hits(found, [on_page(5, "shift variant")], strict=True)


@given(
    positive=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1),
    negative=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1),
)
def test_auroc_is_symmetric(positive, negative):
    assert _auroc(positive, negative) + _auroc(negative, positive) == pytest.approx(1)


def test_auroc_of_known_scores():
    assert _auroc([0.9, 0.8], [0.1, 0.2]) == 1
    assert _auroc([0.5], [0.5]) == 0.5
    assert _auroc([0.9, 0.1], [0.5, 0.2]) == 0.5
    assert _auroc([], [0.5]) is None


def test_the_figures_of_a_gold_file(tmp_path):
    gold = tmp_path / "gold.jsonl"
    gold.write_text("\n".join(json.dumps(row) for row in GOLD))
    with open_desk(tmp_path) as desk:
        figures = quality(desk, gold)
    ours = figures[0]
    assert [row.system for row in figures] == ["Footnote", "BM25 alone", "dense alone"]
    assert (ours.questions, ours.hit_at_1, ours.hit_at_5, ours.mrr_at_10, ours.auroc) == (3, 1.0, 1.0, 1.0, 1.0)
    assert (ours.lost, ours.false, ours.kinds) == (0.0, 0.0, {"direct": (1.0, 1.0)})
    assert (ours.strict_at_1, ours.strict_at_5) == (None, None)
    assert 1 <= ours.cited_lines <= 12
    assert quality_json(figures)["systems"][0]["hit_at_1"] == 1.0
    assert quality_table(figures).split("\n")[2].startswith("| Footnote    | 1.000 | 1.000 | 1.000  | ")


def test_the_figures_of_a_gold_file_about_papers(tmp_path):
    gold = tmp_path / "gold.jsonl"
    where = {"paper": shelf.PAPER.identifier, "page": 1}
    rows = [
        {"question": "keeps the gradient alive in deep stacks", "gold": [where | {"evidence": "the gradient ALIVE"}]},
        {"question": "the sum is taken before the last activation", "gold": [where | {"evidence": "the gradient"}]},
        {"question": "how many layers in GoogLeNet", "gold": [{"file": "group.md", "start_line": 3, "end_line": 3}]},
    ]
    gold.write_text("\n".join(json.dumps(row) for row in rows))
    with open_desk(tmp_path) as desk:
        put_paper(tmp_path)
        figures = quality(desk, gold, k=1)
    ours = figures[0]
    assert (ours.hit_at_1, ours.strict_at_1, ours.strict_at_5) == (1.0, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (ours.auroc, ours.false) == (None, 0.0)
    assert quality_json(figures)["systems"][0]["strict_at_1"] == 0.6667
    heads, _, first, *_ = quality_table(figures).split("\n")
    assert " ".join(heads.split()) == "| | hit@1 | hit@5 | MRR@10 | strict@1 | strict@5 | lines | lost | false | ms |"
    assert first.startswith("| Footnote    | 1.000 | 1.000 | 1.000  | 0.667    | 0.667    |")


@pytest.mark.parametrize("text", ["not json", '{"question": "x"}', "[1, 2]"])
def test_what_is_no_gold_file_is_said_so(tmp_path, text):
    gold = tmp_path / "gold.jsonl"
    gold.write_text(text)
    with open_desk(tmp_path) as desk, pytest.raises(InputError, match="not a gold file"):
        quality(desk, gold)


def test_a_command_tells_its_own_memory():
    code = """
import sys
from tests.bench.commands import run
def peak(code): return round(run(sys.executable, "-c", code).peak / 100)
child = "bytes([1]) * 200_000_000"
print(peak(child), peak(f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{child}'])"), peak("pass"))
"""
    assert commands.run(sys.executable, "-c", code).out == "2 2 0\n"


def test_a_command_that_fails_ends_the_benchmark():
    with pytest.raises(SystemExit, match="no more"):
        commands.run(sys.executable, "-c", "import sys; sys.exit('no more')")


def test_a_table_holds_what_it_is_given():
    assert [*commands.heads("a", "b"), commands.row(1, "x | y")] == ["| a | b |", "| --- | --- |", "| 1 | x \\| y |"]


def test_what_becomes_of_a_pdf_is_measured(tmp_path):
    (tmp_path / "empty.pdf").touch()
    outcome = hard.measure(tmp_path / "empty.pdf")
    assert (outcome.file, outcome.outcome) == ("empty.pdf", "refused")
    assert "empty file" in outcome.reason
    assert 0 < outcome.seconds < 60
    assert outcome.peak > 10
    rows = hard.table([hard.Outcome("a.pdf", "read, 1 page", "", 0.251, 38.4)])
    assert rows[2:] == ["| a.pdf | read, 1 page |  | 0.25 | 38 |"]


def test_text_is_found_in_a_piece_and_across_two():
    pieces = [layout.Piece("one  two-", (1, 1)), layout.Piece("three four", (1, 2)), layout.Piece("five", (2, 2))]
    assert layout.holds(pieces, "one two-", layout.spaced, " ")
    assert layout.holds(pieces, "two- three", layout.spaced, " ")
    assert not layout.holds(pieces, "twothree", layout.spaced, " ")
    assert layout.holds(pieces, "Two; Three.", layout.letters, "")
    assert not layout.holds(pieces, "two three four five", layout.letters, "")


def test_pages_are_packed_without_losing_a_line():
    pages = ["\n".join(f"{page} word {line}" for line in range(50)) for page in range(3)]
    pieces = layout.packed(pages)
    assert "\n".join(piece.text for piece in pieces) == "\n".join(pages)
    assert all(len(piece.text.split()) <= layout.PAPER_WORDS for piece in pieces)
    for piece in pieces:
        first, *_, last = piece.text.split("\n")
        assert piece.pages == (int(first[0]) + 1, int(last[0]) + 1)


def test_the_figures_of_a_layout_are_a_table():
    figures = layout.Layout("Footnote", 72, 0.9583, 1.0, 0, 162.4, (), ())
    assert layout.table([figures])[2:] == ["| Footnote | 95.8% | 100.0% | 0 | 162 |"]


@pytest.mark.parametrize(("same", "result"), [(True, "the same library"), (False, "another library")])
def test_what_came_of_stops_is_said(same, result):
    said = stops.sentence(stops.Outcome(12, 20.04, (1.26, 13.0), same=same))
    assert said == f"12 papers, in 20.0 s undisturbed.\nKilled after 1.3, 13.0 s, and let go on: {result} came out."
