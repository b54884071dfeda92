"""Nearest neighbours by cosine: the only importer of faiss.

A file of vectors is derived from the catalogue and can always be made again. It is laid out as

    magic (8 bytes) | length of the header, its CRC-32 (two little-endian uint32) | header (JSON) | faiss index

where the header carries the CRC-32 of the index, so that no damaged byte goes unseen.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from indexer.errors import LibraryCorrupt, LibraryFull
from indexer.types import Matrix

MAGIC = b"FNVECT01"
PREFIX = struct.Struct("<8sII")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file of vectors says of itself."""

    generation: int
    fingerprint: str
    dimension: int
    count: int
    crc32: int


class Vectors:
    """Vectors of unit norm under integer ids. Never changes: `updated` gives a new one, and readers keep the old.

    `generation` is that of the catalogue it was made from, `fingerprint` that of the encoder.
    """

    def __init__(
        self,
        index: Any,
        *,
        generation: int,
        fingerprint: str,
        searcher: Any = None,
        guard: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._index = index
        self._generation = generation
        self._fingerprint = fingerprint
        self._searcher = index if searcher is None else searcher
        self._guard = nullcontext() if guard is None else guard

    @classmethod
    def build(
        cls, ids: NDArray[np.int64], vectors: Matrix, *, generation: int, fingerprint: str, dimension: int
    ) -> Vectors:
        """Index `vectors`, (n, dimension), float32, rows of unit norm, under `ids`, (n,), each of them once."""
        import faiss

        index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(ids, np.int64))
        return cls(index, generation=generation, fingerprint=fingerprint)

    @classmethod
    def open(cls, path: Path) -> Vectors:
        """Read what `save` wrote; raise LibraryCorrupt when it is missing, cut off or damaged."""
        import faiss

        try:
            data = memoryview(path.read_bytes())
        except OSError as error:
            raise _corrupt(path, error.strerror or str(error)) from error
        header, payload = _unpack(path, data)
        index = faiss.deserialize_index(np.frombuffer(payload, np.uint8))
        return cls(index, generation=header.generation, fingerprint=header.fingerprint)

    @property
    def generation(self) -> int:
        """The generation of the catalogue that these vectors belong to."""
        return self._generation

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the encoder that made these vectors."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def updated(self, *, removed: Sequence[int], ids: NDArray[np.int64], vectors: Matrix, generation: int) -> Vectors:
        """Copy without `removed` and with `vectors` under `ids`; an id that is there already gets its new vector."""
        old_ids, old_vectors = self._stored()
        kept = ~np.isin(old_ids, np.concatenate([np.asarray(removed, np.int64), ids]))
        return Vectors.build(
            np.concatenate([old_ids[kept], ids]),
            np.concatenate([old_vectors[kept], vectors]),
            generation=generation,
            fingerprint=self.fingerprint,
            dimension=self.dimension,
        )

    def save(self, path: Path) -> None:
        """Write beside `path`, then rename into place; raise LibraryFull when the disk does not let us."""
        import faiss

        payload = faiss.serialize_index(self._index).data
        header = Header(self.generation, self.fingerprint, self.dimension, len(self), crc32(payload))
        text = json.dumps(asdict(header)).encode()
        beside = path.with_name(f"{path.name}.new")
        try:
            with beside.open("wb") as file:
                file.write(PREFIX.pack(MAGIC, len(text), crc32(text)))
                file.write(text)
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise LibraryFull(
                f"cannot write {path}: {error.strerror}; make room or check who may write there"
            ) from error

    def search(
        self, vector: NDArray[np.float32], k: int, among: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """Find the `k` nearest to `vector`, (dimension,), unit norm: (id, cosine), best first, fewer if there are.

        With `among`, (n,), only these ids are found; they are compared on the CPU.
        """
        if among is None:
            return self.search_many(vector[np.newaxis], k)[0]
        k = min(k, len(self), len(among))
        if k < 1:
            return []
        import faiss

        chosen = np.zeros(int(among.max()) + 1, bool)
        chosen[among] = True
        # the stubs know the constructors of C++, not those that faiss puts in their place
        selector = faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))  # type: ignore[call-arg,arg-type]
        only = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        faiss.omp_set_num_threads(1)
        scores, ids = self._index.search(np.ascontiguousarray(vector[np.newaxis], np.float32), k, params=only)
        return [(int(number), float(score)) for number, score in zip(ids[0], scores[0], strict=True) if number != -1]

    def search_many(self, matrix: Matrix, k: int) -> list[list[tuple[int, float]]]:
        """Do `search` for each row of `matrix`, (n, dimension)."""
        k = min(k, len(self))
        if k < 1:
            return [[] for _ in matrix]
        import faiss

        # One search waits for memory, not for a core: more threads only take time to wake. Set for the calling thread.
        faiss.omp_set_num_threads(1 if len(matrix) == 1 else os.cpu_count() or 1)
        with self._guard:
            scores, ids = self._searcher.search(np.ascontiguousarray(matrix, np.float32), k)
        return [
            [(number, score) for number, score in zip(*row, strict=True) if number != -1]
            for row in zip(ids.tolist(), scores.tolist(), strict=True)
        ]

    def get(self, ids: Sequence[int]) -> Matrix:
        """Fetch the stored vectors of `ids`: (len(ids), dimension); raise LibraryCorrupt when one is not there."""
        if not ids:
            return np.zeros((0, self.dimension), np.float32)
        try:
            vectors: Matrix = self._index.reconstruct_batch(np.asarray(ids, np.int64))
        except RuntimeError as error:
            raise LibraryCorrupt(
                "a passage has no vector in vectors.faiss; run `footnote index` to rebuild it from the catalogue"
            ) from error
        return vectors

    def cosines(self, vector: NDArray[np.float32], ids: Sequence[int]) -> NDArray[np.float32]:
        """The cosine of each of `ids` to `vector`, (dimension,), unit norm; 0 for one that has no vector here."""
        found = np.zeros(len(ids), np.float32)
        known, rows, matrix = self._table
        if len(known):
            at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
            here = known[at] == ids
            found[here] = np.einsum("nd,d->n", matrix[rows[at[here]]], vector)  # a product this small is none for BLAS
        return found

    @cached_property
    def _table(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Matrix]:
        """The ids, ascending, the row of each, and the rows: a view of what faiss holds."""
        import faiss

        ids: NDArray[np.int64] = faiss.vector_to_array(self._index.id_map)
        rows = np.argsort(ids)
        if not len(ids):
            return ids, rows, np.zeros((0, self.dimension), np.float32)
        flat: Any = faiss.downcast_index(self._index.index)
        matrix: Matrix = faiss.rev_swig_ptr(flat.get_xb(), len(ids) * self.dimension).reshape(-1, self.dimension)
        return ids[rows], rows, matrix

    def _stored(self) -> tuple[NDArray[np.int64], Matrix]:
        import faiss

        ids: NDArray[np.int64] = faiss.vector_to_array(self._index.id_map)
        flat = faiss.downcast_index(self._index.index)
        return ids, flat.reconstruct_n(0, len(self)) if len(self) else self.get([])


