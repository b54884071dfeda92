"""What a library can be narrowed to with one press: its kinds, its commonest tags and folders, the years it is from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

from indexer.beside import Beside
from indexer.errors import FilterError
from indexer.records import Facts
from service.filters import Filter, FilterName, make

MOST_TAGS, MOST_FOLDERS, MOST_YEARS = 8, 6, 3

MOST_WAITED = 0.05
"""So many seconds a page waits for what can be narrowed to; without, it has everything else."""

Choice: TypeAlias = tuple[Filter, int]
"""A filter, and how many documents it lets through."""


@dataclass(frozen=True, slots=True)
class Facets:
    """Filters that let through some of a library's documents and not all, with how many; each group as it is offered.

    Kinds come first, then tags and folders, the commonest first, then years, the last first.
    """

    kinds: tuple[Choice, ...] = ()
    tags: tuple[Choice, ...] = ()
    folders: tuple[Choice, ...] = ()
    years: tuple[Choice, ...] = ()

    def without(self, filters: Collection[Filter]) -> dict[str, list[Choice]]:
        """The groups by name, less what is asked for already; those with nothing left are left out."""
        named = (("Kind", self.kinds), ("Tag", self.tags), ("Folder", self.folders), ("Made since", self.years))
        kept = {name: [choice for choice in group if choice[0] not in filters] for name, group in named}
        if any(one.name == "kind" and not one.without for one in filters):
            kept["Kind"] = []  # a second kind would let nothing through
        return {name: group for name, group in kept.items() if group}


class Counted:
    """The facets of a library, counted once a generation and beside what goes on: thousands of documents take longer
    than an answer. Threads may share it.

    `count` gives the generation that it has counted, and its facets.
    """

    def __init__(self, count: Callable[[], tuple[int, Facets]]) -> None:
        self._count = count
        self._known: tuple[int, Facets] | None = None
        self._busy = Lock()

    def at(self, generation: int) -> Facets:
        """Give those of a generation, or while they are counted those before; the first are waited for, not long."""
        known = self._known
        if (known is None or known[0] != generation) and self._busy.acquire(blocking=False):
            counting = Beside(self._renew)
            if known is None:
                counting.wait(MOST_WAITED)
        return self._known[1] if self._known else Facets()

    def _renew(self) -> None:
        try:
            self._known = self._count()
        finally:
            self._busy.release()


def facets(facts: Sequence[Facts]) -> Facets:
    """Count what the documents of a library are; `facts` have their names folded."""
    total = len(facts)
    kinds = Counter(one.kind for one in facts)
    tags = Counter(tag for one in facts for tag in {part for tag in one.tags for part in _with_parents(tag)})
    years = Counter(one.date[:4] for one in facts if one.date)
    since = [(year, sum(count for other, count in years.items() if other >= year)) for year in sorted(years)[::-1]]
    return Facets(
        tuple(_choices("kind", sorted(kinds.items()), total)),
        tuple(_choices("tag", _commonest(tags, MOST_TAGS), total)),
        tuple(_choices("path", _folders(facts), total)),
        tuple(_choices("after", since[:MOST_YEARS], total)),
    )


def _choices(name: FilterName, counts: Iterable[tuple[str, int]], total: int) -> Iterator[Choice]:
    for value, count in counts:
        if count < total:
            with suppress(FilterError):  # a name with a quotation mark cannot be written
                yield make(name, value), count


def _commonest(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most]


def _with_parents(tag: str) -> Iterator[str]:
    """A tag, and those that it is below: the filter for `ml` lets `ml/nlp` through."""
    parts = tag.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts) + 1))


def _folders(facts: Sequence[Facts]) -> list[tuple[str, int]]:
    """The topmost folders that part the files, with a slash behind, and how many files the filter for each finds."""
    files = [f"/{one.file}" for one in facts if one.file is not None]
    inside = "/"
    while len(found := Counter(_first(file, inside) for file in files)) == 1 and "" not in found:
        inside += next(iter(found))
    del found[""]
    top = [inside[1:] + folder for folder, _ in _commonest(found, MOST_FOLDERS)]
    return [(folder, sum(folder in file for file in files)) for folder in top]


def _first(file: str, inside: str) -> str:
    """The folder that a file lies in or below, from `inside` on; "" where it lies in that itself."""
    folder, slash, _ = file.removeprefix(inside).partition("/")
    return folder + slash if slash else ""
