import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.lexical import stems
from service.vocabulary import ANTONYMS, NEGATIONS, STOP_WORDS, negates, opposites


def test_words_that_turn_the_sense():
    assert all(map(negates, ("not", "cannot", "doesnt", "wont", "nicht", "fails", "≠")))
    assert not any(map(negates, ("note", "does", "want", "invariant", "font", "knot", "")))


@pytest.mark.parametrize("pair", ANTONYMS.split())
def test_antonyms_are_two_words_that_are_opposites_of_each_other(pair):
    one, other = stems(pair)
    assert one != other
    assert other in opposites(one)
    assert one in opposites(other)


@pytest.mark.parametrize(("one", "other"), [("stabl", "unstabl"), ("linear", "nonlinear"), ("connect", "disconnect")])
def test_a_beginning_turns_a_word(one, other):
    assert other in opposites(one)
    assert one in opposites(other)


def test_short_words_are_turned_by_no_beginning():
    assert "unit" not in opposites("it")
    assert "put" not in opposites("input")


@given(st.text("abdeimnorsu", min_size=1, max_size=9))
def test_no_word_is_its_own_opposite_and_opposites_are_mutual(word):
    assert word not in opposites(word)
    assert all(word in opposites(other) for other in opposites(word))


def test_each_list_is_in_lower_case_and_what_stop_words_leave_out_has_a_meaning():
    assert all(word == word.lower() for word in STOP_WORDS | NEGATIONS)
    assert STOP_WORDS.isdisjoint({"same", "two", "different", "first"})
