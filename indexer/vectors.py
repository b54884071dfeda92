"""Nearest neighbours by cosine: what all snapshots share, and what changed since it was written.

They lie in two files, both derived from the catalogue: `vectors.faiss`, which never changes (`indexer.base`), and
`vectors.delta`, which says what came and went since (`indexer.delta`). An update writes only the second, which is
small; when it has grown, it is folded into a new first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from indexer.base import Base, Block, header_of, joined, merged, peek, positions, restored, write
from indexer.codes import GPU_MOST, Finder, GpuFinder, Places, has_gpu
from indexer.delta import Delta, beside
from indexer.errors import LibraryCorrupt, LibraryFull
from indexer.types import Matrix

CANDIDATES, LEAST_CANDIDATES = 4, 600
"""For each that is wanted, so many candidates are compared exactly, and so many at least."""

FEW = 2048
"""Among so few, all are compared exactly."""


class Vectors:
    """Vectors of unit norm under integer ids. Never changes: `updated` gives a new one, and readers keep the old."""

    def __init__(self, base: Base, delta: Delta, *, gpu: Finder | None = None) -> None:
        self.base = base
        self.delta = delta
        self.gpu = gpu
        self._came = restored(delta.rows)

    @classmethod
    def build(cls, blocks: Iterable[Block], *, generation: int, fingerprint: str, dimension: int) -> Self:
        """Index blocks, whose ids ascend from one to the next, in memory."""
        base = Base.build(blocks, generation=generation, fingerprint=fingerprint, dimension=dimension)
        return cls(base, Delta.nothing(base.header))

    @classmethod
    def open(cls, path: Path, before: Vectors | None = None) -> Self:
        """Read what was written to `path` and beside it; raise LibraryCorrupt when it is missing, cut off or damaged.

        What `before` has of the same file is shared and not read again.
        """
        if before is not None and before.base.is_in(path):
            return cls(before.base, Delta.open(beside(path), before.base.header), gpu=before.gpu)
        base = Base.open(path)
        return cls(base, Delta.open(beside(path), base.header))

    @property
    def generation(self) -> int:
        """The generation of the catalogue that these vectors belong to."""
        return self.delta.generation

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the encoder that made these vectors."""
        return self.base.header.fingerprint

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self.base.header.dimension

    @property
    def kind(self) -> str:
        """What a search goes through, in words."""
        if self.gpu:
            return "flat, on a GPU"
        return "4-bit product codes, then exact" if self.base.learnt else "flat"

    def __len__(self) -> int:
        return len(self.base.ids) - len(self.delta.gone) + len(self.delta.ids)

    def updated(self, *, removed: Iterable[int], added: Iterable[Block], generation: int) -> Vectors:
        """These without `removed` and with some blocks; an id that is there already gets its new vector.

        The larger part is shared.
        """
        delta = self.delta.changed(self.base.ids, removed, joined(added, self.dimension), generation)
        return Vectors(self.base, delta, gpu=self.gpu)

    def search(
        self, vector: NDArray[np.float32], k: int, among: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """Find the `k` nearest to `vector`, (dimension,), unit norm: (id, cosine), best first, fewer if there are.

        With `among`, (n,), only these ids are found. The cosines are exact; where there are codes (see `kind`), a few
        of those that are found last may not be the nearest.
        """
        return self.search_many(vector[np.newaxis], k, among)[0]

    def search_many(
        self, matrix: Matrix, k: int, among: NDArray[np.int64] | None = None
    ) -> list[list[tuple[int, float]]]:
        """Do `search` for each row of `matrix`, (n, dimension)."""
        allowed = self._allowed(among)
        came = np.ones(len(self._came), bool) if among is None else np.isin(self.delta.ids, among)
        most = int(np.count_nonzero(came)) + (len(self.base.ids) if allowed is None else int(allowed.sum()))
        most = min(k, most)
        if most < 1:
            return [[] for _ in matrix]
        allowed = np.zeros(0, bool) if allowed is None and not len(self.base.ids) else allowed
        few = np.flatnonzero(allowed) if allowed is not None and np.count_nonzero(allowed) <= FEW else None
        return [self._nearest(vector, most, allowed, few, came) for vector in np.ascontiguousarray(matrix, np.float32)]

    def get(self, ids: Sequence[int]) -> Matrix:
        """Fetch the stored vectors of `ids`: (len(ids), dimension); raise LibraryCorrupt when one is not there."""
        numbers = np.asarray(ids, np.int64)
        places, came = self._where(numbers)
        if ((places < 0) & (came < 0)).any():
            raise LibraryCorrupt(
                "a passage has no vector in vectors.faiss; run `footnote index` to rebuild it from the catalogue"
            )
        found = np.empty((len(numbers), self.dimension), np.float32)
        found[places >= 0] = self.base.rows.take(places[places >= 0])
        found[came >= 0] = self._came[came[came >= 0]]
        return found

    def cosines(self, matrix: Matrix, ids: Sequence[int]) -> Matrix:
        """The cosine of each of `ids` to each row of `matrix`, (rows, dimension), unit norm: (rows, ids).

        0 for an id that has no vector here.
        """
        found = np.zeros((len(matrix), len(ids)), np.float32)
        places, came = self._where(np.asarray(ids, np.int64))
        found[:, places >= 0] = matrix @ self.base.rows.take(places[places >= 0]).T
        found[:, came >= 0] = matrix @ self._came[came[came >= 0]].T
        return found

    def _nearest(
        self,
        vector: NDArray[np.float32],
        most: int,
        allowed: NDArray[np.bool_] | None,
        few: Places | None,
        came: NDArray[np.bool_],
    ) -> list[tuple[int, float]]:
        base = self.base
        wanted = min(max(CANDIDATES * most, LEAST_CANDIDATES) if base.learnt else most, len(base.ids))
        places = few if few is not None else self._finder(wanted, allowed).find(vector, wanted, allowed)
        scores = base.rows.take(places) @ vector
        ids = np.concatenate([base.ids[places], self.delta.ids[came]])
        scores = np.concatenate([scores, (self._came @ vector)[came]])
        if len(scores) > most:
            best = np.argpartition(scores, len(scores) - most)[-most:]
            ids, scores = ids[best], scores[best]
        order = np.lexsort((ids, -scores))
        return list(zip(ids[order].tolist(), scores[order].tolist(), strict=True))

    def _finder(self, wanted: int, allowed: NDArray[np.bool_] | None) -> Finder:
        """What finds so many candidates."""
        left_out = 0 if allowed is None else len(allowed) - int(np.count_nonzero(allowed))
        return self.gpu if self.gpu and wanted + left_out <= GPU_MOST else self.base.finder

    def _where(self, ids: NDArray[np.int64]) -> tuple[Places, Places]:
        """The place of each id in the base, and among what came since; -1 where it is not."""
        places, came = self.base.places(ids), positions(self.delta.ids, ids)
        if len(self.delta.gone):
            places[np.isin(ids, self.delta.gone)] = -1
        return places, came

    def _allowed(self, among: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
        """Which places of the base may be found; None for all."""
        if among is None:
            return self._still
        allowed = np.zeros(len(self.base.ids), bool)
        places = self.base.places(among)
        allowed[places[places >= 0]] = True
        return allowed if self._still is None else allowed & self._still

    @cached_property
    def _still(self) -> NDArray[np.bool_] | None:
        """Which places of the base are still there; None when all are."""
        if not len(self.delta.gone):
            return None
        still = np.ones(len(self.base.ids), bool)
        still[self.base.places(self.delta.gone)] = False
        return still


def state_of_vectors(path: Path) -> tuple[int, str, int]:
    """The generation, fingerprint and dimension of what was written to `path` and beside it; raise LibraryCorrupt.

    The vectors themselves are not looked at.
    """
    header = header_of(path)
    return Delta.open(beside(path), header).generation, header.fingerprint, header.dimension


def ids_of_vectors(path: Path) -> list[int]:
    """The ids in what was written to `path` and beside it, in no order; raise LibraryCorrupt."""
    header, known = peek(path)
    delta = Delta.open(beside(path), header)
    ids: list[int] = np.concatenate([np.setdiff1d(known, delta.gone), delta.ids]).tolist()
    return ids


def sums_of_vectors(path: Path) -> tuple[int, int]:
    """How many ids there are in what was written to `path` and beside it, and their sum; raise LibraryCorrupt."""
    header, known = peek(path)
    delta = Delta.open(beside(path), header)
    count = len(known) - len(delta.gone) + len(delta.ids)
    return count, int(known.sum() - delta.gone.sum() + delta.ids.sum())


def rebuild_vectors(path: Path, blocks: Iterable[Block], *, generation: int, fingerprint: str, dimension: int) -> None:
    """Write blocks, whose ids ascend from one to the next, to `path`.

    Raises LibraryFull when the disk does not let us, and lets through what the blocks raise.
    """
    with _writing(path):
        write(path, blocks, generation=generation, fingerprint=fingerprint, dimension=dimension)
        beside(path).unlink(missing_ok=True)


def update_vectors(path: Path, *, removed: Iterable[int], added: Iterable[Block], generation: int) -> None:
    """Take `removed` out of what was written to `path`, and put blocks in, whose ids ascend from one to the next.

    An id that is there already gets its new vector. Raises LibraryCorrupt, and LibraryFull when the disk does not let
    us.
    """
    header, known = peek(path)
    delta = Delta.open(beside(path), header).changed(known, removed, joined(added, header.dimension), generation)
    with _writing(path):
        if not delta.outgrows(header.count):
            delta.save(beside(path))
            return
        blocks, learnt = merged(path, positions(known, delta.gone), (delta.ids, delta.rows))
        write(
            path,
            blocks,
            generation=generation,
            fingerprint=header.fingerprint,
            dimension=header.dimension,
            learnt=learnt,
        )
        beside(path).unlink(missing_ok=True)


def to_gpu(vectors: Vectors, notice: Callable[[str], None]) -> Vectors:
    """Search on the GPU where the installed faiss can; else give `vectors` back and say why through `notice`.

    What changed since the base was written is compared on the CPU.
    """
    if vectors.gpu is not None:
        return vectors
    if not has_gpu():
        notice("The installed faiss has no GPU to work on; vectors are searched on the CPU.")
        return vectors
    base = vectors.base
    return Vectors(base, vectors.delta, gpu=GpuFinder(base.blocks(), vectors.dimension))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LibraryFull(f"cannot write {path}: {error.strerror}; make room or check who may write there") from error
