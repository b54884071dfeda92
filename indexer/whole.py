"""Files that are there whole or not at all, whenever a process ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Have the system write down the names in a folder, so that a rename outlives a power cut; raise OSError."""
    if os.name != "posix":  # Windows opens no folders, and writes names down by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(file: Path) -> None:
    """Have the system write down what is in a file; raise OSError."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


@contextmanager
def replaced(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A place beside `path` to write a file to, which takes its place at the end; nothing is left where that fails.

    One process writes there at a time. What is `private` is there already, empty and for nobody else to read. What has
    to outlive a power cut, the block syncs. Raises OSError.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        if private:
            new.unlink(missing_ok=True)  # what a process that was killed has left may be for others to read
            new.touch(mode=0o600, exist_ok=False)  # nor is a link followed that somebody has put there since
        yield new
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
