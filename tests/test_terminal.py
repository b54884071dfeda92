import io
import re
import unicodedata
from dataclasses import replace

import pytest
from test_style import channels, contrast

from indexer.types import Question
from service.present import place_of
from service.terminal import (
    AMBER,
    GREEN,
    RED,
    WIDTH,
    Style,
    answer_text,
    can_link,
    cells,
    questions_text,
    search_text,
    style_of,
)
from service.types import Answer, AnsweredQuestion, Citation, Related, SearchResult, Sentence, Why

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
    assert text.startswith("minimise over the second [1]\n\n~ Answered in part · 51% sure\n\nSources\n")
    assert "  [1] maths/Entropy und Wärme.md:28-36 (changed or gone since it was indexed)\n" in text
    assert "      Entropy › Forward or reverse\n      “minimise over q, a long quote" in text
    assert text.split("\n")[-3:] == [
        "See also",
        "  [2] maths/Entropy und Wärme.md:28-36 (changed)  Entropy › Forward or reverse",
        "      “minimise over q, a long quote a long quote a long quote a long quote a …”",
    ]
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_filters_are_named():
    asked = replace(ANSWER, question='why? tag:ml -"a b"')
    assert '\n\n~ Answered in part · 51% sure · only tag:ml -"a b"\n\n' in answer_text(asked, Style())
    assert search_text(SearchResult("x kind:note", (), 1.0), Style()) == "Nothing found, only kind:note."
    assert search_text(SearchResult("x kind:note", (CITATION,), 1.0), Style()).startswith("Only kind:note\n  [1] ")


@pytest.mark.parametrize("width", [24, 40, 80])
def test_rows_fit_a_narrow_terminal_also_where_characters_are_wide(width):
    wide = replace(CITATION, file="a.md", headings=("自注意力" * 12,), quote="路径长度是常数。" * 30, stale=False)
    answer = replace(ANSWER, citations=(wide,), sentences=(Sentence("self attention " * 9 + "自注意力" * 30, (1,)),))
    rows = answer_text(answer, Style(width=width)).split("\n")
    assert max(map(cells, rows)) <= width
    assert "".join(rows).replace(" ", "").count("自注意力") == 42
    assert rows[-1].endswith("…”")
    quoted = rows[next(n for n, row in enumerate(rows) if "“" in row) :]
    assert len(quoted) == 3


def test_colour_only_on_request():
    assert "\033[" not in answer_text(ANSWER, Style())
    assert "\033[1;38;5;136m~ Answered in part\033[0m\033[2m · 51% sure\033[0m" in answer_text(
        ANSWER, Style(colour=True)
    )


GROUNDS = {
    "white": "#ffffff",
    "black": "#000000",
    "dark": "#1e1e1e",
    "solarized": "#fdf6e3",
    "solarized dark": "#002b36",
}


