import re
import shutil
from dataclasses import replace

import pytest
import shelf
from desks import NOTES, open_desk, put_paper, settings_for, write
from hypothesis import given
from hypothesis import strategies as st
from stub_encoder import HashEncoder, WordReranker
from threadpoolctl import threadpool_info, threadpool_limits

from indexer.build import build
from indexer.errors import ModelError, QuestionError
from indexer.library import Library
from indexer.settings import RerankerSettings
from service.answer import NOTHING
from service.bench.systems import alone
from service.desk import MAX_QUESTION_CHARS, Desk, checked
from service.filters import parse
from service.types import Related


@pytest.fixture
def desk(tmp_path):
    with open_desk(tmp_path) as found:
        yield found


def folded(text):
    return " ".join(text.split())


def test_an_answer_is_verbatim_and_says_where_it_stands(desk):
    answer = desk.ask("how many layers in GoogLeNet")
    first = answer.citations[0]
    assert (first.file, first.lines, first.headings) == ("group.md", (2, 4), ("Discussion 2 GoogLeNet",))
    assert [(s.text, s.citations) for s in answer.sentences] == [
        ("22-layers deep model", (1,)),
        ("plus **two** heads that help while training", (1,)),
    ]
    assert first.quote == "22-layers deep model - plus **two** heads that help while training"
    assert first.link == "/notes/2?lines=2-4#L2"
    assert (first.kind, first.paper, first.pages, first.boxes, first.stale) == ("note", None, None, None, False)


def test_an_open_desk_leaves_blas_one_thread(tmp_path, monkeypatch):
    open_desk(tmp_path).close()
    monkeypatch.setattr("service.desk.load_encoder", lambda *_, **__: HashEncoder())
    with threadpool_limits(2, user_api="blas"), Desk.open(settings_for(tmp_path), notice=print):
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_every_quote_is_found_in_its_lines(desk):
    for question in ("Adam average square", "GoogLeNet", "bias correction decay", "Boltzmann", "chair"):
        for citation in (*desk.ask(question).citations, *desk.search(question).hits):
            lines = NOTES[citation.file].split("\n")[citation.lines[0] - 1 : citation.lines[1]]
            assert folded(citation.quote) in folded(" ".join(lines))
            assert len(lines) <= 12


def test_the_item_that_asks_is_not_its_own_answer(desk):
    answer = desk.ask("How many layers does GoogLeNet have?")
    assert answer.citations[0].file == "group.md"
    open_questions = {("todo.md", (line, line)) for line in (2, 3, 4)}
    assert not open_questions & {(citation.file, citation.lines) for citation in answer.citations}


def test_a_question_without_an_answer_is_no_evidence(desk):
    assert all("dropout" not in citation.passage for citation in desk.ask("What is dropout ?").citations)


def test_what_nothing_answers_is_said_so_with_the_nearest_passages(desk):
    answer = desk.ask("zebra migration patterns")
    assert (answer.verdict, [s.text for s in answer.sentences]) == ("unsupported", [NOTHING])
    assert answer.sentences[0].citations == ()
    assert answer.citations


def test_k_is_how_many_citations_there_are(desk):
    assert len(desk.ask("Adam", k=1).citations) == 1
    assert [citation.n for citation in desk.ask("Adam", k=3).citations] == [1, 2, 3]
    assert len(desk.search("Adam", k=2).hits) == 2


def test_one_ingredient_alone_ranks_by_it(desk):
    lexical = desk.search("moving average", mix=alone("lexical"))
    dense = desk.search("moving average", mix=alone("dense"))
    assert lexical.hits[0].lines == dense.hits[0].lines == (3, 4)
    assert [hit.score for hit in dense.hits] == sorted((hit.score for hit in dense.hits), reverse=True)


