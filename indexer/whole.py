"""Files that are there whole or not at all, whenever a process ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A place beside `path` to write a file to, which takes its place at the end; nothing is left where that fails.

    One process writes there at a time. What has to outlive a power cut, the block syncs. Raises OSError.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        yield new
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
