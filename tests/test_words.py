import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.words import is_negated, say_the_same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dropout **switches** units off.", "the dropout switches units off"),
        ("It rescales the activations of a layer", "It rescales activation of the layers"),
        ("Normalisation helps the very deep nets here", "Normalization helps very deep nets here"),
        ("‖x‖ ≤ 10,000", "‖x‖ <= 10000"),
        ("", "—"),
    ],
)
def test_the_same_in_other_letters(one, other):
    assert say_the_same(one, other)
    assert say_the_same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Increasing the batch size helped in most of our many runs",
            "Decreasing the batch size helped in most of our many runs",
        ),
        ("It does converge", "It does not converge"),
        ("A beats B", "B beats A"),
        ("x > 0", "x < 0"),
        ("a rate of 0.1", "a rate of 0.01"),
        ("larger nets generalise better than the smaller ones", "larger nets generalise worse than the smaller ones"),
        ("one more word", "one word"),
    ],
)
def test_others_are_not_the_same(one, other):
    assert not say_the_same(one, other)


def test_negations():
    assert all(map(is_negated, ("It isn't.", "it can’t", "Without loss.", "It fails to see", "no", "ohne", "x ≠ y")))
    assert not any(map(is_negated, ("It is.", "a node", "notation", "another", "")))


@given(st.text())
def test_a_text_says_what_it_says(text):
    assert say_the_same(text, text)
    assert say_the_same(text, f"  {text.upper()} !") or text.upper().casefold() != text.casefold()
