"""Files that are opened only where they lie under their root: no link leads out, one put there meanwhile included."""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from indexer.errors import SourceError

NOT_A_FILE = "a folder, pipe or device, not a file; remove it or rename it"
NOT_UNDER = "not under its root by its own path; links are not followed: index what it leads to"

_GONE = " (deleted)"
"""What Linux writes behind the path of a file that has lost its last name."""

_ATTEMPTS = 3
"""So often a file is opened anew that was replaced by another, as editors do, just when it was looked at."""


class Rooted(NamedTuple):
    """A file: the absolute path of the folder that it has to lie under, its path from there, `/` between the parts."""

    root: str
    file: str


class Opened(NamedTuple):
    """A file that is open: its descriptor, what the system says of it, and its path from the root as it is on disk."""

    descriptor: int
    status: os.stat_result
    file: str


@contextmanager
def opened(root: str, file: str) -> Iterator[Opened]:
    """Open a regular file under a root for reading; raise SourceError when it is none or lies elsewhere, or OSError.

    The path of what was opened is asked of the system, and not made of the path that was asked for: a link that takes
    the place of a part of it has no effect. (A hard link is the file itself, and nothing tells one from another.)
    """
    if file.startswith("/") or ".." in file.split("/") or "\0" in file:
        raise SourceError(NOT_UNDER)
    descriptor = -1
    try:
        for _ in range(_ATTEMPTS):
            # a pipe must not make us wait for its writer, nor a terminal become ours
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
            descriptor = os.open(f"{root}/{file}", flags)
            place = _inside(root, _path_of(descriptor, f"{root}/{file}"))
            status = os.fstat(descriptor)
            if place is not None and not (place.endswith(_GONE) and status.st_nlink == 0):
                break
            os.close(descriptor)
            descriptor = -1
        else:
            raise SourceError(NOT_UNDER)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(NOT_A_FILE)
        yield Opened(descriptor, status, place)
    finally:
        if descriptor >= 0:
            os.close(descriptor)


@contextmanager
def opened_itself(root: str, file: str) -> Iterator[Opened]:
    """Open a file as `opened` does, if no part of its path below the root is a link; raise SourceError else."""
    with opened(root, file) as found:
        if found.file != file and not _is_same(found.file, file):
            raise SourceError(NOT_UNDER)
        yield found


def _path_of(descriptor: int, asked: str) -> str:
    """The path of an open file, without links."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - for every file: as fast as it gets
    except OSError:  # no Linux, or one without /proc
        return os.path.realpath(asked)


def _inside(root: str, path: str) -> str | None:
    """The path of a file from a root, None when it is not under it."""
    for home in (root, os.path.realpath(root)):
        within = home.rstrip(os.sep) + os.sep
        if path.startswith(within):
            return path[len(within) :].replace(os.sep, "/")
    return None


def _is_same(one: str, other: str) -> bool:
    """Whether two paths name the same place where file systems tell neither case nor forms of accents apart."""
    return sys.platform != "linux" and _folded(one) == _folded(other)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
