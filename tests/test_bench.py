import json

import pytest
from desks import open_desk
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError
from service.bench import _auroc, hits, quality, quality_json, quality_table
from service.types import Citation

GOLD = [
    {"id": "1", "question": "how many layers in GoogLeNet", "kind": "direct",
     "gold": [{"file": "group.md", "start_line": 3, "end_line": 3}]},
    {"id": "2", "question": "bias correction decay", "kind": "direct",
     "gold": [{"file": "notes/adam.md", "start_line": 8, "end_line": 8},
              {"file": "adam.md", "start_line": 8, "end_line": 9}]},
    {"id": "3", "question": "zebra migration patterns", "kind": "unanswerable", "gold": []},
]  # fmt: skip


def citation(file="a/note.md", lines=(10, 12), paper=None, pages=None):
    return Citation(
        1, "note", file, paper, None, "", (), lines, pages, None, quote="", passage="", score=0, link="", stale=False
    )


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
    ],
)
def test_a_citation_hits_when_it_lies_on_a_gold_place(found, gold, hit):
    assert hits(found, [gold]) is hit
    assert not hits(found, [])


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
    assert 1 <= ours.cited_lines <= 12
    assert quality_json(figures)["systems"][0]["hit_at_1"] == 1.0
    assert quality_table(figures).split("\n")[2].startswith("| Footnote    | 1.000 | 1.000 | 1.000  | ")


@pytest.mark.parametrize("text", ["not json", '{"question": "x"}', "[1, 2]"])
def test_what_is_no_gold_file_is_said_so(tmp_path, text):
    gold = tmp_path / "gold.jsonl"
    gold.write_text(text)
    with open_desk(tmp_path) as desk, pytest.raises(InputError, match="not a gold file"):
        quality(desk, gold)
