"""The questions that the confidence is fitted to: of each, what its passages say for and against an answer.

Every question is asked as it is, and those that are answered a second time with the passages that answer them taken out
of what is searched. What is left then is what lies nearest in a library that does not hold the answer.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from indexer.build import build
from indexer.library import Library, Snapshot
from indexer.records import StoredDocument, StoredPassage
from indexer.settings import Settings
from indexer.types import Encoder
from service.answer import PASSAGES, candidates_of, says_something
from service.confidence import READ, Signs, read_signs
from service.desk import Desk
from service.retrieve import read, read_hits, retrieve
from tests.bench.commands import SHARED

GOLD = {"notes_dev": ("notes",), "papers_dev": ("papers", "notes")}
"""Gold files, and the folders that their questions are asked of."""

FOLDERS = ("squad2", "interview_qa", "mlquestions")
"""Corpora with judged questions, as BEIR lays them out."""

FOLDS = 5
HITS = 44
"""As many as an answer with eight citations looks at."""

Kind: TypeAlias = Literal["answered", "unanswered", "taken out"]


@dataclass(frozen=True, slots=True)
class Case:
    """A question as it was asked, and the signs of the passages that were found for it.

    `of` is the set. Questions with the same `fold` are left out together: all those of an article of squad2, and a
    question with and without its answer.
    """

    of: str
    fold: int
    kind: Kind
    signs: tuple[Signs, ...]


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    fold: int
    answers: Callable[[StoredDocument, StoredPassage], bool]


@dataclass(frozen=True, slots=True)
class _Without:
    """A searcher that finds all but some passages."""

    searcher: Any
    gone: Collection[int]

    def search(self, query: Any, k: int, *args: Any) -> list[tuple[int, float]]:
        found = self.searcher.search(query, k + len(self.gone), *args)
        return [one for one in found if one[0] not in self.gone][:k]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.searcher, name)

    def __len__(self) -> int:
        return len(self.searcher)


def cases_of(name: str, work: Path, encoder: Encoder, settings: Settings) -> Iterator[Case]:
    """Ask all questions of a set, of a library made below `work`."""
    sources, questions = _gold(name) if name in GOLD else _folder(name, work)
    settings = replace(settings, library=work / f"{name}.library")
    build(settings.library, sources, encoder, settings)
    with Library.open(settings.library) as library, library.snapshot() as snapshot:
        desk = Desk(settings, library, encoder)
        documents = snapshot.catalogue.documents()
        stored = [(document, one) for document in documents for one in snapshot.catalogue.passages_of(document.id)]
        for question in questions:
            answers = frozenset(one.id for document, one in stored if question.answers(document, one))
            signs = signs_of(desk, snapshot, question.text)
            yield Case(name, question.fold, "answered" if answers else "unanswered", signs)
            if answers:
                yield Case(name, question.fold, "taken out", signs_of(desk, snapshot, question.text, answers))


def signs_of(desk: Desk, snapshot: Snapshot, question: str, gone: Collection[int] = ()) -> tuple[Signs, ...]:
    """What an answer is judged by, when the passages `gone` are not found."""
    query, asked = read(snapshot, desk.encoder, question), desk._asked(snapshot)
    rest = replace(
        snapshot,
        lexical=_Without(snapshot.lexical, gone),  # type: ignore[arg-type]  # searches as the real one does
        vectors=_Without(snapshot.vectors, gone),  # type: ignore[arg-type]  # likewise
    )
    hits = retrieve(rest, query, top=HITS)
    saying = [hit for hit in hits if says_something(hit, question, asked)]
    candidates = candidates_of(saying[: 2 * PASSAGES], asked, partial(read_hits, snapshot, desk.encoder, query))
    return tuple(read_signs(candidates[:READ], hits))


def _gold(name: str) -> tuple[list[Path], list[_Question]]:
    rows = _json_lines(SHARED / "gold" / f"{name}.jsonl")
    questions = [_Question(one["question"], _fold(one["question"]), partial(_at, one["gold"])) for one in rows]
    return [SHARED / folder for folder in GOLD[name]], questions


def _at(places: Sequence[Mapping[str, Any]], document: StoredDocument, stored: StoredPassage) -> bool:
    """Whether a passage lies at one of the gold places: on its lines, or anywhere on its page."""
    lines, pages = stored.passage.lines, stored.passage.pages
    paper = document.paper or Path(document.file).stem
    for place in places:
        if "file" in place:
            here = document.kind == "note" and document.file.endswith(place["file"])
            here = here and lines[0] <= place["end_line"] and place["start_line"] <= lines[1]
        else:
            here = pages is not None and paper == place["paper"] and pages[0] <= place["page"] <= pages[1]
        if here:
            return True
    return False


def _folder(name: str, work: Path) -> tuple[list[Path], list[_Question]]:
    """Write each entry of a corpus as a Markdown file; those that are relevant to a question answer it."""
    corpus, relevant = SHARED / "retrieval" / name, defaultdict(set)
    files = work / name
    files.mkdir(exist_ok=True)
    file_of = {}
    for n, entry in enumerate(_json_lines(corpus / "corpus.jsonl")):
        heading = f"# {entry['title']}\n\n" if entry.get("title") else ""
        (files / f"{n}.md").write_text(f"{heading}{entry['text'].strip()}\n", encoding="utf-8")
        file_of[str(entry["_id"])] = f"{n}.md"
    with (corpus / "qrels.tsv").open(encoding="utf-8", newline="") as lines:
        for judged in csv.DictReader(lines, delimiter="\t"):
            if float(judged["score"]) > 0:
                relevant[judged["query-id"]].add(file_of[judged["corpus-id"]])
    questions = [
        _Question(one["text"], _fold(_article(one)), partial(_in, frozenset(relevant[str(one["_id"])])))
        for one in _json_lines(corpus / "queries.jsonl")
    ]
    return [files], questions


def _in(files: Collection[str], document: StoredDocument, _: StoredPassage) -> bool:
    return document.file in files


def _article(question: Mapping[str, Any]) -> int | str:
    """What a question is left out with: squad2 has five articles, which number its contexts."""
    if "context_id" in question:
        return int(question["context_id"].partition("-")[0])
    return str(question["text"])


def _fold(key: int | str) -> int:
    number = key if isinstance(key, int) else int(hashlib.sha256(key.encode()).hexdigest(), 16)
    return number % FOLDS


def _json_lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
