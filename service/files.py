"""The files of a library as they lie on disk now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    """Read the file of a document, and say whether it has changed since; raise SourceError when it cannot be served."""
    try:
        source = read(Found(Path(document.root), document.file, document.size, document.mtime_ns), max_bytes=max_bytes)
    except SourceError as error:
        gone = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
        why = " is gone since it was indexed; footnote index brings the library up to date" if gone else f": {error}"
        raise SourceError(f"{document.file}{why}") from error
    return source, source.sha256 != document.sha256


def read_note(document: StoredDocument, *, max_bytes: int) -> Note:
    """Read the file of a note; raise SourceError when it cannot be served, see `read_file`."""
    source, stale = read_file(document, max_bytes=max_bytes)
    try:
        return Note(tuple(lines_of(decode(source.data, document.file))), stale)
    except SourceError as error:
        raise SourceError(f"{document.file}: {error}") from error
