from dataclasses import replace

from service.terminal import WIDTH, Style, answer_text, search_text
from service.types import Answer, Citation, SearchResult, Sentence

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
    assert "  [1] maths/Entropy und Wärme.md:28-36 (changed since it was indexed)\n" in text
    assert "      Entropy › Forward or reverse\n      “minimise over q, a long quote" in text
    assert "See also\n  [2] maths" in text
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_colour_only_on_request():
    assert "\033[" not in answer_text(ANSWER, Style())
    assert "\033[33mAnswered in part\033[0m" in answer_text(ANSWER, Style(colour=True))


def test_nothing_found():
    assert search_text(SearchResult("x", (), 1.0), Style()) == "Nothing found."
