"""A desk for the tests of the service: it answers from the lines of a folder that share words with the question."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import shelf

from indexer.errors import QuestionError, SettingsError
from indexer.records import Facts, StoredDocument, StoredPaper, StoredPassage
from indexer.status import Size, Status
from indexer.types import Passage, Question, Span
from service.answer import Evidence, Place, cite
from service.bibliography import Work, works
from service.facets import Facets, facets
from service.filters import Filter, parse
from service.matching import Matcher
from service.related import note_on_paper, paper_of_note
from service.types import Answer, AnsweredQuestion, Changed, Citation, Hit, Related, SearchResult, Sentence, Verdict

_NOTES = frozenset({".md", ".markdown", ".txt", ".org"})
_PAPERS = frozenset({".pdf", ".abstract"})
HERE = StoredPaper(
    "2101.00001", "2101.00001", version="v2", title=shelf.TITLE, authors=("A. Mull", "B. Grau"), abstract="Short.",
    published="2021-01-03", updated="2021-02-04", state="fetched",
)  # fmt: skip
AWAITED = StoredPaper("2101.00002v1", "2101.00002", "v1", state="pending", reason="arxiv.org cannot be reached")


class StubDesk:
    """The verbs of a Desk over the files of one folder, read when it is made. Every PDF is the paper of `shelf`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.filters: tuple[Filter, ...] = ()
        files = sorted(path for path in root.rglob("*") if path.suffix in _NOTES)
        files += sorted(path for path in root.rglob("*") if path.suffix in _PAPERS)
        self._documents = [_stored(n, root, path) for n, path in enumerate(files, 1)]
        self._lines = {one.id: one.path.read_text().split("\n") for one in self._documents if one.kind == "note"}
        number = next((one.id for one in self._documents if one.paper), None)
        self.writes: Callable[[Answer], Iterator[Answer]] | None = None
        """What the chat model makes of an answer; there is none without."""
        self.told: dict[str, tuple[Changed, Verdict | None]] = {}
        """What became of a question, by its text, and its verdict before; it is new without."""
        self.seen: list[AnsweredQuestion] = []
        self.papers = (replace(HERE, document_id=number), AWAITED) if number else ()

    def ask(self, question: str, *, k: int = 8, filters: Sequence[Filter] = ()) -> Answer:
        """Of filters it knows only `kind`; `filters` are those of the last question."""
        inquiry = parse(question).narrowed(filters)
        self.filters = inquiry.filters
        if not question.strip():
            raise QuestionError("the question is empty; write what you want to know")
        kinds = {one.value for one in inquiry.filters if one.name == "kind"}
        citations = tuple(one for one in self._cite(inquiry.text, k) if not kinds or one.kind in kinds)
        best = citations[0].score if citations else 0.0
        verdict = "supported" if best >= 0.6 else "partial" if best >= 0.4 else "unsupported"
        if verdict == "unsupported":
            sentences = (Sentence("The library does not answer this.", ()),)
        else:
            sentences = tuple(Sentence(one.quote, (one.n,)) for one in citations[:2])
        return Answer(question, verdict, round(best, 3), sentences, citations, 1.5)

    def stream(
        self, question: str, *, k: int = 8, filters: Sequence[Filter] = (), writer: str = "extractive"
    ) -> Iterator[Answer]:
        answer = self.ask(question, k=k, filters=filters)
        if writer == "extractive":
            return iter([answer])
        if self.writes is None:
            raise SettingsError("no chat model is set up")
        return self.writes(answer)

    def search(self, query: str, *, k: int = 8, filters: Sequence[Filter] = ()) -> SearchResult:
        return SearchResult(query, self.ask(query, k=k, filters=filters).citations, 1.5)

    def questions(self) -> tuple[AnsweredQuestion, ...]:
        return tuple(
            AnsweredQuestion(item, str(self.root), one.file, one.id, answer, *self.told.get(item.text, ("new", None)))
            for one in self._documents
            for item in _asked(self._lines.get(one.id, []))
            for answer in [self.ask(item.text) if item.wanted else None]
        )

    def remember(self, items: Sequence[AnsweredQuestion], *, whole: bool = True) -> None:
        assert not whole
        self.seen += items

    def open_questions(self, most: int) -> list[str]:
        return [item.question.text for item in self.questions() if item.question.wanted][:most]

    def wanted_papers(self) -> list[StoredPaper]:
        return list(self.papers)

    def status(self, *, files: bool = True) -> Status:
        return Status(
            library="/library",
            generation=3,
            model="stub",
            fingerprint="stub-1",
            documents=len(self._documents),
            failed=1,
            passages=sum(one.passages for one in self._documents),
            vectors="flat",
            questions=len(self.questions()),
            roots=(str(self.root),),
            failures=(("broken.md", "binary data, not text"),),
            remarks=(("scan.pdf", "no text on page 2"),),
            stale=("old.md",) if files else (),
            papers=self.papers,
        )

    def size(self) -> Size:
        return Size(3, len(self._documents), sum(one.passages for one in self._documents), "flat")

    def facets(self) -> Facets:
        return facets([Facts(one.id, one.file, one.kind, one.tags, "2024-05-13") for one in self._documents])

    def chart(self) -> None:
        """Nothing is laid out."""

    def documents(self) -> list[StoredDocument]:
        return list(self._documents)

    def document(self, document_id: int) -> StoredDocument | None:
        return next((one for one in self._documents if one.id == document_id), None)

    def passages_of(self, document_id: int) -> list[StoredPassage]:
        if self.document(document_id).pages:
            return [StoredPassage(n, document_id, passage) for n, passage in enumerate(shelf.PASSAGES, 1)]
        spans = tuple(replace(span, boxes=()) for span in shelf.PASSAGES[0].spans)
        return [StoredPassage(1, document_id, replace(shelf.PASSAGES[0], spans=spans, headings=("Abstract",)))]

    def paper_of(self, document: StoredDocument) -> StoredPaper | None:
        return next((paper for paper in self.papers if paper.document_id == document.id), None)

    def documents_of_paper(self, identifier: str) -> list[StoredDocument]:
        return [one for one in self._documents if one.paper == identifier]

    def works(self) -> list[Work]:
        return works(self.papers, self._documents)

    def related(self, document: StoredDocument) -> list[Related]:
        return [
            related
            for paper in self._documents
            for note in self._documents
            if paper.paper and note.kind == "note"
            for n, line in enumerate(self._lines[note.id], 1)
            if paper.paper in line
            for here, related in ((paper, note_on_paper(note, n)), (note, paper_of_note(paper)))
            if here is document
        ]

    def move(self, document_id: int, file: str) -> None:
        """Let the catalogue say another path for a document."""
        self._documents = [replace(one, file=file) if one.id == document_id else one for one in self._documents]

    def _cite(self, question: str, k: int) -> tuple[Citation, ...]:
        asked = _words(question)
        found = []
        for one in self._documents:
            headings: tuple[str, ...] = ()
            for n, line in enumerate(self._lines.get(one.id, ()), 1):
                if line.startswith("#"):
                    headings = (line.lstrip("# "),)
                elif (score := len(asked & _words(line)) / len(asked)) and "[ ]" not in line:
                    text = line.lstrip("-* ")
                    spans = (Span(text, (n, n)),)
                    passage = Passage(n, "text", f"Before. {text} After.", "", headings, (n, n), spans)
                    found.append((-score, one, n, Evidence(self._hit(one, passage, score), spans)))
            for passage in (stored.passage for stored in self.passages_of(one.id) if one.kind == "paper"):
                found += [
                    (-score, one, span.lines[0], Evidence(self._hit(one, passage, score), (span,)))
                    for span in passage.spans
                    if (score := len(asked & _words(span.text)) / len(asked))
                ]
        found.sort(key=lambda hit: (hit[0], hit[1].id, hit[2]))
        cited = [
            cite(n, evidence, Place(lambda: None, stale=False, related=tuple(self.related(document))), said=True)
            for n, (_, document, _, evidence) in enumerate(found[:k], 1)
        ]
        matcher = Matcher([question])
        return tuple(replace(one, why=matcher.why(one, one.score)) for one in cited)

    def _hit(self, document: StoredDocument, passage: Passage, score: float) -> Hit:
        return Hit(passage.ordinal, document, passage, score, score, 0.0, score)


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3} or {"-"}


