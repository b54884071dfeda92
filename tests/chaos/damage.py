"""Damages the files of a library as disks and other programs do."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

STORES = ("catalogue.db", "catalogue.db-wal", "lexical", "vectors.faiss", "vectors.delta", "map.bin", "folders.json")
COURTESIES = ("lock", "lock.json", "running.json", "service.json")

VERSION = range(60, 64)
"""Where a catalogue has the number of its format: one that a later Footnote has written is not touched."""


def damage(library: Path, chance: Random) -> str | None:
    """Damage one file; returns how ("flip catalogue.db"), None where there is nothing to damage."""
    if chance.random() < 0.05:
        return _vanish(library / "catalogue.db", chance)
    if chance.random() < 0.15:
        return _mistake(library / chance.choice(COURTESIES), chance)
    name = chance.choice((*STORES, "catalogue.db", "catalogue.db"))
    files = sorted((library / name).iterdir()) if name == "lexical" and (library / name).is_dir() else [library / name]
    files = [file for file in files if file.is_file() and file.stat().st_size]
    if not files:
        return None
    way = chance.choice((flip, flip, flip, flip, cut, blank, lose))
    way(chance.choice(files), chance)
    return f"{way.__name__} {name}"


def flip(file: Path, chance: Random) -> None:
    """Turn a bit."""
    data = bytearray(file.read_bytes())
    at = chance.randrange(len(data))
    if file.name == "catalogue.db" and at in VERSION:
        at += 100
    data[at] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def cut(file: Path, chance: Random) -> None:
    """Lose the end."""
    with file.open("r+b") as opened:
        opened.truncate(chance.randrange(file.stat().st_size))


def blank(file: Path, chance: Random) -> None:
    """Lose a sector in the middle: it is zeros."""
    with file.open("r+b") as opened:
        opened.seek(chance.randrange(0, max(file.stat().st_size - 512, 1)))
        opened.write(bytes(min(512, file.stat().st_size - opened.tell())))


def lose(file: Path, _: Random) -> None:
    """Lose the whole file."""
    file.unlink()


def _vanish(catalogue: Path, chance: Random) -> str | None:
    """Lose a document with all that was in it, so that the catalogue looks whole."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(catalogue)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        numbers = [number for (number,) in connection.execute("SELECT id FROM documents ORDER BY id")]
        if numbers:
            connection.execute("DELETE FROM documents WHERE id = ?", (chance.choice(numbers),))
            return "vanish document"
    return None


def _mistake(file: Path, chance: Random) -> str:
    """Leave nonsense in a file that tells others something, or a folder in its place."""
    if file.is_dir():
        shutil.rmtree(file)
    file.unlink(missing_ok=True)
    if chance.random() < 0.2:
        file.mkdir()
        return f"folder {file.name}"
    texts = ("", "{", "[]", "\0\0\0", '{"pid": 1}', '{"pid": 1, "host": "elsewhere", "command": "x", "started": "now"}')
    file.write_text(chance.choice(texts))
    return f"nonsense {file.name}"