def test_the_dump_is_answered_and_the_rest_left_alone(desk):
    items = {item.question.text: item for item in desk.questions()}
    assert items["How many layers does GoogLeNet have?"].answer.citations[0].file == "group.md"
    assert items["What is a Boltzmann machine?"].answer.verdict == "unsupported"
    assert items["What is a learning rate?"].answer is None
    assert items["Buy a chair"].answer is None
    assert {item.changed for item in items.values()} == {"new"}


def test_the_ledger_knows_what_was_shown_and_what_is_newly_answered(tmp_path):
    notes = dict(NOTES)
    with open_desk(tmp_path, notes) as desk:
        desk.remember(desk.questions())
        assert {item.changed for item in desk.questions()} == {"same"}
    notes["hinton.md"] = "# Boltzmann machine\n\nA Boltzmann machine is a network of random binary units.\n"
    with open_desk(tmp_path, notes) as desk:
        changed = {item.question.text: item.changed for item in desk.questions()}
    assert changed["What is a Boltzmann machine?"] == "answered"
    assert set(changed.values()) == {"same", "answered"}


@pytest.mark.parametrize("question", ["", "  \n\t ", "\u200b" * 0])
def test_an_empty_question_is_refused(desk, question):
    with pytest.raises(QuestionError, match="is empty"):
        desk.ask(question)


def test_a_question_of_a_hundred_kilobytes_is_refused(desk):
    with pytest.raises(QuestionError, match=r"102,399 characters; at most 10,000"):
        desk.ask("why " * 25600)
    assert checked("x" * MAX_QUESTION_CHARS) == "x" * MAX_QUESTION_CHARS


def test_half_a_surrogate_pair_is_refused(desk):
    with pytest.raises(QuestionError, match="not valid Unicode"):
        desk.ask("why \ud83d?")


@pytest.mark.parametrize(
    "question", ["the of and to a", "🤖🔥", "?!…", "[[", "\x00", "🙂" * 500, "AND OR NOT title:x ~"]
)
def test_odd_questions_get_an_answer(desk, question):
    assert desk.ask(question).verdict in ("unsupported", "partial", "supported")


@given(question=st.text(min_size=1).filter(lambda text: parse(" ".join(text.split())).text))
def test_any_text_may_be_asked(question, shared_desk):
    answer = shared_desk.ask(question)
    assert 0 <= answer.confidence <= 1
    assert shared_desk.search(question).query == question


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory):
    with open_desk(tmp_path_factory.mktemp("shared")) as found:
        yield found


def test_what_was_found_for_a_question_beside_it_is_no_answer(tmp_path):
    notes = {
        "a.md": "It models long documents well enough. What about residual connections in deep networks?\n",
        "b.md": "Residual connections in deep networks let the gradient pass.\n",
    }
    with open_desk(tmp_path, notes) as desk:
        answer = desk.ask("residual connections, deep networks")
    assert [sentence.text for sentence in answer.sentences] == [notes["b.md"].strip()]
    assert [citation.file for citation in answer.citations] == ["b.md", "a.md"]


def test_a_word_alone_states_nothing(tmp_path):
    with open_desk(tmp_path, {"a.md": "# Abstract\n\ncontent\n\n# Adam\n\nAdam adapts its steps.\n"}) as desk:
        assert [citation.lines for citation in desk.ask("content").citations] == [(7, 7)]


# ------------------------------------------------------------------------------------------------------ papers

READING = """\
# Reading

- [Residual stacks](https://arxiv.org/abs/2101.00001) take the input along.

Nothing else is written here about anything.
"""


@pytest.fixture
def shelved(tmp_path):
    """A desk over the notes, a note that names a paper, and the paper; with the paper's file."""
    open_desk(tmp_path, NOTES | {"reading.md": READING}).close()
    file = put_paper(tmp_path)
    with reopened(tmp_path) as desk:
        yield desk, file


def reopened(folder):
    settings = settings_for(folder)
    return Desk(settings, Library.open(settings.library), HashEncoder())


