"""The names that programs import, and what they do. Their examples are executed by `test_docs_programs.py`."""

import subprocess
import sys

import desks
import pytest

import service
from indexer.errors import FilterError, LibraryMissing, QuestionError
from service import api
from service.desk import Desk


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    desks.open_desk(folder).close()
    return folder / "library"


@pytest.fixture(autouse=True)
def _environ(monkeypatch, stub_model, tmp_path):
    monkeypatch.setenv("FOOTNOTE_CACHE", str(tmp_path))
    yield
    service.close()


def test_the_public_names_are_these():
    assert service.__all__ == [
        *("Answer", "AnsweredQuestion", "Citation", "Desk", "FootnoteError", "Reading", "SearchResult", "Sentence"),
        *("ask", "close", "open_desk", "questions", "read", "search"),
    ]
    assert {name: getattr(service, name).__module__ for name in service.__all__} == {
        **dict.fromkeys(("Answer", "AnsweredQuestion", "Citation", "SearchResult", "Sentence"), "service.types"),
        **dict.fromkeys(("ask", "close", "open_desk", "questions", "read", "search"), "service.api"),
        "Desk": "service.desk",
        "FootnoteError": "indexer.errors",
        "Reading": "service.places",
    }
    assert set(service.__all__) <= set(dir(service))


def test_another_name_is_none():
    with pytest.raises(AttributeError, match="no attribute 'reply'"):
        service.reply  # noqa: B018 - to look is what is tested


def test_the_package_imports_nothing_before_it_is_asked_for():
    path = [entry for entry in sys.path if entry]
    script = (
        f"import sys, typing, importlib; sys.path[:0] = {path!r}; before = set(sys.modules); import service; "
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["__future__", "service"]


def test_a_question_is_answered_with_its_place(library):
    answer = service.ask("How many layers does GoogLeNet have?", library=library, k=3)
    assert isinstance(answer, service.Answer)
    assert len(answer.citations) == 3
    assert answer.citations[0].file == "group.md"
    assert answer.citations[0].lines == (2, 4)


def test_a_library_is_opened_once(library, monkeypatch):
    opened = []
    first = Desk.open
    monkeypatch.setattr(Desk, "open", lambda *args, **options: opened.append(1) or first(*args, **options))
    service.ask("What is dropout?", library=library)
    service.search("dropout", library=str(library))
    monkeypatch.setenv("FOOTNOTE_LIBRARY", str(library))
    assert service.read("group.md:3", around=0).text == "- 22-layers deep model"
    assert len(service.questions()) == 5
    assert opened == [1]
    service.close()
    service.ask("What is dropout?", library=library)
    assert opened == [1, 1]


def test_filters_are_those_of_the_http_interface(library):
    found = service.search("average of the gradient", library=library, filters={"path": "group.md"})
    assert {hit.file for hit in found.hits} == {"group.md"}
    with pytest.raises(FilterError, match="'colour' is none"):
        service.ask("What is dropout?", library=library, filters={"colour": "red"})


def test_a_desk_may_be_opened_for_a_block(library):
    with service.open_desk(library) as desk:
        assert [item.question.state for item in desk.questions()] == ["open", "open", "open", "done", "open"]
    assert api._open == {}


def test_errors_are_those_of_the_tree(library, tmp_path):
    with pytest.raises(LibraryMissing):
        service.ask("What is dropout?", library=tmp_path / "none")
    with pytest.raises(QuestionError) as raised:
        service.ask(" ", library=library)
    assert isinstance(raised.value, service.FootnoteError)
