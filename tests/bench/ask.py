"""`python -m tests.bench.ask [LIBRARY QUESTIONS.jsonl]`: where the time of an answer goes.

Without arguments it asks libraries of three sizes, which it makes from the shared notes, papers and passages.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import service.desk
import service.retrieve
from indexer.catalogue import Catalogue
from indexer.encode import CompiledEncoder, _Pass
from indexer.lexical import Lexical
from indexer.settings import Settings
from indexer.vectors import Vectors
from service.desk import Desk
from service.filters import as_words
from service.standing import Standing
from tests.bench.commands import SHARED, heads, index, row

MOST_QUESTIONS = 300
WARM_UP = 20
"""OpenVINO makes a program for each length of question that it meets."""

STAGES: tuple[tuple[str, Any, str], ...] = (
    ("the words of the library", service.retrieve, "forms"),
    ("the question to tokens", CompiledEncoder, "begin_queries"),
    ("how rare its words are", Lexical, "rarity"),
    ("search by words, while vectors are made", Lexical, "search"),
    ("waiting for the vectors", _Pass, "outputs"),
    ("search by vector", Vectors, "search_many"),
    ("cosines of the rest", Vectors, "cosines"),
    ("sections", Catalogue, "sections"),
    ("token codes", Catalogue, "token_codes"),
    ("late interaction", service.retrieve, "max_similarities"),
    ("passages", Catalogue, "passages"),
    ("documents", Catalogue, "documents_among"),
    ("ranking, besides", service.desk, "retrieve"),
    ("places of tokens", CompiledEncoder, "offsets"),
    ("scores of sentences, besides", service.desk, "read_hits"),
    ("what stands in the files", Standing, "look"),
    ("files of citations", Standing, "__call__"),
    ("answering, besides", Desk, "ask"),
)
"""Every stage of an answer, and the function that does it; what it leaves to another stage does not count."""


class Stopwatch:
    """How many milliseconds each stage took, without what other stages took inside it."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch all STAGES."""
        patches = [patch.object(owner, name, self._timed(getattr(owner, name), to)) for to, owner, name in STAGES]
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()

    def _timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                took = (time.perf_counter() - start) * 1000
                self.spent[stage] += took - self._inner.pop()
                self._inner[-1] += took

        return timed


def measured(library: Path, questions: list[str]) -> dict[str, list[float]]:
    """The milliseconds of each stage, and of all of them, for each question."""
    found: dict[str, list[float]] = defaultdict(list)
    questions = list(map(as_words, questions))
    settings = Settings.from_environ({**os.environ, "FOOTNOTE_LIBRARY": str(library)})
    gc.freeze()  # as a service does
    with Desk.open(settings, notice=sys.stderr.write) as desk:
        for question in questions[:WARM_UP]:
            desk.ask(question)
        found["all"] = [desk.ask(question).took_ms for question in questions[WARM_UP:]]  # watching has a cost as well
    with Desk.open(settings, notice=sys.stderr.write) as desk:
        for question in questions[:WARM_UP]:
            desk.ask(question)
        for question in questions[WARM_UP:]:
            watch = Stopwatch()
            with watch.watching():
                desk.ask(question)
            for stage, _, _ in STAGES:
                found[stage].append(watch.spent[stage])
    return found


def asked(file: Path, most: int | None = MOST_QUESTIONS) -> list[str]:
    """The first questions in a file of gold places or of a retrieval set."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.get("question") or line["text"] for line in lines][:most]


def library_of(passages: Path, folder: Path) -> Path:
    """A library of a retrieval set, with a note for each of its passages."""
    notes = folder / "notes"
    notes.mkdir(parents=True)
    for number, line in enumerate(passages.read_text(encoding="utf-8").splitlines()):
        passage = json.loads(line)
        title = f"# {passage['title']}\n\n" if passage.get("title") else ""
        (notes / f"{number}.md").write_text(f"{title}{passage['text']}\n", encoding="utf-8")
    index(folder / "library", notes)
    return folder / "library"


def table(columns: dict[str, dict[str, list[float]]]) -> list[str]:
    """Median and 95th percentile of each stage, a library a column."""
    stages = ["all", *(stage for stage, _, _ in STAGES)]
    return [
        *heads("ms, median (p95)", *columns),
        *(row(stage, *(_cell(found[stage]) for found in columns.values())) for stage in stages),
    ]


def _cell(values: list[float]) -> str:
    return f"{np.median(values):.2f} ({np.percentile(values, 95):.2f})"


def main(argv: list[str]) -> None:
    if argv:
        library, questions = Path(argv[0]), Path(argv[1])
        sys.stdout.write("\n".join(table({library.name: measured(library, asked(questions))})) + "\n")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder, gold = Path(temporary), SHARED / "gold"
        large = SHARED / "retrieval" / "mlquestions"
        notes, papers = index(folder / "n", SHARED / "notes"), index(folder / "p", SHARED / "papers", SHARED / "notes")
        columns = {
            f"notes, {notes['passages']} passages": measured(folder / "n", asked(gold / "notes_dev.jsonl")),
            f"with papers, {papers['passages']} passages": measured(folder / "p", asked(gold / "papers_dev.jsonl")),
            "mlquestions, 9191 passages": measured(
                library_of(large / "corpus.jsonl", folder / "large"), asked(large / "queries.jsonl")
            ),
        }
        sys.stdout.write("\n".join(table(columns)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
