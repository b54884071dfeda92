"""What faiss goes through for what may be nearest: vectors, or codes a sixteenth of their size. Its only importer.

For a code, a vector is cut into pieces of two components, and each piece becomes the number of the nearest of sixteen
that were learnt: a product code of four bits a piece (Jégou et al. 2011), which faiss goes through with the shuffles of
SIMD (André et al. 2015), a million in some milliseconds. All of them: of lists around centres (an inverted file), half
had to be searched to find as much, because questions lie between the passages.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.types import Matrix

Codes: TypeAlias = NDArray[np.uint8]
"""The codes of n vectors, (n, dimension / 4)."""

Places: TypeAlias = NDArray[np.int64]
"""Rows of a matrix, by their position."""

FLAT_MOST = 8192
"""Up to so many vectors are compared one by one, which is then as quick."""

OUTGROWN = 4
"""What was learnt is learnt again once there are so many times as many vectors."""

SAMPLE = 65_536
PIECE = 2
BITS = 4
ROUNDS = 10
"""How often the sample is gone through: more gained nothing."""

GPU_MOST = 2048
"""So many at most faiss finds on a GPU."""


@dataclass(frozen=True, slots=True)
class Book:
    """What codes are made by: `pieces`, (dimension / PIECE, 16, PIECE).

    `learnt_from` is how many vectors there were then.
    """

    pieces: NDArray[np.float32]
    learnt_from: int

    @classmethod
    def learn(cls, sample: Matrix, count: int) -> Book:
        """Learn from some of `count` vectors."""
        import faiss

        quantizer = _quantizer(sample.shape[1])
        quantizer.cp.niter = ROUNDS
        quantizer.cp.min_points_per_centroid = 1
        quantizer.train(sample)
        return cls(faiss.vector_to_array(quantizer.centroids).reshape(-1, 1 << BITS, PIECE), count)

    def suits(self, count: int) -> bool:
        """Whether it is good enough for so many vectors."""
        return count < OUTGROWN * self.learnt_from

    def encode(self, rows: Matrix) -> Codes:
        """The codes of vectors, (n, dimension)."""
        import faiss

        quantizer = _quantizer(rows.shape[1])
        faiss.copy_array_to_vector(self.pieces.ravel(), quantizer.centroids)
        codes: Codes = quantizer.compute_codes(rows)
        return codes


class Finder(Protocol):
    """Finds candidates for the nearest of vectors."""

    def find(self, vector: NDArray[np.float32], most: int, among: NDArray[np.bool_] | None) -> Places:
        """Up to `most` places of vectors that may be nearest to `vector`, in no order.

        With `among`, (n,), only places where it is true. As many as there are, if those are fewer than `most`.
        """
        ...


class FlatFinder:
    """Compares all vectors. Safe to share between threads."""

    def __init__(self, matrix: Matrix) -> None:
        import faiss

        self._index = faiss.IndexFlatIP(matrix.shape[1])
        self._index.add(matrix)

    def find(self, vector: NDArray[np.float32], most: int, among: NDArray[np.bool_] | None) -> Places:
        """The nearest, exactly."""
        import faiss

        # One search waits for memory, not for a core: more threads only take time to wake. Set for the calling thread.
        faiss.omp_set_num_threads(1)
        how = faiss.SearchParameters(sel=_selector(among))  # type: ignore[call-arg]
        return _found(self._index.search(vector[np.newaxis], most, params=how))


class CodeFinder:
    """Goes through codes. Safe to share between threads."""

    def __init__(self, book: Book, codes: Codes, dimension: int) -> None:
        import faiss

        # One list that holds everything, because faiss leaves out what is not wanted only of what lies in lists.
        self._centre = faiss.IndexFlatIP(dimension)  # faiss only borrows it
        self._centre.add(np.zeros((1, dimension), np.float32))
        plain: Any = faiss.IndexIVFPQ(self._centre, dimension, 1, dimension // PIECE, BITS, faiss.METRIC_INNER_PRODUCT)
        plain.by_residual, plain.is_trained, plain.ntotal = False, True, len(codes)
        faiss.copy_array_to_vector(book.pieces.ravel(), plain.pq.centroids)
        places = np.arange(len(codes), dtype=np.int64)
        plain.invlists.add_entries(0, len(codes), faiss.swig_ptr(places), faiss.swig_ptr(codes))
        self._index = faiss.IndexIVFPQFastScan(plain)
        self._index.orig_invlists = None  # goes with `plain`

    def find(self, vector: NDArray[np.float32], most: int, among: NDArray[np.bool_] | None) -> Places:
        """Those whose codes are nearest."""
        import faiss

        faiss.omp_set_num_threads(1)
        how = faiss.SearchParametersIVF(sel=_selector(among), nprobe=1)  # type: ignore[call-arg]
        return _found(self._index.search(vector[np.newaxis], most, params=how))


class GpuFinder:
    """Compares all vectors on a GPU, where they lie as float16.

    It finds GPU_MOST at most, counting those that are left out afterwards because they are not `among` the wanted.
    """

    def __init__(self, blocks: Iterable[Matrix], dimension: int) -> None:
        import faiss

        self._resources = faiss.StandardGpuResources()
        how = faiss.GpuClonerOptions()
        how.useFloat16 = True
        self._index = faiss.index_cpu_to_gpu(self._resources, 0, faiss.IndexFlatIP(dimension), how)
        for block in blocks:
            self._index.add(block)
        self._one_at_a_time = threading.Lock()  # faiss lets one thread at a time use the memory of a GPU

    def find(self, vector: NDArray[np.float32], most: int, among: NDArray[np.bool_] | None) -> Places:
        """Search all, and leave out what is not wanted."""
        left_out = 0 if among is None else len(among) - int(np.count_nonzero(among))
        with self._one_at_a_time:
            _, found = self._index.search(vector[np.newaxis], min(most + left_out, self._index.ntotal))
        places: Places = found[0][found[0] >= 0]
        return places[:most] if among is None else places[among[places]][:most]


def _selector(among: NDArray[np.bool_] | None) -> Any:
    import faiss

    # the stubs know the constructors of C++, not those that faiss puts in their place
    return None if among is None else faiss.IDSelectorBitmap(np.packbits(among, bitorder="little"))  # type: ignore[call-arg,arg-type]


def _found(result: tuple[NDArray[np.float32], NDArray[np.int64]]) -> Places:
    places: Places = result[1][0]
    return places[places >= 0]


def has_gpu() -> bool:
    """Whether the installed faiss can use a GPU, and there is one."""
    import faiss

    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def has_codes(count: int, dimension: int) -> bool:
    """Whether so many vectors have codes: two components a piece and two pieces a byte."""
    return count > FLAT_MOST and dimension % (2 * PIECE) == 0


def _quantizer(dimension: int) -> Any:
    import faiss

    faiss.omp_set_num_threads(1)  # pieces are small: threads wait for each other, long when others use the cores
    return faiss.ProductQuantizer(dimension, dimension // PIECE, BITS)
