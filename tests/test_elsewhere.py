from __future__ import annotations

import pytest
from arxiv_server import ArxivServer, Paper, status
from hypothesis import given
from hypothesis import strategies as st
from stub_encoder import HashEncoder

from indexer.errors import FetchError, QuestionError
from service.elsewhere import FEW, MOST_WORDS, look, query, rank, words_of

MACHINE = Paper("Boltzmann machines at work", "A Boltzmann machine has hidden units. It learns slowly. We measure it.")
OTHER = Paper("The machine that sorts", "Sorting is quick. Memory is not.")


@pytest.fixture
def server():
    with ArxivServer({"2101.00001": MACHINE, "2101.00002": OTHER}) as server:
        yield server


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What is a Boltzmann machine?", ("boltzmann", "machine")),
        ("How does [[Adam]] *differ* from SGD, see https://x.org/why?", ("adam", "differ", "sgd", "see")),
        ("What's the benefit of self-attention's heads?", ("benefit", "self-attention", "heads")),
        ("why?", ()),
        ("GPT-3 or GPT-3 ANDNOT ti:x", ("gpt-3", "andnot", "ti")),
        (" ".join(f"word{n}" for n in range(99)), tuple(f"word{n}" for n in range(MOST_WORDS))),
    ],
)
def test_the_words_that_are_sent(question, words):
    assert words_of(question) == words


def test_a_query_joins_words_and_keeps_what_has_a_hyphen_together():
    assert query(("self-attention", "heads"), "AND") == 'all:"self attention" AND all:heads'


@given(st.text())
def test_no_question_can_say_more_than_words_in_arxivs_language(question):
    words = words_of(question)
    assert len(words) <= MOST_WORDS
    for term in query(words, "OR").split(" OR ") if words else ():
        assert term.startswith("all:")
        bare = term.removeprefix("all:").strip('"')
        assert all(part.isalnum() for part in bare.split(" "))
        assert bare == bare.casefold()


def test_papers_with_all_words_are_asked_for_and_then_those_with_some(server):
    found = look(("boltzmann", "machine"), server.settings())
    assert [one.identifier for one in found] == ["2101.00001", "2101.00002"]
    assert server.searches() == ["all:boltzmann AND all:machine", "all:boltzmann OR all:machine"]


def test_where_many_have_all_words_arxiv_is_asked_once(server):
    server.papers |= {f"2102.0000{n}": MACHINE for n in range(1, FEW + 1)}
    assert len(look(("boltzmann", "machine"), server.settings())) == FEW + 1
    assert len(server.requests) == 1
    assert look(("nothing",), server.settings()) == []


def test_the_nearest_come_first_each_with_its_nearest_sentence(server):
    found = look(("machine",), server.settings())
    best, other = rank("How does a Boltzmann machine learn with hidden units?", found, HashEncoder(), 5)
    assert (best.paper.identifier, best.sentence) == ("2101.00001", "A Boltzmann machine has hidden units.")
    assert best.score > other.score
    assert [one.paper for one in rank("Boltzmann machine", found, HashEncoder(), 1)] == [best.paper]
    assert rank("Boltzmann machine", [], HashEncoder(), 5) == []


def test_withdrawn_papers_are_left_out(server):
    server.papers["2101.00002"] = Paper("The machine", comment="This paper has been withdrawn by the authors")
    assert [one.identifier for one in look(("machine",), server.settings())] == ["2101.00001"]


def test_what_cannot_be_looked_for_says_what_to_do(server):
    with pytest.raises(QuestionError, match="write what it is about"):
        look((), server.settings())
    server.fail("/api/query", status(403))
    with pytest.raises(FetchError, match="look whether the network is there, then search again"):
        look(("machine",), server.settings())
