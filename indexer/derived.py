"""The derived stores of a library: opened if they are in step with the catalogue, or brought there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import numpy as np

from indexer.catalogue import Catalogue
from indexer.change import Change
from indexer.errors import LibraryCorrupt
from indexer.lexical import Lexical, LexicalDocument
from indexer.records import StoredDocument, StoredPassage
from indexer.vectors import Vectors, ids_of_vectors, rebuild_vectors, state_of_vectors, sums_of_vectors, update_vectors

LEXICAL = "lexical"
VECTORS = "vectors.faiss"
MAP = "map.bin"

SAMPLE = 64
"""So many vectors are compared to tell whether they are those of this catalogue."""

NO_DIMENSION = 1  # of the empty index of a library that has no vector yet

Notice: TypeAlias = Callable[[str], None]


def quiet(_: str) -> None:
    """Say nothing."""


def open_lexical(path: Path, catalogue: Catalogue) -> Lexical | None:
    """Open the lexical index of the library in the folder `path`; None if it is damaged or of another generation."""
    with suppress(LibraryCorrupt):
        lexical = Lexical.open(path / LEXICAL)
        if lexical.generation == catalogue.generation:
            return lexical
    return None


def open_vectors(path: Path, catalogue: Catalogue, before: Vectors | None = None) -> Vectors | None:
    """Open the vectors of the library in the folder `path`; None if they are damaged or of another generation.

    What `before`, vectors of an older generation, has of the same file is shared.
    """
    with suppress(LibraryCorrupt):
        vectors = Vectors.open(path / VECTORS, before)
        if (vectors.generation, vectors.fingerprint) == (catalogue.generation, catalogue.fingerprint or ""):
            return vectors
    return None


def build_lexical(catalogue: Catalogue) -> Lexical:
    """Make the lexical index in memory."""
    return Lexical.build(_documents(catalogue), generation=catalogue.generation)


def build_vectors(catalogue: Catalogue) -> Vectors:
    """Make the vectors in memory; passages without an embedding by the library's model are left out."""
    fingerprint, dimension = _model(catalogue)
    blocks = catalogue.iter_embeddings(fingerprint)
    return Vectors.build(blocks, generation=catalogue.generation, fingerprint=fingerprint, dimension=dimension)


def _model(catalogue: Catalogue) -> tuple[str, int]:
    """The fingerprint of the library's model, and how long its vectors are."""
    fingerprint = catalogue.fingerprint or ""
    return fingerprint, catalogue.dimension(fingerprint) or NO_DIMENSION


def publish(path: Path, catalogue: Catalogue, *changes: Change, notice: Notice = quiet, thorough: bool = False) -> None:
    """Bring the derived stores of the library in the folder `path` to the catalogue's generation, for readers to see.

    By the difference that `changes`, in their order, made to the generation a store is at, or that there is to it where
    a writer was killed before it could do this; where that cannot be, it is made again, and `notice` hears of it. With
    `thorough`, vectors that are of this generation are looked at too, every byte. Only for the one who holds the write
    lock. Raises LibraryFull, or LibraryMissing where it is held of a library that was deleted.
    """
    catalogue.check_held()  # the stores of a new library may lie there
    difference = _difference(catalogue, changes) if changes else _since(path, catalogue)
    if not _bring_lexical(path, catalogue, difference):
        notice(f"making {path / LEXICAL} again from the catalogue: it was missing, damaged or out of date")
        Lexical.rebuild(path / LEXICAL, _documents(catalogue), generation=catalogue.generation)
    brought = _bring_vectors(path, catalogue, difference)
    if not brought or (thorough and open_vectors(path, catalogue) is None):
        notice(f"making {path / VECTORS} again from the catalogue: it was missing, damaged or out of date")
        fingerprint, dimension = _model(catalogue)
        blocks = catalogue.iter_embeddings(fingerprint)
        rebuild_vectors(
            path / VECTORS, blocks, generation=catalogue.generation, fingerprint=fingerprint, dimension=dimension
        )


@dataclass(frozen=True, slots=True)
class _Difference:
    """Which passages came, went, or have other lexical fields since the generation `base`."""

    base: int
    added: AbstractSet[int]
    removed: AbstractSet[int]
    reindexed: AbstractSet[int]

    @property
    def touched(self) -> int:
        """How many passages it is about."""
        return len(self.added) + len(self.removed) + len(self.reindexed)


