"""Word by word, a text has just the tokens that the tokenizer gives it as a whole, at the same places."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from indexer import wordpieces
from indexer.compile import bundled_model
from indexer.wordpieces import WordPieces

TEXTS = [
    "",
    " ",
    "Adam: A Method for\n\n  Stochastic   Optimization\t(2014)",
    "[CLS] is [MASK]ed, [SEP]arated\x0band\x1ccontrolled\x00",
    "e\u0301te\u0301 \u0301alone naïve 深層学習 日本 \u3000wide\u00a0space\u2028line",
    "a" * 101 + " " + "b" * 100,
    "Fig. data:image/png;base64," + "iVBORw0KGgo+AAAA/" * 20 + " shows",
    "Batch-normalisation, isn't it (Ioffe & Szegedy 2015)?\n\n- `x_1`\t= \\sqrt{2}",
    "naïve Ångström, don\u2019t \u201cquote\u201d\u2014ever 한국어 🤖 ##ing",
    "soft\u00adhyphen zero\u200bwidth \ufeffmark",
]


@cache
def tokenizer() -> Any:
    found = Tokenizer.from_file(str(bundled_model() / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


PIECES = st.one_of(
    st.text(),
    st.text(alphabet="ab Zé\n-.'’[]_ \x0b\x0c\x1c\x85\u0301\u4e2d", max_size=12),
    st.sampled_from([*TEXTS, "[MASK]", "transformer", "Kullback", "\u00a0", "1e-4"]),
)


@given(st.lists(st.lists(PIECES, max_size=4).map("".join), max_size=4))
@example(TEXTS)
def test_texts_have_the_tokens_of_the_tokenizer(texts: list[str]) -> None:
    expected = [tokenizer().encode(text) for text in texts]
    pieces = WordPieces(tokenizer())
    for _ in range(2):  # when the words are new, and when they are known
        assert pieces.ids(texts) == [encoding.ids for encoding in expected]
        assert pieces.counts(texts) == [len(encoding.ids) for encoding in expected]
        assert [pieces.offsets(text) for text in texts] == [encoding.offsets for encoding in expected]


def test_a_word_is_looked_up_once_and_not_all_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpieces, "MOST_WORDS", 3)
    asked: list[str] = []

    class Heard:
        def encode(self, text: str, *, add_special_tokens: bool = True) -> Any:
            asked.append(text)
            return tokenizer().encode(text, add_special_tokens=add_special_tokens)

        def token_to_id(self, text: str) -> int | None:
            asked.append(text)
            found: int | None = tokenizer().token_to_id(text)
            return found

    pieces = WordPieces(Heard())
    asked.clear()
    assert pieces.counts(["loss loss", "the loss"]) == [4, 4]
    assert sorted(asked) == ["loss", "the"]
    asked.clear()
    assert pieces.counts(["a loss"]) == [4]
    assert asked == ["a"]
    asked.clear()
    assert pieces.counts(["two more of the loss"]) == [7]
    assert sorted(asked) == ["loss", "more", "of", "the", "two"]


def test_a_word_as_long_as_a_picture_is_not_kept() -> None:
    pieces, url, picture = WordPieces(tokenizer()), "https://arxiv.org/abs/1512.03385", "iVBORw0KGgo+AAAA/" * 20
    encoding = tokenizer().encode(f"{url} {picture}")
    for _ in range(2):
        assert pieces.counts([f"{url} {picture}"]) == [len(encoding)]
        assert pieces.offsets(f"{url} {picture}") == encoding.offsets
    assert set(pieces._ids) == set(pieces._places) == {url}
