"""Where the links in notes lead."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import PurePosixPath

from indexer.records import StoredDocument
from service.addresses import address_of
from service.render import Resolve


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
