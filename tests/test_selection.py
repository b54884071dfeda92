import os
import time

import pytest
from desks import NOTES, open_desk, put_paper, settings_for
from hypothesis import given
from hypothesis import strategies as st
from stub_encoder import HashEncoder

from indexer.errors import FilterError, QuestionError
from indexer.library import Library
from service.bench.systems import alone
from service.desk import Desk
from service.filters import Filter
from service.selection import phrase
from service.types import Sentence

VAULT = {
    "papers/adam.md": """\
---
tags: [ml/optimisers]
date: 2014-12-22
---
# Adam

Adam keeps a moving average of the gradient.
""",
    "daily/2024-05-03.md": """\
Read on the Moving
Average of weights today. #reading

# Other

Bought rope, walked to the sea.
""",
    "daily/2024-06-01.md": "Averages that were moving me to tears. #reading\n",
    "my notes/ideas.org": """\
#+filetags: :ml:
#+date: [2023-02-01 Wed]
* Ideas
A gradient of colours, and a moving-average filter.
""",
    "todo.md": "---\ndate: 2020\n---\n- [ ] What is a moving average?\n",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vault")
    open_desk(folder, VAULT).close()
    put_paper(folder)
    settings = settings_for(folder)
    with Desk(settings, Library.open(settings.library), HashEncoder()) as found:
        yield found


def found(desk, query, **options):
    """The files that a search finds, those of notes; `paper` for the paper."""
    return {hit.file or "paper" for hit in desk.search(query, k=50, **options).hits}


EVERYTHING = {*VAULT, "paper"}


@pytest.mark.parametrize(
    ("filters", "files"),
    [
        ("", EVERYTHING),
        ("tag:ml", {"papers/adam.md", "my notes/ideas.org"}),
        ("tag:ML/Optimisers", {"papers/adam.md"}),
        ("tag:m", set()),
        ("tag:ml tag:ml/optimisers", {"papers/adam.md"}),
        ("-tag:ml -tag:reading", {"todo.md", "paper"}),
        ("path:papers/", {"papers/adam.md"}),  # not the folder of papers that were fetched: it is none of the person's
        ("path:/daily", {"daily/2024-05-03.md", "daily/2024-06-01.md"}),
        ("path:/aily", set()),
        ('path:"MY notes"', {"my notes/ideas.org"}),
        ("path:*.org", {"my notes/ideas.org"}),
        ("path:daily/2024-0?-01.md", {"daily/2024-06-01.md"}),
        ("path:0?-01.md", set()),
        ("-path:daily -path:*.org", {"papers/adam.md", "todo.md", "paper"}),
        ("kind:note", {*VAULT}),
        ("kind:paper", {"paper"}),
        ("-kind:note", {"paper"}),
        ("kind:note kind:paper", set()),
        ("after:2024 kind:note", {"daily/2024-05-03.md", "daily/2024-06-01.md"}),
        ("after:2024-05-03 before:2024-06", {"daily/2024-05-03.md"}),
        ("before:2024 kind:note", {"papers/adam.md", "my notes/ideas.org", "todo.md"}),
        ("after:2020 before:2021 kind:note", {"todo.md"}),
        ('"moving average"', {"papers/adam.md", "daily/2024-05-03.md", "todo.md"}),
        ('"moving-average" tag:ml', {"my notes/ideas.org"}),
        ('"verage of the gr"', set()),
        ("-average kind:note", {"daily/2024-05-03.md"}),  # of which another passage is left
        ('-"average" kind:note', {"daily/2024-05-03.md", "daily/2024-06-01.md"}),
        ("-gradient -moving", {"daily/2024-05-03.md", "paper"}),
    ],
)  # fmt: skip
def test_what_filters_let_through(desk, filters, files):
    assert found(desk, f"moving average {filters}" if '"' not in filters else filters) == files
    assert found(desk, filters or "x") == files


def test_filters_beside_the_question_mean_the_same(desk):
    inside = desk.ask('what does Adam keep "moving average" tag:ml')
    beside = desk.ask("what does Adam keep", filters=[Filter("tag", "ml"), Filter("phrase", "moving average")])
    assert [c.file for c in inside.citations] == [c.file for c in beside.citations] == ["papers/adam.md"]
    assert (inside.question, beside.question) == ('what does Adam keep "moving average" tag:ml', "what does Adam keep")


def test_an_answer_rests_only_on_what_is_let_through(desk):
    question = "what keeps a moving average of the gradient"
    assert desk.ask(question).citations[0].file == "papers/adam.md"
    for filters, files in (("path:daily", {"daily/2024-05-03.md", "daily/2024-06-01.md"}), ("kind:paper", {None})):
        assert {citation.file for citation in desk.ask(f"{question} {filters}").citations} == files
    nothing = desk.ask(f"{question} tag:nowhere")
    assert (nothing.verdict, nothing.confidence, nothing.citations) == ("unsupported", 0.0, ())
    assert nothing.sentences == (
        Sentence("Nothing in the library fits tag:nowhere; ask again with fewer filters.", ()),
    )


def test_only_filters_list_the_newest_first_and_are_no_question(desk):
    hits = desk.search("kind:note", k=3).hits
    assert [hit.file for hit in hits] == ["daily/2024-06-01.md", "daily/2024-05-03.md", "my notes/ideas.org"]
    assert [hit.n for hit in hits] == [1, 2, 3]
    (left,) = desk.search("path:2024-05-03 -moving").hits
    assert left.passage == "Bought rope, walked to the sea."
    with pytest.raises(QuestionError, match="only filters, and no question"):
        desk.ask("kind:note tag:ml")


def test_a_filter_that_cannot_be_is_said_so(desk):
    for call in (desk.ask, desk.search):
        with pytest.raises(FilterError, match="kind:book is no kind"):
            call("moving average kind:book")


def test_a_question_of_the_dump_has_no_filters(tmp_path):
    notes = NOTES | {"todo.md": '### Question Dump:\n- [ ] Why does "zzz" Adam divide -gradient by path:nowhere?\n'}
    with open_desk(tmp_path, notes) as desk:
        (item,) = [item for item in desk.questions() if item.answer]
    assert item.answer.citations[0].file == "adam.md"
    assert item.answer.question == 'Why does "zzz" Adam divide -gradient by path:nowhere?'


@pytest.mark.parametrize("mix", [alone("lexical"), alone("dense")])
def test_what_few_passages_are_let_through_are_all_found(tmp_path, mix):
    notes = {f"{n}.md": f"The gradient of note {n}.\n" for n in range(400)}
    notes |= {
        f"far/{n}.md": f"---\ntags: far\n---\nSomething about gradient descent, then {n} and much else.\n"
        for n in range(5)
    }
    with open_desk(tmp_path, notes) as desk:
        assert len(found(desk, "the gradient of note", mix=mix) & {f"far/{n}.md" for n in range(5)}) < 5
        assert found(desk, "the gradient of note tag:far", mix=mix) == {f"far/{n}.md" for n in range(5)}
        most = desk.search("gradient of note -tag:far", k=50, mix=mix).hits
        assert [(hit.file, hit.score) for hit in most] == [
            (hit.file, hit.score)
            for hit in desk.search("gradient of note", k=60, mix=mix).hits
            if "far" not in hit.file
        ][:50]


def test_the_time_of_a_file_dates_what_says_nothing(tmp_path):
    with open_desk(tmp_path, {"a.md": "One gradient.\n"}) as desk:
        today = time.strftime("%Y-%m-%d")
        assert len(desk.search(f"gradient after:{today}").hits) == 1
    os.utime(tmp_path / "notes" / "a.md", (0, 86400 * 365))
    with open_desk(tmp_path, {"b.md": "Two gradients.\n"}) as desk:
        assert [hit.file for hit in desk.search("gradient before:1990").hits] == ["a.md"]


def test_only_what_is_let_through_is_offered_beside_a_place(tmp_path):
    notes = {"reading.md": "# Reading\n\n- [Residual stacks](https://arxiv.org/abs/2101.00001) take the input along.\n"}
    open_desk(tmp_path, notes).close()
    put_paper(tmp_path)
    settings = settings_for(tmp_path)
    with Desk(settings, Library.open(settings.library), HashEncoder()) as desk:
        question = "residual stacks take the input along"
        (note,) = [one for one in desk.search(question).hits if one.kind == "note"]
        assert [related.paper for related in note.related] == ["2101.00001"]
        assert desk.search(f"{question} kind:note").hits[0].related == ()
        assert desk.ask("gradient alive in deep stacks").citations[0].related[0].file == "reading.md"
        assert desk.ask("gradient alive in deep stacks kind:paper").citations[0].related == ()


@pytest.mark.parametrize(
    ("wanted", "text", "holds"),
    [
        ("moving average", "A Moving\n  AVERAGE.", True),
        ("gan", "an organ", False),
        ("gan", "GAN_loss", True),
        ("c++", "in C++, say", True),
        ("don't", "they don’t", True),
        ("straße", "STRASSE", True),
        ("caf\u00e9", "cafe\u0301s", False),
        ("caf\u00e9", "the CAFE\u0301", True),
        ("cafe", "café", False),
        ("神经", "神经网络模型", True),
        ("網路", "神经网络模型", False),
        ("fine", "\ufb01ne", True),
    ],
)
def test_what_holds_a_phrase(wanted, text, holds):
    assert phrase(wanted)(text) is holds


@given(st.text(), st.text(alphabet="ab Aß神' ", min_size=1), st.text())
def test_a_phrase_is_found_where_it_stands_alone(before, wanted, after):
    if wanted.strip():
        assert phrase(wanted)(f"{before} {wanted} {after}")
