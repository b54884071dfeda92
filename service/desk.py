"""`ask(question) -> Answer`: what the command line, the HTTP service and the ledger all call."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from indexer.encode import load_encoder
from indexer.errors import LibraryMissing, ModelError, QuestionError
from indexer.library import Library, Snapshot
from indexer.records import StoredDocument, StoredPaper, StoredPassage
from indexer.rerank import load_reranker
from indexer.settings import Settings
from indexer.status import Size, Status, size, status
from indexer.types import Encoder, Question, Reranker
from service.answer import Evidence, cite, compose
from service.facets import Counted, Facets
from service.filters import Filter, Inquiry, parse
from service.matching import Matcher
from service.related import Relations
from service.retrieve import FUSED, Mix, Query, read, read_hits, rerank, retrieve
from service.selection import Selection, Selector
from service.stages import LISTENER, timed
from service.standing import Standing, State
from service.types import (
    MAX_QUESTION_CHARS,
    Answer,
    AnsweredQuestion,
    Citation,
    Draft,
    Hit,
    Related,
    SearchResult,
    Sentence,
    Writer,
    WriterName,
)
from service.writers import borne_out, sources_of, writer_named

if TYPE_CHECKING:
    from service.bibliography import Work
    from service.chart import Chart, Charts, Lit, Shown
    from service.ledger import Ledger
    from service.reach import Basis, Files

SPARE_HITS = 20
"""An answer looks at so many hits more than three a citation, because some say nothing and some are joined."""

NOTHING_LEFT = "Nothing in the library fits {}; ask again with fewer filters."

QUIET = np.errstate(invalid="ignore")
"""BLAS at times raises the flag for lanes that it does not use, of which numpy would warn: all numbers are finite."""

KEPT_CITATIONS = 8
"""Answers to the dumps have at most so many citations."""


class Desk:
    """A library and an encoder, open and ready to be asked; safe to share between threads. A context manager."""

    def __init__(
        self, settings: Settings, library: Library, encoder: Encoder, reranker: Reranker | None = None
    ) -> None:
        self.settings = settings
        self.library = library
        self.encoder = encoder
        self.reranker = reranker
        self._asked_lines: tuple[int, frozenset[tuple[int, int]]] | None = None
        self._relations = Relations()
        self._selector = Selector()
        self._counted = Counted(self._count)
        self._writers: dict[WriterName, Writer] = {}
        self._ledger: tuple[int, Ledger] | None = None
        self._lock = Lock()

    @classmethod
    def open(
        cls, settings: Settings, *, notice: Callable[[str], None], model: Callable[[], Encoder] | None = None
    ) -> Self:
        """Open the library and the models that the settings name; raise LibraryError or ModelError.

        `model` gives the first of them where it is being loaded already (see `service.opening`).
        """
        threadpool_limits(1, user_api="blas")  # products here are small: a second thread wakes, and waits, for longer
        library = Library.open(settings.library, notice=notice, gpu=settings.device == "cuda")
        try:
            _prepare(library)
            encoder = model() if model else load_encoder(settings, asking=True, notice=notice)
            _check_model(library, encoder)
            reranker = load_reranker(settings, notice=notice)
        except BaseException:
            library.close()
            raise
        return cls(settings, library, encoder, reranker)

    def close(self) -> None:
        """Let go of the library."""
        self.library.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(
        self,
        question: str,
        *,
        k: int = 8,
        mix: Mix = FUSED,
        filters: Sequence[Filter] = (),
        writer: WriterName = "extractive",
    ) -> Answer:
        """Answer a question with at most `k` citations, from what the filters in it and beside it let through.

        Raises QuestionError when it is empty or too long, or nothing but filters; SettingsError when the writer asked
        for is not set up.
        """
        *_, answer = self.stream(question, k=k, mix=mix, filters=filters, writer=writer)
        return answer

    def stream(
        self,
        question: str,
        *,
        k: int = 8,
        mix: Mix = FUSED,
        filters: Sequence[Filter] = (),
        writer: WriterName = "extractive",
    ) -> Iterator[Answer]:
        """Answer as `ask` does, and yield what is written so far, each time in place of what was before; at last, all.

        What it raises, it raises before it returns.
        """
        inquiry = parse(checked(question)).narrowed(filters)
        if not inquiry.text:
            raise QuestionError("only filters, and no question; write one, or list what they let through: search")
        if writer not in self._writers:
            self._writers[writer] = writer_named(writer, self.settings.chat)
        with self.library.snapshot() as snapshot:
            found = self._find(snapshot, inquiry, k, mix)
            draft = found.draft(k)
        written = self._writers[writer].write(draft)
        return _told(
            found.explained(replace(borne_out(answer, draft.sources), question=question)) for answer in written
        )

    def search(self, query: str, *, k: int = 8, mix: Mix = FUSED, filters: Sequence[Filter] = ()) -> SearchResult:
        """The `k` passages nearest to a query, references last, of what the filters let through.

        Filters alone list the documents, the newest first. Raises QuestionError when the query is empty or too long.
        """
        clock = _Clock()
        found = self._search(query, k, mix, filters)
        return SearchResult(query, tuple(citation for _, citation in found), clock())

    def lit(self, query: str, *, k: int = 8) -> list[Lit]:
        """The `k` passages nearest to a query, as `search` finds them, and where they lie on the map."""
        from service.chart import Lit

        chart, found = self.chart(), self._search(query, k, FUSED, ())
        places = {hit.passage_id: chart.point(hit.passage_id) for hit, _ in found} if chart else {}
        return [Lit(hit.passage_id, places.get(hit.passage_id), citation) for hit, citation in found]

    def chart(self) -> Chart | None:
        """The map of the library, if it has been laid out."""
        with self.library.snapshot() as snapshot:
            return self._charts.of(snapshot, self.library.path)

    def passage_shown(self, number: int) -> Shown | None:
        """What the map shows of the passage of that number."""
        from service.chart import shown

        with self.library.snapshot() as snapshot:
            stored = snapshot.catalogue.passages([number]).get(number)
            document = stored and snapshot.catalogue.document(stored.document_id)
            return shown(stored, document) if stored and document else None

    def _search(self, query: str, k: int, mix: Mix, filters: Sequence[Filter]) -> list[tuple[Hit, Citation]]:
        """What `search` finds, each hit as it is cited."""
        inquiry = parse(checked(query)).narrowed(filters)
        with self.library.snapshot() as snapshot:
            selection = self._selector.select(snapshot, inquiry.filters)
            asked = None
            if selection is not None and not inquiry.text:
                hits = self._list(snapshot, selection, k + SPARE_HITS)
            else:
                asked = read(snapshot, self.encoder, inquiry.text)
                hits = self._retrieve(snapshot, asked, k + SPARE_HITS, mix, selection)
            standing = self._standing(snapshot, selection)
            looked = standing.look(hits)
            shown = [hit for hit, state in looked if state != "gone"] or hits
            shown = sorted(shown[:k], key=lambda hit: hit.passage.kind == "reference")
            found = tuple(
                cite(n, Evidence(hit, hit.passage.spans), standing(hit)) for n, hit in enumerate(shown, start=1)
            )
        explained = _matcher(asked).explained(found, shown) if asked else found
        return list(zip(shown, explained, strict=True))

    def questions(self) -> tuple[AnsweredQuestion, ...]:
        """Every item of the question dumps, the wanted ones answered; only what changed is answered again."""
        from service.reach import Reach  # only here, as the ledger below: who asks one question does without

        with self._lock, self.library.snapshot() as snapshot:
            mix = FUSED if self.reranker else replace(FUSED, reranker=0.0)
            reach = Reach(snapshot, self._relations, self._asked(snapshot), mix, self.encoder.count_tokens)

            def answer(item: Question) -> tuple[Answer, Basis, Files]:
                inquiry = Inquiry(checked(item.text[:MAX_QUESTION_CHARS]))
                found = self._find(snapshot, inquiry, KEPT_CITATIONS)
                basis, files = reach.rests_on(
                    found.query, found.looked, found.answer, found.asked, k=KEPT_CITATIONS, files=found.standing.files
                )
                return found.draft(KEPT_CITATIONS).answer, basis, files

            ledger = self._ledger_of(snapshot)
            known = ledger.items(snapshot.catalogue)
            return ledger.renewed(snapshot.catalogue, reach, answer) if known is None else known

    def open_questions(self, most: int) -> list[str]:
        """The first questions of the dumps that want an answer, without answering them."""
        with self.library.snapshot() as snapshot:
            items = (stored.question for stored in snapshot.catalogue.questions())
            return [item.text for item in items if item.wanted and item.kind == "question"][:most]

    def remember(self, items: Sequence[AnsweredQuestion], *, whole: bool = True) -> None:
        """Note in the ledger what was shown to the person, all items or some, for the next time to say what changed."""
        from service.ledger import remember

        with suppress(LibraryMissing):  # it was taken away, and with it what was shown
            remember(self.library.path, items, time.time(), whole=whole)

    def status(self, *, files: bool = True) -> Status:
        """What is in the library, what failed, and what is out of date: that only with `files`, which takes longer."""
        with self.library.snapshot() as snapshot:
            return status(snapshot, self.settings, files=files)

    def facets(self) -> Facets:
        """What the library can be narrowed to, or could be before the last change of it."""
        with self.library.snapshot() as snapshot:
            generation = snapshot.generation
        return self._counted.at(generation)

    def size(self) -> Size:
        """How much is in the library."""
        with self.library.snapshot() as snapshot:
            return size(snapshot)

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

    def wanted_papers(self) -> list[StoredPaper]:
        """The papers that notes name or a person added, with what became of each."""
        with self.library.snapshot() as snapshot:
            return snapshot.catalogue.papers()

    def paper_of(self, document: StoredDocument) -> StoredPaper | None:
        """The paper that a document was fetched for, with what arXiv says of it."""
        with self.library.snapshot() as snapshot:
            return next((one for one in snapshot.catalogue.papers() if one.document_id == document.id), None)

    def documents_of_paper(self, identifier: str) -> list[StoredDocument]:
        """The documents that are the paper with that id on arXiv, in any version."""
        with self.library.snapshot() as snapshot:
            return snapshot.catalogue.documents_of_paper(identifier)

    def works(self) -> list[Work]:
        """The papers of the library as a bibliography has them."""
        from service.bibliography import works

        with self.library.snapshot() as snapshot:
            return works(snapshot.catalogue.papers(), snapshot.catalogue.documents())

    def related(self, document: StoredDocument) -> list[Related]:
        """The papers that a note names, or each place where notes name a paper."""
        with self.library.snapshot() as snapshot:
            return self._relations.of(snapshot, document)

    def _count(self) -> tuple[int, Facets]:
        with self.library.snapshot() as snapshot:
            return snapshot.generation, self._selector.facets(snapshot)

    def _ledger_of(self, snapshot: Snapshot) -> Ledger:
        """What is known of the answers to the dumps of this library, not of one that lay there before."""
        from service.ledger import Ledger, rules

        if self._ledger is None or self._ledger[0] != snapshot.edition:
            ledger = Ledger(rules(self.settings, self.encoder.fingerprint))
            self._ledger = (snapshot.edition, ledger)
        return self._ledger[1]

    @cached_property
    def _charts(self) -> Charts:
        """What makes the map of each generation."""
        from service.chart import Charts  # as the ledger: who asks one question does without

        return Charts()

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

    @QUIET
    def _find(self, snapshot: Snapshot, inquiry: Inquiry, k: int, mix: Mix = FUSED) -> _Found:
        """Search, and answer from what still stands in its file."""
        clock = _Clock()
        selection = self._selector.select(snapshot, inquiry.filters)
        query = read(snapshot, self.encoder, inquiry.text)
        hits = self._retrieve(snapshot, query, 3 * k + SPARE_HITS, mix, selection)
        standing = self._standing(snapshot, selection)
        with timed("files"):
            looked = standing.look(hits)
            asked = self._asked(snapshot) | standing.moved(self._asked(snapshot))
        with timed("compose"):
            answer = compose(
                inquiry.text,
                [hit for hit, state in looked if state == "stands"],
                k=k,
                asked=asked,
                read_hits=partial(read_hits, snapshot, self.encoder, query),
                reading=mix.reading,
                place=standing,
                took_ms=clock,
            )
        if selection is not None and not selection.documents:
            fits_nothing = NOTHING_LEFT.format(" ".join(map(str, inquiry.filters)))
            answer = replace(answer, sentences=(Sentence(fits_nothing, ()),))
        return _Found(query, looked, standing, asked, answer, clock)

    @QUIET
    def _retrieve(self, snapshot: Snapshot, query: Query, top: int, mix: Mix, selection: Selection | None) -> list[Hit]:
        """The `top` passages nearest to a question, the best of them read again where there is a re-ranker."""
        reads = self.settings.reranker.reads if self.reranker and mix.reranker else 0
        hits = retrieve(snapshot, query, top=max(top, reads), mix=mix, among=_passages(selection))
        if self.reranker and reads:
            hits = rerank(self.reranker, query, hits, reads=reads, mix=mix)
        return hits[:top]

    def _standing(self, snapshot: Snapshot, selection: Selection | None) -> Standing:
        return Standing(snapshot, self._relations, selection, max_bytes=self.settings.max_file_bytes)

    def _list(self, snapshot: Snapshot, selection: Selection, most: int) -> list[Hit]:
        """The first passage that was let through of each document, the newest document first."""
        chosen = set(selection.passages.tolist())
        numbers = self._selector.newest(snapshot, selection)[:most]
        documents = snapshot.catalogue.documents_among(numbers)
        firsts = [next(one for one in snapshot.catalogue.passages_of(n) if one.id in chosen) for n in numbers]
        return [Hit(one.id, documents[one.document_id], one.passage, 0.0, 0.0, 0.0, 0.0) for one in firsts]


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for a question: every hit with whether it stands, and the answer from those that do.

    `asked` are the lines, as they are now, that state nothing. `took_ms` counts since the question came.
    """

    query: Query
    looked: Sequence[tuple[Hit, State]]
    standing: Standing
    asked: Collection[tuple[int, int]]
    answer: Answer
    took_ms: Callable[[], float]

    def draft(self, k: int) -> Draft:
        """Show what does not stand behind the answer, as far as there is room."""
        standing, shown = self.standing, self.answer.citations
        sources = sources_of(self.answer, [hit for hit, state in self.looked if state == "stands"])
        rest = [hit for hit, state in self.looked if state == "changed"]
        rest = rest or ([] if shown else [hit for hit, _ in self.looked])
        rest = rest[: k - len(shown)]
        behind = [
            cite(n, Evidence(hit, hit.passage.spans), standing(hit)) for n, hit in enumerate(rest, start=len(shown) + 1)
        ]
        answer = replace(self.answer, citations=(*shown, *behind))
        return Draft(answer, k, tuple((hit, standing(hit)) for hit in sources), self.took_ms)

    def explained(self, answer: Answer) -> Answer:
        """The same with why each passage was found."""
        hits = [hit for hit, _ in self.looked]
        return replace(answer, citations=_matcher(self.query).explained(answer.citations, hits))


def _matcher(query: Query) -> Matcher:
    return Matcher([form.text for form in query.forms if form.whole])


def _told(answers: Iterator[Answer]) -> Iterator[Answer]:
    """The answers; who listens hears of the last, which is whole."""
    answer = None
    for answer in answers:
        yield answer
    if answer and (listener := LISTENER.get()):
        listener.answered(answer)


def _passages(selection: Selection | None) -> NDArray[np.int64] | None:
    return None if selection is None else selection.passages


def _prepare(library: Library) -> None:
    """Have made what is made when it is first asked for, while the model is being loaded."""
    with library.snapshot() as snapshot:
        snapshot.lexical.names("")
        snapshot.vectors.search(np.zeros(snapshot.vectors.dimension, np.float32), 1)


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
