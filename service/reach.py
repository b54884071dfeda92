"""How far a change of the library reaches: which answers have to be found again after it, and which still hold.

An answer still holds when

- every passage that it cites, or looked at as nearer than the last one that it cites, is as it was, in the same place
  and among the same others under its heading,
- no passage that came or changed since, nor any of a note or paper that the question names, could score as much as the
  last one cited, or as the best one of its kind if only that is beside others of the other kind: its cosine and MaxSim
  are computed, and every other ingredient of the mix is taken to be as high as it can be,
- the library has the same other words for the question,
- and the words of the question are about as rare as they were.

The last is why it need not be the answer that asking again would give, to the last digit: each passage that comes moves
the rarity of words, and so all scores, a little. Up to DRIFT of a question's weight may move before it is asked again.
And a passage that comes may be among those, far down, with whose cosines the confidence compares.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any, TypeAlias, get_args

import numpy as np

from indexer.catalogue import Catalogue
from indexer.library import Snapshot
from indexer.records import StoredDocument, StoredPassage, StoredQuestion
from indexer.tokens import DIMENSION, unpack
from indexer.types import DocumentKind, Matrix, Question, TokenCounter
from service.answer import says_something
from service.forms import forms
from service.related import Relations
from service.retrieve import Mix, Query, tokens_of
from service.standing import State, file_state
from service.types import Answer, Hit

DRIFT = 0.01
"""An answer holds while at most this share of the weight of the question's words has moved from one to another."""

SLACK = 1e-3
"""What rounding, of vectors and of the scores of citations, may take from a score."""

AT_ONCE = 256
"""So many passages that came or changed are compared with the questions together."""

_WORD = re.compile(r"\w+")

Asked: TypeAlias = Collection[tuple[int, int]]
"""The lines (document, line) that ask or remind, and are no evidence."""

