"""Question → hits: lexical and dense search, fused, and sharpened by how well the words themselves match."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Section
from indexer.library import Snapshot
from indexer.plain import plain
from indexer.tokens import max_similarities, unpack
from indexer.types import EncodedQuery, Encoder, Matrix, Reranker
from service.forms import forms
from service.types import Hit

SPAN_MEAN = 0.5
"""How much the mean of a span's tokens counts beside the best match of each word, when a sentence is chosen."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Mix:
    """How much each ingredient counts beside the cosine of the dense vectors, whose weight is 1.

    `lexical` weighs BM25 divided by the best of the search, `tokens` the mean best match of the question's words
    (weighted by how rare they are in the library), `section` the mean score of the three best passages under the same
    heading. `note` is what a passage of a note has ahead of one of a paper: those of papers are longer and more, so the
    best of them is nearer by chance alone, and what a person wrote down is what she looks for first. `pool` is how
    many passages each search contributes. `reranker` weighs what a re-ranker, where one is set, makes of the best hits:
    its whole range is about what lies between the first and the twentieth, so it has its way where it is sure.
    """

    lexical: float = 0.12
    tokens: float = 1.8
    section: float = 0.25
    dense: float = 1.0
    note: float = 0.25
    forms: bool = True
    pool: int = 150
    reranker: float = 2.0


FUSED = Mix()
LEXICAL_ALONE = Mix(lexical=1.0, tokens=0.0, section=0.0, dense=0.0, note=0.0, forms=False, reranker=0.0)
DENSE_ALONE = Mix(lexical=0.0, tokens=0.0, section=0.0, note=0.0, forms=False, reranker=0.0)


@dataclass(frozen=True, slots=True)
class Form:
    """A question in some words: what the encoder makes of them, and how much each token weighs."""

    text: str
    encoded: EncodedQuery
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Query:
    """A question as it is searched for: in its own words, and in those of the library where they differ."""

    own: Form
    others: tuple[Form, ...] = ()

    @property
    def forms(self) -> tuple[Form, ...]:
        """All its forms, its own first."""
        return (self.own, *self.others)


def read(snapshot: Snapshot, encoder: Encoder, question: str) -> Query:
    """Make a question ready to be searched for."""
    own, *others = (
        Form(text, encoded := encoder.encode_query(text), _rarity(snapshot, text, encoded.offsets))
        for text in forms(plain(question), snapshot.lexical, encoder.count_tokens)
    )
    return Query(own, tuple(others))


def retrieve(
    snapshot: Snapshot, query: Query, *, top: int, mix: Mix = FUSED, among: NDArray[np.int64] | None = None
) -> list[Hit]:
    """The `top` passages nearest to a question, best first, of all that either search put into its pool.

    Each passage is as near as the nearest form of the question. With `among`, (n,), ascending, only these passages are
    searched.
    """
    asked = query.forms if mix.forms else (query.own,)
    lexical, dense = [], []
    for form in asked:
        lexical.append(dict(snapshot.lexical.search(form.text, mix.pool, among)) if mix.lexical else {})
        dense.append(dict(snapshot.vectors.search(form.encoded.vector, mix.pool, among)) if mix.dense else {})
    ids = list(set().union(*lexical, *dense))
    sections = snapshot.catalogue.sections(ids)
    ids = [number for number in ids if number in sections]
    if not ids:
        return []
    codes = snapshot.catalogue.token_codes(snapshot.vectors.fingerprint, ids)
    # (forms, passages) each
    cosines = np.stack([_cosines(snapshot, form.encoded, ids, known) for form, known in zip(asked, dense, strict=True)])
    terms = np.array([[found.get(number, 0.0) for number in ids] for found in lexical], dtype=np.float32)
    terms /= np.maximum(terms.max(axis=1, keepdims=True), 1e-9)
    tokens = np.stack([_token_matches(form, codes, ids) for form in asked])
    nearness = mix.dense * cosines + mix.lexical * terms + mix.tokens * tokens
    nearest = np.argmax(nearness, axis=0), np.arange(len(ids))
    scores = nearness[nearest]
    if mix.section:
        scores += mix.section * _sections(scores, [sections[number] for number in ids])
    scores += mix.note * np.array([sections[number].kind == "note" for number in ids], dtype=np.float32)
    best_first = np.argsort(-scores, kind="stable")[:top].tolist()
    stored = snapshot.catalogue.passages(ids[k] for k in best_first)
    documents = snapshot.catalogue.documents_among({found.document_id for found in stored.values()})
    return [
        Hit(
            passage_id=ids[k],
            document=documents[stored[ids[k]].document_id],
            passage=stored[ids[k]].passage,
            score=float(scores[k]),
            dense=float(cosines[nearest][k]),
            lexical=float(terms[nearest][k]),
            tokens=float(tokens[nearest][k]),
        )
        for k in best_first
    ]


