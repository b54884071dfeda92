"""The larger part of a library's vectors: a file that never changes once it is written, and is shared by snapshots.

It is derived from the catalogue and can always be made again. It is laid out as

    magic (8 bytes) | CRC-32 of the rest of the header (little-endian uint32) | header (JSON, filled up to 4096 bytes)
    | rows (count, dimension) float16 | ids (count) int64, ascending
    | if there are enough rows for them: pieces float32 | codes uint8 (see `indexer.codes`)

where the header carries the CRC-32 of each part, so that no damaged byte goes unseen.
"""

from __future__ import annotations

import json
import os
import struct
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias
from uuid import uuid4
from zlib import crc32

import numpy as np
from numpy.typing import DTypeLike, NDArray

from indexer.codes import BITS, PIECE, SAMPLE, Book, CodeFinder, Codes, Finder, FlatFinder, Places, has_codes
from indexer.errors import LibraryCorrupt
from indexer.types import Matrix
from indexer.whole import replaced

MAGIC = b"FNVECT02"
PREFIX = struct.Struct("<8sI")
HEADER_BYTES = 4096

HELD_BYTES = 128 << 20
"""Rows that take no more than this are held in memory, as float32 if that takes no more either; others stay in the
file, and are read as needed."""

AT_ONCE = 8192
"""So many rows are worked on at once."""
PIECE_BYTES = 1 << 20

SINGLES: NDArray[np.float32] = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
"""Every number of float16 by its bits: to look one up takes half the time that numpy needs to make it."""

Stamp: TypeAlias = tuple[int, ...]
Halves: TypeAlias = NDArray[np.float16]
Block: TypeAlias = tuple[NDArray[np.int64], Halves]
"""Some ids, ascending, and their vectors as the catalogue has them."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file of vectors says of itself. `parts` has the length in bytes and the CRC-32 of each, in their order.

    `learnt_from` is how many vectors there were when the codes were learnt, 0 without codes.
    """

    identity: str
    generation: int
    fingerprint: str
    dimension: int
    count: int
    learnt_from: int = 0
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)


class Rows(Protocol):
    """Vectors by their place."""

    def take(self, places: Places) -> Matrix:
        """Those at some places, of unit norm: (n, dimension)."""
        ...


class Held:
    """Vectors in memory."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix

    def take(self, places: Places) -> Matrix:
        """Copy them."""
        return self._matrix[places]


class Halved:
    """Vectors in memory, as they are in the file."""

    def __init__(self, halves: Halves) -> None:
        self._halves = halves

    def take(self, places: Places) -> Matrix:
        """Make them whole."""
        return restored(self._halves[places])


class Filed:
    """Vectors in a file, which stays open as long as somebody has this: it may be replaced by another meanwhile.

    It is read and not mapped, because what is mapped counts as memory of this process, and one that is cut off would
    end the process.
    """

    def __init__(self, descriptor: int, dimension: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._bytes = 2 * dimension
        weakref.finalize(self, os.close, self._descriptor)

    def take(self, places: Places) -> Matrix:
        """Read them; raise LibraryCorrupt when the file was cut off since it was opened."""
        return restored(self.halves(places))

    def halves(self, places: Places) -> Halves:
        """Read them as they are stored, what lies side by side at once; raise LibraryCorrupt as `take` does."""
        file, size = self._descriptor, self._bytes
        ends = np.append(np.flatnonzero(np.diff(places) != 1) + 1, len(places))
        starts = np.append(0, ends[:-1])
        runs = zip(places[starts].tolist(), (ends - starts).tolist(), strict=True) if len(places) else ()
        data = b"".join([os.pread(file, size * length, HEADER_BYTES + size * place) for place, length in runs])
        if len(data) != size * len(places):
            raise LibraryCorrupt("vectors.faiss was cut off; it is made again from the catalogue at the next use")
        return np.frombuffer(data, "<f2").reshape(len(places), size // 2)


class Base:
    """Vectors of unit norm under ids, in memory or in a file.

    `ids` (n,) ascend; a place is a position among them. `stamp` tells whether a file is still the one that was opened.
    """

    def __init__(
        self, header: Header, ids: NDArray[np.int64], rows: Rows, learnt: tuple[Book, Codes] | None, stamp: Stamp = ()
    ) -> None:
        self.header = header
        self.ids = ids
        self.rows = rows
        self.stamp = stamp
        self.learnt = learnt

    @classmethod
    def build(cls, blocks: Iterable[Block], *, generation: int, fingerprint: str, dimension: int) -> Self:
        """Make one in memory."""
        ids, rows = joined(blocks, dimension)
        matrix = restored(rows)
        header = Header(uuid4().hex, generation, fingerprint, dimension, len(ids))
        learnt = None
        if has_codes(len(ids), dimension):
            book = Book.learn(matrix[_sample(len(ids))], len(ids))
            learnt = book, book.encode(matrix)
        return cls(header, ids, Held(matrix), learnt)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what was written, and check every byte; raise LibraryCorrupt when it is missing, cut off or damaged."""
        with _reading(path) as file:
            header = _header(path, file)
            stamp = stamp_of(os.fstat(file.fileno()))
            shape = (header.count, header.dimension)
            rows: Rows
            if not header.learnt_from or header.parts["rows"][0] <= HELD_BYTES:
                halves: Halves = _array(path, file, header, "rows", "<f2", shape)
                rows = Held(restored(halves)) if 2 * halves.nbytes <= HELD_BYTES else Halved(halves)
            else:
                _check(path, file, header, "rows")
                rows = Filed(file.fileno(), header.dimension)
            ids: NDArray[np.int64] = _array(path, file, header, "ids", "<i8", (header.count,))
            learnt = _learnt(path, file, header)
            return cls(header, ids, rows, learnt, stamp)

    def is_in(self, path: Path) -> bool:
        """Whether the file there is the one that this was read from."""
        try:
            return stamp_of(path.stat()) == self.stamp
        except OSError:
            return False

    @cached_property
    def finder(self) -> Finder:
        """What finds the nearest, or candidates for them where there are codes."""
        if self.learnt:
            return CodeFinder(*self.learnt, self.header.dimension)
        return FlatFinder(self.rows.take(np.arange(len(self.ids))))

    def places(self, ids: NDArray[np.int64]) -> Places:
        """The place of each id; -1 for one that is not here."""
        return positions(self.ids, ids)

    def blocks(self) -> Iterator[Matrix]:
        """All vectors, some at a time."""
        for first in range(0, len(self.ids), AT_ONCE):
            yield self.rows.take(np.arange(first, min(first + AT_ONCE, len(self.ids)), dtype=np.int64))


