"""Why a passage was found is said in its own words."""

from dataclasses import replace

import pytest
from desks import open_desk
from hypothesis import given
from hypothesis import strategies as st

from service.filters import Filter
from service.matching import _WORD, Matcher, _asked, _stem, stretches
from service.present import answer_json, answer_of
from service.types import Citation, Why

CITATION = Citation(
    n=1, kind="note", file="nets.md", paper=None, version=None, title="Deep Nets", headings=("ResNet",), lines=(3, 5),
    pages=None, boxes=None, quote="…", passage="The Gradients vanish; a gradient in 22 layers does not.", score=1.0,
    link="/notes/1?lines=3-5#L3", stale=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "words", "missing"),
    [
        (["Why does the vanishing gradient hurt deep ResNets?"], ("vanish", "Gradients", "Deep", "ResNet"), ("hurt",)),
        (["what is it about"], (), ()),
        (["22 layers, or 23?"], ("22", "layers"), ("23",)),
        (["the VG of a nets"], ("Nets",), ("VG",)),
        (["the VG of nets", "the vanishing gradient of nets"], ("Nets", "vanish", "Gradients"), ()),
        (["注意力机制 gradient"], ("Gradients",), ()),
    ],
)
def test_words_are_as_the_passage_writes_them_and_what_it_lacks_is_said(texts, words, missing):
    assert Matcher(texts).why(CITATION, 0.51236) == Why(words, missing, 0.512)


WORDS = st.lists(st.from_regex(r"\w+", fullmatch=True) | st.sampled_from("Über uber ÉTÉ ete ﬁx fix dying Die".split()))


@given(WORDS, WORDS)
def test_no_word_is_passed_over_for_how_it_begins(asked, passage):
    form = _asked(" ".join(asked))
    stand = set(map(_stem, _WORD.findall(" ".join(passage))))
    bare = replace(CITATION, passage=" ".join(passage), headings=(), title="")
    assert Matcher([" ".join(asked)]).why(bare, 0.5).missing == tuple(form[stem] for stem in form if stem not in stand)


@pytest.mark.parametrize(("cosine", "closeness"), [(-0.2, 0.0), (1.00001, 1.0)])
def test_closeness_is_between_0_and_1(cosine, closeness):
    assert Matcher(["nets"]).why(CITATION, cosine).closeness == closeness


def test_a_text_is_parted_where_it_has_the_words_in_any_form():
    parts = stretches("Gradients, a gradient; graduates.", ["gradient"])
    assert list(parts) == [("Gradients", True), (", a ", False), ("gradient", True), ("; graduates.", False)]
    assert list(stretches("as it is", [])) == [("as it is", False)]
    assert list(stretches("", ["a"])) == []


@given(st.text(), st.lists(st.text(max_size=8), max_size=4))
def test_the_parts_of_a_text_are_the_text(text, words):
    assert "".join(part for part, _ in stretches(text, words)) == text


def test_each_citation_of_an_answer_and_of_a_search_says_why(tmp_path):
    with open_desk(tmp_path) as desk:
        answer = desk.ask("Why does Adam divide by the root of quasars?")
        first = answer.citations[0]
        assert first.file == "adam.md"
        assert first.why.words[:3] == ("Adam", "divides", "root")
        assert first.why.missing == ("quasars",)
        assert 0 < first.why.closeness <= 1
        assert all(citation.why for citation in answer.citations)
        assert [hit.why.words for hit in desk.search("Adam", k=1).hits] == [("Adam",)]
        assert [hit.why for hit in desk.search("kind:note", k=1).hits] == [None]
        assert desk.search("dividing", k=1, filters=[Filter("kind", "note")]).hits[0].why.words == ("divides",)


def test_why_outlives_json_and_what_was_kept_without_it_is_read(tmp_path):
    with open_desk(tmp_path) as desk:
        answer = desk.ask("Why does Adam divide?")
    assert answer_of(answer_json(answer)) == answer
    kept = answer_json(answer)
    for citation in kept["citations"]:
        del citation["why"]
    assert answer_of(kept) == replace(answer, citations=tuple(replace(one, why=None) for one in answer.citations))
