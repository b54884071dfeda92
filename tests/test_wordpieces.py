"""The tokens of a text, found without tokenising all of it, are those of the tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from indexer import wordpieces
from indexer.compile import bundled_model
from indexer.wordpieces import WordPieces


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(bundled_model() / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


@pytest.fixture(scope="module")
def pieces(tokenizer):
    return WordPieces(tokenizer)


def same(tokenizer, pieces, text):
    assert pieces.offsets(text) == tokenizer.encode(text).offsets
    assert pieces.offsets(text) == tokenizer.encode(text).offsets, "once its words are known"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Why dropout?",
        "Batch-normalisation, isn't it (Ioffe & Szegedy 2015)?\n\n- `x_1`\t= \\sqrt{2}",
        "naïve Ångström, e\u0301tude: 自然言語 and 한국어 🤖 don\u2019t \u201cquote\u201d\u2014ever",
        "BERT is trained to fill in [MASK], between [CLS] and [SEP].",
        "soft\u00adhyphen zero\u200bwidth \ufeffmark control\x07 bell sep\x1cerated",
        "a" * 120 + " " + "ß" * 40,
    ],
)
def test_the_places_are_those_of_the_tokenizer(tokenizer, pieces, text):
    same(tokenizer, pieces, text)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.text(alphabet="ab Zé\n-.'’[]_ \u0301\u4e2d", max_size=12),
            st.sampled_from(["[MASK]", "transformer", "Kullback", "\u00a0", "\x1d", "1e-4"]),
        ),
        max_size=8,
    ).map("".join)
)
def test_the_places_of_any_text_are_those_of_the_tokenizer(tokenizer, pieces, text):
    same(tokenizer, pieces, text)


def test_what_is_known_is_forgotten_when_it_is_too_much(tokenizer, monkeypatch):
    monkeypatch.setattr(wordpieces, "MOST_KNOWN", 3)
    pieces = WordPieces(tokenizer)
    text = "one two three four five six"
    same(tokenizer, pieces, text)
    assert len(pieces._known) <= 3
