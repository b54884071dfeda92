import random
import sqlite3
import time
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import put

from indexer.catalogue import Catalogue
from indexer.records import LedgerEntry
from indexer.salvage import KEPT, salvage

TEXTS = [f"text number {n} " + "and more of it " * (n % 40) for n in range(150)]


def made(path, *, log=False):
    """A catalogue with rows on many pages, some longer than a page; with `log`, most of it in the write-ahead log."""
    with Catalogue.open(path, write=True) as catalogue:
        put(catalogue, "a.md", *TEXTS)
        catalogue.put_ledger([LedgerEntry(f"key {n}", "partial", n) for n in range(100)])
        if log:
            copies = [(end, path.with_name(path.name + end).read_bytes()) for end in ("", "-wal")]
    if log:
        for end, data in copies:
            path.with_name(path.name + end).write_bytes(data)
    return path


def rows(path):
    with closing(sqlite3.connect(path)) as connection:
        return {(table, *row) for table in KEPT for row in connection.execute(f"SELECT * FROM {table}")}


def found(path):
    return {(table, *row) for table, row in salvage(path)}


def test_all_rows_of_a_whole_catalogue_are_found(tmp_path):
    path = made(tmp_path / "catalogue.db")
    assert found(path) == rows(path)
    assert {row[0] for row in found(path)} == {"roots", "embeddings", "token_codes", "ledger"}


def test_those_in_the_log_are_found_too(tmp_path):
    path = made(tmp_path / "catalogue.db", log=True)
    assert path.stat().st_size < path.with_name("catalogue.db-wal").stat().st_size
    assert found(path) >= (expected := found(made(tmp_path / "other.db")))
    assert rows(path) == expected


def test_without_the_first_pages_the_rest_is_found(tmp_path):
    path = made(tmp_path / "catalogue.db")
    before = rows(path)
    data = bytearray(path.read_bytes())
    data[: 2 * 4096] = bytes(2 * 4096)
    path.write_bytes(data)
    after = found(path)
    assert after <= before
    kinds = [sum(row[0] == "embeddings" for row in some) for some in (before, after)]
    assert kinds[0] == kinds[1] == len(TEXTS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A place for a catalogue, its bytes, and its rows."""
    path = made(tmp_path_factory.mktemp("damaged") / "catalogue.db")
    return path, path.read_bytes(), rows(path)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_nothing_is_found_that_was_not_written(whole, seed):
    path, written, before = whole
    chance = random.Random(seed)
    data = bytearray(written)
    for _ in range(60):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data[: chance.randrange(len(data))])
    assert found(path) <= before


def test_pages_of_nonsense_end(tmp_path):
    path = tmp_path / "catalogue.db"
    path.write_bytes(bytes([0x0D, 0, 0, 255, 255, 0, 0, 0]) + b"\xff" * (9 * 4096))
    assert found(path) == set()
    path.write_bytes(random.Random(3).randbytes(64 * 4096))
    assert found(path) == set()


def test_pages_that_were_made_to_lead_to_each_other_end(tmp_path):
    """100 pages of 500 rows each, all of them as long as the file, on 100 further pages that go round in a circle."""
    size = 489 + 199 * 4092  # of which 489 bytes are on the first page
    cell = bytes([0x80 | size >> 14, 0x80 | size >> 7 & 0x7F, size & 0x7F, 1, 5])  # its size, its number, its header
    data = bytearray()
    for number in range(1, 101):
        page = bytearray((101).to_bytes(4) * 1024)
        head = 100 if number == 1 else 0
        page[head : head + 8] = bytes([0x0D, 0, 0]) + (500).to_bytes(2) + bytes(3)
        page[head + 8 : head + 1008] = (2003).to_bytes(2) * 500
        page[2003 : 2003 + len(cell)] = cell
        data += page
    for number in range(101, 201):
        data += (101 + (number - 100) % 100).to_bytes(4) * 1024
    path = tmp_path / "catalogue.db"
    path.write_bytes(data)
    start = time.process_time()
    assert found(path) == set()
    assert time.process_time() - start < 5  # where none is counted, 50,000 rows of a megabyte are put together
