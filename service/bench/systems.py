"""What is measured: Footnote, what a person could use instead, and Footnote without each of its ingredients.

All of them answer through the same desk code from one generation of the library, so they differ in one thing: what
ranks the passages. The instead is put in place of the library's full-text search, and everything but that search is
turned off.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from indexer.lexical import Lexical
from indexer.library import Library, Snapshot
from indexer.types import Encoder
from indexer.vectors import Vectors
from service.bench.measures import package
from service.desk import Desk
from service.filters import as_words
from service.retrieve import FUSED, Mix
from service.types import Answer, SearchResult

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""

RRF_POOL = 100
"""So many passages of each search are fused."""

FOOTNOTE = "Footnote"

Found: TypeAlias = list[tuple[int, float]]
"""Passages by number with their scores, best first: what a search of the library gives."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class System:
    """One way to rank passages: a desk, and the mix that it is asked with.

    `hidden` are passages, by number, that the searches of all systems leave out for now.
    """

    name: str
    desk: Desk
    mix: Mix
    hidden: set[int]

    def ask(self, question: str, *, k: int, hidden: Collection[int] = ()) -> Answer:
        """Answer as `Desk.ask` does, as if the passages `hidden` were not in the library; nothing is a filter."""
        self._hide(hidden)
        return self.desk.ask(as_words(question), k=k, mix=self.mix)

    def search(self, query: str, *, k: int, hidden: Collection[int] = ()) -> SearchResult:
        """Search as `Desk.search` does, as if the passages `hidden` were not in the library; nothing is a filter."""
        self._hide(hidden)
        return self.desk.search(as_words(query), k=k, mix=self.mix)

    def _hide(self, hidden: Collection[int]) -> None:
        self.hidden.clear()
        self.hidden.update(hidden)


@dataclass(frozen=True, slots=True)
class Systems:
    """`compared` is Footnote and what it is compared with, `ablated` is Footnote without each ingredient.

    All look at `snapshot`.
    """

    snapshot: Snapshot
    compared: tuple[System, ...]
    ablated: tuple[System, ...] = ()

    @property
    def footnote(self) -> System:
        """Footnote as it is."""
        return self.compared[0]


@contextmanager
def systems(desk: Desk, *, ablation: bool = False) -> Iterator[Systems]:
    """Make what is measured from a desk; it all looks at the desk's library as it is now."""
    with desk.library.snapshot() as snapshot:
        hidden: set[int] = set()
        seen = replace(
            snapshot,
            lexical=cast("Lexical", _Hiding(snapshot.lexical, hidden)),
            vectors=cast("Vectors", _Hiding(snapshot.vectors, hidden)),
        )

        def system(name: str, mix: Mix, instead: Callable[[str, int], Found] | None = None) -> System:
            searched = (
                seen
                if instead is None
                else replace(seen, lexical=cast("Lexical", _Hiding(_Instead(snapshot.lexical, instead), hidden)))
            )
            library = cast("Library", _Held(desk.library, searched))
            return System(name, Desk(desk.settings, library, desk.encoder, desk.reranker), mix, hidden)

        lexical = alone("lexical")
        whole = FUSED if desk.reranker else replace(FUSED, reranker=0.0)
        yield Systems(
            snapshot,
            (
                system(FOOTNOTE, whole),
                system("BM25 alone", lexical),
                system("dense alone", alone("dense")),
                system("RRF", lexical, rrf(seen, desk.encoder)),
                system("grep", lexical, grep(snapshot)),
            ),
            tuple(
                system(f"without {one.name}", replace(whole, **{one.name: off(one)}))
                for one in (ingredients(whole) if ablation else ())
            ),
        )


# ---------------------------------------------------------------------------------------------- ingredients


def ingredients(mix: Mix) -> list[Field[Any]]:
    """The ingredients of a mix: its weights and switches that are not off already.

    A field is an ingredient when it is a bool or a float, which are off as False and 0, or when its metadata says what
    it is when `off`. Whole numbers are sizes.
    """
    named = [one for one in fields(mix) if "off" in one.metadata or isinstance(getattr(mix, one.name), bool | float)]
    return [one for one in named if getattr(mix, one.name) != off(one)]


