"""Connections to the file of a catalogue, and SQLite's errors in the library's words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from indexer import sql
from indexer.errors import LibraryCorrupt, LibraryFull, LibraryLocked, LibraryMissing, LibraryTooNew
from indexer.seals import seal
from indexer.whole import sync_folder

CATALOGUE = "catalogue.db"
"""The file of the catalogue in the folder of its library."""

SUSPECT = "catalogue.suspect"
"""A file that whoever meets damage in a catalogue leaves beside it, so that the next run goes through all of it."""

BUSY_SECONDS = 5.0

_GARBLED = ("Could not decode", "no such table", "no such column", "already exists", "duplicate column", "malformed")
"""What SQLite says, without a code of its own, of a schema or a text in which bits have turned."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file `path` into the library's; those that are our own mistakes pass."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise damaged(path) from error
        if code in (0, sqlite3.SQLITE_ERROR) and str(error).startswith(_GARBLED):
            raise damaged(path) from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            raise LibraryFull(f"cannot write {path} ({error}); free space there or make it writable") from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LibraryLocked(
                f"another process is writing the library {path.parent}; try again in a moment"
            ) from error
        raise


def damaged(path: Path, what: str = "") -> LibraryCorrupt:
    """Say that a catalogue is damaged, and note it for the next run."""
    with suppress(OSError):
        path.with_name(SUSPECT).touch()
    which = f" ({what} is not as it was written)" if what else ""
    return LibraryCorrupt(f"{path} is damaged{which}; repair it with: footnote index")


def create(path: Path) -> None:
    """Make an empty catalogue beside `path` and move it there, so that nobody sees half of one.

    Raises LibraryFull.
    """
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (new, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            leftover.unlink(missing_ok=True)  # SQLite would replay the log of a lost catalogue into this one
        with translated(new):
            connection = sqlite3.connect(new, isolation_level=None)
            try:
                with_seals(connection).executescript(sql.SCHEMA)
                connection.execute(sql.SET_USER_VERSION)
            finally:
                connection.close()
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise LibraryFull(f"cannot make {path} ({error.strerror}); free space there or make it writable") from error


def require(path: Path) -> None:
    """Raise LibraryMissing where there is no catalogue."""
    if not path.exists():
        raise LibraryMissing(f"no library at {path.parent}; make one with: footnote index FOLDER, or footnote init")


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open an existing catalogue; one that lies where nothing can be written is read as immutable.

    Raises LibraryMissing, LibraryCorrupt, LibraryTooNew, LibraryFull or LibraryLocked.
    """
    require(path)
    with translated(path):
        try:
            return _checked(path, "mode=rw", sql.WRITER if write else sql.READER)
        except sqlite3.OperationalError as error:
            unwritable = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            log = path.with_name(path.name + "-wal")
            if write or not unwritable or (log.exists() and log.stat().st_size):
                raise
            return _checked(path, "mode=ro&immutable=1", sql.READER)


def _checked(path: Path, mode: str, role: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,  # SQLite, as CPython builds it, serialises the threads of a connection
        timeout=BUSY_SECONDS,
    )
    try:
        _bring_up_to_date(path, with_seals(connection))
        connection.executescript(role)
    except BaseException:
        connection.close()
        raise
    return connection


def with_seals(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Give a connection the function by which rows are sealed."""
    connection.create_function("seal", -1, seal, deterministic=True)
    return connection


def _bring_up_to_date(path: Path, connection: sqlite3.Connection) -> None:
    """Bring a catalogue that an older version of Footnote made to the format of this one."""
    (version,) = connection.execute(sql.USER_VERSION).fetchone()
    if version < sql.SCHEMA_VERSION and _says_otherwise(connection, version):
        raise damaged(path, "its version")
    if version > sql.SCHEMA_VERSION:
        raise LibraryTooNew(
            f"{path} was made by a newer version of Footnote (format {version}, this one knows {sql.SCHEMA_VERSION}); "
            "update Footnote, or use another library folder"
        )
    for step in range(version, sql.SCHEMA_VERSION):
        if step not in sql.MIGRATIONS:
            raise damaged(path, "its version")
        try:
            connection.executescript(sql.MIGRATIONS[step])
        except sqlite3.OperationalError:
            if connection.in_transaction:
                connection.execute(sql.ROLLBACK)
            if connection.execute(sql.USER_VERSION).fetchone() == (step,):  # else another process was quicker
                raise


def _says_otherwise(connection: sqlite3.Connection, version: int) -> bool:
    """Whether a catalogue that claims an older version says in its rows that it has another."""
    try:
        found = connection.execute(sql.META, ("format",)).fetchone()
    except sqlite3.OperationalError:  # there are no such rows before version 6
        return False
    return found is not None and found != (version,)
