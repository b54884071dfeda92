"""What changed in a library's vectors since the larger part of them was written: a small file beside that one.

It is derived from the catalogue, and laid out as

    magic (8 bytes) | length of the header, its CRC-32 (two little-endian uint32) | header (JSON)
    | ids that went | ids that came (int64) | rows that came (float16)

where the header carries the CRC-32 of what follows, and names the base that all this is about: a file that was left
behind by a process that was killed is about another one, and not believed.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from indexer.base import Block, Halves, Header, corrupt, positions
from indexer.whole import replaced

MAGIC = b"FNDELT01"
PREFIX = struct.Struct("<8sII")

LEAST_FOLDED, MOST_KEPT, KEPT_SHARE = 256, 4096, 8
"""A delta is folded in when it has more rows than one in KEPT_SHARE of the base, within these bounds: so many rows are
compared one by one in a millisecond, and folding reads and writes all others."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What came and went since a base was written: `identity` names it. `generation` is that of the catalogue.

    `gone` are ids of the base that are there no more, or have another vector now; `ids` (n,) and `rows` (n, dimension)
    are what came. Both ascend.
    """

    identity: str
    generation: int
    gone: NDArray[np.int64]
    ids: NDArray[np.int64]
    rows: Halves

    @classmethod
    def nothing(cls, base: Header) -> Self:
        """No change."""
        none = np.zeros(0, np.int64)
        return cls(base.identity, base.generation, none, none, np.zeros((0, base.dimension), np.float16))

    def changed(self, known: NDArray[np.int64], removed: Iterable[int], added: Block, generation: int) -> Self:
        """Add a change to it: without `removed`, and with `added` under their ids. `known` are the ids of the base."""
        ids, rows = added
        leaving = np.concatenate([np.fromiter(removed, np.int64), ids])
        stays = ~np.isin(self.ids, leaving)
        ids = np.concatenate([self.ids[stays], ids])
        order = np.argsort(ids)
        return replace(
            self,
            generation=generation,
            gone=np.union1d(self.gone, leaving[positions(known, leaving) >= 0]),
            ids=ids[order],
            rows=np.concatenate([self.rows[stays], rows.astype(np.float16)])[order],
        )

    def outgrows(self, count: int) -> bool:
        """Whether it should be folded into a base of so many rows."""
        most = min(max(count // KEPT_SHARE, LEAST_FOLDED), MOST_KEPT)
        return len(self.ids) + len(self.gone) > most

    def save(self, path: Path) -> None:
        """Write what changed to `path`; raise OSError."""
        arrays = (self.gone.astype("<i8"), self.ids.astype("<i8"), self.rows.astype("<f2"))
        payload = b"".join(array.tobytes() for array in arrays)
        counts = (len(self.gone), *self.rows.shape)
        text = json.dumps([self.identity, self.generation, *counts, crc32(payload)]).encode()
        with replaced(path) as new, new.open("wb") as file:
            file.write(PREFIX.pack(MAGIC, len(text), crc32(text)) + text + payload)
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def open(cls, path: Path, base: Header) -> Self:
        """Read what was saved of changes to a base: none, where there is none or it is about another base.

        Raises LibraryCorrupt.
        """
        nothing = cls.nothing(base)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return nothing
        except OSError as error:
            raise corrupt(path, error.strerror or str(error)) from error
        if len(data) < PREFIX.size:
            raise corrupt(path, "it is cut off")
        magic, length, checksum = PREFIX.unpack_from(data)
        text, payload = data[PREFIX.size : PREFIX.size + length], data[PREFIX.size + length :]
        if magic != MAGIC or len(text) != length or crc32(text) != checksum:
            raise corrupt(path, "its header is damaged")
        try:
            named, generation, leaving, coming, width, checksum = json.loads(text)
            if crc32(payload) != checksum:
                raise corrupt(path, "it is damaged or cut off")
            if named != base.identity:
                return nothing
            numbers = np.frombuffer(payload, "<i8", leaving + coming)
            rows = np.frombuffer(payload, "<f2", offset=numbers.nbytes).reshape(coming, width)
        except (TypeError, ValueError) as error:
            raise corrupt(path, "it is of another version") from error
        return cls(named, generation, numbers[:leaving], numbers[leaving:], rows)


def beside(path: Path) -> Path:
    """Where the changes lie of a file of vectors."""
    return path.with_suffix(".delta")
