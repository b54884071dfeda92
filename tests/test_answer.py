from dataclasses import replace

import numpy as np
import pytest

from indexer.records import StoredDocument
from indexer.types import Box, Passage, Span
from service.answer import (
    JOINED_LINES,
    SECTION_MOST,
    Evidence,
    Place,
    _answering,
    _best_spans,
    _whole,
    cite,
    neighbours_joined,
    quote,
    says_something,
)
from service.confidence import Candidate
from service.retrieve import Reading
from service.types import Hit


def stored(number=1, kind="note", **about):
    about = {"file": "a.md", "stated_title": "A", "fetched": kind == "paper"} | about
    return StoredDocument(
        id=number, root="/notes", kind=kind, format="md", sha256="0", size=1, mtime_ns=1, line_count=1, tags=(),
        aliases=(), indexed_at=0.0, failure=None, passages=1, **about,
    )  # fmt: skip


def hit(text, first=1, *, kind="text", document=1, score=1.0, headings=("Top",), dense=0.5, tokens=0.5, of="note"):
    rows = text.split("\n")
    spans = tuple(Span(row, (first + n, first + n)) for n, row in enumerate(rows))
    passage = Passage(0, kind, text, "", headings, (first, first + len(rows) - 1), spans)
    return Hit(1, stored(document, of), passage, score, dense, 0.0, tokens)


def anything(_):
    return True


def test_neighbours_in_a_section_become_one_citation():
    hits = [hit("b", 3, score=0.9), hit("far", 30), hit("a", 1, score=0.7), hit("c", 4)]
    joined = neighbours_joined(hits, 2, anything)
    assert [(found.passage.text, found.passage.lines, found.score) for found in joined] == [
        ("a\nb\nc", (1, 4), 0.9),
        ("far", (30, 30), 1.0),
    ]


def test_after_three_citations_of_a_section_another_place_has_its_turn():
    hits = [hit(f"of the top {n}", 10 * n) for n in range(1, SECTION_MOST + 2)]
    others = [hit("of another", 90, headings=("Other",)), hit("elsewhere", 10, document=2)]
    shown = [found.passage.text for found in neighbours_joined([*hits, *others], 8, anything)]
    assert shown == ["of the top 1", "of the top 2", "of the top 3", "of another", "of the top 4", "elsewhere"]
    cited = [hit("said", 200)]
    shown = [found.passage.text for found in neighbours_joined([*hits, *others], 4, anything, cited=cited)]
    assert shown == ["of the top 1", "of the top 2", "of another", "of the top 3"]
    shown = [found.passage.text for found in neighbours_joined([*hits, hit("beside", 11)], 8, anything)]
    assert shown == ["of the top 1\nbeside", "of the top 2", "of the top 3", "of the top 4"]


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
    assert len(neighbours_joined([hit("one", 1), other], 2, anything)) == 2


def test_only_what_may_be_shown_is_read():
    read = []

    def wanted(found):
        read.append(found.passage.text)
        return found.passage.text != "nothing"

    hits = [hit("nothing", 20), hit("b", 3), hit("far", 30), hit("third", 50), hit("c", 4), hit("nothing", 31)]
    joined = neighbours_joined(hits, 2, wanted)
    assert [found.passage.text for found in joined] == ["b\nc", "far"]
    assert read == ["nothing", "b", "far", "c", "nothing"]


def test_a_quote_of_several_spans_holds_what_lies_between():
    lines = ["- one **two**", "  - three", "- four"]
    spans = (Span("one **two**", (1, 1)), Span("four", (3, 3)))
    assert quote(spans, lambda: lines) == "one **two** - three - four"
    assert quote(spans, lambda: None) == "one **two**"
    rows = ["| a   | b |", "|-----|---|", "| c   | d |"]
    assert quote((Span(rows[0], (1, 1)), Span(rows[2], (3, 3))), lambda: rows) == "| a | b | |-----|---| | c | d |"
    assert quote(spans, lambda: ["the file", "changed", "since"]) == "one **two**"


