import json

import pytest
import shelf
from desks import open_desk, put_paper

from indexer.errors import InputError
from service.bench.quality import Gold, _answering, hits, quality, read_gold
from service.bench.report import as_data, quality_tables, stamp
from service.types import Citation

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


def write_gold(tmp_path, rows, name="gold.jsonl"):
    path = tmp_path / name
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


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
        (citation("1512.03385v2.pdf", lines=None, pages=(3, 4)), {"paper": "1512.03385", "page": 4}, True),
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


def test_the_figures_of_a_gold_file(tmp_path):
    with open_desk(tmp_path) as desk:
        measured = quality(desk, [write_gold(tmp_path, GOLD)])
    assert [row.system for row in measured.compared] == ["Footnote", "BM25 alone", "dense alone", "RRF", "grep"]
    assert (measured.questions, measured.answerable, measured.ablated) == (3, 2, ())
    ours = measured.compared[0]
    ranked = ours.ranked
    assert (ranked.hit_at_1, ranked.hit_at_5, ranked.hit_at_10, ranked.mrr_at_10) == (1.0, 1.0, 1.0, 1.0)
    assert (ours.refusal.auroc, ours.refusal.lost, ours.refusal.false) == (1.0, 0.0, 0.0)
    assert ours.kinds == {"direct": (1.0, 1.0)}
    assert (ours.strict_at_1, ours.strict_at_5) == (None, None)
    assert 1 <= ours.cited_lines <= 12
    assert measured.quotes.checked == measured.quotes.exact > 5


def test_answers_are_taken_out_of_the_library(tmp_path):
    with open_desk(tmp_path) as desk:
        measured = quality(desk, [write_gold(tmp_path, GOLD)])
    assert sum(one.questions for one in measured.taken_out.reliability) == 5
    sure = measured.compared[0].refusal.reliability[-1].confidence
    assert measured.taken_out.auroc == 1.0
    assert measured.taken_out.reliability[-1].confidence == sure
    assert measured.taken_out.reliability[0].answerable == 0.0


def test_what_answers_is_the_passage_that_holds_the_evidence_else_the_page(tmp_path):
    with open_desk(tmp_path) as desk:
        put_paper(tmp_path)
        with desk.library.snapshot() as snapshot:
            answering = _answering(snapshot)

            def texts(gold):
                return {one.passage.text for one in snapshot.catalogue.passages(answering([gold])).values()}

            where = {"paper": shelf.PAPER.identifier, "page": 1}
            assert texts(where | {"evidence": "the gradient ALIVE"}) == {f"{shelf.ADDS} {shelf.KEEPS}"}
            assert texts(where | {"evidence": "is on no page"}) == {
                f"{shelf.ADDS} {shelf.KEEPS}",
                f"{shelf.BEFORE} {shelf.FREE}",
            }
            (found,) = texts({"file": "group.md", "start_line": 3, "end_line": 3})
            assert "22-layers" in found


def test_several_files_are_one_set_of_questions(tmp_path):
    more = [{"question": "how do whales sleep", "unanswerable": True, "title": "Whales"}]
    files = [write_gold(tmp_path, GOLD), write_gold(tmp_path, more, "more.jsonl")]
    with open_desk(tmp_path) as desk:
        measured = quality(desk, files)
    assert (measured.questions, measured.answerable) == (4, 2)
    assert read_gold(files[1]) == [Gold("how do whales sleep", "", ())]


def test_the_figures_of_a_gold_file_about_papers(tmp_path):
    where = {"paper": shelf.PAPER.identifier, "page": 1}
    rows = [
        {"question": "keeps the gradient alive in deep stacks", "gold": [where | {"evidence": "the gradient ALIVE"}]},
        {"question": "the sum is taken before the last activation", "gold": [where | {"evidence": "the gradient"}]},
        {"question": "how many layers in GoogLeNet", "gold": [{"file": "group.md", "start_line": 3, "end_line": 3}]},
    ]
    with open_desk(tmp_path) as desk:
        put_paper(tmp_path)
        measured = quality(desk, [write_gold(tmp_path, rows)], k=1)
        data = as_data(measured, stamp(desk))
    ours = measured.compared[0]
    assert (ours.ranked.hit_at_1, ours.strict_at_1, ours.strict_at_5) == (
        1.0,
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
    )
    assert (ours.refusal.auroc, ours.refusal.false) == (None, 0.0)
    assert data["systems"][0]["strict_at_1"] == 0.6667
    heads, _, first, *_ = quality_tables(measured).split("\n")
    assert (
        " ".join(heads.split()) == "| | hit@1 | hit@5 | hit@10 | MRR@10 | strict@1 | strict@5 | lines | lost | false |"
    )
    assert first.startswith("| Footnote    | 1.000 | 1.000 | 1.000  | 1.000  | 0.667    | 0.667    |")


@pytest.mark.parametrize("text", ["not json", '{"question": "x"}', "[1, 2]"])
def test_what_is_no_gold_file_is_said_so(tmp_path, text):
    gold = tmp_path / "gold.jsonl"
    gold.write_text(text)
    with pytest.raises(InputError, match="not a gold file"):
        read_gold(gold)
    gold.write_text("\n")
    with pytest.raises(InputError, match="holds no question"):
        read_gold(gold)
    with pytest.raises(InputError, match="No such file"):
        read_gold(tmp_path / "nowhere.jsonl")
