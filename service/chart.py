"""The map of a library as it is shown: a place and a source for each passage, and the names of the regions.

Where the passages lie is laid out when the library is indexed (`indexer.map`). Here those that came since are added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.base import stamp_of
from indexer.derived import MAP
from indexer.errors import LibraryCorrupt
from indexer.layout import Points
from indexer.library import Snapshot
from indexer.map import LEAST, Map
from indexer.plain import plain
from indexer.records import StoredDocument, StoredPassage
from indexer.regions import Region
from service.addresses import address_of_lines, address_of_sentences
from service.types import Citation

COLOURS = 8
"""So many sources have a colour of their own; what is left is one more."""

FULL = 65_535
"""Places on the map go from 0 to this in both directions."""

MARGIN = 0.04
"""So much of the map is left free around all passages."""

POINT_BYTES = 9
EXCERPT = 240
"""So many characters of a passage are shown beside it."""

_SAMPLE = 16
Kind: TypeAlias = Literal["folder", "note", "papers", "other"]
Scheme: TypeAlias = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where passages come from: a folder, a note, the papers, or all `other` sources. `count` is how many passages."""

    name: str
    kind: Kind
    count: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The map of one generation.

    `ids` (n,) ascend; `points` (n, 2) go from 0 to FULL, y downwards; `sources_of` (n,) are places in `sources`. The
    places of `regions` go from 0 to 1. `tag` differs when anything else does.
    """

    tag: str
    generation: int
    ids: NDArray[np.int64]
    points: NDArray[np.uint16]
    sources_of: NDArray[np.uint8]
    sources: tuple[Source, ...]
    regions: tuple[Region, ...]

    def packed(self) -> bytes:
        """All ids (uint32), all x, all y (uint16), then all sources (uint8): POINT_BYTES a passage, little-endian."""
        columns = (self.ids.astype("<u4"), self.points[:, 0].astype("<u2"), self.points[:, 1].astype("<u2"))
        return b"".join(column.tobytes() for column in columns) + self.sources_of.tobytes()

    def point(self, number: int) -> tuple[float, float] | None:
        """Where the passage of that number lies, from 0 to 1; None where it is not on the map."""
        at = int(np.searchsorted(self.ids, number))
        if at == len(self.ids) or self.ids[at] != number:
            return None
        x, y = (self.points[at] / FULL).tolist()
        return round(x, 4), round(y, 4)


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as the map shows it when it is pointed at."""

    id: int
    title: str
    headings: tuple[str, ...]
    excerpt: str
    link: str


@dataclass(frozen=True, slots=True)
class Lit:
    """A hit of the question that is asked on the map; `point` goes from 0 to 1, None for one that is not on it."""

    passage_id: int
    point: tuple[float, float] | None
    citation: Citation


