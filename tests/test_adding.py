"""Papers that a person adds by hand: they stay though no note names them, until they are removed."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from arxiv_server import ArxivServer, Paper, status
from older import unseal
from pdfs import paper_pdf
from stub_encoder import HashEncoder

from indexer.adding import add, remove, state_of
from indexer.build import build, gather
from indexer.catalogue import Catalogue
from indexer.collect import NOT_ASKED
from indexer.errors import InputError
from indexer.library import Library, writing
from indexer.papers import paper_named
from indexer.records import StoredPaper
from indexer.settings import Settings
from indexer.types import PaperId
from service.cli import main

GATES = Paper("Gates and Cells", pdf=paper_pdf("Gates and Cells", [["Gates decide what a cell keeps."]]), versions=2)
PLAIN = Paper("Plain Words", pdf=paper_pdf("Plain Words", [["Plain words do."]]))
WANTED = paper_named("2101.00001")


@pytest.fixture
def server():
    with ArxivServer({"2101.00001": GATES, "2202.00002": PLAIN}) as server:
        yield server


@pytest.fixture
def settings(tmp_path, server):
    return Settings(tmp_path / "library", tmp_path / "cache", papers=server.settings())


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.md").write_text("# Cells\n\nNothing is linked here.\n")
    return tmp_path / "notes"


def held(settings):
    with Library.open(settings.library) as library, library.snapshot() as snapshot:
        return [document.paper for document in snapshot.catalogue.documents() if document.kind == "paper"]


def test_a_paper_that_was_added_survives_runs_and_goes_when_it_is_removed(settings, notes, server):
    build(settings.library, [notes], HashEncoder(), settings)
    add(settings.library, [WANTED])
    assert state_of(settings.library, WANTED) == StoredPaper("2101.00001", "2101.00001", reason=NOT_ASKED, added=True)
    gather(settings.library, {WANTED.key}, HashEncoder(), settings)
    found = state_of(settings.library, WANTED)
    assert (found.state, found.version, found.title, found.added) == ("fetched", "v2", GATES.title, True)
    for papers in ("known", "new", "update"):
        report = build(settings.library, (), HashEncoder(), settings, papers=papers)
        assert (report.papers.named, report.papers.held) == (1, 1)
    assert held(settings) == ["2101.00001"]
    assert remove(settings.library, WANTED) == 0
    gather(settings.library, (), HashEncoder(), settings)
    assert (held(settings), state_of(settings.library, WANTED)) == ([], None)
    before = len(server.requests)
    add(settings.library, [WANTED])
    gather(settings.library, {WANTED.key}, HashEncoder(), settings)
    assert [path for path in server.paths()[before:] if path.startswith("/pdf")] == []  # its file was kept


def test_only_what_was_added_is_asked_for(settings, notes, server):
    (notes / "note.md").write_text("https://arxiv.org/abs/2202.00002")
    build(settings.library, [notes], HashEncoder(), settings)
    add(settings.library, [WANTED])
    report = gather(settings.library, {WANTED.key}, HashEncoder(), settings)
    assert (report.named, report.held, report.fetched) == (2, 1, 1)
    assert server.ids_asked() == [["2101.00001"]]
    assert state_of(settings.library, paper_named("2202.00002")).state == "pending"


def test_what_failed_is_tried_again_when_it_is_added_again(settings, server):
    server.fail("/pdf/2101.00001v2", status(404))
    for state, reason in (("failed", "127.0.0.1 has no such file (404)"), ("fetched", None)):
        add(settings.library, [WANTED])
        gather(settings.library, {WANTED.key}, HashEncoder(), settings)
        found = state_of(settings.library, WANTED)
        assert (found.state, found.reason) == (state, reason)


def test_a_paper_that_notes_name_too_stays(settings, notes):
    build(settings.library, [notes], HashEncoder(), settings)
    add(settings.library, [WANTED])
    (notes / "note.md").write_text("https://arxiv.org/abs/2101.00001 and https://arxiv.org/abs/2101.00001v1")
    build(settings.library, (), HashEncoder(), settings, papers="new")
    assert state_of(settings.library, WANTED).key == "2101.00001v1"  # named in a version, that one is read
    assert remove(settings.library, WANTED) == 1
    with pytest.raises(InputError, match="was not added by hand; notes name it"):
        remove(settings.library, WANTED)
    with pytest.raises(InputError, match="was not added by hand; footnote status"):
        remove(settings.library, paper_named("2202.00002"))


def test_it_is_noted_while_another_process_writes(settings, notes):
    build(settings.library, [notes], HashEncoder(), settings)
    with writing(settings.library, "another"):
        add(settings.library, [WANTED, WANTED])
    with Catalogue.open(settings.library / "catalogue.db", write=False) as catalogue:
        assert catalogue.added_papers() == [WANTED]


def test_a_library_of_the_format_before_is_brought_to_this_one(settings, notes):
    build(settings.library, [notes], HashEncoder(), settings)
    with closing(sqlite3.connect(settings.library / "catalogue.db")) as connection:
        unseal(connection)
        connection.executescript("DROP TABLE added_papers; PRAGMA user_version = 4")
    assert held(settings) == []
    add(settings.library, [WANTED])
    gather(settings.library, {WANTED.key}, HashEncoder(), settings)
    assert held(settings) == ["2101.00001"]


@pytest.mark.usefixtures("stub_model")
def test_the_commands_add_and_remove(environ, server, capsys):
    environ |= server.environ()
    assert main(["add", "https://arxiv.org/abs/2101.00001v1", "2202.00002"], environ) == 0
    assert capsys.readouterr().out == "2101.00001v1: Gates and Cells\n2202.00002v1: Plain Words\n"
    assert main(["remove", "2202.00002"], environ) == 0
    assert capsys.readouterr().out == "2202.00002: removed\n"
    assert main(["add", "2303.99999"], environ) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "2303.99999: absent: arXiv has no such paper\n")
    for argv, said in (
        (["add", "gates"], "footnote: 'gates' names no paper; give an arXiv id like 1706.03762, a link to it, or"),
        (["remove", "2202.00002"], "footnote: 2202.00002 was not added by hand; footnote status lists the papers"),
    ):
        assert main(argv, environ) == 2
        assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("text", "paper"),
    [
        ("1706.03762", PaperId("1706.03762")),
        (" arXiv:1706.03762v2 ", PaperId("1706.03762", "v2")),
        ("https://www.alphaxiv.org/abs/1706.03762", PaperId("1706.03762")),
        ("hep-th/9901001", PaperId("hep-th/9901001")),
        ("10.48550/arXiv.1706.03762", PaperId("1706.03762")),
    ],
)
def test_a_person_names_a_paper(text, paper):
    assert paper_named(text).paper == paper


def test_a_person_names_a_pdf_elsewhere():
    link = paper_named("https://example.org/a%20talk.pdf#page=3")
    assert (link.paper, link.url, link.key) == (None, "https://example.org/a%20talk.pdf", link.url)
    with pytest.raises(InputError, match="no paper was named"):
        paper_named("  ")
