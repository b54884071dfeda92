import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from older import unseal
from samples import ENCODER, ROOT, document, embed, passage, passages, put, question, refuse_writers

from indexer.catalogue import PAPERS, Catalogue
from indexer.change import text_hash
from indexer.connect import damaged, translated
from indexer.errors import LibraryCorrupt, LibraryFull, LibraryLocked, LibraryMissing, LibraryTooNew
from indexer.records import Counts, KeptAnswer, LedgerEntry, Reference, StoredPaper
from indexer.schema import SCHEMA_VERSION
from indexer.types import Box, Encoded, PaperId, PaperLink, Span


@pytest.fixture
def path(tmp_path):
    return tmp_path / "library" / "catalogue.db"


@pytest.fixture
def catalogue(path):
    with Catalogue.open(path, write=True) as catalogue:
        yield catalogue


def test_a_new_catalogue_is_empty(catalogue):
    assert catalogue.generation == 0
    assert catalogue.fingerprint is None
    assert catalogue.roots() == []
    assert catalogue.documents() == []
    assert catalogue.counts() == Counts(0, 0, 0, 0)


def test_everything_put_comes_back(catalogue, path):
    found = passages("one\ntwo", "größe ∑ \x00")
    with catalogue.change() as change:
        change.put_document(
            document("sub/ä b.MD", title="Title", aliases=["Alias"]), found, [question("Why?")], size=42
        )
    with Catalogue.open(path, write=False) as reader:
        (stored,) = reader.documents()
        assert (stored.root, stored.file, stored.kind, stored.format) == (str(ROOT), "sub/ä b.MD", "note", "md")
        assert (stored.stated_title, stored.title, stored.path) == ("Title", "Title", ROOT / "sub/ä b.MD")
        assert (stored.sha256, stored.size, stored.mtime_ns) == (document().source.sha256, 42, 7)
        assert (stored.line_count, stored.tags, stored.aliases) == (1, ("ml", "größe"), ("Alias",))
        assert (stored.failure, stored.passages) == (None, 2)
        assert reader.document(stored.id) == stored
        assert [one.passage for one in reader.passages_of(stored.id)] == found
        assert [one.passage for batch in reader.iter_passages(1) for one in batch] == found
        ids = reader.documents_of_passages()[0].tolist()
        assert reader.passages([*ids, 99])[ids[1]].passage == found[1]
        assert set(reader.passages(np.array(ids))) == set(ids)
        (asked,) = reader.questions()
        assert asked.question == question("Why?")
        assert (asked.document_id, asked.root, asked.file, asked.title) == (
            stored.id,
            str(ROOT),
            "sub/ä b.MD",
            "Title",
        )
        assert reader.counts() == Counts(1, 0, 2, 1)
        assert reader.roots() == [str(ROOT)]


def test_embeddings_keep_their_direction_and_have_unit_norm(catalogue):
    put(catalogue, "a.md", "gradient descent", "residual block")
    with catalogue.change() as change:
        change.put_document(document("b.md"), passages("never embedded"), [], size=1)
    ids, vectors = catalogue.embeddings("hash")
    assert ids.tolist() == catalogue.documents_of_passages()[0].tolist()[:2]
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert vectors == pytest.approx(ENCODER.encode(["gradient descent", "residual block"]).vectors, abs=1e-3)
    some, few = catalogue.embeddings("hash", [3, 2])
    assert some.tolist() == [2]
    assert few == pytest.approx(vectors[1:])
    assert len(catalogue.embeddings("another model")[0]) == 0
    assert (catalogue.dimension("hash"), catalogue.dimension("another model")) == (32, None)


def test_token_codes_lie_beside_the_vectors(catalogue):
    put(catalogue, "a.md", "one", "two", "three")
    encoded = ENCODER.encode(["one", "two"])
    catalogue.add_embeddings("coded", [text_hash("one"), text_hash("two")], Encoded(encoded.vectors, (b"12", b"")))
    assert catalogue.token_codes("coded", [1, 2, 3, 99]) == {1: b"12", 2: b""}
    assert catalogue.token_codes("another model", [1]) == {}


def test_embeddings_are_known_by_model_and_text(catalogue):
    embed(catalogue, passages("one"))
    one, two = text_hash("one"), text_hash("two")
    assert catalogue.known_hashes("hash", [one, two]) == {one}
    assert catalogue.known_hashes("another model", [one, two]) == set()
    assert catalogue.generation == 0


def test_unembedded_names_each_missing_text_once(catalogue):
    put(catalogue, "a.md", "one", "two")
    with catalogue.change() as change:
        change.put_document(document("b.md"), passages("one", "new", "new"), [], size=1)
    assert catalogue.unembedded("hash") == [4]
    assert catalogue.unembedded("another model") == [1, 2, 4]


