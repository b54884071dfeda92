"""Connections to the file of a catalogue, and SQLite's errors in the library's words."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import local
from typing import Any

from indexer import __version__, sql
from indexer.errors import LibraryCorrupt, LibraryFull, LibraryLocked, LibraryMissing
from indexer.schema import SCHEMA
from indexer.seals import seal
from indexer.upgrade import bring_up_to_date, refuse_newer
from indexer.whole import sync, sync_folder

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
        # SQLite says that the function failed, or, where it has rolled back at once, what it could not do after that
        said = str(error)
        if (raised := _raised.__dict__.pop("last", None)) and ("user-defined function" in said or "no trans" in said):
            raise raised from error
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise damaged(path) from error
        if code in (0, sqlite3.SQLITE_ERROR) and str(error).startswith(_GARBLED):
            raise damaged(path) from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            if path.name == CATALOGUE:  # which may have been taken away while it was open
                require(path)
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
    remedy = f"footnote index --library {shlex.quote(str(path.parent))}"
    return LibraryCorrupt(f"{path} is damaged{which}; repair it with: {remedy}")


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
                with_seals(connection).executescript(SCHEMA)
                connection.execute(sql.SET_USER_VERSION)
                connection.execute(sql.SET_MAKER, (__version__,))
            finally:
                connection.close()
        sync(new)
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise LibraryFull(f"cannot make {path} ({error.strerror}); free space there or make it writable") from error


def aside(library: Path) -> Path:
    """Where a library lies for the moment in which another takes its place: beside it, where a link leads to it too."""
    place = library.resolve()
    return place.with_name(f".{place.name}.replaced")


def put_back(library: Path) -> None:
    """Put a library back that another was about to replace, if whoever did that was killed in just that moment."""
    before = aside(library)
    if not library.exists() and (before / CATALOGUE).exists():
        with suppress(OSError):
            before.rename(library.resolve())


def require(path: Path) -> None:
    """Raise LibraryMissing where there is no catalogue."""
    if not path.exists():
        put_back(path.parent)
    if not path.exists():
        raise LibraryMissing(f"no library at {path.parent}; make one with: footnote index FOLDER, or footnote init")


def connect(path: Path, *, write: bool, held: bool = False) -> sqlite3.Connection:
    """Open an existing catalogue; one that lies where nothing can be written is read as immutable.

    One of an older version is brought to this format; `held` says that the caller holds the library's write lock.
    Raises LibraryMissing, LibraryCorrupt, LibraryTooNew, LibraryFull or LibraryLocked.
    """
    require(path)
    refuse_newer(path)
    with translated(path):
        try:
            return _checked(path, "mode=rw", sql.WRITER if write else sql.READER, held=held)
        except sqlite3.OperationalError as error:
            unwritable = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            log = path.with_name(path.name + "-wal")
            if write or not unwritable or (log.exists() and log.stat().st_size):
                raise
            return _checked(path, "mode=ro&immutable=1", sql.READER, held=held)


def _checked(path: Path, mode: str, role: str, *, held: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,  # SQLite, as CPython builds it, serialises the threads of a connection
        timeout=BUSY_SECONDS,
    )
    try:
        bring_up_to_date(path, with_seals(connection), held=held)
        connection.executescript(role)
    except BaseException:
        connection.close()
        raise
    return connection


def with_seals(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Give a connection the function by which rows are sealed."""
    connection.create_function("seal", -1, _sealed, deterministic=True)
    return connection


_raised = local()
"""What was raised while SQLite had a row sealed, as an interrupt by the person: SQLite only says that something was."""


def _sealed(*values: Any) -> int:
    try:
        return seal(*values)
    except BaseException as error:
        _raised.last = error
        raise
