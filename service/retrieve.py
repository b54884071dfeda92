"""Question → hits: lexical and dense search, fused, and sharpened by how well the words themselves match."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from indexer.library import Snapshot
from indexer.plain import plain
from indexer.tokens import TOKEN_BYTES, max_similarities, unpack
from indexer.types import EncodedQuery, Encoder, Matrix, Reranker
from service.forms import clauses, forms
from service.stages import LISTENER, timed
from service.types import Hit

SPAN_MEAN = 0.5
"""How much the mean of a span's tokens counts beside the best match of each word, when a sentence is chosen."""

_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W_]+")
_EDGES = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
"""A text from its first letter or digit to its last."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How much each ingredient counts beside the cosine of the dense vectors, whose weight is 1.

    `lexical` weighs BM25 divided by the best of the search, `tokens` the mean best match of the question's words
    (weighted by how rare they are in the library), `section` the mean score of the three best passages under the same
    heading. `note` is what a passage of a note has ahead of one of a paper: those of papers are longer and more, so the
    best of them is nearer by chance alone, and what a person wrote down is what she looks for first. `forms` says
    whether the question is asked in the words of the library too, `pool` how many passages each search contributes, and
    `compared` how many of all these, the best without it, are compared token by token: the others are left out.
    `reading` weighs the odds that a passage answers, among the few that are read word by word. `reranker` weighs what a
    re-ranker, where one is set, makes of the best hits: its whole range is about what lies between the first and the
    twentieth, so it has its way where it is sure.
    """

    lexical: float = 0.12
    tokens: float = 1.8
    section: float = 0.25
    dense: float = 1.0
    note: float = 0.25
    forms: bool = True
    pool: int = 150
    compared: int = 150
    reading: float = 0.08
    reranker: float = 2.0


FUSED = Mix()


@dataclass(frozen=True, slots=True)
class Form:
    """A question in some words: what the encoder makes of them, and how much each token weighs.

    `whole` says that it asks all that the question asks.
    """

    text: str
    encoded: EncodedQuery
    weights: NDArray[np.float32]
    whole: bool = True


class Query:
    """A question as it is searched for: in its own words, and in those of the library where they differ.

    `texts` are all of these, its own first. The encoder reads them until their forms are asked for.
    """

    def __init__(self, texts: Sequence[str], read_forms: Callable[[], tuple[Form, ...]]) -> None:
        self.texts = texts
        self._read_forms = read_forms

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """What the encoder made of each text; it is waited for."""
        return self._read_forms()


@dataclass(frozen=True, slots=True)
class Met:
    """How well a passage meets the words of a question, in one of its forms: the best cosine of each of its tokens.

    `text` is the form, `whole` whether it asks everything. `offsets` are the places of its t tokens in it; `rarity`
    (t,) is how rare their words are, 1 for one that the library does not have. `passage` is (t,); `spans` is
    (spans, t), zero for a span that cannot be found in the text that was embedded.
    """

    text: str
    offsets: tuple[tuple[int, int], ...]
    rarity: NDArray[np.float32]
    passage: NDArray[np.float32]
    spans: NDArray[np.float32]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """A hit compared with a question token by token: how near each span is, (spans,), and what is met in each form."""

    scores: NDArray[np.float32]
    met: tuple[Met, ...]


def read(snapshot: Snapshot, encoder: Encoder, question: str) -> Query:
    """Make a question ready to be searched for, which the encoder is left with."""
    with timed("forms"):
        asked = plain(question)
        parts = clauses(asked)
        texts = forms(asked, snapshot.lexical, encoder.count_tokens, snapshot.catalogue.texts)
    begun = time.perf_counter()
    encoded = encoder.begin_queries(texts)

    def read_forms() -> tuple[Form, ...]:
        read = encoded()
        if listener := LISTENER.get():
            listener.took("encode", time.perf_counter() - begun)
        return tuple(
            Form(text, one, _rarity(snapshot, text, one.offsets), text not in parts)
            for text, one in zip(texts, read, strict=True)
        )

    return Query(texts, read_forms)


