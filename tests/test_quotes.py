from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from indexer.records import StoredDocument
from indexer.types import Passage, Span
from service.quotes import Quotable
from service.types import Hit
from service.vocabulary import negates
from service.words import tokens_of

DOCUMENT = StoredDocument(
    1, "/notes", "a.md", "note", "md", None, "0" * 64, 1, 1, 9, (), (), 0.0, None, 1,
)  # fmt: skip


def hit(*spans: str, kind: str = "note", number: int = 1) -> Hit:
    rows = tuple(Span(text, (n, n)) for n, text in enumerate(spans, 1))
    passage = Passage(number, "text", " ".join(spans), "", (), (1, len(spans)), rows)
    return Hit(number, replace(DOCUMENT, kind=kind), passage, 1.0, 1.0, 1.0, 1.0)


ADAM = hit(
    "Adam does not **converge** on every convex problem, but AMSGrad does.",
    "Its step is about 0.5 % of the weights, or 1,000 times `eps`.",
    "It keeps a moving average of the gradient – and of its square.",
    number=1,
)
LAYERS = hit("- 22-layers deep model", "ReLU", "[GoogLeNet](https://a.b/c) won ILSVRC‑14.", number=2)
PAPER = hit("The eﬀect of x² and ‖w‖₂ on 10⁵ steps isn’t known.", "λ * w_i + λ * w_j", kind="paper", number=3)
PASSAGES = Quotable([ADAM, LAYERS, PAPER])


def spans(quote: str, passage: int | None) -> tuple[int, list[int]] | None:
    """In which passage, and on which lines, a quote is found."""
    found = PASSAGES.locate(quote, passage)
    return found and (found.passage, [span.lines[0] for span in found.spans])


@pytest.mark.parametrize(
    ("quote", "passage", "where"),
    [
        ("Its step is about 0.5 % of the weights", 0, (0, [2])),
        ("its  STEP is\nabout 0.5% of the weights", 0, (0, [2])),
        ("does not converge on every convex problem", 0, (0, [1])),
        ("1000 times eps. It keeps a moving average", 0, (0, [2, 3])),
        ("the gradient — and of its square", 0, (0, [3])),
        ("“the gradient, and of its square!”", 0, (0, [3])),
        ("22 layers deep model", 1, (1, [1])),
        ("GoogLeNet won ILSVRC-14", 1, (1, [3])),
        ("The effect of x^2", 2, (2, [1])),
        ("10^5 steps isn't known", 2, (2, [1])),
        ("\\lambda", 2, None),
        ("Adam does not converge … but AMSGrad does", 0, (0, [1])),
        ("Its step is about [...] of its square", 0, (0, [2, 3])),
        ("moving average of the gradient ... AMSGrad does so", 0, None),
    ],
)
def test_what_stands_there_is_found_however_it_is_written(quote, passage, where):
    assert spans(quote, passage) == where


@pytest.mark.parametrize(
    "quote",
    [
        "Adam does converge on every convex problem, but AMSGrad does.",
        "Adam doesn't converge on every convex problem",
        "Adam does not converge on every concave problem",
        "Its step is about 5 % of the weights",
        "Its step is about 0.05 % of the weights",
        "Its step is about -0.5 % of the weights",
        "Its step is about 0.5 of the weights",
        "5 % of the weights",
        "100 times eps. It keeps a moving average",
        "It keeps a moving average of the gradient, or of its square.",
        "Every Adam does not converge on convex problems",
        "keeps a",  # too little
        "eeps a moving average",
        "the effect of x2 and",
        "on 105 steps isn't known",
        "λ * w_i − λ * w_j",
        "The moon is made of green cheese.",
        "",
        "…",
        "the",
        "x" * 5000,
    ],
)
def test_what_does_not_stand_there_is_not_found(quote):
    for passage in (None, 0, 1, 2, 3, -1):
        assert PASSAGES.locate(quote, passage) is None


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("It keeps moving averages of the gradient and its square", False),  # `of` is no article
        ("It keeps moving averages of gradient and of its square", True),
        ("It keeps a moving averrage of the gradient", True),
        ("It keeps a moving avergae of the gradient", True),
        ("It keeps a moving averrage of the gradeint", False),  # two slips in eight words
        ("a moving averrage of gradient", False),  # one in four
        ("It keep the moving average of gradients", True),
        ("It keeps a moving overage of the gradient", False),
        ("It kept a moving average of the gradient", False),
    ],
)
def test_a_model_may_slip_in_articles_endings_and_a_letter(quote, found):
    assert spans(quote, 0) == ((0, [3]) if found else None)
    assert spans(quote, 1) is None  # and only in the passage that it names


def test_a_correction_of_what_is_misspelt_in_the_notes_is_found():
    notes = Quotable([hit("the seperate networks are trained definately longer")])
    assert notes.locate("the separate networks are trained definitely longer", 0) is None
    assert notes.locate("the separate networks are trained definately longer", 0).spans[0].lines == (1, 1)


