from dataclasses import replace

import pytest

from indexer.types import Passage, Span
from service.answer import JOINED_LINES, _whole, neighbours_joined, quote, says_something, sure, verdict_of
from service.types import Hit


def hit(text, first=1, *, kind="text", document=1, score=1.0, headings=("Top",), dense=0.5, tokens=0.5):
    rows = text.split("\n")
    spans = tuple(Span(row, (first + n, first + n)) for n, row in enumerate(rows))
    passage = Passage(0, kind, text, "", headings, (first, first + len(rows) - 1), spans)
    return Hit(1, document, "note", "/notes", "a.md", "a", passage, score, dense, 0.0, tokens)


def test_neighbours_in_a_section_become_one_citation():
    joined = neighbours_joined([hit("b", 3, score=0.9), hit("far", 30), hit("a", 1, score=0.7), hit("c", 4)])
    assert [(found.passage.text, found.passage.lines, found.score) for found in joined] == [
        ("a\nb\nc", (1, 4), 0.9),
        ("far", (30, 30), 1.0),
    ]


@pytest.mark.parametrize(
    "other",
    [
        hit("x", 4),
        hit("x", 2, document=2),
        hit("x", 2, headings=("Other",)),
        hit("\n".join("x" * JOINED_LINES), 2),
    ],
    ids=["a gap", "another file", "another section", "too long"],
)
def test_others_stay_apart(other):
    assert len(neighbours_joined([hit("one", 1), other])) == 2


def test_a_quote_of_several_spans_holds_what_lies_between():
    lines = ["- one **two**", "  - three", "- four"]
    spans = (Span("one **two**", (1, 1)), Span("four", (3, 3)))
    assert quote(spans, lines) == "one **two** - three - four"
    assert quote(spans, None) == "one **two**"
    assert quote(spans, ["the file", "changed", "since"]) == "one **two**"
    assert quote(spans[1:], lines) == "four"


def test_prose_that_was_cut_at_a_line_end_is_said_whole():
    row = [Span(text, (n, n)) for n, text in enumerate(["It starts here", "goes on.", "Then this:", "$x$", "No."], 1)]
    said = [[span.text for span in _whole(row, [k], "text")] for k in range(5)]
    assert said == [
        ["It starts here", "goes on."],
        ["It starts here", "goes on."],
        ["Then this:", "$x$"],
        ["$x$"],
        ["No."],
    ]
    assert [span.text for span in _whole(row, [1], "list")] == ["goes on."]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (hit("Adam divides by the root."), True),
        (hit("Adam", kind="heading"), False),
        (hit("https://example.org/a"), False),
        (hit("LoRA: https://arxiv.org/abs/2106.09685"), False),
        (hit("What is Adam?"), False),
        (hit("What is Adam\nAn optimiser.", kind="question"), True),
        (hit("Batch size and Adam"), True),
        (hit("#attention #maths"), False),
    ],
)
def test_what_says_something(found, says):
    assert says_something(found, "what is adam for", set()) is says


def test_the_question_itself_and_open_questions_say_nothing():
    assert not says_something(hit("Multi-scale testing"), "Multi-scale testing", set())
    assert not says_something(hit("Deep fried convnets", 7), "what are they", {(1, 7)})
    assert says_something(hit("Deep fried convnets", 7), "what are they", {(2, 7)})


def test_confidence_grows_with_both_similarities_and_sets_the_verdict():
    low, high = hit("x", dense=0.1, tokens=0.4), hit("x", dense=0.7, tokens=0.8)
    assert sure([]) == 0.0
    assert sure([low]) < sure([replace(low, dense=0.3)]) < sure([high]) < 1
    assert [verdict_of(sure([found])) for found in (low, high)] == ["unsupported", "supported"]
    assert [verdict_of(value) for value in (0.449, 0.45, 0.599, 0.6)] == [
        "unsupported", "partial", "partial", "supported",
    ]  # fmt: skip