def test_an_answer_from_a_paper_says_page_and_boxes(shelved):
    desk, _ = shelved
    answer = desk.ask("what keeps the gradient alive in deep stacks")
    first = answer.citations[0]
    said = [sentence.text for sentence in answer.sentences[:2]]
    assert (answer.verdict, said) == ("supported", [shelf.ADDS, shelf.KEEPS])  # the second leans on the first
    assert (first.kind, first.file, first.paper, first.version) == ("paper", None, "2101.00001", "v2")
    assert (first.title, first.headings, first.lines, first.pages) == ("Residual Stacks", ("1 Method",), None, (1, 1))
    assert first.boxes == tuple(box for span in shelf.PASSAGES[0].spans for box in span.boxes)
    assert first.quote == first.passage == f"{shelf.ADDS} {shelf.KEEPS}"
    assert re.fullmatch(r"/papers/\d+\?page=1&sentences=1-2#quote", first.link)
    assert not first.stale


def test_what_an_answer_rests_on_has_the_pages_of_the_quote_and_a_hit_those_of_the_passage(shelved):
    desk, _ = shelved
    asked = desk.ask("when is the sum taken, before the last activation").citations[0]
    assert (asked.quote, asked.pages) == (shelf.BEFORE, (1, 1))
    hit = desk.search("when is the sum taken, before the last activation").hits[0]
    assert (hit.quote, hit.pages) == (f"{shelf.BEFORE} {shelf.FREE}", (1, 2))
    assert [box.page for box in hit.boxes] == [1, 1, 2]
    assert hit.link.endswith("?page=1&sentences=3-4#quote")


def test_references_are_found_but_are_no_evidence(shelved):
    desk, _ = shelved
    question = "Mull and Grau residual stacks gradient alive"
    hits = [hit.passage for hit in desk.search(question).hits]
    assert hits[-1] == shelf.CITED
    assert shelf.CITED not in [citation.passage for citation in desk.ask(question).citations]


def test_references_are_all_there_is_where_nothing_else_says_anything(tmp_path):
    open_desk(tmp_path, {"empty.md": "# Nothing\n"}).close()
    put_paper(tmp_path, shelf.PASSAGES[3:])
    with reopened(tmp_path) as desk:
        answer = desk.ask("Mull and Grau residual stacks")
    assert (answer.verdict, [citation.quote for citation in answer.citations]) == ("unsupported", [shelf.CITED])


def test_captions_are_evidence(shelved):
    desk, _ = shelved
    answer = desk.ask("error of plain and residual stacks on images")
    assert (answer.sentences[0].text, answer.citations[0].pages) == (shelf.CAPTION, (2, 2))


def test_a_paper_and_the_note_that_names_it_know_each_other(shelved):
    desk, _ = shelved
    (number,) = [one.id for one in desk.documents() if one.kind == "paper"]
    (note,) = [one.id for one in desk.documents() if one.file == "reading.md"]
    of_paper = desk.ask("gradient alive in deep stacks").citations[0]
    assert of_paper.related == (
        Related("your note on this paper", "Reading", "reading.md", (3, 3), None, f"/notes/{note}?lines=3-3#L3"),
    )
    of_note = next(c for c in desk.ask("residual stacks take the input along").citations if c.file == "reading.md")
    assert of_note.related == (
        Related("paper of this note", "Residual Stacks", None, None, "2101.00001", f"/papers/{number}"),
    )
    assert all(c.related == () for c in desk.ask("moving average").citations if c.file == "adam.md")


def test_a_pdf_among_the_notes_has_a_file_and_pages(tmp_path):
    open_desk(tmp_path).close()
    put_paper(tmp_path, root=tmp_path / "notes", paper=None)
    with reopened(tmp_path) as desk:
        first = desk.ask("gradient alive in deep stacks").citations[0]
    assert (first.kind, first.file, first.paper, first.pages, first.lines) == (
        *("paper", "residual.pdf", None),
        *((1, 1), None),
    )


