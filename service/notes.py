"""Reading the notes of a library for a page: their lines as they are on disk, and where their links lead."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from indexer.errors import SourceError
from indexer.parsing.text import decode, lines_of
from indexer.records import StoredDocument
from service.addresses import address_of
from service.files import read_file
from service.render import Resolve


@dataclass(frozen=True, slots=True)
class Note:
    """The lines of a file as it is now; `stale` when it has changed since it was indexed."""

    lines: tuple[str, ...]
    stale: bool


def read_note(document: StoredDocument, *, max_bytes: int) -> Note:
    """Read the file of a note; raise SourceError when it cannot be served, see `read_file`."""
    source, stale = read_file(document, max_bytes=max_bytes)
    try:
        return Note(tuple(lines_of(decode(source.data, document.file))), stale)
    except SourceError as error:
        raise SourceError(f"{document.file}: {error}") from error


def resolver(documents: Callable[[], Sequence[StoredDocument]], *, beside: StoredDocument | None = None) -> Resolve:
    """Make the function that finds the page a link leads to; the library is listed when the first link asks.

    A name is looked for among the paths, names, titles and aliases of the notes, without regard to case, a path also
    from the folder of `beside`; of several, that in the same root and with the shortest path is taken.
    """

    @cache
    def pages() -> dict[str, str]:
        root = beside.root if beside else ""
        found = dict[str, str]()
        for document in sorted(documents(), key=lambda one: (one.root != root, len(one.file), one.file)):
            for name in _names(document):
                found.setdefault(name.casefold(), address_of(document))
        return found

    def resolve(target: str) -> str | None:
        folder = posixpath.dirname(beside.file) if beside else ""
        for name in (posixpath.normpath(posixpath.join(folder, target)), target):
            if address := pages().get(name.casefold()):
                return address
        return None

    return resolve


def _names(document: StoredDocument) -> Iterator[str]:
    path = PurePosixPath(document.file)
    yield from (document.file, str(path.with_suffix("")), path.stem, path.name, document.title, *document.aliases)
