"""Catalogues of other versions: an older one is brought to this version's format, a newer one is left as it is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, nullcontext, suppress
from hashlib import sha256
from pathlib import Path

from indexer import __version__, sql
from indexer.errors import LibraryError, LibraryFull, LibraryTooNew
from indexer.lock import locked
from indexer.schema import MIGRATIONS, SCHEMA_VERSION, UPGRADED

UPGRADE_SECONDS = 10.0
"""So long whoever opens a library waits for another process that writes it, before it is brought to this format."""

_MAGIC = b"SQLite format 3\0"
_VERSION_BYTES = slice(60, 64)
"""Where SQLite keeps `user_version` in the first bytes of a file (its file format, 1.3)."""
_CONSTANT_BYTES, _CONSTANTS = slice(21, 24), bytes((64, 32, 32))
"""What stands there in every file of SQLite's: where it does not, the version may be anything too."""


def refuse_newer(path: Path) -> None:
    """Raise LibraryTooNew where a newer version of Footnote made the catalogue `path`.

    That is read from its first bytes: to open it, SQLite would make files beside it.
    """
    head = b""
    with suppress(OSError), path.open("rb", buffering=0) as file:
        head = file.read(_VERSION_BYTES.stop)
    is_whole = head.startswith(_MAGIC) and head[_CONSTANT_BYTES] == _CONSTANTS
    version = int.from_bytes(head[_VERSION_BYTES]) if is_whole else 0
    if version > SCHEMA_VERSION:
        raise _too_new(path, version)


def bring_up_to_date(path: Path, connection: sqlite3.Connection, *, held: bool) -> None:
    """Bring an open catalogue to the format of this version, in one transaction.

    Nobody else writes the library meanwhile, or a process of the version before would go on in a format that it does
    not know; `held` says that the caller holds the write lock. Raises LibraryTooNew, LibraryCorrupt, LibraryLocked, or
    LibraryFull where nothing can be written; the catalogue is then as it was.
    """
    before = _version(connection)
    if before == SCHEMA_VERSION:
        return
    if before > SCHEMA_VERSION:  # and the file does not say so yet: a newer version is at it
        raise _too_new(path, before)
    try:
        with nullcontext() if held else locked(path.parent, "upgrade", wait=UPGRADE_SECONDS):
            _upgrade(path, connection)
    except LibraryFull as error:
        raise _stays(path, before, error) from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
            raise
        raise _stays(path, before, f"it cannot be written ({error}); free space there or make it writable") from error


def _upgrade(path: Path, connection: sqlite3.Connection) -> None:
    connection.create_function("item_by_file", 3, _item_by_file, deterministic=True)
    connection.create_function("item_by_words", 3, _item_by_words, deterministic=True)
    version = _version(connection)
    if version == SCHEMA_VERSION:  # another process was quicker
        return
    if version not in MIGRATIONS or _says_otherwise(connection, version):
        from indexer.connect import damaged  # which opens catalogues with what is here

        raise damaged(path, "its version")
    steps = "".join(MIGRATIONS[step] for step in range(version, SCHEMA_VERSION))
    try:
        connection.executescript(UPGRADED.format(steps=steps, maker=__version__))
    except BaseException:
        if connection.in_transaction:
            connection.execute(sql.ROLLBACK)
        raise
    connection.execute(sql.CHECKPOINT)  # so that the first bytes of the file say it, see `refuse_newer`


def _says_otherwise(connection: sqlite3.Connection, version: int) -> bool:
    """Whether a catalogue that claims an older version says in its rows that it has another."""
    try:
        found = connection.execute(sql.META, ("format",)).fetchone()
    except sqlite3.OperationalError:  # there are no such rows before version 6
        return False
    return found is not None and found != (version,)


def _version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute(sql.USER_VERSION).fetchall()
    return int(version)


def _stays(path: Path, version: int, why: LibraryError | str) -> LibraryFull:
    return LibraryFull(
        f"{path} is of an older version of Footnote and stays so (format {version}, this one needs "
        f"{SCHEMA_VERSION}): {why}"
    )


def _too_new(path: Path, version: int) -> LibraryTooNew:
    return LibraryTooNew(
        f"{path} was made by a newer version of Footnote ({_maker(path)}format {version}; this one, {__version__}, "
        f"knows {SCHEMA_VERSION}); update Footnote and start it again, or use another library folder"
    )


def _maker(path: Path) -> str:
    """The version that made a catalogue, as far as it can be read; it may be of a format that nobody here knows."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection,
    ):
        for (version,) in connection.execute(sql.META, ("footnote",)):
            return f"{version}, "
    return ""


def _item_by_file(root: str, file: str, text: str) -> str:
    """How the first three formats knew an item of a dump: by its file and words."""
    return _digest(root, file, " ".join(text.split()))


def _item_by_words(text: str, wikilinks: str, arxiv_ids: str) -> str:
    """How it is known since: by its words and what it names."""
    return _digest(" ".join(text.split()), "", *json.loads(wikilinks), "", *json.loads(arxiv_ids))


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:32]