def retrieve(
    snapshot: Snapshot, query: Query, *, top: int, mix: Mix = FUSED, among: NDArray[np.int64] | None = None
) -> list[Hit]:
    """The `top` passages nearest to a question, best first, of all that either search put into its pool.

    Each passage is as near as the nearest form of the question. With `among`, (n,), ascending, only these passages are
    searched.
    """
    count = len(query.texts) if mix.forms else 1
    telling = mix.dense > 0  # where words are all there is, each of them counts
    with timed("lexical"):
        lexical = [
            dict(snapshot.lexical.search(text, mix.pool, among, telling=telling)) if mix.lexical else {}
            for text in query.texts[:count]
        ]
    asked = query.forms[:count]
    vectors = np.stack([form.encoded.vector for form in asked])
    with timed("dense"):
        dense = snapshot.vectors.search_many(vectors, mix.pool, among) if mix.dense else []
    ids = list({number for found in dense for number, _ in found}.union(*lexical))
    sections = snapshot.catalogue.sections(ids)
    ids = [number for number in ids if number in sections]
    if not ids:
        return []
    is_note = np.array([sections[number].kind == "note" for number in ids], dtype=np.float32)
    # (forms, passages) each
    cosines = snapshot.vectors.cosines(vectors, ids)
    terms = np.array([[known.get(number, 0.0) for number in ids] for known in lexical], dtype=np.float32)
    terms /= np.maximum(terms.max(axis=1, keepdims=True), 1e-9)
    if mix.tokens and len(ids) > (most := max(mix.compared, top)):
        # half the lead of a note: what its words add is still to come, beside which the lead counts less
        rough = np.max(mix.dense * cosines + mix.lexical * terms, axis=0) + mix.note / 2 * is_note
        kept = np.sort(np.argsort(-rough, kind="stable")[:most])
        ids, is_note, cosines, terms = [ids[k] for k in kept.tolist()], is_note[kept], cosines[:, kept], terms[:, kept]
    with timed("tokens"):
        codes = snapshot.catalogue.token_codes(snapshot.vectors.fingerprint, ids)
        tokens = _token_matches(asked, [codes.get(number, b"") for number in ids])
    nearness = mix.dense * cosines + mix.lexical * terms + mix.tokens * tokens
    nearest = np.argmax(nearness, axis=0), np.arange(len(ids))
    cosines, terms, tokens, scores = (part[nearest] for part in (cosines, terms, tokens, nearness))
    if mix.section:
        places = [sections[number] for number in ids]
        scores += mix.section * _sections(scores, [(one.document_id, one.headings) for one in places])
    scores += mix.note * is_note
    best_first = np.argsort(-scores, kind="stable")[:top].tolist()
    stored = snapshot.catalogue.passages(ids[k] for k in best_first)
    documents = snapshot.catalogue.documents_among({found.document_id for found in stored.values()})
    return [
        Hit(
            passage_id=ids[k],
            document=documents[stored[ids[k]].document_id],
            passage=stored[ids[k]].passage,
            score=float(scores[k]),
            dense=float(cosines[k]),
            lexical=float(terms[k]),
            tokens=float(tokens[k]),
        )
        for k in best_first
    ]


def rerank(reranker: Reranker, query: Query, hits: Sequence[Hit], *, reads: int, mix: Mix = FUSED) -> list[Hit]:
    """The hits, best first, after a re-ranker has read the first `reads` of them beside the question.

    What it says of a passage is one more ingredient of its score, and none is below 0: so what was read stays ahead of
    what was not, and equal passages keep their order.
    """
    texts = [hit.passage.embedded_text for hit in hits[:reads]]
    with timed("rerank"):
        scores = reranker.score(query.texts[0], texts).tolist()
    again = [replace(hit, score=hit.score + mix.reranker * score) for hit, score in zip(hits, scores, strict=False)]
    return [*sorted(again, key=lambda hit: -hit.score), *hits[reads:]]


