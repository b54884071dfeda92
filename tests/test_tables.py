import csv
from dataclasses import replace
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from indexer.types import Question
from service.bibliography import Work
from service.tables import citations_csv, questions_csv, works_csv
from service.types import Answer, AnsweredQuestion, Citation, Sentence

CITATION = Citation(
    1, "note", "a.md", None, None, "A", ("A", "B"), (3, 4), None, None, "One, **two**.", "One, **two**.", 0.71239,
    "/notes/1?lines=3-4#L3", stale=False,
)  # fmt: skip
PAGE = replace(CITATION, n=2, kind="paper", file=None, paper="1706.03762", version="v7", lines=None, pages=(3, 3))
ANSWER = Answer("What?", "partial", 0.56789, (Sentence("One, **two**.", (1,)),), (CITATION, PAGE), 1.0)
ITEM = AnsweredQuestion(
    Question("What?", "open", "question", 7, "Dump", None, (), (), (), wanted=True), "/v", "q.md", 1, ANSWER, "new"
)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def test_the_ledger_has_a_row_for_each_item():
    done = replace(ITEM, question=replace(ITEM.question, text="Done", state="done"), answer=None, changed="same")
    assert rows(questions_csv([ITEM, done])) == [
        {
            "question": "What?", "state": "open", "kind": "question", "section": "Dump", "file": "q.md", "line": "7",
            "verdict": "partial", "confidence": "0.5679", "changed": "new", "answer": "One, two.", "places": "a.md:3-4",
        },
        {
            "question": "Done", "state": "done", "kind": "question", "section": "Dump", "file": "q.md", "line": "7",
            "verdict": "", "confidence": "", "changed": "same", "answer": "", "places": "",
        },
    ]  # fmt: skip


def test_an_answer_has_a_row_for_each_citation():
    first, second = rows(citations_csv(ANSWER))
    assert first == {
        "question": "What?", "verdict": "partial", "n": "1", "said": "yes", "place": "a.md:3-4", "kind": "note",
        "file": "a.md", "paper": "", "version": "", "title": "A", "headings": "A › B", "first_line": "3",
        "last_line": "4", "first_page": "", "last_page": "", "quote": "One, **two**.", "score": "0.7124", "stale": "no",
    }  # fmt: skip
    assert (second["said"], second["place"], second["first_page"]) == ("no", "1706.03762v7, p. 3", "3")


def test_papers_have_a_row_each():
    work = Work("he2015deep", "Deep", ("K. He", "J. Sun"), "2015-12-10", "1512.03385", "v1", None, None, 3)
    assert rows(works_csv([work])) == [
        {
            "key": "he2015deep", "title": "Deep", "authors": "K. He\nJ. Sun", "published": "2015-12-10",
            "paper": "1512.03385", "version": "v1", "url": "https://arxiv.org/abs/1512.03385v1", "file": "",
        }
    ]  # fmt: skip


def test_lines_end_as_the_standard_says():
    assert questions_csv([]).endswith("\r\n")
    assert works_csv([]) == "key,title,authors,published,paper,version,url,file\r\n"


@given(st.text(st.characters(codec="utf-8")))
def test_no_cell_is_a_formula_and_every_text_comes_back(text):
    (row,) = rows(questions_csv([replace(ITEM, question=replace(ITEM.question, text=text))]))
    assert not row["question"].startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert row["question"] in (text, f"'{text}")
    assert (row["file"], row["places"]) == ("q.md", "a.md:3-4")
