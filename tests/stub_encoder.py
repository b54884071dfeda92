"""An encoder for tests: it hashes words, so that texts that share words are near, and needs no model; a re-ranker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from indexer.tokens import DIMENSION, pack
from indexer.types import Encoded, EncodedQuery, Matrix

WORD = re.compile(r"\w+")
ENDINGS = re.compile(r"(?:ations?|ings?|ed|es|s|ly)$")
STOP_WORDS = frozenset(
    WORD.findall(
        "a an and are as at be by can do does for from how in is it of on or that the this to was what when where "
        "which who why with"
    )
)


class HashEncoder:
    """Implements `indexer.types.Encoder` with hashed words, stems and pairs of words.

    `encoded` counts the passages that were given to `encode`, `queries` the questions.
    """

    def __init__(self, *, dimension: int = 256, max_tokens: int = 256, fingerprint: str = "hash") -> None:
        self.fingerprint = fingerprint
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.encoded = 0
        self.queries = 0

    def encode(self, texts: Sequence[str]) -> Encoded:
        self.encoded += len(texts)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[:] = self._vector(text)
        return Encoded(vectors, tuple(pack(_tokens(WORD.findall(text))) for text in texts))

    def begin_queries(self, texts: Sequence[str]) -> Callable[[], list[EncodedQuery]]:
        self.queries += len(texts)
        return lambda: list(map(self._query, texts))

    def _query(self, text: str) -> EncodedQuery:
        words = list(WORD.finditer(text))
        return EncodedQuery(self._vector(text), _tokens([word[0] for word in words]), tuple(w.span() for w in words))

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[word.span() for word in WORD.finditer(text)] for text in texts]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) + 2 for text in texts]

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = np.full(self.dimension, 1e-3, np.float32)  # so that no text is without a direction
        for feature, weight in features(text):
            number = crc32(feature.encode())
            vector[number % self.dimension] += weight if number >> 31 else -weight
        return vector / np.float32(np.linalg.norm(vector))


class WordReranker:
    """Implements `indexer.types.Reranker`: 1 for a text that holds `word`, else 0. `read` is what it was given."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.read: list[tuple[str, str]] = []

    def score(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += [(question, text) for text in texts]
        return np.array([self.word in text for text in texts], np.float32)


def _tokens(words: Sequence[str]) -> Matrix:
    """A vector for each word, the same for the same stem and nearly orthogonal to all others."""
    vectors = np.zeros((len(words), DIMENSION), np.float32)
    for row, word in zip(vectors, words, strict=True):
        seed = crc32(ENDINGS.sub("", word.lower()).encode())
        row[:] = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), DIMENSION)
    return vectors / np.float32(DIMENSION**0.5)


def features(text: str) -> Iterator[tuple[str, float]]:
    """What a text is made of, with weights: words, their stems, and pairs of neighbours."""
    words = [word for word in WORD.findall(text.lower()) if word not in STOP_WORDS]
    for word in words:
        yield word, 1.0
        yield f"stem {ENDINGS.sub('', word)}", 1.0
    for left, right in pairwise(words):
        yield f"pair {left} {right}", 0.3