Files: TypeAlias = Mapping[int, str]
"""The state of the files of some documents, by the number of each."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on, and what another passage needs to take part in it.

    `passages` has a digest of the state of each passage that counted, by number. `forms` are those that the question
    had; `words` has for each of them the share of every word in the weight of all. `floors` has for notes and for
    papers the score that a passage needs to take part, None where there was room for more. `best` is the best score
    before those of sections and notes are added, `best_asking` is that with the files that hold questions, where the
    question itself is found. `vectors` (forms, dimension), `tokens` and `shares` are those of the forms (see
    `tokens_of`).
    """

    passages: Mapping[int, str]
    forms: Sequence[str]
    words: Sequence[Mapping[str, float]]
    floors: Mapping[DocumentKind, float | None]
    best: float
    best_asking: float
    vectors: Matrix = field(compare=False, repr=False)
    tokens: Matrix = field(compare=False, repr=False)
    shares: Matrix = field(compare=False, repr=False)

    def to_json(self) -> str:
        """Write it as JSON: vectors as float16."""
        arrays = {"vectors": self.vectors, "tokens": self.tokens, "shares": self.shares}
        packed = {name: base64.b64encode(array.astype("<f2").tobytes()).decode() for name, array in arrays.items()}
        return json.dumps(asdict(self) | packed)

    @classmethod
    def from_json(cls, text: str) -> Basis:
        """Read what `to_json` wrote; raise ValueError, KeyError or TypeError when it is something else."""
        data: dict[str, Any] = json.loads(text)
        data["passages"] = {int(number): state for number, state in data["passages"].items()}
        rows = {"vectors": len(data["forms"]), "tokens": -1, "shares": len(data["forms"])}
        for name, count in rows.items():
            array = np.frombuffer(base64.b64decode(data[name]), "<f2").astype(np.float32)
            data[name] = array.reshape(count, DIMENSION if count < 0 else array.size // count)
        return cls(**data)


class Reach:
    """What changed in a library, as one snapshot has it, for the answers that were found before."""

    def __init__(
        self, snapshot: Snapshot, relations: Relations, asked: Asked, mix: Mix, count_tokens: TokenCounter
    ) -> None:
        self._snapshot = snapshot
        self._count_tokens = count_tokens
        self._relations = relations
        self._asked = asked
        self._asking = {document for document, _ in asked}
        self._mix = mix

    def rests_on(
        self, query: Query, looked: Sequence[tuple[Hit, State]], answer: Answer, asked: Asked, *, k: int, files: Files
    ) -> tuple[Basis, Files]:
        """What an answer with at most `k` citations rests on, made of those hits that stand.

        `asked` is as these hits stand; `files` is how the file of every hit lay.
        """
        hits = [hit for hit, _ in looked]
        standing = [hit for hit, state in looked if state == "stands"]
        floor = min((citation.score for citation in answer.citations), default=0.0)
        best_of: dict[DocumentKind, float] = {}
        for hit in standing:
            if hit.document.kind not in best_of and says_something(hit, answer.question, asked):
                best_of[hit.document.kind] = hit.score
        least = hits[-1].score if hits else 0.0
        needed = {kind: min(floor, best_of.get(kind, least)) for kind in get_args(DocumentKind)}
        near = [hit for hit in standing if hit.score >= needed[hit.document.kind] or _is_cited(hit, answer)]
        counted = [hit for hit in near if says_something(hit, answer.question, asked)]
        is_full = len(answer.citations) == k and len(counted) >= k
        is_cut = len(hits) < len(self._snapshot.vectors)  # there are more passages than are looked at
        own = query.forms
        tokens, shares = tokens_of(own)
        basis = Basis(
            passages=self._states({hit.passage_id for hit in counted}),
            forms=[form.text for form in own],
            words=[self._shares(_WORD.findall(form.text)) for form in own],
            floors={kind: score if is_full and (is_cut or kind in best_of) else None for kind, score in needed.items()},
            best=max((self._own(hit) for hit in hits if hit.document.id not in self._asking), default=0.0),
            best_asking=max((self._own(hit) for hit in hits), default=0.0),
            vectors=np.stack([form.encoded.vector for form in own]),
            tokens=tokens,
            shares=shares,
        )
        resting = {hit.document.id for hit in counted}
        return basis, {number: state for number, state in files.items() if state or number in resting}

    def reached(
        self, known: Mapping[str, tuple[Question, Basis]], *, since: int, closed: Iterable[StoredQuestion]
    ) -> set[str]:
        """Which of the `known` answers do not hold any more, by their keys.

        `since` is the oldest generation that one of them was good for. `closed` are items that asked then and do not
        ask now, so that they may be evidence.
        """
        states = self._states({number for _, basis in known.values() for number in basis.passages})
        found = {
            key
            for key, (_, basis) in known.items()
            if any(states.get(number) != state for number, state in basis.passages.items())
            or self._other_words(basis)
            or self._drift(basis) > DRIFT
        }
        for stored, documents in self._came(since, closed):
            left = {key: value for key, value in known.items() if key not in found}
            found |= _naming(left, documents)
            found |= self._near(left, stored, documents)
        return found

    def _other_words(self, basis: Basis) -> bool:
        """Whether the library has other words for the question now."""
        lexical, texts = self._snapshot.lexical, self._snapshot.catalogue.texts
        return forms(basis.forms[0], lexical, self._count_tokens, texts) != basis.forms

    def _drift(self, basis: Basis) -> float:
        """How much of the weight of a question's words has moved from some of them to others, in any of its forms."""
        moved = [0.0]
        for words in basis.words:
            now = self._shares(words)
            moved.append(sum(abs(share - words[word]) for word, share in now.items()) / 2)
        return max(moved)

    def _shares(self, words: Iterable[str]) -> dict[str, float]:
        rarity = self._snapshot.lexical.rarity(words)
        total = sum(rarity.values())
        return {word: value / total for word, value in rarity.items()}

    def _states(self, ids: Collection[int]) -> dict[int, str]:
        """A digest of the state of each passage that there is: what is shown of it, and whether it may be said."""
        catalogue = self._snapshot.catalogue
        rows = catalogue.states(ids)
        documents = catalogue.documents_among({row[0] for row in rows.values()})
        lines: dict[int, set[int]] = {}
        for document, line in self._asked:
            lines.setdefault(document, set()).add(line)
        result = {}
        for number, row in rows.items():
            document, spans = row[0], json.loads(row[4])
            asking = [span[1] for span in spans if span[1] in lines.get(document, ())]
            place = (min(span[1] for span in spans), max(span[2] for span in spans))
            related = self._relations.beside(self._snapshot, documents[document], place)
            digest = sha256(repr((row, asking, related)).encode(errors="surrogatepass"))
            result[number] = digest.hexdigest()[:16]
        return result

    def _came(
        self, since: int, closed: Iterable[StoredQuestion]
    ) -> Iterator[tuple[list[StoredPassage], dict[int, StoredDocument]]]:
        """The passages that came, changed or may be evidence now, and say something, with their documents."""
        catalogue = self._snapshot.catalogue
        ids = set(catalogue.changed_since(since))
        opened = {(item.document_id, item.question.line) for item in closed}
        for document in {document for document, _ in opened}:
            for stored in catalogue.passages_of(document):
                first, last = stored.passage.lines
                if any((document, line) in opened for line in range(first, last + 1)):
                    ids.add(stored.id)
        numbers = sorted(ids)
        for start in range(0, len(numbers), AT_ONCE):
            found = catalogue.passages(numbers[start : start + AT_ONCE]).values()
            if came := [stored for stored in found if self._may_answer(stored)]:
                yield came, catalogue.documents_among({stored.document_id for stored in came})

    def _may_answer(self, stored: StoredPassage) -> bool:
        lines = ((stored.document_id, span.lines[0]) for span in stored.passage.spans)
        return stored.passage.kind not in ("heading", "reference") and any(line not in self._asked for line in lines)

    def _near(
        self,
        known: Mapping[str, tuple[Question, Basis]],
        stored: Sequence[StoredPassage],
        documents: Mapping[int, StoredDocument],
    ) -> set[str]:
        """The answers in which one of these passages could take part."""
        mix, catalogue = self._mix, self._snapshot.catalogue
        fingerprint, ids = self._snapshot.vectors.fingerprint, [one.id for one in stored]
        numbers, vectors = catalogue.embeddings(fingerprint, ids)
        vector_of = dict(zip(numbers.tolist(), vectors, strict=True))
        held = [one for one in stored if one.id in vector_of]
        if not held:
            return set()
        matrix = np.stack([vector_of[one.id] for one in held])
        codes = catalogue.token_codes(fingerprint, ids)
        tokens = _Tokens.of([codes.get(one.id, b"") for one in held])
        kinds = [documents[one.document_id].kind for one in held]
        ahead = mix.note * (np.array(kinds) == "note") + mix.reranker
        asking = np.array([one.document_id in self._asking for one in held])
        found = set()
        for key, (_, basis) in known.items():
            nearness = mix.dense * (matrix @ basis.vectors.T) + mix.tokens * tokens.matches(basis)
            own = nearness.max(axis=1) + mix.lexical
            beside = np.maximum(own, np.where(asking, basis.best_asking, basis.best))
            most = own + mix.section * beside + ahead
            needed = [-math.inf if (floor := basis.floors[kind]) is None else floor for kind in kinds]
            if (most + SLACK >= needed).any():
                found.add(key)
        return found

    def _own(self, hit: Hit) -> float:
        """The score of a hit without what its section and its kind add."""
        return self._mix.dense * hit.dense + self._mix.lexical * hit.lexical + self._mix.tokens * hit.tokens


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The tokens of some passages, to be compared with one question after another."""

    count: int
    coded: list[int]
    starts: list[int]
    matrix: Matrix

    @classmethod
    def of(cls, codes: Sequence[bytes]) -> _Tokens:
        coded = [k for k, code in enumerate(codes) if code]
        lengths = [2 * len(codes[k]) // DIMENSION for k in coded]
        starts = list(accumulate(lengths, initial=0))[:-1]
        return cls(len(codes), coded, starts, unpack(b"".join(codes)))

    def matches(self, basis: Basis) -> Matrix:
        """For each passage and form the mean, weighted, of the best match of each token: (passages, forms)."""
        result = np.zeros((self.count, len(basis.forms)), np.float32)
        if self.coded and len(basis.tokens):
            best = np.maximum.reduceat(self.matrix @ basis.tokens.T, self.starts, axis=0)
            result[self.coded] = best @ basis.shares.T
        return result


def _is_cited(hit: Hit, answer: Answer) -> bool:
    """Whether a hit is shown, if only as a part of what was joined."""
    return any(
        hit.passage.text in citation.passage and citation.title == hit.document.title for citation in answer.citations
    )


def _naming(known: Mapping[str, tuple[Question, Basis]], documents: Mapping[int, StoredDocument]) -> set[str]:
    """The answers to questions that name one of these notes or papers."""
    names = {_name(name) for document in documents.values() for name in _names(document)}
    return {
        key
        for key, (question, _) in known.items()
        if any(_name(target) in names for target in (*question.wikilinks, *question.arxiv_ids))
    }


def _names(document: StoredDocument) -> Iterator[str]:
    path = PurePosixPath(document.file)
    yield from (path.stem, path.name, document.file, str(path.with_suffix("")), document.title, *document.aliases)
    yield document.paper or ""


def _name(target: str) -> str:
    return target.partition("#")[0].strip().lower()


def files_changed(catalogue: Catalogue, resting: Mapping[str, Files]) -> set[str]:
    """The keys of those that rest on a file which is not as it was then."""
    documents = catalogue.documents_among({number for files in resting.values() for number in files})
    states = {number: file_state(document) for number, document in documents.items()}
    return {
        key for key, files in resting.items() if any(states.get(number) != state for number, state in files.items())
    }
