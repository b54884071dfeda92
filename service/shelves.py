"""The files of a library by the folders they lie in, for a page that shows one folder at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from indexer.records import StoredDocument

if TYPE_CHECKING:
    from indexer.status import Status
    from service.desk import Desk


@dataclass(slots=True)
class Folder:
    """A folder below one that was indexed, its `path` relative to that; `""` is that one itself.

    `documents` and `passages` count what is in it and below, `files` are the documents right in it, `folders` the names
    of the folders right in it.
    """

    path: str
    documents: int = 0
    passages: int = 0
    files: list[StoredDocument] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Shelf:
    """One folder that was indexed, and what is below it, by path."""

    root: str
    folders: dict[str, Folder]

    def inside(self, folder: Folder) -> list[Folder]:
        """The folders right in one of them, by name."""
        return sorted(
            (self.folders[f"{folder.path}/{name}".lstrip("/")] for name in folder.folders),
            key=lambda one: one.name.casefold(),
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a library holds in one generation: its shelves, in the order in which their folders were indexed first.

    The `status` has no file compared with what was indexed.
    """

    generation: int
    shelves: list[Shelf]
    status: Status


class Inventories:
    """The inventory of the library that a desk serves, made once for each generation: it goes through all documents."""

    def __init__(self) -> None:
        self._kept: Inventory | None = None
        self._lock = Lock()

    def of(self, desk: Desk) -> Inventory:
        """The inventory of now."""
        with self._lock:
            generation = desk.size().generation
            if self._kept is None or self._kept.generation != generation:
                self._kept = Inventory(generation, shelved(desk.documents()), desk.status(files=False))
            return self._kept


def shelved(documents: Iterable[StoredDocument]) -> list[Shelf]:
    """Put documents that could be read on shelves; papers that were fetched lie in no folder of the person's."""
    roots: dict[str, dict[str, Folder]] = defaultdict(lambda: {"": Folder("")})
    for document in documents:
        if document.failure is not None or document.fetched:
            continue
        folders = roots[document.root]
        path = document.file.rpartition("/")[0]
        _folder(folders, path).files.append(document)
        while True:
            folder = folders[path]
            folder.documents += 1
            folder.passages += document.passages
            if not path:
                break
            path = path.rpartition("/")[0]
    return [Shelf(root, folders) for root, folders in roots.items()]


def named(shelves: Iterable[Shelf], words: str) -> list[StoredDocument]:
    """The documents that have all these words in their path or title, in any case, by shelf and file."""
    wanted = words.casefold().split()
    found = [
        (n, document.file, document)
        for n, shelf in enumerate(shelves)
        for folder in shelf.folders.values()
        for document in folder.files
        if all(word in f"{document.file}\n{document.title}".casefold() for word in wanted)
    ]
    return [document for _, _, document in sorted(found, key=lambda one: one[:2])]


def _folder(folders: dict[str, Folder], path: str) -> Folder:
    """The folder of that path, made where there is none yet, with those above."""
    if path not in folders:
        folders[path] = Folder(path)
        above, _, name = path.rpartition("/")
        _folder(folders, above).folders.add(name)
    return folders[path]
