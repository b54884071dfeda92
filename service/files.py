"""The files of a library as they lie on disk now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.discover import Found, read
from indexer.errors import SourceError
from indexer.parsing.text import decode, lines_of
from indexer.records import StoredDocument
from indexer.types import Source


@dataclass(frozen=True, slots=True)
class Note:
    """The lines of a file as it is now; `stale` when it has changed since it was indexed."""

    lines: tuple[str, ...]
    stale: bool


def read_file(document: StoredDocument, *, max_bytes: int) -> tuple[Source, bool]:
    """Read the file of a document, and say whether it has changed since; raise SourceError when it cannot be served.

    A file that a link has carried out of its root is served only while it holds exactly what was indexed.
    """
    root = Path(document.root)
    parts = PurePosixPath(document.file)
    if parts.is_absolute() or ".." in parts.parts:
        raise SourceError(f"{document.file} is not under its root; index it again")
    try:
        source = read(Found(root, document.file, document.size, document.mtime_ns), max_bytes=max_bytes)
    except SourceError as error:
        gone = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
        why = " is gone since it was indexed; footnote index brings the library up to date" if gone else f": {error}"
        raise SourceError(f"{document.file}{why}") from error
    changed = source.sha256 != document.sha256
    if changed and not source.path.resolve().is_relative_to(root.resolve()):
        raise SourceError(f"{document.file} leads out of its root and has changed; index it again")
    return source, changed


def read_note(document: StoredDocument, *, max_bytes: int) -> Note:
    """Read the file of a note; raise SourceError when it cannot be served, see `read_file`."""
    source, stale = read_file(document, max_bytes=max_bytes)
    try:
        return Note(tuple(lines_of(decode(source.data, document.file))), stale)
    except SourceError as error:
        raise SourceError(f"{document.file}: {error}") from error