def _stored(number: int, root: Path, path: Path) -> StoredDocument:
    data, stamps = path.read_bytes(), path.stat()
    document = StoredDocument(
        number, str(root), path.relative_to(root).as_posix(), "note", path.suffix[1:], None, sha256(data).hexdigest(),
        len(data), stamps.st_mtime_ns, 0, ("ml",), (), 0.0, None, 3,
    )  # fmt: skip
    if path.suffix in _PAPERS:
        pages = shelf.PAGES if path.suffix == ".pdf" else 0
        identifier, version = document.file.removesuffix(path.suffix).split("v")
        return replace(
            document, kind="paper", stated_title=shelf.TITLE, tags=(), pages=pages, paper=identifier,
            version=f"v{version}", fetched=True,
        )  # fmt: skip
    lines = data.decode().split("\n")
    heading = next((line[2:] for line in lines if line.startswith("# ")), None)
    return replace(document, stated_title=heading, line_count=len(lines))


def _asked(lines: list[str]) -> list[Question]:
    section, found = "", []
    for n, line in enumerate(lines, 1):
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif match := re.match(r"\s*- \[([ x])\] (.+)", line):
            is_open = match[1] == " "
            found.append(
                Question(
                    match[2], "open" if is_open else "done", "question", n, section, None, (), (), (), wanted=is_open
                )
            )
    return found
