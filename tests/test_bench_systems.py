from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from desks import open_desk

from service.bench import systems as subject
from service.bench.systems import RRF_K, alone, grep, ingredients, off, rrf, systems
from service.retrieve import FUSED, Mix

NOTES = {
    "a.md": "# A\n\nThe learning rate is halved whenever the loss no longer falls.\n",
    "b.md": "# B\n\nLearning rates are set by hand. The rate of a schedule.\n",
    "c.md": "# C\n\nDropout switches units off at random, at a rate of one half.\n",
}


@dataclass(frozen=True)
class Other(Mix):
    """A mix with more kinds of fields than the product's own."""

    aliases: bool = True
    spelling: bool = False
    depth: int = 7
    reader: str = field(default="model", metadata={"off": ""})


@pytest.fixture
def desk(tmp_path):
    with open_desk(tmp_path, NOTES) as opened:
        yield opened


def files(system, query, **options):
    return [hit.file for hit in system.search(query, k=5, **options).hits]


def test_ingredients_are_weights_and_switches_that_are_on():
    mix = Other(tokens=0.0)
    found = {one.name: off(one) for one in ingredients(mix)}
    assert found["aliases"] is False
    assert found["reader"] == ""
    assert found["lexical"] == 0.0
    assert not {"pool", "depth", "spelling", "tokens"} & set(found)


def test_alone_is_one_weight_and_nothing_else():
    mix = alone("dense")
    assert {one.name: getattr(mix, one.name) for one in ingredients(mix)} == {"dense": 1.0}
    assert mix.pool == FUSED.pool


def test_there_is_an_ablation_of_every_ingredient(desk):
    with systems(desk, ablation=True) as measured:
        assert [one.name for one in measured.compared] == ["Footnote", "BM25 alone", "dense alone", "RRF", "grep"]
        whole = replace(FUSED, reranker=0.0)  # this desk has none
        assert measured.footnote.mix == whole
        assert [one.name for one in measured.ablated] == [f"without {one.name}" for one in ingredients(whole)]
        for one, ingredient in zip(measured.ablated, ingredients(whole), strict=True):
            assert getattr(one.mix, ingredient.name) == off(ingredient)
            assert {k for k in ingredients(whole) if k not in ingredients(one.mix)} == {ingredient}
    with systems(desk) as measured:
        assert measured.ablated == ()


def test_footnote_is_what_is_asked_every_day(desk):
    with systems(desk) as measured:
        ours, usual = measured.footnote.ask("What is halved?", k=3), desk.ask("What is halved?", k=3)
    assert (ours.sentences, ours.confidence, ours.citations) == (usual.sentences, usual.confidence, usual.citations)


def test_rrf_sums_the_reciprocals_of_both_ranks(desk):
    with desk.library.snapshot() as snapshot:
        lexical = [number for number, _ in snapshot.lexical.search("learning rate", 10)]
        dense = [
            number
            for number, _ in snapshot.vectors.search(desk.encoder.begin_queries(["learning rate"])()[0].vector, 10)
        ]
        found = dict(rrf(snapshot, desk.encoder)("learning rate", 10))
        top = rrf(snapshot, desk.encoder)("learning rate", 1)
    assert len(found) == 3
    for number, score in found.items():
        ranks = [ranking.index(number) + 1 for ranking in (lexical, dense) if number in ranking]
        assert score == pytest.approx(sum(1 / (RRF_K + rank) for rank in ranks))
    assert top == [max(found.items(), key=lambda item: item[1])]


def test_grep_counts_different_words_and_keeps_the_order_of_files(desk):
    with systems(desk) as measured:
        system = measured.compared[-1]
        assert files(system, "the learning RATE of dropout") == ["a.md", "b.md", "c.md"]  # two words each
        assert files(system, "one rate, one half, one dropout") == ["c.md", "a.md", "b.md"]
        assert files(system, "switch unit") == ["c.md"]  # inside longer words
        assert files(system, "zebra") == []
        assert files(system, "?!") == []


def test_grep_looks_for_stop_words_where_there_are_no_others(desk):
    with desk.library.snapshot() as snapshot:
        search = grep(snapshot)
        assert len(search("whenever", 5)) == 1
        assert len(search("whenever dropout", 5)) == 1
        assert search("whenever", 5) != search("whenever dropout", 5)
        assert [score for _, score in search("rate", 2)] == [1.0, 0.75]


@pytest.mark.parametrize("place", range(5))
def test_what_is_hidden_is_not_found_by_any_system(desk, place):
    with systems(desk) as measured:
        system = measured.compared[place]
        with desk.library.snapshot() as snapshot:
            document = next(d for d in snapshot.catalogue.documents() if d.file == "a.md")
            hidden = [stored.id for stored in snapshot.catalogue.passages_of(document.id)]
        assert "a.md" in files(system, "learning rate")
        assert "a.md" not in files(system, "learning rate", hidden=hidden)
        assert "a.md" not in {c.file for c in system.ask("learning rate", k=3, hidden=hidden).citations}
        assert "a.md" in files(system, "learning rate")  # hidden for that question alone


def test_a_library_that_grows_meanwhile_is_measured_as_it_was(tmp_path, desk):
    with systems(desk) as measured:
        before = files(measured.footnote, "learning rate")
        with open_desk(tmp_path, NOTES | {"d.md": "# D\n\nThe learning rate once more.\n"}) as later:
            assert len(later.search("learning rate").hits) == 4
        assert files(measured.footnote, "learning rate") == before


def test_filters_hold_for_every_system(desk):
    with desk.library.snapshot() as snapshot:
        everything = [number for number, _ in grep(snapshot)("rate", 9)]
        among = np.array(everything[1:2])
        instead = subject._Instead(snapshot.lexical, grep(snapshot))
        assert [number for number, _ in instead.search("rate", 9, among)] == everything[1:2]
        assert subject._Hiding(instead, set(everything)).search("rate", 9, among) == []


def test_stand_ins_are_else_what_they_stand_for(desk):
    with desk.library.snapshot() as snapshot:
        hiding = subject._Hiding(subject._Instead(snapshot.lexical, grep(snapshot)), set())
        assert hiding.rarity(["rate"]) == snapshot.lexical.rarity(["rate"])
        assert subject._Held(desk.library, snapshot).path == desk.library.path


@pytest.mark.parametrize(
    "query", ['what "does" adam kind:x divide', "-adam divides what", "after:noon tag:ml path:zzz"]
)
def test_what_looks_like_a_filter_is_asked_as_words(desk, query):
    with systems(desk) as measured:
        found, answer = measured.footnote.search(query, k=5).hits, measured.footnote.ask(query, k=5)
    assert {hit.file for hit in found} == set(NOTES)
    assert {citation.file for citation in answer.citations} == set(NOTES)
