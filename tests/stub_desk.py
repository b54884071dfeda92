"""A desk for the tests of the service: it answers from the lines of a folder that share words with the question."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from indexer.catalogue import StoredDocument
from indexer.errors import QuestionError
from indexer.status import Status
from indexer.types import Question
from service.types import Answer, AnsweredQuestion, Citation, SearchResult, Sentence

_FORMATS = frozenset({".md", ".markdown", ".txt", ".org"})


class StubDesk:
    """The verbs of a Desk over the files of one folder, read when it is made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        files = sorted(path for path in root.rglob("*") if path.suffix in _FORMATS)
        self._documents = [_stored(n, root, path) for n, path in enumerate(files, 1)]
        self._lines = {one.id: one.path.read_text().split("\n") for one in self._documents}

    def ask(self, question: str, *, k: int = 8) -> Answer:
        if not question.strip():
            raise QuestionError("the question is empty; write what you want to know")
        citations = self._cite(question, k)
        best = citations[0].score if citations else 0.0
        verdict = "supported" if best >= 0.6 else "partial" if best >= 0.4 else "unsupported"
        if verdict == "unsupported":
            sentences = (Sentence("The library does not answer this.", ()),)
        else:
            sentences = tuple(Sentence(one.quote, (one.n,)) for one in citations[:2])
        return Answer(question, verdict, round(best, 3), sentences, citations, 1.5)

    def search(self, query: str, *, k: int = 8) -> SearchResult:
        return SearchResult(query, self.ask(query, k=k).citations, 1.5)

    def questions(self) -> tuple[AnsweredQuestion, ...]:
        return tuple(
            AnsweredQuestion(item, str(self.root), one.file, one.id, answer, "new" if answer else "same")
            for one in self._documents
            for item in _asked(self._lines[one.id])
            for answer in [self.ask(item.text) if item.wanted else None]
        )

    def open_questions(self, most: int) -> list[str]:
        return [item.question.text for item in self.questions() if item.question.wanted][:most]

    def status(self) -> Status:
        return Status(
            library="/library",
            generation=3,
            model="stub",
            fingerprint="stub-1",
            documents=len(self._documents),
            failed=1,
            passages=sum(one.passages for one in self._documents),
            questions=len(self.questions()),
            roots=(str(self.root),),
            failures=(("broken.md", "binary data, not text"),),
            stale=("old.md",),
        )

    def documents(self) -> list[StoredDocument]:
        return list(self._documents)

    def document(self, document_id: int) -> StoredDocument | None:
        return next((one for one in self._documents if one.id == document_id), None)

    def move(self, document_id: int, file: str) -> None:
        """Let the catalogue say another path for a document."""
        self._documents = [replace(one, file=file) if one.id == document_id else one for one in self._documents]

    def _cite(self, question: str, k: int) -> tuple[Citation, ...]:
        asked = _words(question)
        found = []
        for one in self._documents:
            headings: tuple[str, ...] = ()
            for n, line in enumerate(self._lines[one.id], 1):
                if line.startswith("#"):
                    headings = (line.lstrip("# "),)
                elif (score := len(asked & _words(line)) / len(asked)) and "[ ]" not in line:
                    found.append((-score, one, n, line.lstrip("-* "), headings))
        found.sort(key=lambda hit: (hit[0], hit[1].id, hit[2]))
        return tuple(
            Citation(
                n, "note", one.file, None, None, one.title, headings, (line, line), None, None, text,
                f"Before. {text} After.", -score, f"/notes/{one.id}?lines={line}-{line}#L{line}", stale=False,
            )
            for n, (score, one, line, text, headings) in enumerate(found[:k], 1)
        )  # fmt: skip


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3} or {"-"}


def _stored(number: int, root: Path, path: Path) -> StoredDocument:
    data = path.read_bytes()
    file = path.relative_to(root).as_posix()
    lines = data.decode().split("\n")
    heading = next((line[2:] for line in lines if line.startswith("# ")), None)
    return StoredDocument(
        number, str(root), file, "note", path.suffix[1:], heading, sha256(data).hexdigest(), len(data), 0, len(lines),
        ("ml",), (), 0.0, None, 3,
    )  # fmt: skip


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
