from collections import Counter

import pytest
from desks import open_desk, put_paper
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError
from service.bench.masked import Masked, masked, masks, without
from service.bench.report import as_data, masks_tables, stamp

NOTES = {
    "optimisers.md": """\
# Optimisers

Dividing by the root of the average square is what [[Adam]] adds. See [[Adam]].

- A penalty that shrinks all weights a little is called [shrinkage](deep/decay.md) by some.
- The bars of a skip connection keep gradients alive ([here](https://arxiv.org/abs/2101.00001)).
- Nobody has yet written about [[Something missing]] in all these notes.
- The top of this very note speaks of itself as [[Optimisers]] in a link.
""",
    "adam.md": """\
---
aliases: [adaptive moments]
---
# Adam

The step is divided by the root of the average square of past gradients.
Adam and adaptive moments and ADAM are one thing, unlike what [[optimisers|some optimisers of old]] did with gradients.
""",
    "deep/decay.md": "# Weight decay\n\nIt shrinks every weight a little at each step, as a penalty would.\n",
}


@pytest.fixture
def desk(tmp_path):
    with open_desk(tmp_path, NOTES) as opened:
        yield opened


def found(desk):
    with desk.library.snapshot() as snapshot:
        files = {f"/notes/{document.id}": document.file for document in snapshot.catalogue.documents()}
        files |= {f"/papers/{document.id}": "paper" for document in snapshot.catalogue.documents()}
        return [
            (one.kind, one.query, {files[target] for target in one.targets})
            for one in masked(snapshot, max_bytes=10_000)
        ]


def test_sentences_are_asked_without_their_links_and_the_names_of_what_they_lead_to(tmp_path, desk):
    put_paper(tmp_path)
    assert found(desk) == [
        (
            "wikilink",
            "Adam and adaptive moments and ADAM are one thing, unlike what did with gradients.",
            {"optimisers.md"},
        ),
        ("wikilink", "Dividing by the root of the average square is what adds.", {"adam.md"}),
        ("link", "A penalty that shrinks all weights a little is called by some.", {"deep/decay.md"}),
        ("paper", "The bars of a skip connection keep gradients alive ( ).", {"paper"}),
    ]


def test_a_paper_that_the_library_lacks_is_no_target(desk):
    assert Counter(kind for kind, *_ in found(desk)) == {"wikilink": 2, "link": 1}


def test_a_note_that_has_changed_since_is_left_out(tmp_path, desk):
    with (tmp_path / "notes" / "optimisers.md").open("a") as file:
        file.write("\nMore about [[Adam]] and how its steps are divided.\n")
    assert [kind for kind, *_ in found(desk)] == ["wikilink"]


def test_targets_are_found_and_their_own_note_is_hidden(tmp_path, desk):
    put_paper(tmp_path)
    measured = masks(desk)
    assert (measured.sentences, measured.asked) == (4, {"wikilink": 2, "link": 1, "paper": 1})
    assert [row.system for row in measured.compared] == ["Footnote", "BM25 alone", "dense alone", "RRF", "grep"]
    ours = measured.compared[0]
    assert (ours.kinds["link"].hit_at_1, ours.kinds["paper"].hit_at_5) == (1.0, 1.0)
    assert ours.ranked.hit_at_10 == 1.0
    tables = masks_tables(measured)
    assert tables.startswith("4 of 4 sentences that link to another document\n\n| ")
    assert "| wikilink (2)       | link (1)           | paper (1)          |" in tables
    assert as_data(measured, stamp(desk))["systems"][0]["kinds"]["link"]["hit_at_1"] == 1.0


def test_a_sample_is_drawn_by_its_seed(desk):
    one, same = masks(desk, limit=1, seed=3), masks(desk, limit=1, seed=3)
    assert (one.sentences, sum(one.asked.values())) == (3, 1)
    assert one == same
    assert {tuple(masks(desk, limit=1, seed=seed).asked.values()) for seed in range(8)} == {(1, 0, 0), (0, 1, 0)}


def test_without_links_there_is_nothing_to_find(tmp_path):
    notes = {"a.md": "# A\n\nNo link leads anywhere from here.\n"}
    with open_desk(tmp_path, notes) as desk, pytest.raises(InputError, match="no sentence there links to another"):
        masks(desk)


def test_a_sentence_with_links_of_one_kind_is_asked_once(tmp_path):
    notes = NOTES | {
        "both.md": "# Both\n\nWhat divides steps, [[adam]], and what shrinks weights, [[decay]], are told apart.\n"
    }
    with open_desk(tmp_path, notes) as desk:
        (both,) = [row for row in found(desk) if len(row[2]) == 2]
    assert both == (
        "wikilink",
        "What divides steps, , and what shrinks weights, , are told apart.",
        {"adam.md", "deep/decay.md"},
    )


@pytest.mark.parametrize(
    ("sentence", "names", "left"),
    [
        ("Of Weight  Decay and weights.", ["weight decay"], "Of and weights."),
        ("adamant Adam, ADAM!", ["Adam"], "adamant , !"),
        ("See https://arxiv.org/abs/2101.00001v2 for it.", [], "See for it."),
        ("C++ (a language) is C", ["C++"], "(a language) is C"),
        ("a - b", ["-", ""], "a - b"),
    ],
)
def test_names_are_taken_out_as_whole_words(sentence, names, left):
    assert without(sentence, names) == left


@given(
    words=st.lists(st.sampled_from(["Adam", "adaptive moments", "of", "the", "root", "größe"]), max_size=12),
    names=st.lists(st.sampled_from(["ADAM", "Adaptive Moments", "Größe"]), max_size=3),
)
def test_no_name_is_left(words, names):
    left = without(" ".join(words), names).lower()
    assert not any(name.lower() in left for name in names)
    assert left.split().count("root") == words.count("root")


def test_a_masked_sentence_knows_where_it_is_from(desk):
    with desk.library.snapshot() as snapshot:
        files = {document.id: document.file for document in snapshot.catalogue.documents()}
        where = {(files[one.source], one.line) for one in masked(snapshot, max_bytes=10_000) if isinstance(one, Masked)}
    assert where == {("optimisers.md", 3), ("optimisers.md", 5), ("adam.md", 6)}