def test_context_is_part_of_what_is_embedded(catalogue):
    assert passage("text", context="Title").embedded_text == "Title\ntext"
    with catalogue.change() as change:
        change.put_document(document(), [passage("text", context="Title")], [], size=1)
    embed(catalogue, [passage("text", context="Title")])
    assert catalogue.unembedded("hash") == []


def test_the_ledger_keeps_the_last_entry_of_a_key_and_makes_no_generation(catalogue):
    catalogue.put_ledger([LedgerEntry("k", "supported", 1.0), LedgerEntry("l", "partial", 1.0)])
    catalogue.put_ledger([LedgerEntry("k", "unsupported", 2.0, missing_since=3.0)], forgotten=["l"])
    assert catalogue.ledger() == {"k": LedgerEntry("k", "unsupported", 2.0, missing_since=3.0)}
    assert catalogue.generation == 0


def test_answers_are_kept_confirmed_and_dropped(catalogue):
    first, second, third = (KeptAnswer(name, "rules", 1, "{}", "[]", "{}", f"basis of {name}") for name in "abc")
    catalogue.put_answers([first, second, third], confirmed=[], dropped=[], generation=1)
    again = replace(second, generation=2, answer="[]")
    catalogue.put_answers([again], confirmed=["a"], dropped=["c"], generation=2)
    assert catalogue.answers() == {"a": replace(first, generation=2), "b": again}
    assert catalogue.generation == 0


def test_passages_that_came_or_got_another_name_or_heading_are_told(catalogue):
    put(catalogue, "a.md", "one", "two", "three")
    assert (catalogue.changed_since(0), catalogue.changed_since(1)) == ([1, 2, 3], [])
    put(catalogue, "a.md", "two", "four", first_line=9)
    assert (catalogue.changed_since(1), catalogue.changed_since(0)) == ([4], [2, 4])
    with catalogue.change() as change:
        found = [replace(passage("two"), headings=("Else",)), passage("four")]
        change.put_document(document("a.md"), found, [], size=4)
    assert catalogue.changed_since(2) == [2]
    with catalogue.change() as change:
        change.rename(1, "/notes", "b.md", 7)
    assert catalogue.changed_since(3) == [2, 4]


def test_the_state_of_a_passage_is_what_is_shown_of_it_and_what_stands_beside_it(catalogue):
    put(catalogue, "a.md", "one", "two")
    before = catalogue.states([1, 2, 99])
    assert set(before) == {1, 2}
    put(catalogue, "b.md", "three")
    assert catalogue.states([1, 2]) == before
    put(catalogue, "a.md", "one", "two", first_line=2)
    moved = catalogue.states([1, 2])
    assert all(moved[number] != before[number] for number in (1, 2))
    put(catalogue, "a.md", "one", "two", "four", first_line=2)
    assert all(catalogue.states([number])[number] != moved[number] for number in (1, 2))


def test_a_held_catalogue_keeps_seeing_its_generation(catalogue, path):
    put(catalogue, "a.md", "one")
    with Catalogue.open(path, write=False) as reader:
        reader.hold()
        put(catalogue, "b.md", "two")
        assert (reader.generation, [one.file for one in reader.documents()]) == (1, ["a.md"])
    with Catalogue.open(path, write=False) as reader:
        assert reader.generation == 2


def test_a_held_catalogue_reads_a_passage_once(catalogue, path):
    put(catalogue, "a.md", "one", "two", "three")
    fingerprint = catalogue.fingerprint

    def read(*ids):
        return [
            reader.passages(ids),
            reader.sections(ids),
            reader.token_codes(fingerprint, ids),
            reader.documents_among([1]),
        ]

    with Catalogue.open(path, write=False) as reader:
        expected = read(1, 2, 3)
        statements = []
        reader._connection.set_trace_callback(statements.append)
        reader.hold()
        read(3, 1)
        statements.clear()
        assert [list(part) for part in read(1, 3)] == [[1, 3], [1, 3], [1, 3], [1]]
        assert statements == []
        assert read(1, 2, 3) == expected
        assert len(statements) == 3


def test_a_reader_cannot_write(catalogue, path):
    with (
        Catalogue.open(path, write=False) as reader,
        pytest.raises(LibraryFull, match="make it writable"),
        reader.change() as change,
    ):
        change.add_root("/other")