@pytest.mark.parametrize("code", [GREEN, AMBER, RED])
def test_colours_stand_out_on_light_and_on_dark(code):
    levels = (0, 95, 135, 175, 215, 255)  # of the cube of 6×6×6 colours that begins at 16
    number = int(code.removeprefix("38;5;")) - 16
    colour = [levels[number // step % 6] / 255 for step in (36, 6, 1)]
    assert {name: ratio for name, ground in GROUNDS.items() if (ratio := contrast(colour, channels(ground))) < 3} == {}


def told(monkeypatch, environ, *, terminal=True, columns=None):
    monkeypatch.setattr("sys.stdout", type("Stdout", (io.StringIO,), {"isatty": lambda _: terminal})())
    return style_of(environ, columns=columns), can_link(environ)


@pytest.mark.parametrize(
    ("environ", "terminal", "colour", "links"),
    [
        ({"TERM": "xterm"}, True, True, True),
        ({}, True, True, True),
        ({"TERM": "xterm"}, False, False, False),
        ({"TERM": "dumb"}, True, False, False),
        ({"NO_COLOR": "1"}, True, False, True),
        ({"NO_COLOR": ""}, True, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, True),
        ({"CLICOLOR": "0"}, True, False, True),
        ({"CLICOLOR": "1"}, False, False, False),
        ({"FORCE_COLOR": "1"}, False, True, False),
        ({"FORCE_COLOR": "0"}, False, False, False),
        ({"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, False, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "3"}, True, True, False),
        ({"TERM": "linux"}, True, True, False),
        ({"INSIDE_EMACS": "29,comint"}, True, True, False),
    ],
)
def test_colour_and_links_are_for_those_who_can_and_want(monkeypatch, environ, terminal, colour, links):
    style, linked = told(monkeypatch, environ, terminal=terminal)
    assert (style.colour, linked) == (colour, links)


@pytest.mark.parametrize(("columns", "width"), [(40, 40), (80, 80), (200, 80), (5, 20)])
def test_a_terminal_sets_the_width(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert told(monkeypatch, {})[0] == Style(colour=True, width=width)
    assert told(monkeypatch, {}, terminal=False)[0] == Style()


def test_places_can_be_clicked_and_take_no_more_room():
    related = Related("your note on this paper", "Reading list", "reading.md", (12, 12), None, "/notes/1")
    cited = replace(CITATION, quote="q", stale=False, related=(related,))
    answer = replace(ANSWER, citations=(cited, replace(cited, n=2)))
    linked = Style(address=lambda place: f"x://{place.file[:5]}")
    text = answer_text(answer, linked)
    assert "  [1] \033]8;;x://maths\033\\maths/Entropy und Wärme.md:28-36\033]8;;\033\\\n" in text
    assert "↳ your note on this paper: \033]8;;x://readi\033\\reading.md:12\033]8;;\033\\ Reading list" in text
    assert re.sub(r"\033\]8;;.*?\033\\", "", text) == answer_text(answer, Style())


def test_the_words_of_the_question_are_set_off_in_quotes():
    cited = replace(CITATION, quote="Minimise over q, and minimised", why=Why(("minimise", "q"), (), 0.5))
    row = search_text(SearchResult("x", (cited,), 1.0), Style(colour=True)).split("\n")[-1]
    assert row == "      “\033[1mMinimise\033[0m over \033[1mq\033[0m, and minimised”"


def test_a_quote_that_was_just_said_is_not_repeated():
    cited = replace(CITATION, quote="minimise **over** the [[q|second]]", stale=False)
    answer = replace(ANSWER, sentences=(Sentence(cited.quote, (1,)),), citations=(cited,))
    assert answer_text(answer, Style()).split("\n")[-3:] == [
        "Sources",
        "  [1] maths/Entropy und Wärme.md:28-36",
        "      Entropy › Forward or reverse",
    ]
    worded = replace(answer, writer="chat", sentences=(Sentence("In other words.", (1,)),))
    assert answer_text(worded, Style()).endswith("      “minimise over the second”")


def test_what_stands_beside_is_told_in_two_rows_with_the_nearest_headings():
    far = replace(CITATION, n=2, file="a.md", headings=("A long title " * 6, "Attention", "Multi-head"), stale=False)
    rows = answer_text(replace(ANSWER, citations=(CITATION, far)), Style(width=50)).split("\n")
    assert rows[-2] == "  [2] a.md:28-36  … › Attention › Multi-head"
    assert rows[-1].endswith(" …”")
    assert max(map(cells, rows[-2:])) <= 50
    narrow = answer_text(replace(ANSWER, citations=(CITATION, far)), Style(width=30)).split("\n")
    assert narrow[-2] == "  [2] a.md:28-36"


def test_formulas_of_notes_are_shown_as_text_and_those_of_papers_left_alone():
    cited = replace(CITATION, quote=r"cost $\frac{1}{\sqrt{d_k}}$, $5", stale=False)
    assert search_text(SearchResult("x", (cited,), 1.0), Style()).endswith("“cost 1/√dₖ, $5”")
    paper = replace(cited, kind="paper", quote=r"cost $\alpha$")
    assert search_text(SearchResult("x", (paper,), 1.0), Style()).endswith(r"“cost $\alpha$”")


def test_what_nothing_comes_near_says_what_to_do_next():
    nothing = replace(ANSWER, verdict="unsupported", sentences=(Sentence("Nothing answers this.", ()),), citations=())
    assert answer_text(nothing, Style()) == (
        "Nothing answers this.\n\n✗ Not answered · 51% chance that the library does\n\n"
        "Nothing comes near it. What the library holds: footnote status"
    )


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
        "~ Answered in part · 51% sure",
        "",
        "Sources",
        "  [1] 1512.03385v1, p. 3-4",
        "      Entropy › 3 Method",
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


def test_a_note_on_a_paper_is_named_beside_the_first_citation_of_it():
    related = Related("your note on this paper", "Reading list", "reading.md", (12, 12), None, "/notes/1")
    citations = tuple(replace(CITATION, n=n, related=(related,)) for n in (1, 2, 3))
    assert search_text(SearchResult("x", citations, 1.0), Style()).count("↳ your note") == 1
    assert answer_text(replace(ANSWER, citations=citations), Style()).count("↳ your note") == 1


def item(text, verdict, *, before=None, changed="same", section="Dump", stale=False):
    question = Question(text, "open", "question", 1, section, None, (), (), (), wanted=True)
    cited = replace(CITATION, stale=stale)
    answer = replace(ANSWER, question=text, verdict=verdict, citations=(cited,))
    return AnsweredQuestion(question, "/notes", "todo.md", 1, answer, changed, before)


def test_the_first_time_the_dump_is_shown_as_it_stands():
    items = [item("Why?", "supported", changed="new"), item("How?", "unsupported", changed="new", section="")]
    assert questions_text(items, Style()).split("\n") == [
        "todo.md › Dump",
        "",
        "✓ Why?",
        "  minimise over the second",
        "    maths/Entropy und Wärme.md:28-36",
        "",
        "todo.md",
        "",
        "✗ How?",
        "  nothing in the library answers this",
        "",
        "2 open: 1 answered, 1 not answered",
    ]


def test_later_what_is_news_comes_first():
    items = [
        item("a?", "supported", before="supported"),
        item("b?", "supported", before="unsupported", changed="answered"),
        item("c?", "unsupported", before="partial"),
        item("d?", "partial", changed="new"),
        item("e?", "unsupported", changed="new"),
        item("f?", "partial", before="supported", stale=True),
        item("g?", "supported", before="partial"),
        replace(item("h?", "supported"), answer=None),
    ]
    shown = [row for row in questions_text(items, Style()).split("\n") if row and not row.startswith(" ")]
    assert shown == [
        "Newly answered since last time (2)",
        "todo.md › Dump",
        "✓ b? (newly answered)",
        "~ d? (new)",
        "Not answered any more (1)",
        "todo.md › Dump",
        "✗ c? (not answered any more)",
        "The others (4)",
        "todo.md › Dump",
        "✓ a?",
        "✗ e? (new)",
        "~ f? (answered only in part now)",
        "✓ g? (answered in full now)",
        "7 open: 3 answered, 2 answered in part, 2 not answered; since last time 2 newly",
        "answered, 1 not answered any more",
    ]
    assert questions_text(items, Style()).count("28-36 (changed since it was indexed)") == 1


def test_without_news_nothing_is_set_apart():
    items = [item("a?", "supported", before="supported"), item("b?", "unsupported", before="unsupported")]
    text = questions_text(items, Style())
    assert text.startswith("todo.md › Dump\n\n✓ a?\n")
    assert text.endswith("\n2 open: 1 answered, 1 not answered")
    assert (
        questions_text([], Style()) == questions_text([replace(items[0], answer=None)], Style()) == "No open questions."
    )


def test_the_dump_fits_the_width_and_is_plain_without_colour():
    items = [item("why " * 40, "supported", before="unsupported", changed="answered"), item("b?", "unsupported")]
    rows = questions_text(items, Style()).split("\n")
    assert max(map(len, rows)) <= WIDTH
    assert "\033[" not in "".join(rows)
    assert "\033[1mNewly answered since last time (1)\033[0m" in questions_text(items, Style(colour=True))


def test_nothing_in_the_notes_commands_the_terminal():
    evil = "\x1b]8;;x://y\x1b\\a\x1b[2J\x9b31m\x07"
    related = Related("listed", evil, f"{evil}.md", None, (1, 2), "/notes/2")
    citation = replace(
        CITATION, file=f"{evil}\n.md", title=evil, headings=(evil, evil), quote=f"quoted {evil}", related=(related,)
    )
    answer = replace(ANSWER, sentences=(Sentence(f"said {evil}", (1,)),), citations=(citation, replace(citation, n=2)))
    question = Question(evil, "open", "question", 3, evil, None, (), (), (), wanted=True)
    item = AnsweredQuestion(question, "/notes", f"{evil}.md", 1, replace(answer, question=evil), "new")
    for text in (
        answer_text(answer, Style()),
        answer_text(replace(answer, writer="chat"), Style()),
        search_text(SearchResult("x", (citation,), 1.0), Style(width=40)),
        questions_text([item], Style()),
    ):
        assert "␛[2J�31m␇" in text.replace("\n", "")
        assert all(char == "\n" or unicodedata.category(char) != "Cc" for char in text)
    assert "[1] ␛]8;;x://y␛\\a␛[2J�31m␇␊.md:28-36" in answer_text(answer, Style())
    style = Style(address=lambda _: f"x://{evil}")
    assert style.place("a.md", citation) == "\033]8;;x://␛]8;;x://y␛\\a␛[2J�31m␇\033\\a.md\033]8;;\033\\"
