"""The report shows what the notes hold, and nothing in them can change its structure."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from desks import NOTES, open_desk
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markup import NOTES as MARKUP
from mdit_py_plugins.gfm import gfm_plugin

from indexer.parsing.obsidian import obsidian_plugin
from indexer.plain import plain
from indexer.types import Question
from service.report import change_of, counted, is_first_time, is_news, news, questions_markdown
from service.types import Answer, AnsweredQuestion, Citation, Sentence

CITATION = Citation(
    n=1, kind="note", file="maths/Entropy (und) Wärme.md", paper=None, version=None, title="Entropy",
    headings=("Entropy", "Forward or reverse"), lines=(28, 36), pages=None, boxes=None, quote="said", passage="…",
    score=1.0, link="/notes/1", stale=False,
)  # fmt: skip
PAPER = replace(
    CITATION, n=3, kind="paper", file=None, paper="1512.03385", version="v1", headings=("3 Method",), lines=None,
    pages=(3, 4), stale=True,
)  # fmt: skip
ANSWER = Answer(
    question="?", verdict="partial", confidence=0.514,
    sentences=(Sentence("minimise **over** q", (1,)), Sentence("x_i and x_j", (3,))),
    citations=(CITATION, replace(CITATION, n=2), PAPER), took_ms=1,
)  # fmt: skip


def item(text="Why?", *, file="to do.md", section="Dump", answer=ANSWER, changed="same", before="partial"):
    question = Question(text, "open", "question", 7, section, None, (), (), (), wanted=True)
    return AnsweredQuestion(question, "/notes", file, 1, answer, changed, before)


@pytest.mark.parametrize(
    ("verdict", "changed", "before", "expected"),
    [
        ("partial", "answered", "unsupported", True),
        ("partial", "new", None, True),
        ("unsupported", "new", None, False),
        ("unsupported", "same", "partial", True),
        ("partial", "same", "supported", True),
        ("partial", "same", "partial", False),
        ("unsupported", "same", "unsupported", False),
    ],
)
def test_news_is_what_the_person_was_told_otherwise(verdict, changed, before, expected):
    answer = replace(ANSWER, verdict=verdict)
    assert is_news(item(answer=answer, changed=changed, before=before)) is expected
    assert not is_news(item(answer=None, changed="same", before=before))


def test_a_report_is_a_heading_for_each_question_what_is_said_and_where_it_stands():
    unsupported = replace(ANSWER, verdict="unsupported", sentences=(Sentence("Nothing.", ()),))
    items = [item(), item("How *so*? $5", answer=unsupported, before="unsupported"), item("Not asked", answer=None)]
    assert (
        questions_markdown(items)
        == """\
---
footnote: report
---

# Question dump

2 open: 1 answered in part, 1 not answered

## to do.md › Dump

### Why?

*Answered in part* · [to do.md:7](to%20do.md#L7)

- minimise over q \\[1\\]
- x\\_i and x\\_j \\[2\\]

1. [maths/Entropy (und) Wärme.md:28-36](maths/Entropy%20%28und%29%20W%C3%A4rme.md#L28-L36), Entropy › Forward or reverse
2. [1512.03385v1, p. 3-4](https://arxiv.org/pdf/1512.03385v1#page=3), Entropy › 3 Method (changed since it was indexed)

### How so? \\$5

*Not answered* · [to do.md:7](to%20do.md#L7)"""
    )


def test_a_report_without_questions_says_so():
    assert questions_markdown([]).endswith("# Question dump\n\nNo open questions.")


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"file": "a.pdf", "pages": (3, 4)}, "a.pdf#page=3"),
        ({"paper": "1512.03385", "version": "v1", "pages": (3, 4)}, "https://arxiv.org/pdf/1512.03385v1#page=3"),
        ({"paper": "hep-th/9901001"}, "https://arxiv.org/abs/hep-th/9901001"),
        ({"pages": (3, 4), "link": "/papers/7?page=3"}, "/papers/7?page=3"),
        ({"kind": "note", "file": "a b.md", "lines": (4, 4)}, "a%20b.md#L4"),
        ({"kind": "note", "file": "a](b) <c>.md", "lines": (4, 9)}, "a%5D%28b%29%20%3Cc%3E.md#L4-L9"),
    ],
)
def test_a_report_leads_to_the_lines_or_the_page(fields, address):
    cited = replace(CITATION, **{"kind": "paper", "lines": None, "file": None} | fields)
    answer = replace(ANSWER, sentences=ANSWER.sentences[:1], citations=(cited,))
    assert f"]({address})," in questions_markdown([item(answer=answer)])