def _token_matches(asked: Sequence[Form], codes: Sequence[bytes]) -> Matrix:
    """MaxSim: for each form and passage the mean, weighted by rarity, of the best match of each token of the form."""
    tokens, shares = tokens_of(asked)
    means: Matrix = shares @ max_similarities(tokens, codes).T
    return means


def tokens_of(asked: Sequence[Form]) -> tuple[Matrix, Matrix]:
    """The tokens of all forms, (tokens, DIMENSION), and how much each counts in each form: (forms, tokens)."""
    tokens = np.concatenate([form.encoded.tokens for form in asked])
    shares = np.zeros((len(asked), len(tokens)), dtype=np.float32)
    first = 0
    for row, form in zip(shares, asked, strict=True):
        last = first + len(form.weights)
        row[first:last] = form.weights / form.weights.sum()
        first = last
    return tokens, shares


def read_hits(snapshot: Snapshot, encoder: Encoder, query: Query, hits: Sequence[Hit]) -> list[Reading]:
    """How near each span of each hit is to the question in its nearest form, at no call of the model.

    MaxSim over the span's own tokens, plus SPAN_MEAN times the cosine of their mean to that of the question's: the
    first asks whether the words are met, the second what the span is about. The tokens are those of the whole passage,
    so a span is read in its context. A span that cannot be found in the text that was embedded has 0.
    """
    if not hits:
        return []
    asked, shares = tokens_of(query.forms)
    abouts = shares @ asked  # (forms, DIMENSION)
    abouts /= np.maximum(np.linalg.norm(abouts, axis=1, keepdims=True), 1e-9)
    codes = snapshot.catalogue.token_codes(snapshot.vectors.fingerprint, [hit.passage_id for hit in hits])
    laid = _laid(hits, [codes.get(hit.passage_id, b"") for hit in hits], encoder)
    similarities = laid.tokens @ asked.T
    passages = _reduced(np.maximum, similarities, laid.passages)
    spans = _reduced(np.maximum, similarities[laid.own], laid.spans)
    totals = _reduced(np.add, laid.tokens[laid.own], laid.spans)
    norms = np.maximum(np.linalg.norm(totals, axis=1), 1e-9)
    scores = (shares @ spans.T + SPAN_MEAN * (abouts @ totals.T / norms)).max(axis=0)
    rarities = [form.weights / snapshot.lexical.rarest for form in query.forms]
    readings, last = [], 0
    for hit, passage in zip(hits, passages, strict=True):
        rows = slice(last, last := last + len(hit.passage.spans))
        met, end = [], 0
        for form, rarity in zip(query.forms, rarities, strict=True):
            part = slice(end, end := end + len(rarity))
            met.append(Met(form.text, form.encoded.offsets, rarity, passage[part], spans[rows, part], form.whole))
        readings.append(Reading(scores[rows], tuple(met)))
    return readings


@dataclass(frozen=True, slots=True)
class _Laid:
    """The tokens of some passages one behind the other, (tokens, DIMENSION), so that all are compared at once.

    `own` are those that are of a text, as special ones are not. `passages`, (passages, 2), says where each passage
    begins and ends among all tokens, `spans`, (spans, 2), the same for each span among `own`: where it begins, if it
    has none.
    """

    tokens: Matrix
    own: NDArray[np.int64]
    passages: NDArray[np.int64]
    spans: NDArray[np.int64]


