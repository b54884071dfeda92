"""`ask(question) -> Answer`: what the command line, the HTTP service and the ledger all call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Self

from indexer.catalogue import StoredDocument, StoredPaper, StoredPassage
from indexer.encode import load_encoder
from indexer.errors import ModelError, QuestionError, SourceError
from indexer.library import Library, Snapshot
from indexer.parsing.text import decode, lines_of
from indexer.settings import DEFAULT_MODEL, Settings
from indexer.status import Status, is_stale, status
from indexer.types import Encoder
from service import ledger
from service.answer import Evidence, Place, cite, compose
from service.related import Relations
from service.retrieve import FUSED, Mix, read, retrieve, score_spans
from service.types import Answer, AnsweredQuestion, Hit, Related, SearchResult

MAX_QUESTION_CHARS = 10_000
"""Questions longer than this are refused; the encoder reads far less."""


SPARE_HITS = 20
"""An answer looks at so many hits more than three a citation, because some say nothing and some are joined."""


class Desk:
    """A library and an encoder, open and ready to be asked; safe to share between threads. A context manager."""

    def __init__(self, settings: Settings, library: Library, encoder: Encoder) -> None:
        self.settings = settings
        self.library = library
        self.encoder = encoder
        self._answered: tuple[int, list[Answer | None]] | None = None
        self._asked_lines: tuple[int, frozenset[tuple[int, int]]] | None = None
        self._relations = Relations()
        self._lock = Lock()

    @classmethod
    def open(cls, settings: Settings, *, notice: Callable[[str], None]) -> Self:
        """Open the library and the model that the settings name; raise LibraryError or ModelError.

        The default model reads questions on the CPU, whatever it embedded the notes on: one question takes a
        millisecond there, and torch, which a GPU needs, seconds to import.
        """
        library = Library.open(settings.library, notice=notice, gpu=settings.device == "cuda")
        try:
            encoder = load_encoder(settings, device="cpu" if settings.model == DEFAULT_MODEL else None, notice=notice)
            _check_model(library, encoder)
        except BaseException:
            library.close()
            raise
        return cls(settings, library, encoder)

    def close(self) -> None:
        """Let go of the library."""
        self.library.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, question: str, *, k: int = 8, mix: Mix = FUSED) -> Answer:
        """Answer a question with at most `k` citations; raise QuestionError when it is empty or too long."""
        with self.library.snapshot() as snapshot:
            return self._ask(snapshot, question, k, mix)

    def search(self, query: str, *, k: int = 8, mix: Mix = FUSED) -> SearchResult:
        """The `k` passages nearest to a query, references last; raise QuestionError when it is empty or too long."""
        clock = _Clock()
        text = checked(query)
        with self.library.snapshot() as snapshot:
            hits = retrieve(snapshot, read(snapshot, self.encoder, text), top=k, mix=mix)
            hits.sort(key=lambda hit: hit.passage.kind == "reference")
            place = _Places(snapshot, self._relations)
            found = tuple(cite(n, Evidence(hit, hit.passage.spans), place(hit)) for n, hit in enumerate(hits, start=1))
        return SearchResult(query, found, clock())

    def questions(self) -> tuple[AnsweredQuestion, ...]:
        """Every item of the question dumps, the wanted ones answered; answered once for each generation."""
        with self._lock, self.library.snapshot() as snapshot:
            stored = snapshot.catalogue.questions()
            if self._answered is None or self._answered[0] != snapshot.generation:
                answers = [self._ask(snapshot, q.question.text, 8) if q.question.wanted else None for q in stored]
                self._answered = (snapshot.generation, answers)
            known = self.library.ledger()
            pairs = zip(stored, self._answered[1], strict=True)
            return tuple(ledger.judged(item, answer, known) for item, answer in pairs)

    def open_questions(self, most: int) -> list[str]:
        """The first questions of the dumps that want an answer, without answering them."""
        with self.library.snapshot() as snapshot:
            items = (stored.question for stored in snapshot.catalogue.questions())
            return [item.text for item in items if item.wanted and item.kind == "question"][:most]

    def remember(self, items: Sequence[AnsweredQuestion]) -> None:
        """Note in the ledger what was shown to the person, so that the next time can say what changed."""
        self.library.put_ledger(ledger.entries(items, time.time()))

    def status(self) -> Status:
        """What is in the library, what failed, and what is out of date."""
        with self.library.snapshot() as snapshot:
            return status(snapshot, self.settings)

    def documents(self) -> list[StoredDocument]:
        """All documents, those that failed included."""
        with self.library.snapshot() as snapshot:
            return snapshot.catalogue.documents()

    def document(self, document_id: int) -> StoredDocument | None:
        """The document of that number."""
        with self.library.snapshot() as snapshot:
            return snapshot.catalogue.document(document_id)

    def passages_of(self, document_id: int) -> list[StoredPassage]:
        """The passages of a document in reading order."""
        with self.library.snapshot() as snapshot:
            return snapshot.catalogue.passages_of(document_id)

    def paper_of(self, document: StoredDocument) -> StoredPaper | None:
        """The paper that a document was fetched for, with what arXiv says of it."""
        with self.library.snapshot() as snapshot:
            return next((one for one in snapshot.catalogue.papers() if one.document_id == document.id), None)

    def documents_of_paper(self, identifier: str) -> list[StoredDocument]:
        """The documents that are the paper with that id on arXiv, in any version."""
        with self.library.snapshot() as snapshot:
            return snapshot.catalogue.documents_of_paper(identifier)

    def related(self, document: StoredDocument) -> list[Related]:
        """The papers that a note names, or each place where notes name a paper."""
        with self.library.snapshot() as snapshot:
            return [related for _, related in self._relations.of(snapshot, document)]

    def _asked(self, snapshot: Snapshot) -> frozenset[tuple[int, int]]:
        """Where questions, tasks and links of the dumps stand, (document, line): they state nothing."""
        known = self._asked_lines
        if known is None or known[0] != snapshot.generation:
            lines = frozenset(
                (item.document_id, item.question.line)
                for item in snapshot.catalogue.questions()
                if item.question.wanted or item.question.kind in ("question", "task", "link")
            )
            self._asked_lines = known = (snapshot.generation, lines)
        return known[1]

    def _ask(self, snapshot: Snapshot, question: str, k: int, mix: Mix = FUSED) -> Answer:
        clock = _Clock()
        query = read(snapshot, self.encoder, checked(question))
        return compose(
            question,
            retrieve(snapshot, query, top=3 * k + SPARE_HITS, mix=mix),
            k=k,
            asked=self._asked(snapshot),
            score_spans=partial(score_spans, snapshot, self.encoder, query),
            place=_Places(snapshot, self._relations),
            took_ms=clock,
        )


def _check_model(library: Library, encoder: Encoder) -> None:
    """Raise ModelError when the library's vectors cannot be compared with those of the encoder."""
    with library.snapshot() as snapshot:
        made_with = snapshot.catalogue.fingerprint
    if made_with not in (None, encoder.fingerprint):
        raise ModelError(
            f"the library {library.path} was made with the model {made_with}, the settings name "
            f"{encoder.fingerprint}; index again, or set FOOTNOTE_MODEL back"
        )