READERS = [
    MarkdownIt("commonmark").use(gfm_plugin),
    MarkdownIt("commonmark").use(gfm_plugin, dollarmath=True).use(obsidian_plugin),
]
SKELETON = [
    "hr", "heading", "inline", "heading", "inline", "paragraph", "inline", "heading", "inline", "heading", "inline",
    "paragraph", "inline",
    "bullet_list", "list_item", "paragraph", "inline", "list_item", "paragraph", "inline",
    "ordered_list", "list_item", "paragraph", "inline", "list_item", "paragraph", "inline",
]  # fmt: skip
"""The blocks of a report of one question; as a note begins, its front matter is a rule and a heading."""


@settings(max_examples=60)
@given(asked=MARKUP, said=MARKUP, heading=MARKUP, place=MARKUP, file=st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_in_the_notes_breaks_the_structure_of_the_report(asked, said, heading, place, file):
    cited = replace(CITATION, file=f"{file}.md", headings=(heading, "End"))
    answer = replace(
        ANSWER, sentences=(Sentence(f"So {said} it is", (1,)), ANSWER.sentences[1]), citations=(cited, PAPER)
    )
    report = questions_markdown([item(f"Why {asked}?", section=f"In {place}", answer=answer, file=f"{file}.md")])
    for reader in READERS:
        tokens = [token for token in reader.parse(report) if token.nesting >= 0]
        assert [token.type.removesuffix("_open") for token in tokens] == SKELETON
        children = [child for token in tokens for child in token.children or ()]
        ours = [child.attrs["href"] for child in children if child.type == "link_open" and not child.markup]
        name = quote(f"{file}.md", safe="/")
        assert ours == [f"{name}#L7", f"{name}#L28-L36", "https://arxiv.org/pdf/1512.03385v1#page=3"]
        kinds = {child.type for child in children}
        assert not kinds & {"html_inline", "code_inline", "image", "wikilink", "embed", "softbreak", "hardbreak"}


@given(MARKUP)
def test_a_question_is_shown_letter_by_letter(text):
    question = f"Why {' '.join(text.split())}"
    report = questions_markdown([item(question)])
    heading = [token for token in READERS[1].parse(report) if token.type == "inline"][4]
    written = {"math_inline": "${}$", "math_inline_double": "$${}$$"}
    shown = "".join(written.get(c.type, "{}").format(c.content) for c in heading.children)
    assert shown == plain(question).replace("\0", "\ufffd")


def test_formulas_and_addresses_stay_what_they_are():
    said = "minimise $\\|x_i\\|_2^2$ as in https://a.org/b_(c)_d, for 5$ or $x[1]$"
    answer = replace(ANSWER, sentences=(Sentence(said, (3,)),))
    report = questions_markdown([item(answer=answer)])
    assert "- minimise $\\|x_i\\|_2^2$ as in <https://a.org/b_(c)_d>, for 5\\$ or \\$x\\[1\\]\\$ \\[1\\]\n" in report


def test_a_report_that_is_saved_among_the_notes_is_no_evidence(tmp_path):
    with open_desk(tmp_path, NOTES) as desk:
        before = desk.questions()
        report = questions_markdown(before)
    with open_desk(tmp_path, NOTES | {"answers/report.md": report}) as desk:
        (saved,) = [one for one in desk.documents() if one.file == "answers/report.md"]
        assert (saved.passages, saved.remark) == (0, "a report by Footnote, of which nothing is cited")
        assert desk.status().remarks == (("answers/report.md", saved.remark),)
        assert [item.answer for item in desk.questions()] == [item.answer for item in before]
        assert desk.encoder.queries == 0


def test_what_is_news_depends_on_what_was_told():
    new, same = item(changed="new", before=None), item()
    assert is_first_time([new, new])
    assert news([new, new]) == {"": [new, new]}
    assert news([new, same]) == {"Newly answered since last time": [new], "The others": [same]}
    assert (change_of(same), change_of(new), change_of(item(before="supported"))) == (
        *("", "new", "answered only in part now"),
    )
    assert counted([new, same]) == "2 open: 2 answered in part; since last time 1 newly answered"