def test_of_a_paper_that_could_not_be_had_the_abstract_is_quoted(tmp_path):
    open_desk(tmp_path).close()
    put_paper(tmp_path, abstract_only(), pages=0, file="2101.00001.abstract")
    with reopened(tmp_path) as desk:
        first = desk.ask("gradient alive in deep stacks").citations[0]
    assert first.quote == f"{shelf.ADDS} {shelf.KEEPS}"
    assert (first.pages, first.boxes, first.file, first.stale) == (None, None, None, False)
    assert re.fullmatch(r"/papers/\d+\?sentences=1-2#quote", first.link)


def abstract_only():
    first = shelf.PASSAGES[0]
    return [replace(first, spans=tuple(replace(span, boxes=()) for span in first.spans), headings=("Abstract",))]


def reranked(desk, word, reads=20):
    settings = replace(desk.settings, reranker=RerankerSettings("a/model", reads))
    return Desk(settings, desk.library, desk.encoder, WordReranker(word))


def test_answers_and_hits_are_reranked_where_there_is_a_reranker(desk):
    question = "average of the gradient"
    assert [found.citations[0].lines for found in (desk.ask(question), reranked(desk, "start").ask(question))] == [
        (3, 4),
        (8, 8),
    ]
    found = reranked(desk, "start").search(question, k=3).hits
    assert (found[0].lines, len(found)) == ((8, 8), 3)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_the_settings_say_how_many_hits_a_reranker_reads(desk):
    for reads, k in ((3, 2), (0, 2), (100, 1)):
        reader = reranked(desk, "start", reads)
        everything = len(desk.search("average of the gradient", k=50).hits)
        assert len(reader.search("average of the gradient", k=k).hits) == k
        assert len(reader.reranker.read) == min(reads, everything)


def test_one_ingredient_alone_is_not_reranked(desk):
    reader = reranked(desk, "start")
    for mix in (alone("lexical"), alone("dense")):
        assert reader.search("average", mix=mix).hits == desk.search("average", mix=mix).hits
    assert reader.reranker.read == []


def test_a_desk_opens_with_the_reranker_that_the_settings_name(desk, stub_model, monkeypatch):
    reranker = WordReranker("start")
    monkeypatch.setattr(
        "service.desk.load_reranker", lambda settings, **_: reranker if settings.reranker.model else None
    )
    for settings, expected in ((desk.settings, None), (reranked(desk, "").settings, reranker)):
        with Desk.open(settings, notice=pytest.fail) as opened:
            assert opened.reranker is expected
            assert opened.status().reranker == (settings.reranker.model or None)


def test_a_desk_does_not_open_without_the_reranker_that_the_settings_name(desk, stub_model, tmp_path):
    settings = replace(desk.settings, reranker=RerankerSettings(str(tmp_path / "nowhere")))
    with pytest.raises(ModelError, match=r"there is no folder .*nowhere; set FOOTNOTE_RERANKER"):
        Desk.open(settings, notice=pytest.fail)


def test_what_is_known_of_a_library_is_forgotten_with_it(tmp_path):
    """Another one in its place may have the same numbers, of generations and of documents."""
    with open_desk(tmp_path) as desk:
        assert desk.questions()[0].answer.verdict == "partial"
        assert desk.ask("How many layers does GoogLeNet have?").citations[0].file == "group.md"
        shutil.rmtree(desk.library.path)
        (tmp_path / "notes" / "adam.md").unlink()
        write(tmp_path / "notes", {"group.md": "# Trees\n\nA tree has a root and leaves.\n"})
        write(tmp_path / "notes", {"abc.md": "# Boltzmann\n\nA Boltzmann machine is a network of random units.\n"})
        build(desk.settings.library, [tmp_path / "notes"], HashEncoder(), desk.settings)
        again = desk.questions()
        assert next((item.question.text, item.answer and item.answer.verdict) for item in again) == (
            "How many layers does GoogLeNet have?",
            "unsupported",
        )
        assert {one.file for one in desk.ask("What is a Boltzmann machine?").citations} == {"abc.md", "group.md"}
