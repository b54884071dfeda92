import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from older import unseal
from samples import ENCODER, document, embed, passages, put, question

from indexer import sql
from indexer.catalogue import Catalogue
from indexer.connect import with_seals
from indexer.errors import LibraryCorrupt
from indexer.records import KeptAnswer, LedgerEntry, StoredPaper
from indexer.schema import PARTS, SEALED
from indexer.seals import seal
from indexer.types import PaperId, PaperLink


@given(st.text(min_size=1), st.binary(min_size=1), st.data())
def test_a_bit_that_turns_is_seen(text, data, draw):
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    other = bytearray(data)
    other[bit // 8] ^= 1 << bit % 8
    assert seal("embeddings", text, data) != seal("embeddings", text, bytes(other))
    assert seal("papers", text, 1, None) != seal("papers", text, 1, 0)
    assert seal("papers", text, 1) != seal("ledger", text, 1)


@pytest.fixture
def path(tmp_path):
    """A catalogue with a row in every table that is sealed."""
    path = tmp_path / "catalogue.db"
    with Catalogue.open(path, write=True) as catalogue:
        texts = passages("one", "two")
        embed(catalogue, texts)
        put(catalogue, "b.md", "three")
        with catalogue.change() as change:
            links = [PaperLink(1, PaperId("1706.03762"))]
            change.put_document(document("a.md"), texts, [question("What is one?")], size=4, links=links)
            change.put_paper(StoredPaper("1706.03762", "1706.03762"))
            change.rename(1, "/notes", "c.md", 7)
            change.touch(2, 4, 7, 9.5)
        catalogue.add_papers([PaperLink(0, PaperId("2101.00001"))], 5)
        catalogue.put_ledger([LedgerEntry("k", "partial", 3), LedgerEntry("l", "", 4, 5)])
        answer = KeptAnswer("k", "rules", 1, "{}", "{}", "[]", "{}")
        catalogue.put_answers([answer], confirmed=[], dropped=[], generation=1)
        catalogue.put_answers([], confirmed=["k"], dropped=[], generation=2)
    return path


def test_an_interrupt_while_a_row_is_sealed_is_an_interrupt(path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with Catalogue.open(path, write=True) as catalogue:
        before = catalogue.counts()
        monkeypatch.setattr("indexer.connect.seal", interrupted)
        with pytest.raises(KeyboardInterrupt):
            catalogue.add_papers([PaperLink(0, PaperId("2101.00009"))], 6)
        with pytest.raises(KeyboardInterrupt):
            put(catalogue, "d.md", "four")
        monkeypatch.undo()
        assert (catalogue.counts(), len(catalogue.added_papers())) == (before, 1)


def unsealed(path):
    """How many rows of each table there are, and how many have another checksum than they should."""
    with closing(sqlite3.connect(path)) as connection:
        with_seals(connection)
        return {
            table: connection.execute(
                f"SELECT count(*), sum(checksum IS NOT {sql.seal(table, columns)}) FROM {table}"
            ).fetchone()
            for table, columns in SEALED.items()
        } | {"parts": connection.execute(f"SELECT count(*), sum(parts IS NOT {PARTS}) FROM documents").fetchone()}


def test_every_row_is_sealed_as_it_is_written(path):
    found = unsealed(path)
    assert {table for table, (count, _) in found.items() if not count} == set()
    assert {table: wrong for table, (_, wrong) in found.items() if wrong} == {}


def test_a_catalogue_of_the_format_before_is_sealed(path):
    with closing(sqlite3.connect(path)) as connection:
        unseal(connection)
    before = path.read_bytes()
    with Catalogue.open(path, write=False) as catalogue:
        assert [one.file for one in catalogue.documents()] == ["a.md", "c.md"]
        assert len(catalogue.embeddings(ENCODER.fingerprint)[0]) == 3
    assert before != path.read_bytes()
    assert {table: wrong for table, (_, wrong) in unsealed(path).items() if wrong} == {}


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("passages SET text = 'twp' WHERE id = 2", lambda c: c.passages([2])),
        ("passages SET headings = '[' WHERE id = 2", lambda c: c.passages_of(2)),
        ("passages SET spans = '' WHERE id = 2", lambda c: list(c.iter_passages())),
        ("documents SET stated_title = 'b' WHERE id = 1", lambda c: c.documents()),
        ("documents SET tags = 'x' WHERE id = 1", lambda c: c.document(1)),
        ("embeddings SET vector = zeroblob(512)", lambda c: c.embeddings(ENCODER.fingerprint)),
        ("embeddings SET vector = zeroblob(3)", lambda c: c.embeddings(ENCODER.fingerprint, [1])),
        ("token_codes SET codes = zeroblob(32)", lambda c: c.token_codes(ENCODER.fingerprint, [1])),
    ],
)
def test_what_is_damaged_is_not_given_out_and_said(path, change, read):
    with Catalogue.open(path, write=False) as catalogue:
        read(catalogue)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {change}")
        connection.commit()
    with (
        Catalogue.open(path, write=False) as catalogue,
        pytest.raises(LibraryCorrupt, match=rf"{path} is damaged \(.+ not as it is written|not as it was written"),
    ):
        read(catalogue)
    assert (path.parent / "catalogue.suspect").exists()


@pytest.mark.parametrize("turned", [2, 4, 0])
def test_a_version_that_turned_is_damage_and_nothing_is_migrated(path, turned):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {turned}")
    with pytest.raises(LibraryCorrupt, match="its version is not as it was written"):
        Catalogue.open(path, write=True)
