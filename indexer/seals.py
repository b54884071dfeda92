"""The checksum of a row of the catalogue: it tells a row that was written so from one in which a bit has turned.

SQLite has none: it hands on whatever bytes a page holds. Every row that matters carries its own (`schema.SEALED`),
which is compared when the row is read for use, and now and then where nobody asks for it (`indexer.sweep`). With the
name of its table in it, a row also proves itself where it is found without its table (`indexer.salvage`).
"""

from __future__ import annotations

from zlib import crc32

Value = str | bytes | int | float | None


def seal(table: str, *values: Value) -> int:
    """The CRC-32 of a table's name and the values of a row; bytes may only stand last."""
    last = values[-1]
    if isinstance(last, bytes):
        return crc32(last, crc32("\0".join(map(str, (table, *values[:-1]))).encode()))
    return crc32("\0".join(map(str, (table, *values))).encode())
