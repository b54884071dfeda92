"""What the regions of the map are called: the words that their passages have, and those of other regions have not.

Places are put into regions by k-means. What tells a region from others is how often its passages use a word, times how
rare the word is among all regions (class-based tf-idf, Grootendorst 2022): no list of stop words is needed, so that it
works for any language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.layout import Points

LEAST, MOST, MEMBERS = 3, 18, 30
"""How many regions there are: one for so many landmarks, within these bounds."""

ROUNDS = 30
WORDS = 2
"""So many words or pairs of words name a region, if so many are telling."""
LEAST_SHARE = 0.08
"""A word names a region only when it stands in so many of its passages, and in two at least."""
TELLING = 0.35
"""The second word has to tell so much of what the first does."""
HEADED = 2.0
"""A word of a title or a heading counts as much as in so many passages."""

COMMON = 0.4
"""A word that is frequent in so many of the regions says nothing of any, nor does a pair with it."""

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W_]+)*")
_ADDRESS = re.compile(r"(?<!\S)\S*://\S*|\bwww\.\S+")
_BREAK = re.compile(r"[.,;:!?()\[\]{}|\n/*_`#=<>\"“”]+")
_LONGEST_NAME, _LONGEST_ODD = 28, 8


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the map: its name, where that stands, and its share of the landmarks."""

    name: str
    x: float
    y: float
    share: float


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one landmark: of its title and headings, and of itself."""

    headed: str
    text: str


def name_regions(points: Points, wordings: Sequence[Wording]) -> tuple[Region, ...]:
    """Divide the map into regions, and name each, the largest first; one that nothing tells apart has no name.

    `points` (n, 2) and `wordings` are those of the landmarks, aligned.
    """
    count = max(LEAST, min(MOST, len(points) // MEMBERS))
    if len(points) < 2 * count:
        return ()
    region = _divided(points, count)
    terms = [_terms(wording) for wording in wordings]
    members = [np.flatnonzero(region == n) for n in range(count)]
    weights = [_weights([terms[i] for i in some]) for some in members]
    spread: Counter[str] = Counter()
    for one in weights:
        spread.update(one)  # sums them
    frequent = Counter(term for one in weights for term in one)
    common = {term for term, regions in frequent.items() if regions > max(COMMON * count, 2)}
    weights = [{term: w for term, w in one.items() if common.isdisjoint(term.split())} for one in weights]
    found, taken = [], set[str]()
    for n in sorted(range(count), key=lambda n: (-len(members[n]), n)):
        words = _telling(weights[n], spread, count, len(members[n]), taken)
        spelt = [form for word in words if _is_telling(form := _spelt(word, wordings))]
        if spelt:
            name = " · ".join(form[:1].upper() + form[1:] for form in spelt)
            taken.update(words)
            x, y = np.median(points[members[n]], axis=0).tolist()
            found.append(Region(name, x, y, len(members[n]) / len(points)))
    return tuple(found)


def _divided(points: Points, count: int) -> NDArray[np.int64]:
    """The region of each point, by k-means from points that lie far from each other."""
    centres = points[[int(np.argmin(((points - np.median(points, axis=0)) ** 2).sum(1)))]]
    while len(centres) < count:
        nearest = ((points[:, np.newaxis] - centres) ** 2).sum(2).min(1)
        centres = np.vstack([centres, points[nearest.argmax()]])
    region = np.zeros(len(points), np.int64)
    for _ in range(ROUNDS):
        region = ((points[:, np.newaxis] - centres) ** 2).sum(2).argmin(1)
        moved = [points[region == n].mean(0) if (region == n).any() else centres[n] for n in range(count)]
        if np.array_equal(moved, centres):
            break
        centres = np.array(moved, np.float32)
    return region


def _terms(wording: Wording) -> dict[str, float]:
    """The words of a landmark and pairs of them, folded, and how much each counts."""
    found = dict.fromkeys(_folded(wording.text), 1.0)
    return found | dict.fromkeys(_folded(wording.headed), HEADED)


def _folded(text: str) -> Iterator[str]:
    for piece in _BREAK.split(_ADDRESS.sub("|", text.casefold())):
        words = _WORD.findall(piece)
        yield from filter(_names, words)
        yield from (f"{one} {two}" for one, two in pairwise(words) if _names(one) and _names(two))


def _names(word: str) -> bool:
    """Whether a word may name something: it has three letters, and is no key made of letters and digits."""
    return len(word) > 2 and (len(word) <= _LONGEST_ODD or not any(char.isdigit() for char in word))


def _is_telling(name: str) -> bool:
    """Whether a word is long enough to be read by itself; three letters are where they are an abbreviation."""
    return len(name) > 3 or not name.islower()


def _weights(terms: Sequence[dict[str, float]]) -> dict[str, float]:
    """How much each word counts in a region, as a share of its passages."""
    total: Counter[str] = Counter()
    standing = Counter(term for one in terms for term in one)
    for one in terms:
        total.update(one)  # sums them
    least = max(2, LEAST_SHARE * len(terms))
    return {term: weight / len(terms) for term, weight in total.items() if standing[term] >= least}


def _telling(
    weights: dict[str, float], spread: Counter[str], count: int, members: int, taken: Iterable[str]
) -> list[str]:
    """The words that tell a region from the others, the best first; a pair of words rather than one of them."""

    def score(term: str) -> float:
        others = (spread[term] - weights[term]) / max(count - 1, 1)
        tells = np.log(weights[term] / (others + 1 / max(members, 20)))
        return float(weights[term] * max(tells, 0.0) * (1.3 if " " in term else 1.0))

    ranked = sorted(((score(term), term) for term in weights), key=lambda pair: (-pair[0], pair[1]))
    chosen: list[str] = []
    best = ranked[0][0] if ranked else 0.0
    for value, term in ranked:
        if len(chosen) == WORDS or value < TELLING * best or value <= 0:
            break
        overlaps = any(set(_stems(term)) & set(_stems(other)) for other in (*chosen, *taken))
        fits = len(" · ".join((*chosen, term))) <= _LONGEST_NAME
        if not overlaps and (fits or not chosen):
            chosen.append(term)
    return chosen


def _stems(term: str) -> list[str]:
    """The beginnings of words, so that forms of one are not two."""
    return [word[: max(4, len(word) - 3)] for word in term.split()]


def _spelt(term: str, wordings: Iterable[Wording]) -> str:
    """A folded word as it is spelt most often; one that is set in capitals, in small letters."""
    pattern = re.compile(rf"\b{re.escape(term)}\b".replace(r"\ ", r"\s+"), re.IGNORECASE)
    forms = Counter(
        " ".join(form.split())
        for wording in wordings
        for text in (wording.text, wording.headed)
        for form in pattern.findall(text)
    )
    form = forms.most_common(1)[0][0] if forms else term
    return form.lower() if form.isupper() and len(form) > 5 else form
