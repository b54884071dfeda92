from dataclasses import replace

import pytest

from indexer.types import Question
from service.present import place_of
from service.terminal import WIDTH, Style, answer_text, questions_markdown, search_text
from service.types import Answer, AnsweredQuestion, Citation, Related, SearchResult, Sentence

CITATION = Citation(
    n=1, kind="note", file="maths/Entropy und Wärme.md", paper=None, version=None, title="Entropy",
    headings=("Entropy", "Forward or reverse"), lines=(28, 36), pages=None, boxes=None,
    quote="> minimise **over** q, " + "a long quote " * 40, passage="…", score=1.0, link="/notes/1", stale=True,
)  # fmt: skip
ANSWER = Answer(
    question="?", verdict="partial", confidence=0.514,
    sentences=(Sentence("minimise **over** [[q|the second]]", (1,)),),
    citations=(CITATION, replace(CITATION, n=2)), took_ms=1,
)  # fmt: skip


def test_an_answer_names_its_sources_and_strips_markup():
    text = answer_text(ANSWER, Style())
    assert text.startswith("minimise over the second [1]\n\nAnswered in part · confidence 51%\n\nSources\n")
    assert "  [1] maths/Entropy und Wärme.md:28-36 (changed or gone since it was indexed)\n" in text
    assert "      Entropy › Forward or reverse\n      “minimise over q, a long quote" in text
    assert "See also\n  [2] maths" in text
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_filters_are_named():
    asked = replace(ANSWER, question='why? tag:ml -"a b"')
    assert '\n\nAnswered in part · confidence 51% · only tag:ml -"a b"\n\n' in answer_text(asked, Style())
    assert search_text(SearchResult("x kind:note", (), 1.0), Style()) == "Nothing found, only kind:note."
    assert search_text(SearchResult("x kind:note", (CITATION,), 1.0), Style()).startswith("Only kind:note\n  [1] ")


def test_colour_only_on_request():
    assert "\033[" not in answer_text(ANSWER, Style())
    assert "\033[33mAnswered in part\033[0m" in answer_text(ANSWER, Style(colour=True))


def test_nothing_found():
    assert search_text(SearchResult("x", (), 1.0), Style()) == "Nothing found."


def test_a_paper_is_cited_by_version_and_page_and_your_note_on_it_named():
    related = Related("your note on this paper", "Reading list", "reading.md", (12, 12), None, "/notes/1")
    citation = replace(
        CITATION, kind="paper", file=None, paper="1512.03385", version="v1", headings=("3 Method",), lines=None,
        pages=(3, 4), quote="x_i and x_j are _not_ [unk] equal", stale=False, related=(related, related),
    )  # fmt: skip
    answer = replace(ANSWER, sentences=(Sentence(citation.quote, (1,)),), citations=(citation,))
    assert answer_text(answer, Style()).split("\n") == [
        "x_i and x_j are _not_ [unk] equal [1]",
        "",
        "Answered in part · confidence 51%",
        "",
        "Sources",
        "  [1] 1512.03385v1, p. 3-4",
        "      Entropy › 3 Method",
        "      “x_i and x_j are _not_ [unk] equal”",
        "      ↳ your note on this paper: reading.md:12 Reading list",
    ]
    assert "\033[2m      ↳ your note" in answer_text(answer, Style(colour=True))


def test_the_paper_of_a_note_is_named_by_its_id():
    related = Related("paper of this note", "A very long title of a paper " * 4, None, None, "1512.03385", "/papers/1")
    rows = search_text(SearchResult("x", (replace(CITATION, related=(related,)),), 1.0), Style()).split("\n")
    assert rows[-1].startswith("      ↳ paper of this note: 1512.03385 A very long title")
    assert rows[-1].endswith(" …")
    assert max(map(len, rows)) <= WIDTH


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"file": "a.pdf", "pages": (3, 3)}, "a.pdf, p. 3"),
        ({"file": "a.pdf", "paper": "1512.03385", "version": "v1", "pages": (3, 4)}, "a.pdf (v1), p. 3-4"),
        ({"file": None, "paper": "hep-th/9901001", "pages": (1, 1)}, "hep-th/9901001, p. 1"),
        ({"file": None, "paper": "1512.03385", "version": "v1"}, "1512.03385v1, abstract"),
        ({"file": None, "pages": (1, 2)}, "Entropy, p. 1-2"),
    ],
)
def test_a_place_in_a_pdf_is_written_as_a_person_would(fields, place):
    assert place_of(replace(CITATION, kind="paper", lines=None, **fields)) == place


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"file": "a.pdf", "pages": (3, 4)}, "a.pdf#page=3"),
        ({"paper": "1512.03385", "version": "v1", "pages": (3, 4)}, "https://arxiv.org/pdf/1512.03385v1#page=3"),
        ({"paper": "1512.03385"}, "https://arxiv.org/abs/1512.03385"),
        ({"pages": (3, 4), "link": "/papers/7?page=3"}, "/papers/7?page=3"),
    ],
)
def test_a_report_leads_to_the_page(fields, address):
    cited = replace(CITATION, **{"kind": "paper", "lines": None, "file": None} | fields)
    question = Question("Why?", "open", "question", 1, "", None, (), (), (), wanted=True)
    item = AnsweredQuestion(question, "/notes", "a.md", 1, replace(ANSWER, citations=(cited,)), "new")
    assert f"](<{address}>)" in questions_markdown([item])


def test_a_note_on_a_paper_is_named_beside_the_first_citation_of_it():
    related = Related("your note on this paper", "Reading list", "reading.md", (12, 12), None, "/notes/1")
    citations = tuple(replace(CITATION, n=n, related=(related,)) for n in (1, 2, 3))
    assert search_text(SearchResult("x", citations, 1.0), Style()).count("↳ your note") == 1
    assert answer_text(replace(ANSWER, citations=citations), Style()).count("↳ your note") == 1