def to_gpu(vectors: Vectors, notice: Callable[[str], None]) -> Vectors:
    """Search on the GPU where the installed faiss can; else give `vectors` back and say why through `notice`."""
    import faiss

    if not hasattr(faiss, "StandardGpuResources") or not faiss.get_num_gpus():
        notice("The installed faiss has no GPU to work on; vectors are searched on the CPU.")
        return vectors
    searcher = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, vectors._index)  # noqa: SLF001
    return Vectors(
        vectors._index,  # noqa: SLF001
        generation=vectors.generation,
        fingerprint=vectors.fingerprint,
        searcher=searcher,
        guard=threading.Lock(),  # faiss lets one thread at a time use the memory of a GPU
    )


def _unpack(path: Path, data: memoryview) -> tuple[Header, memoryview]:
    if len(data) < PREFIX.size:
        raise _corrupt(path, "it is cut off")
    magic, length, checksum = PREFIX.unpack_from(data)
    text = data[PREFIX.size : PREFIX.size + length]
    if magic != MAGIC or len(text) != length or crc32(text) != checksum:
        raise _corrupt(path, "its header is damaged")
    header = Header(**json.loads(bytes(text)))
    payload = data[PREFIX.size + length :]
    if crc32(payload) != header.crc32:
        raise _corrupt(path, "its index is damaged or cut off")
    return header, payload


def _corrupt(path: Path, why: str) -> LibraryCorrupt:
    return LibraryCorrupt(f"{path} cannot be used: {why}; run `footnote index` to rebuild it from the catalogue")