def test_a_file_is_not_read_for_a_quote_of_one_span():
    assert quote((Span("four", (3, 3)),), lambda: pytest.fail("it was read")) == "four"


def test_prose_that_was_cut_at_a_line_end_is_said_whole():
    row = [Span(text, (n, n)) for n, text in enumerate(["It starts here", "goes on.", "In short:", "$x$", "No."], 1)]
    said = [[span.text for span in _whole(row, [k], "text")] for k in range(5)]
    assert said == [
        ["It starts here", "goes on."],
        ["It starts here", "goes on."],
        ["In short:", "$x$"],
        ["$x$"],
        ["No."],
    ]
    assert [span.text for span in _whole(row, [1], "list")] == ["goes on."]


@pytest.mark.parametrize(
    ("texts", "chosen", "said"),
    [
        (["It won.", "It lost.", "But it", "learned."], [3], ["It lost.", "But it", "learned."]),
        (["A net has layers.", "This helps.", "Italy."], [1], ["A net has layers.", "This helps."]),
        (["A net has layers.", "This helps.", "Italy."], [2], ["Italy."]),
        (["This helps."], [0], ["This helps."]),
    ],
)
def test_a_sentence_that_leans_on_another_is_said_with_it(texts, chosen, said):
    row = [Span(text, (n, n)) for n, text in enumerate(texts, 1)]
    assert [span.text for span in _whole(row, chosen, "text")] == said


@pytest.mark.parametrize(
    ("rows", "chosen", "said"),
    [
        (["Model Acc.", "A 71.2 90", "B 72 91"], [2], ["Model Acc.", "B 72 91"]),
        (["Model Acc.", "A 71.2 90", "B 72 91"], [0], ["Model Acc.", "A 71.2 90"]),
        (["A 71.2 90", "B 72 91"], [1], ["B 72 91"]),
        (["symptom", "log(0)", "none"], [1], ["log(0)"]),
        (["Name", "Alice", "Bob"], [1], ["Alice"]),
    ],
)
def test_a_row_of_numbers_is_said_with_what_the_columns_are(rows, chosen, said):
    row = [Span(text, (n, n)) for n, text in enumerate(rows, 1)]
    assert [span.text for span in _whole(row, chosen, "table")] == said


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
    assert not says_something(hit("Deep Fried Convnets (left off)"), "Read deep fried convnets (37)", set())
    assert says_something(hit("Deep fried convnets are dense."), "Read deep fried convnets (37)", set())


