"""The same files from the command line and over HTTP."""

import csv
from io import BytesIO, StringIO, TextIOWrapper

import bibtexparser
import desks
import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.cli import main

ASKED = "What do residual blocks add to their output?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def desk(folder):
    with desks.open_desk(folder) as desk:
        desks.put_paper(folder)
        yield desk


@pytest.fixture(scope="module")
def client(desk):
    return TestClient(create_app(desk.settings, desk=desk))


@pytest.fixture
def printed(folder, desk, stub_model, monkeypatch):
    """The bytes that a command writes."""

    def run(*argv: str) -> bytes:
        out = TextIOWrapper(BytesIO(), encoding="utf-8")
        monkeypatch.setattr("sys.stdout", out)
        environ = {"FOOTNOTE_LIBRARY": str(folder / "library"), "FOOTNOTE_CACHE": str(folder)}
        assert main(argv, environ) == 0
        out.flush()
        return out.buffer.getvalue()

    return run


def rows(text: bytes):
    return list(csv.DictReader(StringIO(text.decode(), newline=""), strict=True))


def test_the_papers_of_the_library_are_bibtex_tables_and_text(client, printed):
    said = client.get("/api/export/papers.bib")
    assert said.headers["content-type"] == "application/x-bibtex; charset=utf-8"
    assert said.headers["content-disposition"] == 'attachment; filename="footnote-papers.bib"'
    (entry,) = bibtexparser.parse_string(said.text).entries
    assert (entry.key, entry["title"], entry["version"]) == ("residual2021", "Residual Stacks", "2")
    assert printed("export", "papers") == printed("export", "papers", "--bibtex") == said.content
    table = client.get("/api/export/papers.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert rows(table.content)[0]["url"] == "https://arxiv.org/abs/2101.00001v2"
    assert printed("export", "papers", "--csv") == table.content
    assert (
        printed("export", "papers", "--markdown")
        == client.get("/api/export/papers.md").content
        == b"- [Residual Stacks](<https://arxiv.org/abs/2101.00001v2>) (2021)\n"
    )


def test_the_dumps_are_a_table_a_report_and_the_papers_that_answer_them(client, printed):
    table = client.get("/api/export/questions.csv").content
    assert [row["question"] for row in rows(table)][:2] == [
        "How many layers does GoogLeNet have?",
        "Why does Adam divide by the root of the average square?",
    ]
    assert printed("export", "questions") == table
    assert client.get("/api/export/questions.md").text.startswith("---\nfootnote: report\n---\n")
    assert client.get("/api/export/questions.bib").status_code == 200


def test_to_export_is_not_to_have_been_told(printed, desk):
    printed("export", "questions")
    assert {item.changed for item in desk.questions()} == {"new"}
    table = rows(printed("questions", "--csv"))
    assert {row["changed"] for row in table} == {"new"}
    assert {item.changed for item in desk.questions()} == {"same"}


def test_an_answer_is_exported_with_its_citations(client, printed):
    table = client.get("/api/export/answer.csv", params={"q": ASKED, "k": 3}).content
    assert rows(table)[0]["place"] == "2101.00001v2, p. 1"
    assert printed("ask", "-k", "3", "--csv", ASKED) == table
    cited = client.get("/api/export/answer.bib", params={"q": ASKED}).content
    assert b"@misc{residual2021," in cited
    assert printed("ask", "--bibtex", ASKED) == cited
    assert client.get("/api/export/answer.md", params={"q": ASKED}).text.startswith(f"### {ASKED}\n")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/export/papers.xml", 422),
        ("/api/export/answer.csv", 422),
        ("/api/export/answer.csv?q=%20", 422),
        ("/api/export/answer.csv?q=x&k=999", 422),
        ("/api/export/notes.csv", 404),
    ],
)
def test_what_cannot_be_exported_is_a_problem(client, path, status):
    said = client.get(path)
    assert said.status_code == status
    assert said.headers["content-type"] == "application/problem+json"


def test_a_library_that_is_not_there_is_an_error(capsys, environ):
    assert main(["export", "papers"], environ) == 2
    assert "footnote index" in capsys.readouterr().err


def test_a_library_without_papers_says_where_they_come_from(capsys, environ, tmp_path):
    desks.open_desk(tmp_path).close()
    assert main(["export", "papers"], environ) == 0
    said = capsys.readouterr()
    assert (said.out, "footnote add" in said.err) == ("", True)
