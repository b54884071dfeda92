import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from indexer.visible import visible


def test_what_commands_a_terminal_becomes_a_sign():
    assert visible("a\x1b[31m\x07\x9b1m\x7f\r") == "a␛[31m␇�1m␡␍"
    assert visible("Wärme\n\t自注意力 👍🏽") == "Wärme\n\t自注意力 👍🏽"


@given(st.text())
def test_nothing_is_left_that_commands_and_all_else_stays(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert all(char in "\t\n" or unicodedata.category(char) != "Cc" for char in shown)
    assert all(a == b for a, b in zip(text, shown, strict=True) if unicodedata.category(a) != "Cc")