def _laid(hits: Sequence[Hit], codes: Sequence[bytes], encoder: Encoder) -> _Laid:
    """Lay the passages of some hits side by side; one whose codes are not those of its text has no tokens."""
    texts = [hit.passage.embedded_text for hit in hits]
    found = zip(encoder.offsets(texts), codes, strict=True)
    kept = [(row, code) if len(code) == TOKEN_BYTES * len(row) else ([], b"") for row, code in found]
    counts = [len(row) for row, _ in kept]
    lasts = np.cumsum(counts)
    begins = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])  # where each text begins, in characters
    places = np.fromiter(chain.from_iterable(chain.from_iterable(row for row, _ in kept)), np.int64).reshape(-1, 2)
    own = np.flatnonzero(places[:, 0] < places[:, 1])
    starts, ends = (places + np.repeat(begins, counts)[:, np.newaxis])[own].T
    located = [
        (begin + start, begin + end)
        for hit, begin, count in zip(hits, begins.tolist(), counts, strict=True)
        for start, end in (_located(hit) if count else [(0, 0)] * len(hit.passage.spans))
    ]
    wanted = np.array(located, np.int64).reshape(-1, 2)
    first, last = np.searchsorted(starts, wanted[:, 0]), np.searchsorted(ends, wanted[:, 1], "right")
    return _Laid(
        tokens=unpack(b"".join(code for _, code in kept)),
        own=own,
        passages=np.stack([lasts - counts, lasts], axis=1),
        spans=np.stack([first, np.maximum(first, last)], axis=1),
    )


def _reduced(function: np.ufunc, rows: Matrix, bounds: NDArray[np.int64]) -> Matrix:
    """What a function makes of the rows between some bounds, (n, 2), column by column; 0 where there are none."""
    found = np.zeros((len(bounds), rows.shape[1]), np.float32)
    some = bounds[:, 0] < bounds[:, 1]
    if some.any():
        # what lies between two bounds is reduced as well, and left out; no bound may lie behind the last row
        padded = np.concatenate([rows, rows[-1:]])
        found[some] = function.reduceat(padded, bounds[some].reshape(-1), axis=0)[::2]
    return found


def _located(hit: Hit) -> Iterator[tuple[int, int]]:
    """Where each span of a hit stands in the text that was embedded, from its first letter or digit to its last.

    One that is not there as it is read is looked for by letters and digits alone.
    """
    text = hit.passage.embedded_text
    letters: str | None = None
    cursor = len(hit.passage.context)
    for span in hit.passage.spans:
        wanted = span.text if hit.document.kind == "paper" else plain(span.text)
        edges = _EDGES.search(wanted)
        if edges is None:
            yield 0, 0
            continue
        if (at := text.find(edges[0], cursor)) >= 0:
            cursor = at + len(edges[0])
            yield at, cursor
            continue
        letters = _letters(text) if letters is None else letters
        wanted = _letters(wanted)
        found = letters.find(wanted, len(_letters(text[:cursor])))
        if found < 0:
            yield 0, 0
            continue
        places = [place for place, character in enumerate(text) if character.isalnum()]
        cursor = places[found + len(wanted) - 1] + 1
        yield places[found], cursor


def _letters(text: str) -> str:
    return "".join(_LETTERS.findall(text))


def _rarity(snapshot: Snapshot, text: str, offsets: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """The weight of each token: how rare the word is that it belongs to; punctuation weighs next to nothing."""
    words = [(match.start(), match.end(), match[0]) for match in _WORD.finditer(text)]
    rarity = snapshot.lexical.rarity([word for _, _, word in words])
    return np.array(
        [next((rarity[word] for start, end, word in words if start <= first < end), 0.01) for first, _ in offsets],
        dtype=np.float32,
    )


def _sections(scores: NDArray[np.float32], sections: Sequence[Hashable]) -> NDArray[np.float32]:
    """For each passage the mean of the three best scores in its section."""
    members: dict[Hashable, list[int]] = defaultdict(list)
    for k, section in enumerate(sections):
        members[section].append(k)
    values = scores.tolist()
    result = values.copy()
    for rows in members.values():
        if len(rows) > 1:  # alone, a passage is as good as its section
            best = sorted(values[k] for k in rows)[-3:]
            mean = sum(best) / len(best)
            for k in rows:
                result[k] = mean
    return np.array(result, np.float32)
