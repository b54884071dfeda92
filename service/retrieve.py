"""Question → hits: lexical and dense search, fused, and sharpened by how well the words themselves match."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.library import Snapshot
from indexer.plain import plain
from indexer.tokens import max_similarities
from indexer.types import EncodedQuery, Encoder
from service.types import Hit

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Mix:
    """How much each ingredient counts beside the cosine of the dense vectors, whose weight is 1.

    `lexical` weighs BM25 divided by the best of the search, `tokens` the mean best match of the question's words
    (weighted by how rare they are in the library), `section` the mean score of the three best passages under the same
    heading. `pool` is how many passages each search contributes.
    """

    lexical: float = 0.1
    tokens: float = 1.5
    section: float = 0.25
    dense: float = 1.0
    pool: int = 100


FUSED = Mix()
LEXICAL_ALONE = Mix(lexical=1.0, tokens=0.0, section=0.0, dense=0.0)
DENSE_ALONE = Mix(lexical=0.0, tokens=0.0, section=0.0)


def retrieve(snapshot: Snapshot, encoder: Encoder, question: str, *, top: int, mix: Mix = FUSED) -> list[Hit]:
    """The `top` passages nearest to a question, best first, of all that either search put into its pool."""
    text = plain(question)
    query = encoder.encode_query(text)
    lexical = dict(snapshot.lexical.search(text, mix.pool)) if mix.lexical else {}
    dense = dict(snapshot.vectors.search(query.vector, mix.pool)) if mix.dense else {}
    ids = list(lexical.keys() | dense.keys())
    stored = snapshot.catalogue.passages(ids)
    ids = [number for number in ids if number in stored]
    if not ids:
        return []
    cosines = _cosines(snapshot, query, ids, dense)
    best = max(lexical.values(), default=0.0) or 1.0
    terms = np.array([lexical.get(number, 0.0) / best for number in ids], dtype=np.float32)
    tokens = _token_matches(snapshot, query, text, ids)
    scores = mix.dense * cosines + mix.lexical * terms + mix.tokens * tokens
    if mix.section:
        scores += mix.section * _sections(scores, [(stored[n].document_id, stored[n].passage.headings) for n in ids])
    best_first = np.argsort(-scores, kind="stable")[:top].tolist()
    documents = {
        number: snapshot.catalogue.document(number) for number in {stored[ids[k]].document_id for k in best_first}
    }
    return [
        Hit(
            passage_id=found.id,
            document_id=document.id,
            kind=document.kind,
            root=document.root,
            file=document.file,
            title=document.title,
            passage=found.passage,
            score=float(scores[k]),
            dense=float(cosines[k]),
            lexical=float(terms[k]),
            tokens=float(tokens[k]),
        )
        for k in best_first
        if (document := documents[(found := stored[ids[k]]).document_id]) is not None
    ]


def _cosines(
    snapshot: Snapshot, query: EncodedQuery, ids: Sequence[int], known: dict[int, float]
) -> NDArray[np.float32]:
    """The cosine of each passage to the question; the ones that dense search did not find are computed."""
    missing = [number for number in ids if number not in known]
    found, vectors = snapshot.catalogue.embeddings(snapshot.vectors.fingerprint, missing)
    known = known | dict(zip(found.tolist(), (vectors @ query.vector).tolist(), strict=True)) if len(found) else known
    return np.array([known.get(number, 0.0) for number in ids], dtype=np.float32)


def _token_matches(snapshot: Snapshot, query: EncodedQuery, text: str, ids: Sequence[int]) -> NDArray[np.float32]:
    """MaxSim: for each passage the mean, weighted by rarity, of the best match of each of the question's tokens."""
    if not len(query.tokens):
        return np.zeros(len(ids), dtype=np.float32)
    codes = snapshot.catalogue.token_codes(snapshot.vectors.fingerprint, ids)
    weights = _rarity(snapshot, text, query.offsets)
    best = max_similarities(query.tokens, [codes.get(number, b"") for number in ids])
    means: NDArray[np.float32] = best @ weights / weights.sum()
    return means


def _rarity(snapshot: Snapshot, text: str, offsets: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """The weight of each token: how rare the word is that it belongs to; punctuation weighs next to nothing."""
    words = [(match.start(), match.end(), match[0]) for match in _WORD.finditer(text)]
    rarity = snapshot.lexical.rarity([word for _, _, word in words])
    return np.array(
        [next((rarity[word] for start, end, word in words if start <= first < end), 0.01) for first, _ in offsets],
        dtype=np.float32,
    )


def _sections(scores: NDArray[np.float32], sections: Sequence[tuple[int, tuple[str, ...]]]) -> NDArray[np.float32]:
    """For each passage the mean of the three best scores in its section."""
    members: dict[tuple[int, tuple[str, ...]], list[int]] = defaultdict(list)
    for k, section in enumerate(sections):
        members[section].append(k)
    result = np.empty_like(scores)
    for rows in members.values():
        result[rows] = np.sort(scores[rows])[-3:].mean()
    return result