def checked(question: str) -> str:
    """The question without white space around it; raise QuestionError when nothing or too much is left."""
    text = " ".join(question.split())
    if not text:
        raise QuestionError("the question is empty; write what you want to know")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise QuestionError("the question is not valid Unicode (it holds half of a surrogate pair); write it again")
    if len(text) > MAX_QUESTION_CHARS:
        raise QuestionError(f"the question has {len(text):,} characters; at most {MAX_QUESTION_CHARS:,} are read")
    return text


class _Clock:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self) -> float:
        return round((time.perf_counter() - self._start) * 1000, 2)


class _Places:
    """What lies now where hits were found; each file is read once."""

    def __init__(self, snapshot: Snapshot, relations: Relations) -> None:
        self._snapshot = snapshot
        self._relations = relations
        self._read: dict[int, Place] = {}

    def __call__(self, hit: Hit) -> Place:
        document = hit.document
        if document.id not in self._read:
            self._read[document.id] = _look(document)
        related = self._relations.beside(self._snapshot, document, hit.passage.lines)
        return replace(self._read[document.id], related=related)


def _look(document: StoredDocument) -> Place:
    if document.kind == "paper":
        return Place(None, stale=is_stale(document))
    if is_stale(document):
        return Place(None, stale=True)
    try:
        return Place(lines_of(decode(document.path.read_bytes(), document.file)), stale=False)
    except (OSError, SourceError):
        return Place(None, stale=True)