def rerank(reranker: Reranker, query: Query, hits: Sequence[Hit], *, reads: int, mix: Mix = FUSED) -> list[Hit]:
    """The hits, best first, after a re-ranker has read the first `reads` of them beside the question.

    What it says of a passage is one more ingredient of its score, and none is below 0: so what was read stays ahead of
    what was not, and equal passages keep their order.
    """
    texts = [hit.passage.embedded_text for hit in hits[:reads]]
    scores = reranker.score(query.own.text, texts).tolist()
    again = [replace(hit, score=hit.score + mix.reranker * score) for hit, score in zip(hits, scores, strict=False)]
    return [*sorted(again, key=lambda hit: -hit.score), *hits[reads:]]


def _cosines(
    snapshot: Snapshot, query: EncodedQuery, ids: Sequence[int], known: dict[int, float]
) -> NDArray[np.float32]:
    """The cosine of each passage to the question; the ones that dense search did not find are computed."""
    missing = [number for number in ids if number not in known]
    found, vectors = snapshot.catalogue.embeddings(snapshot.vectors.fingerprint, missing)
    known = known | dict(zip(found.tolist(), (vectors @ query.vector).tolist(), strict=True)) if len(found) else known
    return np.array([known.get(number, 0.0) for number in ids], dtype=np.float32)


def _token_matches(form: Form, codes: Mapping[int, bytes], ids: Sequence[int]) -> NDArray[np.float32]:
    """MaxSim: for each passage the mean, weighted by rarity, of the best match of each of the question's tokens."""
    if not len(form.encoded.tokens):
        return np.zeros(len(ids), dtype=np.float32)
    best = max_similarities(form.encoded.tokens, [codes.get(number, b"") for number in ids])
    means: NDArray[np.float32] = best @ form.weights / form.weights.sum()
    return means


def score_spans(snapshot: Snapshot, encoder: Encoder, query: Query, hits: Sequence[Hit]) -> list[NDArray[np.float32]]:
    """How near each span of each hit is to the question in its nearest form, at no call of the model.

    MaxSim over the span's own tokens, plus SPAN_MEAN times the cosine of their mean to that of the question's: the
    first asks whether the words are met, the second what the span is about. The tokens are those of the whole passage,
    so a span is read in its context. A span that cannot be found in the text that was embedded has 0.
    """
    codes = snapshot.catalogue.token_codes(snapshot.vectors.fingerprint, [hit.passage_id for hit in hits])
    offsets = encoder.offsets([hit.passage.embedded_text for hit in hits])
    result = []
    for hit, places in zip(hits, offsets, strict=True):
        scores = np.zeros(len(hit.passage.spans), dtype=np.float32)
        tokens = unpack(codes.get(hit.passage_id, b""))
        if len(tokens) == len(places):
            starts = np.array([start for start, _ in places])
            ends = np.array([end for _, end in places])
            for k, (start, end) in enumerate(_located(hit)):
                inside = (starts >= start) & (ends <= end) & (starts < ends)
                if inside.any():
                    scores[k] = max(_span_score(form, tokens[inside]) for form in query.forms)
        result.append(scores)
    return result


def _span_score(form: Form, tokens: Matrix) -> float:
    if not len(form.encoded.tokens):
        return 0.0
    shares = form.weights / form.weights.sum()
    about, mean = shares @ form.encoded.tokens, tokens.mean(axis=0)
    met = (tokens @ form.encoded.tokens.T).max(axis=0) @ shares
    norms = max(float(np.linalg.norm(mean) * np.linalg.norm(about)), 1e-9)
    return float(met + SPAN_MEAN * (mean @ about) / norms)


def _located(hit: Hit) -> Iterator[tuple[int, int]]:
    """Where each span of a hit stands in the text that was embedded, compared by letters and digits alone."""
    text = hit.passage.embedded_text
    places = [k for k, char in enumerate(text) if char.isalnum()]
    letters = "".join(text[k] for k in places)
    cursor = sum(char.isalnum() for char in hit.passage.context)
    for span in hit.passage.spans:
        shown = span.text if hit.document.kind == "paper" else plain(span.text)
        wanted = "".join(filter(str.isalnum, shown))
        found = letters.find(wanted, cursor) if wanted else -1
        if found < 0:
            yield 0, 0
            continue
        cursor = found + len(wanted)
        yield places[found], places[cursor - 1] + 1


def _rarity(snapshot: Snapshot, text: str, offsets: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """The weight of each token: how rare the word is that it belongs to; punctuation weighs next to nothing."""
    words = [(match.start(), match.end(), match[0]) for match in _WORD.finditer(text)]
    rarity = snapshot.lexical.rarity([word for _, _, word in words])
    return np.array(
        [next((rarity[word] for start, end, word in words if start <= first < end), 0.01) for first, _ in offsets],
        dtype=np.float32,
    )


def _sections(scores: NDArray[np.float32], sections: Sequence[Section]) -> NDArray[np.float32]:
    """For each passage the mean of the three best scores in its section."""
    members: dict[Section, list[int]] = defaultdict(list)
    for k, section in enumerate(sections):
        members[section].append(k)
    result = scores.copy()
    for rows in members.values():
        if len(rows) > 1:  # alone, a passage is as good as its section
            result[rows] = np.sort(scores[rows])[-3:].mean()
    return result
