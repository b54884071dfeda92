"""Where the links in notes lead."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import TypeAlias

from indexer.errors import SourceError
from indexer.records import StoredDocument
from service.addresses import address_of, address_of_picture
from service.files import read_note
from service.pictures import Pictures, size_of
from service.view import Links, Picture, Resolve, Shown

Listed: TypeAlias = Callable[[], Sequence[StoredDocument]]
"""Lists the documents of the library; asked when the first link is."""


def resolver(documents: Listed, *, beside: StoredDocument | None = None) -> Resolve:
    """Make the function that finds the page a link leads to; the library is listed when the first link asks.

    A name is looked for among the paths, names, titles and aliases of the documents, without regard to case, a path
    also from the folder of `beside`; of several, that in the same root and with the shortest path is taken.
    """
    names = _names(documents)

    def resolve(target: str) -> str | None:
        found = _find(names, beside, target)
        return None if found is None else address_of(found)

    return resolve


def links_of(document: StoredDocument, documents: Listed, pictures: Pictures, *, max_bytes: int) -> Links:
    """Say where the links of a note lead; of notes that it shows inside itself, up to `max_bytes` are read each."""
    return _links(document, _names(documents), pictures, max_bytes)


def _links(document: StoredDocument, names: _Names, pictures: Pictures, max_bytes: int) -> Links:
    def page(target: str) -> str | None:
        found = _find(names, document, target)
        return None if found is None else address_of(found)

    def picture(target: str) -> Picture | None:
        file = pictures.find(document, target)
        if file is None:
            return None
        return Picture(address_of_picture(document, file), *(size_of(document, file) or ()))

    def embed(target: str) -> Shown | None:
        found = _find(names, document, target) if target else document
        if found is None or found.format not in ("md", "markdown", "pdf"):
            return None
        links = _links(found, names, pictures, max_bytes)
        if found.kind == "paper":
            return Shown(found.id, found.title, address_of(found), links) if found.pages else None
        try:
            lines = read_note(found, max_bytes=max_bytes).lines
        except SourceError:
            return None
        return Shown(found.id, found.title, address_of(found), links, lines)

    return Links(page, picture, embed)


_Names: TypeAlias = Callable[[str], Mapping[str, StoredDocument]]
"""The root of a note → the documents by all of their names, those of the same root first."""


def _names(documents: Listed) -> _Names:
    listed = cache(documents)

    @cache
    def names(root: str) -> Mapping[str, StoredDocument]:
        found = dict[str, StoredDocument]()
        for document in sorted(listed(), key=lambda one: (one.root != root, len(one.file), one.file)):
            for name in _names_of(document):
                found.setdefault(name.casefold(), document)
        return found

    return names


def _find(names: _Names, beside: StoredDocument | None, target: str) -> StoredDocument | None:
    folder, root = (posixpath.dirname(beside.file), beside.root) if beside else ("", "")
    for name in (posixpath.normpath(posixpath.join(folder, target)), target):
        if document := names(root).get(name.casefold()):
            return document
    return None


def _names_of(document: StoredDocument) -> Iterator[str]:
    path = PurePosixPath(document.file)
    yield from (document.file, str(path.with_suffix("")), path.stem, path.name, document.title, *document.aliases)