def positions(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> Places:
    """Where each of some numbers is among others, which ascend; -1 for one that is not."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, at, -1)


def joined(blocks: Iterable[Block], dimension: int) -> Block:
    """All blocks as one."""
    several = [(np.zeros(0, np.int64), np.zeros((0, dimension), np.float16)), *blocks]
    return np.concatenate([ids for ids, _ in several]), np.concatenate([rows for _, rows in several])


def stamp_of(status: os.stat_result) -> Stamp:
    """What differs after a file was replaced or written."""
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def header_of(path: Path) -> Header:
    """Read what a file says of itself; raise LibraryCorrupt. What else is in it may be damaged."""
    with _reading(path) as file:
        return _header(path, file)


def peek(path: Path) -> tuple[Header, NDArray[np.int64]]:
    """Read what a file says of itself, and its ids; as `header_of`."""
    with _reading(path) as file:
        header = _header(path, file)
        file.seek(_offset(header, "ids"))
        return header, _array(path, file, header, "ids", "<i8", (header.count,))


def write(
    path: Path,
    blocks: Iterable[Block],
    *,
    generation: int,
    fingerprint: str,
    dimension: int,
    learnt: tuple[Book, Codes] | None = None,
) -> None:
    """Write blocks, whose ids ascend from one to the next.

    `learnt` are the codes of all rows, if there are some that are good enough. Raises OSError, and lets through what
    the blocks raise.
    """
    with replaced(path) as new, new.open("w+b") as file:
        file.write(bytes(HEADER_BYTES))
        numbers, checksum = [np.zeros(0, np.int64)], 0
        for ids, rows in blocks:
            data = rows.astype("<f2", copy=False).tobytes()
            checksum = crc32(data, checksum)
            file.write(data)
            numbers.append(ids)
        ids = np.concatenate(numbers)
        if not has_codes(len(ids), dimension):
            learnt = None
        elif learnt is None:
            file.flush()
            learnt = _learn(Filed(file.fileno(), dimension), len(ids))
        parts = {"rows": (2 * dimension * len(ids), checksum)}
        arrays: dict[str, NDArray[np.generic]] = {"ids": ids.astype("<i8", copy=False)}
        if learnt:
            arrays |= {"pieces": learnt[0].pieces, "codes": learnt[1]}
        for name, array in arrays.items():
            view = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
            parts[name] = (len(view), crc32(view))
            file.write(view)
        learnt_from = learnt[0].learnt_from if learnt else 0
        header = Header(uuid4().hex, generation, fingerprint, dimension, len(ids), learnt_from, parts)
        text = json.dumps(asdict(header)).encode().ljust(HEADER_BYTES - PREFIX.size)
        file.seek(0)
        file.write(PREFIX.pack(MAGIC, crc32(text)) + text)
        file.flush()
        os.fsync(file.fileno())


def merged(path: Path, gone: Places, added: Block) -> tuple[Iterator[Block], tuple[Book, Codes] | None]:
    """What is in the file, without the rows at the places `gone`, and with others, which have ids of their own.

    The codes are given where what they were learnt from is still enough. Raises LibraryCorrupt, also while the blocks
    are read.
    """
    with _reading(path) as file:
        header = _header(path, file)
        _check(path, file, header, "rows")
        ids: NDArray[np.int64] = _array(path, file, header, "ids", "<i8", (header.count,))
        learnt = _learnt(path, file, header)
        rows = Filed(file.fileno(), header.dimension)
    kept = np.ones(len(ids), bool)
    kept[gone] = False
    order = np.concatenate([np.flatnonzero(kept), len(ids) + np.arange(len(added[0]))])
    order = order[np.argsort(np.concatenate([ids, added[0]])[order], kind="stable")]
    if learnt is not None:
        book, codes = learnt
        suits = book.suits(len(order))
        learnt = (book, np.concatenate([codes, book.encode(restored(added[1]))])[order]) if suits else None
    return _put_together(ids, rows, added, order), learnt


def restored(rows: Halves) -> Matrix:
    """Rows as float32, of unit norm: float16 takes a little of the length."""
    matrix = SINGLES.take(rows.view(np.uint16))
    norms = np.sqrt(np.einsum("nd,nd->n", matrix, matrix))
    matrix /= np.maximum(norms, 1e-9)[:, np.newaxis]
    return matrix


def _put_together(ids: NDArray[np.int64], rows: Filed, added: Block, order: Places) -> Iterator[Block]:
    count = len(ids)
    for first in range(0, len(order), AT_ONCE):
        block = order[first : first + AT_ONCE]
        old = block < count
        numbers = np.empty(len(block), np.int64)
        halves = np.empty((len(block), added[1].shape[1]), np.float16)
        numbers[old], halves[old] = ids[block[old]], rows.halves(block[old])
        numbers[~old], halves[~old] = added[0][block[~old] - count], added[1][block[~old] - count]
        yield numbers, halves


def _sample(count: int) -> Places:
    """Places to learn from, ascending."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, SAMPLE), replace=False))


def _learn(rows: Filed, count: int) -> tuple[Book, Codes]:
    book = Book.learn(rows.take(_sample(count)), count)
    firsts = range(0, count, AT_ONCE)
    return book, np.concatenate([book.encode(rows.take(np.arange(n, min(n + AT_ONCE, count)))) for n in firsts])


def _reading(path: Path) -> FileIO:
    try:
        return FileIO(path)
    except OSError as error:
        raise corrupt(path, error.strerror or str(error)) from error


def _header(path: Path, file: FileIO) -> Header:
    data = file.read(HEADER_BYTES)
    if len(data) < HEADER_BYTES:
        raise corrupt(path, "it is cut off")
    magic, checksum = PREFIX.unpack_from(data)
    text = data[PREFIX.size :]
    if magic != MAGIC:
        raise corrupt(path, "it is no file of vectors, or one of another version")
    if crc32(text) != checksum:
        raise corrupt(path, "its header is damaged")
    try:
        fields = json.loads(text)
        parts = {name: (length, checksum) for name, (length, checksum) in fields.pop("parts").items()}
        header = Header(**fields, parts=parts)
    except (KeyError, TypeError, ValueError) as error:
        raise corrupt(path, "it is of another version") from error
    if os.fstat(file.fileno()).st_size != HEADER_BYTES + sum(length for length, _ in header.parts.values()):
        raise corrupt(path, "it is cut off, or longer than it says")
    return header


def _offset(header: Header, name: str) -> int:
    offset = HEADER_BYTES
    for part, (length, _) in header.parts.items():
        if part == name:
            break
        offset += length
    return offset


def _check(path: Path, file: FileIO, header: Header, name: str) -> None:
    """Compare the checksum of the part that comes next."""
    length, expected = header.parts[name]
    checksum = 0
    while length and (data := file.read(min(length, PIECE_BYTES))):
        checksum = crc32(data, checksum)
        length -= len(data)
    if length or checksum != expected:
        raise corrupt(path, f"its {name} are damaged or cut off")


def _array(
    path: Path, file: FileIO, header: Header, name: str, kind: DTypeLike, shape: tuple[int, ...]
) -> NDArray[Any]:
    """Read the part that comes next."""
    array = np.empty(shape, kind)
    view = array.reshape(-1).view(np.uint8).data
    read = 0
    while read < len(view) and (more := file.readinto(view[read:])):
        read += more
    if header.parts[name] != (len(view), crc32(view)):
        raise corrupt(path, f"its {name} are damaged or cut off")
    return array


def _learnt(path: Path, file: FileIO, header: Header) -> tuple[Book, Codes] | None:
    if not header.learnt_from:
        return None
    count = header.dimension // PIECE
    pieces = _array(path, file, header, "pieces", "<f4", (count, 1 << BITS, PIECE))
    return Book(pieces, header.learnt_from), _array(path, file, header, "codes", "u1", (header.count, count // 2))


def corrupt(path: Path, why: str) -> LibraryCorrupt:
    """Say that a file of vectors cannot be used."""
    return LibraryCorrupt(f"{path} cannot be used: {why}; run `footnote index` to rebuild it from the catalogue")