def test_a_quote_of_another_passage_is_found_only_where_it_is_the_only_place():
    assert spans("22-layers deep model", 0) == (1, [1])
    assert spans("22-layers deep model", None) == (1, [1])
    assert spans("22-layers deep model", 7) == (1, [1])
    twice = Quotable([ADAM, LAYERS, LAYERS])
    assert twice.locate("22-layers deep model", 0) is None
    assert twice.locate("22-layers deep model", 2).passage == 2


def test_a_short_line_may_be_quoted_whole():
    lines = Quotable([hit("Weight decay", "ReLU", "and so on for weight decay and others")])
    assert lines.locate("weight decay", 0).spans[0].lines == (1, 1)
    assert lines.locate("ReLU", 0) is None
    assert lines.locate("and so", 0) is None


def test_characters_that_are_no_words_count_half():
    chinese = Quotable([hit("残差网络使梯度在深层网络中保持。")])
    assert chinese.locate("梯度在深层网络", 0).spans[0].lines == (1, 1)
    assert chinese.locate("梯度在深", 0) is None
    assert chinese.locate("残差网络使梯度不在深层网络中保持", 0) is None


def test_a_quote_comes_with_the_clauses_that_it_touches():
    located = PASSAGES.locate("converge on every convex problem", 0)
    assert located.clauses == ("Adam does not converge on every convex problem",)
    assert PASSAGES.locate("but AMSGrad does", 0).clauses == ("but AMSGrad does.",)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("-5 1-5 (−5) .5 x = -0.5", ["-5", "1", "5", "-5", "0.5", "x", "=", "-0.5"]),
        ("1,000.5 and 1,5 and 12,345", ["1000.5", "and", "1,5", "and", "12345"]),
        ("160M, 1.5m, 1e-3, v2.1.3", ["160", "m", "1.5", "m", "1e-3", "v", "2.1.3"]),
        ("ResNet-50 ResNet50", ["resnet", "50", "resnet", "50"]),
        ("10⁵ x₂ 2½ ①", ["10", "^", "5", "x", "2", "2", "1", "2", "1"]),
        ("a != b <= c -> d ==mark==", ["a", "≠", "b", "≤", "c", "→", "d", "mark"]),
        ("Don’t don't DON'T", ["dont"] * 3),
        ("soft\u00adhyphen ﬁne 𝐱 ＡＢ", ["softhyphen", "fine", "x", "ab"]),
    ],
)
def test_words_numbers_and_signs(text, tokens):
    assert tokens_of(text) == tokens


WORDS = st.lists(
    st.sampled_from("adam keeps the step of 0.5 and 12 layers not x is never deeper than a residual net".split())
    | st.text("abcdefgäß漢字", min_size=1, max_size=7)
    | st.integers(-99, 99).map(str),
    min_size=1,
    max_size=12,
)
ROWS = st.lists(WORDS.map(" ".join), min_size=1, max_size=4)


def says(rows: list[str], quote: str) -> bool:
    """Whether a quote is a run of whole words of some text, by other means than those that are tested."""
    flat = " ".join(rows).casefold()
    return re.search(rf"(?<!\S){re.escape(quote.casefold())}(?!\S)", flat) is not None


@given(st.lists(ROWS, min_size=1, max_size=3), WORDS.map(" ".join), st.integers(-1, 4) | st.none())
def test_nothing_is_found_that_is_not_there(texts, quote, passage):
    located = Quotable([hit(*rows, kind="paper", number=n) for n, rows in enumerate(texts)]).locate(quote, passage)
    if located is not None:
        rows = texts[located.passage]
        assert [span.text for span in located.spans] == rows[located.spans[0].lines[0] - 1 : located.spans[-1].lines[0]]
        numbers = [token for token in tokens_of(quote) if token[-1].isdecimal()]
        there = tokens_of(" ".join(span.text for span in located.spans))
        assert all(there.count(number) >= numbers.count(number) for number in numbers)
        assert sum(map(negates, tokens_of(quote))) <= sum(map(negates, there))
        words = [word for word in tokens_of(quote) if word not in ("a", "the")]
        assert len([word for word in words if word in there]) >= len(words) - sum(len(word) >= 6 for word in words)


@given(ROWS, st.data())
def test_a_quote_that_says_it_another_way_is_found_at_its_very_place(rows, data):
    words = [(word, n) for n, row in enumerate(rows, 1) for word in row.split()]
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    chosen = words[start:end]
    quote = " ".join(word for word, _ in chosen)
    flat = " ".join(word for word, _ in words)
    assume(len([word for word, _ in chosen if word.isascii()]) >= 3 and flat.count(quote) == 1)
    separators = st.sampled_from([" ", "  ", "\n", ", ", " “", "; ", "\u00a0", " **"])
    written = "".join(data.draw(separators) + data.draw(st.sampled_from([str, str.upper]))(word) for word, _ in chosen)
    assume(tokens_of(written) == tokens_of(quote))  # before `-5` a mark may make the sign a dash
    located = Quotable([hit(*rows, kind="paper")]).locate(written, 0)
    assert says(rows, quote)
    assert [span.lines[0] for span in located.spans] == list(range(chosen[0][1], chosen[-1][1] + 1))