def off(ingredient: Field[Any]) -> Any:
    """The value of an ingredient that is left out."""
    return ingredient.metadata.get("off", False if isinstance(ingredient.default, bool) else 0.0)


def alone(name: str) -> Mix:
    """The mix of one weight and nothing else."""
    return replace(FUSED, **{one.name: off(one) for one in ingredients(FUSED)} | {name: 1.0})


# ------------------------------------------------------------------------------------------------ baselines


def rrf(snapshot: Snapshot, encoder: Encoder) -> Callable[[str, int], Found]:
    """Plain reciprocal rank fusion of full-text and dense search: Σ 1 / (RRF_K + rank) over the best RRF_POOL."""

    def search(query: str, k: int) -> Found:
        scores: dict[int, float] = defaultdict(float)
        vector = encoder.begin_queries([query])()[0].vector
        for found in (snapshot.lexical.search(query, RRF_POOL), snapshot.vectors.search(vector, RRF_POOL)):
            for rank, (number, _) in enumerate(found, start=1):
                scores[number] += 1 / (RRF_K + rank)
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]

    return search


def grep(snapshot: Snapshot) -> Callable[[str, int], Found]:
    """What a person finds with `rg --ignore-case`: the passages that hold the most different words of the query.

    A word is held wherever its letters stand, also inside a longer one. Stop words (scikit-learn's list) are not looked
    for, unless there are no others. Passages with equally many come in the order of their files and lines.
    """
    stop_words: Collection[str] = package("sklearn.feature_extraction.text").ENGLISH_STOP_WORDS
    order = {document.id: place for place, document in enumerate(snapshot.catalogue.documents())}
    stored = [passage for batch in snapshot.catalogue.iter_passages() for passage in batch]
    stored.sort(key=lambda one: (order[one.document_id], one.passage.ordinal))
    numbers = [one.id for one in stored]
    texts = [one.passage.text.lower() for one in stored]

    @cache
    def holding(word: str) -> NDArray[np.bool_]:
        return np.fromiter((word in text for text in texts), bool, len(texts))

    def search(query: str, k: int) -> Found:
        words = dict.fromkeys(_WORD.findall(query.lower()))
        wanted = [word for word in words if word not in stop_words] or list(words)
        if not wanted:
            return []
        counts = np.sum([holding(word) for word in wanted], axis=0)
        best = [int(place) for place in np.argsort(-counts, kind="stable")[:k] if counts[place]]
        # the later of two with equally many words is a little less, so that their order outlives any sorting
        return [(numbers[place], float(counts[place]) - 0.5 * rank / k) for rank, place in enumerate(best)]

    return search


# --------------------------------------------------------------------- what stands in for parts of a library


@dataclass(frozen=True, slots=True)
class _Held:
    """Stands in for a Library: serves one snapshot whatever is written meanwhile."""

    library: Library
    held: Snapshot

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        yield self.held

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)


@dataclass(frozen=True, slots=True)
class _Instead:
    """Stands in for full-text search: finds by `instead`, and is else what `inner` is.

    `among` are the passages that a filter lets through.
    """

    inner: Lexical
    instead: Callable[[str, int], Found]

    def search(self, query: str, k: int, among: NDArray[np.int64] | None = None, **_: Any) -> Found:
        if among is None:
            return self.instead(query, k)
        through = set(among.tolist())
        return [item for item in self.instead(query, len(self.inner)) if item[0] in through][:k]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(frozen=True, slots=True)
class _Hiding:
    """Stands in for a search of the library: leaves out what is `hidden` at the moment."""

    inner: Any
    hidden: set[int] = field(compare=False)

    def search(self, query: Any, k: int, *among: Any, **how: Any) -> Found:
        return self._seen(self.inner.search(query, k + len(self.hidden), *among, **how), k)

    def search_many(self, queries: Any, k: int, *among: Any) -> list[Found]:
        return [self._seen(found, k) for found in self.inner.search_many(queries, k + len(self.hidden), *among)]

    def _seen(self, found: Sequence[tuple[int, float]], k: int) -> Found:
        return [item for item in found if item[0] not in self.hidden][:k]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