class Charts:
    """Makes the chart of each generation, once. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stamp: tuple[int, ...] = ()
        self._map: Map | None = None
        self._chart: Chart | None = None

    def of(self, snapshot: Snapshot, library: Path) -> Chart | None:
        """The map of a generation; None where there is none yet, or nothing to show."""
        with self._lock:
            stamp = self._read(library / MAP, snapshot)
            if self._map is None:
                return None
            tag = "-".join(map(str, (snapshot.generation, *stamp)))
            if self._chart is None or self._chart.tag != tag:
                ids, documents = snapshot.catalogue.documents_of_passages()
                try:
                    points = self._map.place(ids, lambda new: snapshot.vectors.get(new.tolist()))
                except LibraryCorrupt:  # passages without vectors: the next run embeds them
                    return None
                self._map = replace(self._map, ids=ids, points=points)  # to be placed once, not in each generation
                self._chart = _chart(snapshot, self._map, documents, tag)
            return self._chart if len(self._chart.ids) >= LEAST else None

    def _read(self, path: Path, snapshot: Snapshot) -> tuple[int, ...]:
        """Read the map where it is another one than before, and is one of this library."""
        try:
            stamp = stamp_of(path.stat())
        except OSError:
            stamp = ()
        if stamp != self._stamp:
            self._stamp, self._map, self._chart = stamp, None, None
            if stamp:
                try:
                    found = Map.open(path)
                except LibraryCorrupt:  # the next run lays it out again
                    return stamp
                self._map = found if _is_of(found, snapshot) else None
        return stamp


def _is_of(found: Map, snapshot: Snapshot) -> bool:
    """Whether a map is one of this library, and its model."""
    if found.head.fingerprint != snapshot.catalogue.fingerprint:
        return False
    ids, _ = snapshot.catalogue.documents_of_passages()
    both = np.intersect1d(ids, found.landmarks.ids)[:: max(len(found.landmarks.ids) // _SAMPLE, 1)]
    return len(both) > 0 and found.is_of(both, snapshot.vectors.get(both.tolist()))


def _chart(snapshot: Snapshot, found: Map, documents: NDArray[np.int64], tag: str) -> Chart:
    """What is shown of a map of all passages; `documents` (n,) are those that they stand in."""
    points, regions = _scaled(found.points, found.regions)
    sources, numbers = divided(snapshot.catalogue.documents(), snapshot.catalogue.roots())
    sources_of = np.array([numbers[one] for one in documents.tolist()], np.uint8)
    counts = np.bincount(sources_of, minlength=len(sources)).tolist()
    named = tuple(replace(source, count=count) for source, count in zip(sources, counts, strict=True))
    return Chart(tag, snapshot.generation, found.ids, points, sources_of, named, regions)


def _scaled(points: Points, regions: Sequence[Region]) -> tuple[NDArray[np.uint16], tuple[Region, ...]]:
    """Fit places into a square, with a margin around them."""
    low, high = points.min(0), points.max(0)
    size = max(float((high - low).max()), 1e-6) / (1 - 2 * MARGIN)
    corner = (low + high) / 2 - size / 2
    fitted = np.clip((points - corner) / size * FULL, 0, FULL).round().astype(np.uint16)
    x, y = corner.tolist()
    return fitted, tuple(
        replace(one, x=round((one.x - x) / size, 4), y=round((one.y - y) / size, 4)) for one in regions
    )


def divided(documents: Iterable[StoredDocument], roots: Sequence[str]) -> tuple[list[Source], Mapping[int, int]]:
    """Divide documents by where they come from: papers, and the folders or files that notes lie in.

    What all notes share of their paths tells none from another; the next part does. The largest sources have a place of
    their own, in their order, papers last, and what is left is together. Gives the sources, without counts, and the
    place of the source of each document.
    """
    documents = [one for one in documents if one.failure is None]
    notes = [one for one in documents if one.kind == "note"]
    paths = {one.id: (*([one.root] if len(roots) > 1 else []), *PurePosixPath(one.file).parts) for one in notes}
    shared = _shared(list(paths.values()))
    keys: dict[int, tuple[str, Kind]] = {}
    for one in documents:
        if one.kind == "paper":
            keys[one.id] = ("Papers", "papers")
        elif len(paths[one.id]) == shared + 1:
            keys[one.id] = (one.title, "note")
        else:
            keys[one.id] = (PurePosixPath(paths[one.id][shared]).name, "folder")
    sizes: Counter[tuple[str, Kind]] = Counter()
    for one in documents:
        sizes[keys[one.id]] += one.passages
    ranked = sorted((key for key in sizes if key[1] != "papers"), key=lambda key: (-sizes[key], key))
    room = COLOURS - (len(ranked) < len(sizes))
    chosen = [*ranked[:room], *(key for key in sizes if key[1] == "papers")]
    sources = [Source(name, kind, 0) for name, kind in chosen]
    if len(chosen) < len(sizes):
        sources.append(Source("Everything else", "other", 0))
    places = {key: place for place, key in enumerate(chosen)}
    return sources, {number: places.get(key, len(chosen)) for number, key in keys.items()}


def colour_of(chart: Chart, source: int) -> int:
    """The place of a source's colour; papers have the last but one in every library, what is left has the last."""
    kind = chart.sources[source].kind
    return COLOURS if kind == "other" else COLOURS - 1 if kind == "papers" else source


def _shared(paths: Sequence[Sequence[str]]) -> int:
    """How many first parts all paths share, the last part of a path not counted."""
    if not paths:
        return 0
    shortest = min(len(path) for path in paths) - 1
    return next((n for n in range(shortest) if len({path[n] for path in paths}) > 1), shortest)


def shown(stored: StoredPassage, document: StoredDocument) -> Shown:
    """What is said of a passage that is pointed at."""
    passage = stored.passage
    if document.kind == "paper":
        page = passage.pages[0] if passage.pages else None
        link = address_of_sentences(document, (passage.spans[0].lines[0], passage.spans[-1].lines[1]), page)
    else:
        link = address_of_lines(document, passage.lines)
    text = plain(passage.text)
    cut = text if len(text) <= EXCERPT else text[:EXCERPT].rsplit(" ", 1)[0] + " …"
    return Shown(stored.id, document.title, tuple(map(plain, passage.headings)), cut, link)