def test_a_missing_library_says_how_to_make_one(path):
    with pytest.raises(LibraryMissing, match=rf"no library at {path.parent}; make one with: footnote index FOLDER"):
        Catalogue.open(path, write=False)
    assert not path.parent.exists()


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("keep", [0, 1, 50, 100, 4096, 5000, -4096])
def test_a_truncated_catalogue_is_corrupt(path, keep, write):
    with Catalogue.open(path, write=True) as catalogue:
        put(catalogue, "a.md", *(f"text {n}" * 50 for n in range(50)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(LibraryCorrupt, match=f"{path} .*is damaged.*; repair it with: footnote index"):
        Catalogue.open(path, write=write)


@pytest.mark.parametrize("data", [b"no database at all, but long enough to be read as one" * 99, b"\0" * 9000])
def test_something_else_is_corrupt(path, data):
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(LibraryCorrupt):
        Catalogue.open(path, write=True)
    assert path.read_bytes() == data


def test_a_page_damaged_in_the_middle_is_corrupt_when_it_is_read(path):
    with Catalogue.open(path, write=True) as catalogue:
        put(catalogue, "a.md", *(f"text {n}" * 50 for n in range(50)))
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    with Catalogue.open(path, write=False) as reader, pytest.raises(LibraryCorrupt):
        reader.documents()


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_catalogue_is_refused_and_left_alone(path, write):
    Catalogue.open(path, write=True).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LibraryTooNew, match="newer version of Footnote"):
        Catalogue.open(path, write=write)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["catalogue.db"]


def test_two_changes_at_once_are_refused(catalogue, path, monkeypatch):
    monkeypatch.setattr("indexer.connect.BUSY_SECONDS", 0)
    with (
        Catalogue.open(path, write=True) as other,
        catalogue.change(),
        pytest.raises(LibraryLocked, match="try again"),
        other.change(),
    ):
        pass


def test_a_full_disk_rolls_back(catalogue):
    put(catalogue, "a.md", "one")
    (pages,) = catalogue._connection.execute("PRAGMA page_count").fetchone()
    catalogue._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(LibraryFull, match="free space"):
        put(catalogue, "b.md", *(f"{n}" * 5000 for n in range(10)))
    assert [one.file for one in catalogue.documents()] == ["a.md"]
    assert catalogue.generation == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryFull, match="cannot make"):
        Catalogue.open(tmp_path / "file" / "catalogue.db", write=True)


def test_the_log_of_a_lost_catalogue_is_not_replayed(path):
    with Catalogue.open(path, write=True) as catalogue:
        put(catalogue, "a.md", "one")
        log = Path(f"{path}-wal").read_bytes()
    path.unlink()
    Path(f"{path}-wal").write_bytes(log)
    with Catalogue.open(path, write=True) as catalogue:
        assert catalogue.documents() == []


def test_a_catalogue_where_nothing_can_be_written_is_read(path, monkeypatch):
    with Catalogue.open(path, write=True) as catalogue:
        put(catalogue, "a.md", "one")
    refuse_writers(monkeypatch)
    with Catalogue.open(path, write=False) as reader:
        assert [one.file for one in reader.documents()] == ["a.md"]
    with pytest.raises(LibraryFull):
        Catalogue.open(path, write=True)


def test_what_repairs_a_catalogue_names_its_library_for_a_shell(tmp_path):
    odd = tmp_path / "my library" / "catalogue.db"
    assert str(damaged(odd)) == f"{odd} is damaged; repair it with: footnote index --library '{odd.parent}'"


def test_a_catalogue_that_is_taken_away_while_it_is_read_is_missing(path):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    with pytest.raises(LibraryMissing, match=r"no library at .* footnote index"), translated(path):
        raise error
    Catalogue.open(path, write=True).close()
    with pytest.raises(LibraryFull, match=r"cannot write .* free space"), translated(path):
        raise error


def test_what_notes_name_and_what_became_of_it_comes_back(catalogue):
    paper = StoredPaper("1512.03385v1", "1512.03385", "v1", None, "v1", "Deep", ("A", "Ü"), "We …", "2015-12-10")
    links = [PaperLink(4, PaperId("1512.03385", "v1")), PaperLink(9, url="https://x.org/a.pdf")]
    with catalogue.change() as change:
        change.put_document(document("a.md"), [], size=4, links=links)
        change.put_paper(paper)
    assert catalogue.papers() == [paper]
    assert [(link.paper, link.url) for link in catalogue.wanted_papers()] == [
        (None, "https://x.org/a.pdf"),
        (PaperId("1512.03385", "v1"), None),
    ]
    generation = catalogue.generation
    with catalogue.change() as change:
        change.put_paper(paper)
    assert catalogue.generation == generation
    with catalogue.change() as change:
        change.remove_paper(paper.key)
        change.put_document(document("a.md"), [], size=4)
    assert (catalogue.papers(), catalogue.wanted_papers()) == ([], [])


