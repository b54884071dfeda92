"""The write lock of a library: one process holds it, and a file beside it says which."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import LibraryFull, LibraryLocked, LibraryMissing

LOCK = "lock"
HOLDER = "lock.json"


@contextmanager
def locked(path: Path, command: str, *, wait: float) -> Iterator[Callable[[], None]]:
    """Hold the write lock of the library in the folder `path`, waiting at most `wait` seconds for it.

    The system frees it when the process ends, however that happens. Gives what raises LibraryMissing once the file that
    is held does not lie there any more: the library was deleted then, and others may write a new one. Raises
    LibraryLocked, which says who holds it and since when, and LibraryFull.
    """
    from socket import gethostname

    from filelock import FileLock, Timeout

    lock = FileLock(path / LOCK, timeout=wait, poll_interval=0.01, thread_local=False)
    holder = path / HOLDER
    try:
        with suppress(OSError):
            (path / LOCK).rmdir()  # an empty folder in its place; it fails on the file that should be there
        lock.acquire()
    except Timeout:
        raise LibraryLocked(
            f"the library {path} is being written by {_describe(holder)}; wait for it or stop it"
        ) from None
    except IsADirectoryError as error:
        raise LibraryFull(f"{path / LOCK} is a folder where a file should be; move it away") from error
    except OSError as error:
        raise unwritable(path, error) from error
    ours = _which(path / LOCK)

    def check() -> None:
        if ours is None or _which(path / LOCK) != ours:
            raise LibraryMissing(
                f"the library {path} was deleted, or another took its place, while it was written; run footnote index "
                "again if that was not meant"
            )

    started = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"pid": os.getpid(), "host": gethostname(), "command": command, "started": started}
    try:
        with suppress(OSError):  # only a courtesy to others
            holder.write_text(json.dumps(who))
        yield check
    finally:
        with suppress(OSError, LibraryMissing):
            check()  # or it is another's
            holder.unlink()
        lock.release()


def is_locked(path: Path) -> bool:
    """Tell whether somebody holds the lock."""
    try:
        with locked(path, "look", wait=0):
            return False
    except LibraryLocked:
        return True
    except LibraryFull:
        return False


def _which(file: Path) -> tuple[int, int] | None:
    """Which file it is that lies at a place: a new one of the same name is another."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _describe(holder: Path) -> str:
    from socket import gethostname

    try:
        who = json.loads(holder.read_text())
        host = "" if who["host"] == gethostname() else f" on {who['host']}"
        since = _clock(datetime.fromisoformat(who["started"]).astimezone())
        return f"{who['command']} (process {who['pid']}{host}, since {since})"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return "another process"


def _clock(moment: datetime) -> str:
    """A moment as a clock on the wall shows it, with the day where that is not today."""
    return f"{moment:%H:%M}" if moment.date() == datetime.now(moment.tzinfo).date() else f"{moment:%Y-%m-%d %H:%M}"


def unwritable(path: Path, error: OSError) -> LibraryFull:
    """Say that the system does not let us write at `path`."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return LibraryFull(f"cannot make the folder {path}, a file is in the way; move it, or choose another --library")
    return LibraryFull(f"cannot write {path} ({error.strerror}); free space there or make it writable")
