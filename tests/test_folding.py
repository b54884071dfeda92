import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.folding import folded
from indexer.lexical import Lexical, LexicalDocument


def words(text):
    return re.findall(r"[^\W_]+", folded(text).lower())


@pytest.mark.parametrize(
    "same",
    [
        ("‖x‖₂", "||x||_2", r"\lVert x\rVert_2", r"$\|x\|_{2}$", r"\left\Vert \mathbf{x} \right\Vert_2"),
        ("α ≤ β", r"\alpha \leq \beta", r"\alpha \le \beta", "alpha leq beta"),
        ("𝐱 ² ﬁne", "x 2 fine"),
        ("ϵ", r"\varepsilon", "Ε"),
        ("深度学习", "深 度 学 习"),
    ],
)
def test_what_is_the_same_is_written_alike(same):
    first, *others = map(words, same)
    assert all(other == first for other in others)


def test_plain_text_stays_as_it_is():
    text = "Plain text, with (brackets) and a_b [x] 1.5%"
    assert folded(text) is text


def test_greek_words_stay_words():
    assert words("η μάθηση, η") == ["eta", "μάθηση", "eta"]


def test_every_greek_letter_has_a_name():
    letters = [chr(code) for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA))]
    assert words("Σ σ ς") == ["sigma"] * 3
    assert [letter for letter in letters if not folded(letter).isascii()] == ["\u03a2"]  # which is none


@given(st.text())
def test_folding_loses_no_letter(text):
    assert sum(map(str.isalnum, folded(text))) >= sum(
        char.isascii() and char.isalnum() for char in text if "\\" not in text
    )


def test_chinese_is_found_by_any_of_its_words():
    texts = ("深度学习需要数据", "卷积神经网络", "Greek η is the learning rate")
    index = Lexical.build((LexicalDocument(n, "", "", text) for n, text in enumerate(texts, start=1)), generation=1)
    assert [number for number, _ in index.search("神经网络", 5)] == [2]
    assert [number for number, _ in index.search("what is eta?", 5)] == [3]
    assert [number for number, _ in index.search(r"\eta", 5)] == [3]


def test_a_passage_holds_a_letter_by_its_sign_and_by_its_name():
    index = Lexical.build([LexicalDocument(1, "", "", "The learning rate η is small")], generation=1)
    assert [index.holding(word).tolist() for word in ("η", "eta", r"\eta rates", "zeta")] == [[1], [1], [1], []]
