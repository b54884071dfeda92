"""The map of a library: where every passage lies in two dimensions, and what the regions are called.

It is derived from the catalogue, as the other stores are, but nothing waits for it: where it is missing, damaged or of
another model, the library is whole without it, and the next run lays it out again. It may be older than the catalogue.
Passages that came since are put beside its landmarks by whoever reads it, those that went are left out; ids are never
given twice. So a note that is saved costs nothing here. A run that brought many passages writes their places, and one
after which the library is half as large again lays all out anew, from where it lies.

    magic (8 bytes) | length of the header, its CRC-32 (two little-endian uint32) | header (JSON)
    | ids (int64), places (float32) | the same of the landmarks, and their vectors (float16)

where the header carries the CRC-32 of what follows.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from indexer.base import positions, restored
from indexer.beside import Beside
from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE
from indexer.derived import MAP, Notice
from indexer.errors import LibraryCorrupt
from indexer.layout import Landmarks, Points, choose, lay_out
from indexer.regions import Region, Wording, name_regions
from indexer.types import Matrix
from indexer.whole import replaced

MAGIC = b"FNMAP001"
PREFIX = struct.Struct("<8sII")

LEAST = 10
"""Of fewer passages there is no map."""

OUTGROWN = 1.5
"""All is laid out anew when there are so many times as many passages as the last time, or as few."""

FEW = 256
"""So many passages that came since are placed by whoever reads the map; more are written."""

NICENESS, LONG = 5, 500
"""How far layouts of so many landmarks and more step back behind answers, where the system lets a thread do so."""

_SAME = 2e-3
_HEADER_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """What a map says of itself.

    `generation` and `fingerprint` are those of the catalogue that it was made from, `laid` how many passages there were
    when it was laid out, `newest` the highest id in it.
    """

    generation: int
    fingerprint: str
    laid: int
    newest: int

    def is_outgrown(self, count: int) -> bool:
        """Whether so many passages want a layout of their own."""
        return not self.laid / OUTGROWN <= count <= self.laid * OUTGROWN


@dataclass(frozen=True, slots=True)
class Map:
    """Where passages lie: `ids` (n,), ascending, and `points` (n, 2), aligned."""

    head: Head
    ids: NDArray[np.int64]
    points: Points
    landmarks: Landmarks
    regions: tuple[Region, ...]

    def place(self, ids: NDArray[np.int64], vectors: Callable[[NDArray[np.int64]], Matrix]) -> Points:
        """Where passages lie, (n, 2); `vectors` gives those, (m, dimension), of the ones that the map does not hold."""
        known = positions(self.ids, ids)
        found = np.empty((len(ids), 2), np.float32)
        found[known >= 0] = self.points[known[known >= 0]]
        if (new := ids[known < 0]).size:
            found[known < 0] = self.landmarks.place(new, vectors(new))
        return found

    def is_of(self, ids: NDArray[np.int64], vectors: Matrix) -> bool:
        """Whether passages are those that it was laid out for: whoever of them is a landmark has the same vector."""
        at = positions(self.landmarks.ids, ids)
        same = np.allclose(self.landmarks.vectors[at[at >= 0]], vectors[at >= 0], atol=_SAME)
        return bool((at >= 0).any()) and same

    def save(self, path: Path) -> None:
        """Write the map to `path`; raise OSError."""
        marks = self.landmarks
        payload = b"".join(
            (
                self.ids.astype("<i8").tobytes(),
                self.points.astype("<f4").tobytes(),
                marks.ids.astype("<i8").tobytes(),
                marks.points.astype("<f4").tobytes(),
                marks.vectors.astype("<f2").tobytes(),
            )
        )
        header = asdict(self.head) | {
            "count": len(self.ids),
            "landmarks": marks.vectors.shape,
            "gap": marks.gap,
            "regions": [asdict(region) for region in self.regions],
            "checksum": crc32(payload),
        }
        text = json.dumps(header).encode()
        with replaced(path) as new:  # not synced: what a power cut takes of it is laid out again
            new.write_bytes(PREFIX.pack(MAGIC, len(text), crc32(text)) + text + payload)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what was saved, and check every byte; raise LibraryCorrupt when it is missing, cut off or damaged."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _corrupt(path, error.strerror or str(error)) from error
        header, start = _header(path, data)
        payload = memoryview(data)[start:]
        try:
            count, (marks, dimension) = header["count"], header["landmarks"]
            kinds = (("<i8", count), ("<f4", 2 * count), ("<i8", marks), ("<f4", 2 * marks), ("<f2", dimension * marks))
            if crc32(payload) != header["checksum"]:
                raise _corrupt(path, "it is damaged or cut off")
            arrays, offset = [], 0
            for kind, length in kinds:
                arrays.append(np.frombuffer(payload, kind, length, offset))
                offset += arrays[-1].nbytes
            ids, points, mark_ids, mark_points, vectors = arrays
            rows = restored(vectors.reshape(marks, dimension))
            landmarks = Landmarks(mark_ids, rows, mark_points.reshape(-1, 2), header["gap"])
            regions = tuple(Region(**region) for region in header["regions"])
        except (KeyError, TypeError, ValueError) as error:
            raise _corrupt(path, "it is of another version") from error
        return cls(_head(path, header), ids, points.reshape(-1, 2), landmarks, regions)


def is_due(library: Path, catalogue: Catalogue, count: int) -> bool:
    """Whether there is something to do for `renew` in a library of so many passages; the map is not read whole."""
    if count < LEAST:
        return False
    try:
        head = _peek(library / MAP)
    except LibraryCorrupt:
        return True
    if (head.generation, head.fingerprint) == (catalogue.generation, catalogue.fingerprint):
        return False
    outgrown = head.fingerprint != catalogue.fingerprint or head.is_outgrown(count)
    return outgrown or catalogue.passages_after(head.newest) > FEW


def renew(library: Path, notice: Notice) -> None:
    """Bring the map of the library in a folder up to date: lay it out, or add to it what came.

    Takes some seconds at most, in a thread of its own. What goes wrong, `notice` hears: nothing
    but the map depends on it.
    """
    try:
        Beside(lambda: _renew(library)).result()
    except Exception as error:  # noqa: BLE001 - whatever it was, the library is whole without a map
        notice(f"the map of the library could not be laid out ({error}); the next run tries again")


def _renew(library: Path) -> None:
    path = library / MAP
    with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
        catalogue.hold()
        fingerprint = catalogue.fingerprint or ""
        ids = np.array(catalogue.passage_ids(), np.int64)
        chosen, vectors = catalogue.embeddings(fingerprint, choose(ids).tolist())
        if len(chosen) < LEAST:
            return
        before: Map | None = None
        with suppress(LibraryCorrupt):
            before = Map.open(path)
            if before.head.fingerprint != fingerprint or not before.is_of(chosen, vectors):
                before = None
        if before is None or before.head.is_outgrown(len(ids)):
            if len(chosen) >= LONG:
                _step_back()
            start = None if before is None else before.place(chosen, lambda new: vectors[positions(chosen, new)])
            landmarks, laid = lay_out(chosen, vectors, start), len(ids)
            regions = name_regions(landmarks.points, _wordings(catalogue, chosen))
            held = (chosen, landmarks.points)
        else:
            landmarks, laid, regions = before.landmarks, before.head.laid, before.regions
            still = np.isin(before.ids, ids)
            held = (before.ids[still], before.points[still])
        new = np.setdiff1d(ids, held[0])
        placed = [held]
        for numbers, rows in catalogue.iter_embeddings(fingerprint, new.tolist() if len(new) < len(ids) / 2 else None):
            wanted = np.isin(numbers, new)
            placed.append((numbers[wanted], landmarks.place(numbers[wanted], restored(rows[wanted]))))
        numbers, points = (np.concatenate(parts) for parts in zip(*placed, strict=True))
        order = np.argsort(numbers)
        head = Head(catalogue.generation, fingerprint, laid, int(ids[-1]))
    Map(head, numbers[order], points[order], landmarks, regions).save(path)


def _wordings(catalogue: Catalogue, ids: NDArray[np.int64]) -> list[Wording]:
    """The words of passages, in the order of their ids."""
    passages = catalogue.passages(ids.tolist())
    titles = {number: one.title for number, one in catalogue.documents_among(_documents(passages)).items()}
    return [
        Wording(" | ".join((titles[one.document_id], *one.passage.headings)), one.passage.text)
        for one in (passages[number] for number in ids.tolist())
    ]


def _documents(passages: dict[int, Any]) -> set[int]:
    return {one.document_id for one in passages.values()}


def _step_back() -> None:
    """Let other threads go first, where a thread can."""
    if sys.platform == "linux":  # elsewhere it would be the whole process
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _peek(path: Path) -> Head:
    try:
        with path.open("rb") as file:
            header, _ = _header(path, file.read(_HEADER_MOST))
    except OSError as error:
        raise _corrupt(path, error.strerror or str(error)) from error
    return _head(path, header)


def _header(path: Path, data: bytes) -> tuple[dict[str, Any], int]:
    """The header, and where what follows it begins."""
    if len(data) < PREFIX.size:
        raise _corrupt(path, "it is cut off")
    magic, length, checksum = PREFIX.unpack_from(data)
    end = PREFIX.size + length
    text = data[PREFIX.size : end]
    if magic != MAGIC or len(text) != length or crc32(text) != checksum:
        raise _corrupt(path, "its header is damaged, or it is of another version")
    header: dict[str, Any] = json.loads(text)
    return header, end


def _head(path: Path, header: dict[str, Any]) -> Head:
    try:
        return Head(header["generation"], header["fingerprint"], header["laid"], header["newest"])
    except KeyError as error:
        raise _corrupt(path, "it is of another version") from error


def _corrupt(path: Path, why: str) -> LibraryCorrupt:
    return LibraryCorrupt(f"{path} cannot be used: {why}; `footnote index` lays the map out again")
