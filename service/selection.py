"""Filters → the passages that they let through."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from indexer.library import Snapshot
from indexer.records import Facts
from service.facets import Facets, facets
from service.filters import Filter

_WORD = re.compile(r"[^\W_]+")
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no space between words: Thai, Lao, Burmese, Khmer, kana, Chinese."""

_QUOTES = str.maketrans("‘’“”", "''\"\"")


@dataclass(frozen=True, slots=True)
class Selection:
    """The passages that filters let through, (n,), ascending, and the documents that hold one of them."""

    passages: NDArray[np.int64]
    documents: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What there is to choose from in one generation: passages, and the document of each."""

    generation: int
    passages: NDArray[np.int64]
    documents: NDArray[np.int64]


class Selector:
    """Applies filters; what it has to know of a library is looked up once a generation. Threads may share it.

    What documents say of themselves is much, and looked up only for the filters that ask for it.
    """

    def __init__(self) -> None:
        self._known: _Shelf | None = None
        self._folded: tuple[int, Sequence[Facts]] | None = None

    def select(self, snapshot: Snapshot, filters: Sequence[Filter]) -> Selection | None:
        """Choose the passages that all filters let through; None where there are no filters, which lets through all."""
        if not filters:
            return None
        shelf = self._shelf(snapshot)
        chosen = np.ones(len(shelf.passages), bool)
        for one in filters:
            if one.name not in ("phrase", "word"):
                fits = _fits(one)
                fitting = [facts.document_id for facts in self._facts(snapshot) if fits(facts)]
                chosen &= np.isin(shelf.documents, np.array(fitting, np.int64)) ^ one.without
        for one in filters:  # what is in the passages, of as few as possible
            if one.name in ("phrase", "word"):
                holding = _holding(snapshot, one, shelf.passages[chosen])
                chosen &= np.isin(shelf.passages, holding) ^ one.without
        return Selection(shelf.passages[chosen], frozenset(shelf.documents[chosen].tolist()))

    def newest(self, snapshot: Snapshot, selection: Selection) -> list[int]:
        """List the documents of a selection, the newest first, then by path."""
        chosen = [facts for facts in self._facts(snapshot) if facts.document_id in selection.documents]
        chosen.sort(key=lambda facts: facts.file or "")
        chosen.sort(key=lambda facts: facts.date or "", reverse=True)
        return [facts.document_id for facts in chosen]

    def facets(self, snapshot: Snapshot) -> Facets:
        """Count what the library can be narrowed to."""
        return facets(self._facts(snapshot))

    def _shelf(self, snapshot: Snapshot) -> _Shelf:
        known = self._known
        if known is None or known.generation != snapshot.generation:
            self._known = known = _Shelf(snapshot.generation, *snapshot.catalogue.documents_of_passages())
        return known

    def _facts(self, snapshot: Snapshot) -> Sequence[Facts]:
        """What filters ask of each document, folded."""
        known = self._folded
        if known is None or known[0] != snapshot.generation:
            self._folded = known = (snapshot.generation, [_folded(one) for one in snapshot.catalogue.facts()])
        return known[1]


def _folded(facts: Facts) -> Facts:
    return replace(facts, file=facts.file and fold(facts.file), tags=tuple(map(fold, facts.tags)))


def _fits(filter_: Filter) -> Callable[[Facts], bool]:
    """Make the test whether a document is what a filter about documents says, a minus before it left aside."""
    value = fold(filter_.value)
    match filter_.name:
        case "tag":
            return lambda facts: any(tag == value or tag.startswith(f"{value}/") for tag in facts.tags)
        case "path":
            return lambda facts: facts.file is not None and _on_path(value, facts.file)
        case "kind":
            return lambda facts: facts.kind == value
        case "after":
            return lambda facts: facts.date is not None and facts.date >= value
        case _:
            return lambda facts: facts.date is not None and facts.date < value


def _on_path(pattern: str, file: str) -> bool:
    """Whether a path holds a text, or is as a pattern with `*` and `?` says; every path begins with `/`."""
    if "*" in pattern or "?" in pattern:
        return fnmatchcase(file, pattern.removeprefix("/").replace("[", "[[]"))
    return pattern in f"/{file}"


def _holding(snapshot: Snapshot, filter_: Filter, among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which passages hold a word in any form, or just the words of a phrase."""
    spaced = [word for word in _WORD.findall(filter_.value) if not UNSPACED.search(word)]
    found = snapshot.lexical.holding(" ".join(spaced))
    likely = among if found is None else np.intersect1d(among, found, assume_unique=True)
    if filter_.name == "word" and found is not None and not UNSPACED.search(filter_.value):
        return likely
    holds = phrase(filter_.value)
    return np.array([number for number, text in snapshot.catalogue.texts(likely).items() if holds(text)], np.int64)


def phrase(text: str) -> Callable[[str], bool]:
    """Make the test whether a text holds just these words, in any case and however its white space and quotes are set.

    A phrase begins and ends where words do, but in scripts that put no space between them.
    """
    wanted = fold(text)
    before, after = (
        "" if UNSPACED.match(edge) or not _WORD.match(edge) else rf"(?{look}[^\W_])"
        for edge, look in ((wanted[:1], "<!"), (wanted[-1:], "!"))
    )
    pattern = re.compile(before + r"\s+".join(map(re.escape, wanted.split())) + after, re.IGNORECASE)
    return lambda other: pattern.search(other if other.isascii() else fold(other)) is not None


def fold(text: str) -> str:
    """Fold case, white space and the ways to set a quote or a letter: what looks alike becomes the same."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    return " ".join(text.casefold().split())