def paper_hit(*sentences, kind="text"):
    """A hit in a paper, each sentence in a box of its own, two of them on a page."""
    spans = tuple(Span(text, (n, n), (Box(1 + n // 3, n, 0, n + 1, 9),)) for n, text in enumerate(sentences, 1))
    passage = Passage(0, kind, " ".join(sentences), "", ("Top",), (1, len(spans)), spans)
    return Hit(1, stored(1, "paper", paper="1512.03385", version="v1"), passage, 1.0, 0.5, 0.0, 0.5)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (paper_hit("Why is depth hard to train?"), False),
        (paper_hit("Why depth is hard to train"), True),  # it begins like a question, and is none in a paper
        (paper_hit("Residual blocks carry the gradient."), True),
        (paper_hit("Table 1: Error on images.", kind="caption"), True),
        (paper_hit("ResNet 3.57", kind="table"), True),
        (paper_hit("Mull and Grau. Residual stacks. 2015.", kind="reference"), False),
    ],
)
def test_what_in_a_paper_says_something(found, says):
    assert says_something(found, "what is it for", set()) is says


def test_a_heading_that_runs_into_a_paragraph_is_not_said():
    found = paper_hit("Residual Network.", "We insert shortcuts into the plain network.", "Does it help?")
    assert [span.text for span in _answering(found, set())] == ["We insert shortcuts into the plain network."]
    assert [span.text for span in _answering(paper_hit("Residual Network."), set())] == ["Residual Network."]


@pytest.mark.parametrize(
    "line", ["[!note]- Forward or reverse", "Paper: [A title](https://x.org/a).", "![[Other]]", "---"]
)
def test_what_only_frames_or_points_is_not_said_beside_what_says(line):
    found = _answering(hit(f"{line}\nIt [smears](https://x.org/b) over both."), set())
    assert [span.text for span in found] == ["It [smears](https://x.org/b) over both."]
    assert [span.text for span in _answering(hit(line), set())] == [line]


def test_a_link_alone_answers_only_what_asks_for_one():
    found = hit("[Diverse beam search](https://x.org/a)\n- **[Another of them](https://x.org/b)**")
    found = replace(found, passage=replace(found.passage, text="Diverse beam search\n- Another of them"))
    assert not says_something(found, "what is beam search", set())
    assert says_something(found, "which paper introduced diverse beams", set())
    assert says_something(hit("[Beams](https://x.org/a) that score best are kept."), "what is beam search", set())


def test_what_announces_a_formula_is_not_said_without_it():
    found = paper_hit(
        "Separable convolutions cost in all:", "M N", "That is far less than others do.", "So we use them:"
    )
    assert [span.text for span in _answering(found, set())] == ["That is far less than others do."]
    found = paper_hit("They have two parts, as follows:", "first come filters, then comes a sum.")
    assert [span.text for span in _answering(found, set())] == [span.text for span in found.passage.spans]


def test_a_quote_from_a_paper_goes_from_the_first_to_the_last_sentence_with_every_box():
    found = paper_hit("One is said here.", "Two is left out.", "Three is said there.", "Four is not.")
    spans = found.passage.spans
    cited = cite(3, Evidence(found, (spans[0], spans[2])), Place(lambda: None, stale=False), said=True)
    assert cited.quote == "One is said here. Two is left out. Three is said there."
    assert cited.boxes == (Box(1, 1, 0, 2, 9), Box(1, 2, 0, 3, 9), Box(2, 3, 0, 4, 9))
    assert (cited.pages, cited.lines, cited.file, cited.n) == ((1, 2), None, None, 3)
    assert cited.link == "/papers/1?page=1&sentences=1-3#quote"
    last = cite(1, Evidence(found, spans[3:]), Place(lambda: None, stale=False), said=True)
    assert (last.pages, last.link) == ((2, 2), "/papers/1?page=2&sentences=4-4#quote")
    assert cite(1, Evidence(found, spans[3:]), Place(lambda: None, stale=False)).pages == (1, 2)


def test_passages_side_by_side_in_a_paper_are_quoted_as_one():
    found = paper_hit("One is here.", "Two is here.", "Three is here.", "Four is here.")
    spans = found.passage.spans
    first = replace(found, passage=replace(found.passage, spans=spans[:2], lines=(1, 2)))
    last = replace(found, passage=replace(found.passage, spans=spans[2:], lines=(3, 4)))
    (joined,) = neighbours_joined([last, first], 8, anything)
    cited = cite(1, Evidence(joined, joined.passage.spans), Place(lambda: None, stale=False))
    assert (cited.pages, cited.link) == ((1, 2), "/papers/1?page=1&sentences=1-4#quote")


def test_the_row_that_has_what_the_question_names_is_said():
    rows = "Parser training\nZhu 2013 semi-supervised 91.3\nTransformer (4 layers) semi-supervised 92.7"
    found = hit(rows, kind="table")
    scores = np.array([0.4, 0.62, 0.6], np.float32)
    candidate = Candidate(found, (0, 1, 2), Reading(scores, ()))
    chosen = _best_spans("F1 of the semi-supervised 4-layer Transformer", candidate, -1.0)
    assert [span.text for span in chosen] == ["Parser training", "Transformer (4 layers) semi-supervised 92.7"]
    in_prose = replace(candidate, hit=hit(rows, kind="text"))
    chosen = _best_spans("F1 of the semi-supervised 4-layer Transformer", in_prose, -1.0)
    assert chosen[0].text == "Zhu 2013 semi-supervised 91.3"
