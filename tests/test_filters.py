import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.errors import FilterError
from service.filters import Filter, Inquiry, make, parse


@pytest.mark.parametrize(
    ("question", "text", "filters"),
    [
        ("why adam tag:ml", "why adam", [Filter("tag", "ml")]),
        ("tag:#ml/nlp/ why", "why", [Filter("tag", "ml/nlp")]),
        ("why\n  TAG:ML?", "why", [Filter("tag", "ML")]),
        ('path:"my notes" path:*.org x', "x", [Filter("path", "my notes"), Filter("path", "*.org")]),
        ("kind:Paper x", "x", [Filter("kind", "paper")]),
        ("x after:2024 before:2024-05-13.", "x", [Filter("after", "2024"), Filter("before", "2024-05-13")]),
        ('what is "moving  average"?', 'what is "moving average"?', [Filter("phrase", "moving average")]),
        ("what is “batch norm”", "what is “batch norm”", [Filter("phrase", "batch norm")]),
        ("optimisers -adam", "optimisers", [Filter("word", "adam", without=True)]),
        ("-self-attention, x", "x", [Filter("word", "self-attention", without=True)]),
        ("-gpt4 -don't x", "x", [Filter("word", "gpt4", without=True), Filter("word", "don't", without=True)]),
        ('x -"moving average"', "x", [Filter("phrase", "moving average", without=True)]),
        ("x -tag:ml -path:a -kind:note -after:2024", "x", [
            Filter("tag", "ml", without=True), Filter("path", "a", without=True), Filter("kind", "note", without=True),
            Filter("after", "2024", without=True),
        ]),
        ("x tag:a tag:a", "x", [Filter("tag", "a")]),
        ('tag:ml "deep"', '"deep"', [Filter("tag", "ml"), Filter("phrase", "deep")]),
    ],
)  # fmt: skip
def test_filters_are_told_from_words(question, text, filters):
    assert parse(question) == Inquiry(text, tuple(filters))


@pytest.mark.parametrize(
    "question",
    [
        "what does -1 mean",
        "x:y and foo:bar",
        "g++ -O2 -std=c++20 -g --verbose main.cpp",
        "state-of-the-art encoder-decoder",
        "3 -x",
        "a - b",
        "what does tag: mean",
        "hashtag:ml",
        'a 5" screen and a 6" one',
        'an "unclosed quote',
        'say "" or " " or "!?"',
        "rotate by -90deg",
        r"the norm \lVert x \rVert and \"o",
        "https://example.org/tag:x",
    ],
)
def test_what_only_looks_like_a_filter_is_left_as_words(question):
    assert parse(question) == Inquiry(" ".join(question.split()))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (r"gcc \-Wall", "gcc -Wall"),
        (r"\tag:ml", "tag:ml"),
        (r"\\tag:ml", r"\tag:ml"),
        (r"\kind:book", "kind:book"),
        (r'\"just words" are', '"just words" are'),
    ],
)
def test_a_backslash_makes_words_of_a_filter(question, text):
    assert parse(question) == Inquiry(text)
    assert parse(str(parse(question))) == Inquiry(text)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("x kind:book", "kind:book is no kind; write kind:note or kind:paper; \\kind:book looks for these words"),
        ("after:yesterday", "after:yesterday is no date; write after:2024, after:2024-05 or after:2024-05-13; "),
        ("after:noon", "after:2024-05-13; \\after:noon looks for these words"),
        ("before:2024-02-30", "before:2024-02-30 is no date"),
        ("before:2024-5", "before:2024-5 is no date"),
        ("after:20240513", "after:20240513 is no date"),
        ("after:٢٠٢٤", "is no date"),
        ("x tag:#", "tag: names nothing; write a tag after it"),
        ('path:" "', "path: names nothing"),
    ],
)
def test_a_value_that_cannot_be_is_refused(question, said):
    with pytest.raises(FilterError, match=re.escape(said)):
        parse(question)


PIECES = st.sampled_from(
    ["tag:", "path:", "kind:note", "after:2024", "before:", "x:", '"', "“", "”", "-", "\\", " ", "adam", "#", "?", "2"]
)  # fmt: skip


@given(st.text() | st.lists(PIECES, max_size=12).map("".join))
@example('"- -"a b" tag:"x y" "')
def test_any_text_parses_and_what_is_written_parses_to_the_same(question):
    try:
        inquiry = parse(question)
    except FilterError:
        return
    assert parse(str(inquiry)) == replaced_order(inquiry)
    assert parse(str(inquiry)).text == inquiry.text
    for one in inquiry.filters:
        fewer = inquiry.dropped(one)
        assert one not in fewer.filters
        assert set(parse(str(fewer)).filters) == set(fewer.filters)


def replaced_order(inquiry: Inquiry) -> Inquiry:
    """Phrases are written where they stand among the words, behind the other filters."""
    is_phrase = [one.name == "phrase" and not one.without for one in inquiry.filters]
    apart = [one for one, phrase in zip(inquiry.filters, is_phrase, strict=True) if not phrase]
    return Inquiry(inquiry.text, (*apart, *(one for one in inquiry.filters if one not in apart)))


@given(
    st.sampled_from(["tag", "path", "kind", "after", "before", "phrase", "word"]),
    st.text() | PIECES,
    st.booleans(),
    st.lists(PIECES, max_size=6).map("".join),
)
def test_a_filter_that_is_made_of_its_parts_is_the_one_that_is_written(name, value, without, question):
    try:
        made, inquiry = make(name, value, without=without), parse(question)
    except FilterError:
        return
    assert parse(str(made)).filters == (made,)
    narrowed = inquiry.narrowed([made])
    assert set(parse(str(narrowed)).filters) == {*inquiry.filters, made}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("word", "two words"),
        ("word", "x"),
        ("phrase", "?!"),
        ("phrase", 'a "b"'),
        ("tag", 'a"b'),
        ("kind", "book"),
        ("tag", ""),
    ],
)
def test_parts_that_make_no_filter_are_refused(name, value):
    with pytest.raises(FilterError):
        make(name, value, without=True)


def test_a_word_can_only_be_taken_away():
    with pytest.raises(FilterError):
        make("word", "adam")


def test_to_drop_a_phrase_leaves_its_words():
    inquiry = parse('why “moving average” tag:ml "b"')
    assert inquiry.dropped(Filter("phrase", "moving average")) == Inquiry(
        'why moving average "b"', (Filter("tag", "ml"), Filter("phrase", "b"))
    )
    assert str(inquiry.dropped(Filter("tag", "ml"))) == 'why “moving average” "b"'
