"""The write lock of a library: one process holds it, and a file beside it says which."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from indexer.errors import LibraryFull, LibraryLocked

LOCK = "lock"
HOLDER = "lock.json"


@contextmanager
def locked(path: Path, command: str, *, wait: float) -> Iterator[None]:
    """Hold the write lock of the library in the folder `path`, waiting at most `wait` seconds for it.

    The system frees it when the process ends, however that happens. Raises LibraryLocked, which says who holds
    it and since when, and LibraryFull.
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
    started = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"pid": os.getpid(), "host": gethostname(), "command": command, "started": started}
    try:
        with suppress(OSError):  # only a courtesy to others
            holder.write_text(json.dumps(who))
        yield
    finally:
        with suppress(OSError):
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
