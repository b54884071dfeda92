"""Codes of vectors, a sixteenth of their size: quick to go through for what may be nearest. The only importer of faiss.

A vector is cut into pieces of two components, and each piece becomes the number of the nearest of sixteen that were
learnt: a product code of four bits a piece (Jégou et al. 2011), which faiss goes through with the shuffles of SIMD
(André et al. 2015). The codes of very many vectors are kept in lists, each around a centre (an inverted file), and a
search looks into the nearest quarter of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.types import Matrix

Places: TypeAlias = NDArray[np.int64]
"""Rows of a matrix, by their position."""

FLAT_MOST = 8192
"""Up to so many vectors are compared one by one, without faiss: as quick, and nothing has to be imported."""

LISTS_FROM = 262_144
"""From so many on codes are kept in lists: below, going through all of them takes no longer than a millisecond."""

SEARCHED = 4
"""One list in so many is searched."""

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
    """What codes are made by: `pieces`, (dimension / PIECE, 16, PIECE), and the `centres` of lists, (lists, dimension).

    Without lists there are no centres. `learnt_from` is how many vectors there were then.
    """

    pieces: NDArray[np.float32]
    centres: Matrix
    learnt_from: int

    @classmethod
    def learn(cls, sample: Matrix, count: int) -> Book:
        """Learn from some of `count` vectors."""
        import faiss

        dimension = sample.shape[1]
        quantizer = _quantizer(dimension)
        quantizer.cp.niter = ROUNDS
        quantizer.train(sample)
        pieces = faiss.vector_to_array(quantizer.centroids).reshape(-1, 1 << BITS, PIECE)
        if count < LISTS_FROM:
            return cls(pieces, np.zeros((0, dimension), np.float32), count)
        lists = 1 << round(np.log2(2 * sqrt(count)))
        clusters = faiss.Kmeans(
            dimension,
            min(lists, len(sample)),
            niter=ROUNDS,
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=len(sample),
        )
        clusters.train(sample)
        return cls(pieces, np.asarray(clusters.centroids), count)

    def suits(self, count: int) -> bool:
        """Whether it is good enough for so many vectors."""
        return count < OUTGROWN * self.learnt_from and (bool(len(self.centres)) or count < LISTS_FROM)

    def encode(self, rows: Matrix) -> Codes:
        """The codes of vectors, (n, dimension)."""
        import faiss

        quantizer = _quantizer(rows.shape[1])
        faiss.copy_array_to_vector(self.pieces.ravel(), quantizer.centroids)
        codes = quantizer.compute_codes(rows)
        if not len(self.centres):
            return Codes(codes, np.zeros(0, np.uint16))
        centres = faiss.IndexFlatIP(rows.shape[1])
        centres.add(self.centres)
        return Codes(codes, centres.search(rows, 1)[1][:, 0].astype(np.uint16))


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of n vectors, (n, dimension / 4), and the list that each is in, (n,), where there are lists."""

    codes: NDArray[np.uint8]
    lists: NDArray[np.uint16]

    def put_together(self, order: Places, others: Codes) -> Codes:
        """These and others, in some order: of all of them, one after the other."""
        codes = np.concatenate([self.codes, others.codes])[order]
        return Codes(codes, np.concatenate([self.lists, others.lists])[order] if len(self.lists) else self.lists)


class Finder(Protocol):
    """Finds candidates for the nearest of vectors."""

    def find(self, vector: NDArray[np.float32], most: int, among: NDArray[np.bool_] | None) -> Places:
        """Up to `most` places of vectors that may be nearest to `vector`, in no order.

        With `among`, (n,), only places where it is true. As many as there are, if those are fewer than `most`.
        """
        ...


class CodeFinder:
    """Goes through codes. Safe to share between threads."""

    def __init__(self, book: Book, codes: Codes, dimension: int) -> None:
        import faiss

        self._centres = faiss.IndexFlatIP(dimension)  # faiss only borrows it
        self._centres.add(book.centres if len(book.centres) else np.zeros((1, dimension), np.float32))
        plain: Any = faiss.IndexIVFPQ(
            self._centres, dimension, self._centres.ntotal, dimension // PIECE, BITS, faiss.METRIC_INNER_PRODUCT
        )
        plain.by_residual, plain.is_trained = False, True
        faiss.copy_array_to_vector(book.pieces.ravel(), plain.pq.centroids)
        for number, places in enumerate(_members(codes, self._centres.ntotal)):
            listed = codes.codes[places]
            plain.invlists.add_entries(number, len(places), faiss.swig_ptr(places), faiss.swig_ptr(listed))
        plain.ntotal = len(codes.codes)
        self._index = faiss.IndexIVFPQFastScan(plain)
        self._index.orig_invlists = None  # goes with `plain`

    def find(self, vector: NDArray[np.float32], most: int, among: NDArray[np.bool_] | None) -> Places:
        """Look into the nearest lists, and into all of them where those do not have enough."""
        import faiss

        # One search waits for memory, not for a core: more threads only take time to wake. Set for the calling thread.
        faiss.omp_set_num_threads(1)
        lists = self._index.nlist
        selector = None
        if among is not None:
            # the stubs know the constructors of C++, not those that faiss puts in their place
            selector = faiss.IDSelectorBitmap(np.packbits(among, bitorder="little"))  # type: ignore[call-arg,arg-type]
        for searched in (-(-lists // SEARCHED), lists):
            how = faiss.SearchParametersIVF(sel=selector, nprobe=searched)  # type: ignore[call-arg]
            _, found = self._index.search(vector[np.newaxis], most, params=how)
            places: Places = found[0][found[0] >= 0]
            if len(places) == most or searched == lists:
                break
        return places


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


def has_gpu() -> bool:
    """Whether the installed faiss can use a GPU, and there is one."""
    import faiss

    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def kind(book: Book | None) -> str:
    """What a search goes through, in words."""
    if book is None:
        return "flat"
    return f"IVF {len(book.centres)} lists, 4-bit product codes" if len(book.centres) else "4-bit product codes"


def has_codes(count: int, dimension: int) -> bool:
    """Whether so many vectors have codes: two components a piece and two pieces a byte."""
    return count > FLAT_MOST and dimension % (2 * PIECE) == 0


def _quantizer(dimension: int) -> Any:
    import faiss

    return faiss.ProductQuantizer(dimension, dimension // PIECE, BITS)


def _members(codes: Codes, lists: int) -> Iterator[Places]:
    """The places in each list, ascending."""
    if not len(codes.lists):
        yield np.arange(len(codes.codes), dtype=np.int64)
        return
    order = np.argsort(codes.lists, kind="stable")
    ends = np.searchsorted(codes.lists[order], np.arange(lists + 1))
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        yield order[first:last].astype(np.int64)