def test_a_paper_and_the_notes_that_name_it_know_each_other(catalogue):
    with catalogue.change() as change:
        change.put_document(document("a.md"), [], size=4, links=[PaperLink(4, PaperId("1512.03385", "v2"))])
        change.put_document(document("b.md"), [], size=4, links=[PaperLink(2, url="https://x.org/a.pdf")])
        change.put_document(
            replace(document("p.pdf"), kind="paper", pages=9, paper=PaperId("1512.03385", "v1"), remark="no text on 2"),
            [],
            size=4,
        )
        change.put_document(replace(document("q.pdf"), kind="paper", url="https://x.org/a.pdf"), [], size=4)
    note, other, paper, elsewhere = (one.id for one in catalogue.documents())
    stored = catalogue.document(paper)
    assert (stored.pages, stored.paper, stored.version, stored.remark) == (9, "1512.03385", "v1", "no text on 2")
    assert catalogue.papers_in(note) == catalogue.notes_on(paper) == [Reference(note, 4, paper)]
    assert catalogue.papers_in(other) == catalogue.notes_on(elsewhere) == [Reference(other, 2, elsewhere)]
    assert catalogue.documents_of_paper("1512.03385") == [stored]


def test_spans_keep_their_boxes(catalogue):
    span = Span("one two", (1, 1), (Box(3, 72.0, 500.5, 300.1, 510.0), Box(4, 72.0, 700.0, 90.5, 710.0)))
    found = replace(passage("one two"), spans=(span,))
    with catalogue.change() as change:
        change.put_document(document("p.pdf"), [found], size=4)
    ((stored,),) = catalogue.iter_passages()
    assert stored.passage == found
    assert stored.passage.pages == (3, 4)


def test_fetched_papers_move_with_the_library(catalogue, path):
    with catalogue.change() as change:
        change.put_document(document("1512.03385v1.pdf", root=Path(PAPERS)), [], size=4)
    assert (catalogue.roots(), catalogue.documents()[0].fetched) == ([], True)
    moved = path.parent.rename(path.parent.with_name("moved"))
    with Catalogue.open(moved / "catalogue.db", write=False) as reader:
        assert reader.documents()[0].path == moved / "papers" / "1512.03385v1.pdf"


def test_facts_tell_when_a_document_was_made(catalogue):
    noon = 1_700_000_000 * 10**9
    stated = replace(document("2020-01-01.md"), date="2024-05")
    fetched = replace(
        document("x.pdf", root=Path(PAPERS)), kind="paper", date="2018-01-01", paper=PaperId("1706.03762")
    )
    with catalogue.change() as change:
        for one in (
            stated,
            document("2020-01-01 b.md"),
            document("c.md", mtime_ns=noon),
            fetched,
            document("d.md", mtime_ns=0),
        ):
            change.put_document(one, [], size=1)
        change.put_failure("/notes", "broken.md", size=1, mtime_ns=noon, sha256=None, reason="binary")
        for key, published in (("1706.03762v7", "2017-06-12"), ("1706.03762v1", None)):
            change.put_paper(StoredPaper(key, "1706.03762", published=published))
    facts = catalogue.facts()
    assert [(one.file, one.date) for one in facts] == [
        ("2020-01-01.md", "2024-05"),
        ("2020-01-01 b.md", "2020-01-01"),
        ("c.md", datetime.fromtimestamp(noon / 1e9).astimezone().date().isoformat()),
        (None, "2017-06-12"),
        ("d.md", None),
    ]
    assert (facts[0].document_id, facts[0].kind, facts[0].tags) == (1, "note", ("ml", "größe"))
    assert facts[3].kind == "paper"


def test_each_passage_knows_its_document(catalogue):
    assert [len(numbers) for numbers in catalogue.documents_of_passages()] == [0, 0]
    put(catalogue, "a.md", "one", "two")
    put(catalogue, "b.md", "three")
    passage_ids, documents = catalogue.documents_of_passages()
    assert (passage_ids.tolist(), documents.tolist()) == ([1, 2, 3], [1, 1, 2])
    assert catalogue.texts(passage_ids[1:]) == {2: "two", 3: "three"}


def test_a_catalogue_without_kept_answers_is_brought_to_this_format(path):
    with Catalogue.open(path, write=True) as catalogue:
        put(catalogue, "a.md", "one")
    with closing(sqlite3.connect(path)) as connection:
        unseal(connection)
        connection.executescript("DROP TABLE ledger; DROP TABLE answers; DROP TABLE passage_changes")
        connection.executescript("DROP TABLE added_papers")
        connection.execute(
            "CREATE TABLE ledger (question_key TEXT PRIMARY KEY, verdict TEXT NOT NULL, evidence TEXT NOT NULL, "
            "answered_at REAL NOT NULL) WITHOUT ROWID"
        )
        connection.executescript("INSERT INTO ledger VALUES ('k', 'partial', '', 1.0); PRAGMA user_version = 3")
    with Catalogue.open(path, write=True) as catalogue:
        assert (catalogue.ledger(), catalogue.answers(), catalogue.changed_since(0)) == ({}, {}, [])
        put(catalogue, "a.md", "one", "two")
        assert catalogue.changed_since(1) == [2]