def _difference(catalogue: Catalogue, changes: Sequence[Change]) -> _Difference | None:
    """Put changes together; None if they do not lead to this generation."""
    added: set[int] = set()
    removed: set[int] = set()
    reindexed: set[int] = set()
    for change in changes:
        removed |= change.removed_ids - added
        added = added - change.removed_ids | change.added_ids
        reindexed = (reindexed | change.reindexed_ids) - change.removed_ids - added
    steps = [change.base for change in changes[1:]] + [catalogue.generation]
    leads_here = bool(changes) and steps == [change.generation for change in changes]
    return _Difference(changes[0].base, added, removed, reindexed) if leads_here else None


def _since(path: Path, catalogue: Catalogue) -> _Difference | None:
    """What changed since the vectors were written; None if nothing, or if they may be those of another catalogue."""
    with suppress(LibraryCorrupt):
        generation, fingerprint, _ = state_of_vectors(path / VECTORS)
        if generation >= catalogue.generation or fingerprint != catalogue.fingerprint:
            return None
        there, here = set(ids_of_vectors(path / VECTORS)), set(catalogue.passage_ids())
        sample = sorted(there & here)
        vectors = Vectors.open(path / VECTORS)
        numbers, rows = catalogue.embeddings(fingerprint, sample[:: len(sample) // SAMPLE + 1])
        ours = vectors.get(numbers.tolist())
        if ours.shape == rows.shape and np.allclose(ours, rows, atol=1e-6):  # others, where all embeddings are lost
            return _Difference(generation, here - there, there - here, there & set(catalogue.changed_since(generation)))
    return None


def _bring_lexical(path: Path, catalogue: Catalogue, difference: _Difference | None) -> bool:
    """Bring the lexical index to the catalogue's generation by a difference; False where it has to be made again."""
    with suppress(LibraryCorrupt):
        lexical = Lexical.open(path / LEXICAL)
        if lexical.generation == catalogue.generation:
            return len(lexical) == catalogue.passage_sums()[0]
        pays = difference is not None and 2 * difference.touched <= len(lexical)
        if difference is not None and pays and lexical.generation == difference.base:
            documents = _documents(catalogue, difference.added | difference.reindexed)
            leaving = difference.removed | difference.reindexed | difference.added
            if lexical.outlived(len(difference.removed) + len(difference.reindexed)):
                Lexical.rebuild(path / LEXICAL, _documents(catalogue), generation=catalogue.generation)
                return True
            updated = lexical.update(leaving, documents, generation=catalogue.generation)
            return len(updated) == catalogue.passage_sums()[0]
    return False


def _bring_vectors(path: Path, catalogue: Catalogue, difference: _Difference | None) -> bool:
    """Bring the vectors to the catalogue's generation by a difference; False where they have to be made again.

    Only their numbers are looked at: whoever opens them checks every byte.
    """
    with suppress(LibraryCorrupt):
        fingerprint, dimension = _model(catalogue)
        here = state_of_vectors(path / VECTORS)
        if here[:2] == (catalogue.generation, fingerprint):
            return _are_all(path / VECTORS, catalogue)
        if difference is not None and here == (difference.base, fingerprint, dimension):
            added = catalogue.iter_embeddings(fingerprint, difference.added)
            update_vectors(path / VECTORS, removed=difference.removed, added=added, generation=catalogue.generation)
            return True
    return False


def _are_all(vectors: Path, catalogue: Catalogue) -> bool:
    """Whether the vectors in a file have the numbers of the passages; where some are not embedded, of those that are.

    A catalogue that has lost a document with all that was in it looks whole by itself.
    """
    if sums_of_vectors(vectors) == catalogue.passage_sums():
        return True
    blocks = catalogue.iter_embeddings(catalogue.fingerprint or "")
    return set(ids_of_vectors(vectors)) == {number for numbers, _ in blocks for number in numbers.tolist()}


def _documents(catalogue: Catalogue, ids: Iterable[int] | None = None) -> Iterator[LexicalDocument]:
    batches: Iterable[Collection[StoredPassage]]
    batches = catalogue.iter_passages() if ids is None else [catalogue.passages(ids).values()]
    names: dict[int, str] = {}
    for batch in batches:
        unknown = {stored.document_id for stored in batch} - names.keys()
        names |= {number: _names(found) for number, found in catalogue.documents_among(unknown).items()}
        for stored in batch:
            passage = stored.passage
            yield LexicalDocument(stored.id, names[stored.document_id], passage.context, passage.text)


def _names(document: StoredDocument) -> str:
    """Join everything that a document is called by."""
    return " ".join((document.stated_title or "", PurePosixPath(document.file).stem, *document.aliases)).strip()
