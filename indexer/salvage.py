"""Reads what is left in the file of a damaged catalogue: rows that prove themselves by their checksum.

SQLite gives up on a table at the first page that makes no sense to it. So the pages are gone through one by one, those
of the write-ahead log too, and what looks like a row is taken for one of the table whose seal it bears: no page has
to know where it belongs. The format is https://www.sqlite.org/fileformat2.html (1.5, 1.6, 2.1 and 4.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct, unpack_from
from struct import error as cut_off

from indexer.seals import Value, seal

PAGE = 4096
"""The size of a page: SQLite's own choice, which no catalogue was made without."""

KEPT = {"roots": 3, "embeddings": 4, "token_codes": 4, "ledger": 5, "added_papers": 6, "papers": 13}
"""What is looked for, with the number of its columns: what files cannot tell again, and what takes long to compute."""

HASHED = ("embeddings", "token_codes")

TIMES = {"ledger": (2, 3), "added_papers": (4,)}
"""Columns of floating point, whose whole numbers SQLite writes down as such."""

LOG_HEADER, FRAME_HEADER = 32, 24
MOST_READS = 64
"""So many rows are looked for on one page at most, as where its row stands in the log again and again: made to do so, a
few pages could lead to all others without end."""

MOST_HEADER = 9 + 9 * max(KEPT.values())
"""The bytes of a record before its values."""

TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR = 0x0D, 0x0A, 0x02

_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_DOUBLE = Struct(">d")

Row = tuple[Value, ...]


def salvage(path: Path) -> Iterator[tuple[str, Row]]:
    """Find the rows of the tables of `KEPT` that are as they were written: (table, row), the checksum last.

    In the order in which they lie; a row may come more than once, in older versions too. Raises OSError.
    """
    pages = _pages(path)
    following = _Following(dict(pages))
    for number, page in pages:
        with suppress(IndexError, cut_off):  # a page of nonsense
            yield from _rows(page, following, head=100 if number == 1 else 0)


def _pages(path: Path) -> list[tuple[int, bytes]]:
    """All pages by number, from 1, as the file and then as its log has them."""
    data = path.read_bytes()
    pages = [(at // PAGE + 1, data[at : at + PAGE]) for at in range(0, len(data), PAGE)]
    log = path.with_name(path.name + "-wal")
    data = log.read_bytes() if log.exists() else b""
    for at in range(LOG_HEADER, len(data) - FRAME_HEADER, FRAME_HEADER + PAGE):
        start = at + FRAME_HEADER
        pages.append((int.from_bytes(data[at : at + 4]), data[start : start + PAGE]))
    return pages


class _Following:
    """The newest of each page, for what is too long for its own."""

    def __init__(self, pages: dict[int, bytes]) -> None:
        self.bytes = PAGE * len(pages)
        self._pages = pages
        self._reads = Counter[int]()

    def read(self, number: int) -> bytes:
        """A page; raise KeyError where there is none, or it was read too often."""
        self._reads[number] += 1
        if self._reads[number] > MOST_READS:
            raise KeyError(number)
        return self._pages[number]


def _rows(page: bytes, following: _Following, head: int) -> Iterator[tuple[str, Row]]:
    kind = page[head]
    if kind not in (TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR):
        return
    (count,) = unpack_from(">H", page, head + 3)
    pointers = head + (12 if kind == INDEX_INTERIOR else 8)
    for n in range(min(count, (PAGE - pointers) // 2)):
        with suppress(IndexError, KeyError, UnicodeDecodeError, cut_off):
            (at,) = unpack_from(">H", page, pointers + 2 * n)
            number = 0
            if kind == INDEX_INTERIOR:
                at += 4
            size, at = _varint(page, at)
            if kind == TABLE_LEAF:
                number, at = _varint(page, at)
            if found := _proven(_values(_payload(page, at, size, following, table=kind == TABLE_LEAF), number)):
                yield found


def _proven(row: Row) -> tuple[str, Row] | None:
    """The table that a row was written to, by its seal."""
    for table, columns in KEPT.items():
        if len(row) == columns:
            if table in TIMES:
                row = tuple(_time(value) if at in TIMES[table] else value for at, value in enumerate(row))
            values = (row[0], row[1].hex().upper(), *row[2:-1]) if isinstance(row[1], bytes) else row[:-1]
            if isinstance(row[1], bytes) == (table in HASHED) and seal(table, *values) == row[-1]:
                return table, row
    return None


def _time(value: Value) -> Value:
    return float(value) if isinstance(value, int) else value


def _payload(page: bytes, at: int, size: int, following: _Following, *, table: bool) -> bytes:
    """The bytes of a record, with those that lie on other pages."""
    most = PAGE - 35 if table else (PAGE - 12) * 64 // 255 - 23
    if size > following.bytes:
        raise IndexError
    if size <= most:
        return page[at : at + size]
    least = (PAGE - 12) * 32 // 255 - 23
    here = least + (size - least) % (PAGE - 4)
    here = here if here <= most else least
    parts, left = [page[at : at + here]], size - here
    (number,) = unpack_from(">I", page, at + here)
    while left > 0:
        more = following.read(number)
        (number,) = unpack_from(">I", more)
        parts.append(more[4 : 4 + min(left, PAGE - 4)])
        left -= PAGE - 4
    return b"".join(parts)


def _values(record: bytes, number: int) -> Row:
    """The columns of a record; one that has the number of its row is left out by SQLite."""
    end, at = _varint(record, 0)
    if end > MOST_HEADER:
        return ()
    kinds = []
    while at < end:
        kind, at = _varint(record, at)
        kinds.append(kind)
    if len(kinds) not in KEPT.values():
        return ()
    values: list[Value] = []
    for place, kind in enumerate(kinds):
        value, at = _value(record, at, kind)
        values.append(number if value is None and place == 0 else value)
    return tuple(values)


def _value(record: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in _INTEGER_BYTES:
        end = at + _INTEGER_BYTES[kind]
        return int.from_bytes(record[at:end], signed=True), end
    if kind == 7:
        return _DOUBLE.unpack_from(record, at)[0], at + 8
    if kind in (8, 9):
        return kind - 8, at
    size = (kind - 12) // 2
    data = record[at : at + size]
    if kind < 12 or len(data) != size:
        raise IndexError
    return data if kind % 2 == 0 else data.decode(), at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to nine bytes, and where it ends."""
    value = 0
    for n in range(8):
        byte = data[at + n]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    return value << 8 | data[at + 8], at + 9
