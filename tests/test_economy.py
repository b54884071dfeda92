"""What a run and a question may cost, in things that can be counted: a guard that holds on a machine of any speed."""

from __future__ import annotations

import random
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from unittest.mock import patch

import pytest
from older import sealed
from stub_encoder import HashEncoder

from indexer.build import Report, build
from indexer.library import Library
from indexer.settings import Settings
from service.desk import Desk

SIZES = (30, 300)
WORDS = [
    "gradient",
    "layer",
    "network",
    "loss",
    "token",
    "norm",
    "batch",
    "head",
    "memory",
    "attention",
    "step",
    "rate",
]

MOST_CALLS = 60
"""For a note that has not changed, of functions: reading and storing one takes thousands."""

MOST_STATEMENTS = 9
"""For one question, of a reader that has answered another."""

_opened: list[str] | None = None


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open":
        _opened.append(str(arguments[0]))


sys.addaudithook(_hear)


@contextmanager
def files_opened(folder: Path) -> Iterator[list[str]]:
    """The files below a folder that are opened meanwhile, one for each time."""
    global _opened  # noqa: PLW0603 - a hook stays for as long as Python runs
    found: list[str] = []
    _opened = heard = []
    try:
        yield found
    finally:
        _opened = None
        found += [Path(path).name for path in heard if path.startswith(str(folder))]


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL statements that connections run that are opened meanwhile."""
    seen: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(seen.append)
        return connection

    with patch("sqlite3.connect", traced):
        yield seen


def calls(act: Callable[[], object]) -> int:
    """How many functions something calls, in this thread, those of C too."""
    count = 0

    def hear(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(hear)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


class Shelf:
    """So many notes of three passages each, indexed, and as old as files have to be to be believed."""

    def __init__(self, folder: Path, notes: int) -> None:
        self.notes, self.settings = folder / "notes", Settings(library=folder / "library", cache=folder / "cache")
        self.encoder = HashEncoder()
        self.notes.mkdir(parents=True)
        chance = random.Random(notes)
        for number in range(notes):
            texts = [" ".join([f"Thought {number}.{part}:", *chance.choices(WORDS, k=30)]) for part in range(3)]
            headed = [f"## Part {part}\n\n{text}.\n" for part, text in enumerate(texts)]
            (self.notes / f"note {number}.md").write_text("\n".join([f"# Note {number}\n", *headed]))
        self.run()
        with sqlite3.connect(self.settings.library / "catalogue.db") as connection:
            sealed(connection).execute("UPDATE documents SET indexed_at = indexed_at + 60")

    def run(self, only: Sequence[Path] | None = None) -> Report:
        return build(self.settings.library, [self.notes], self.encoder, self.settings, only=only)


@pytest.fixture(scope="module")
def shelves(tmp_path_factory) -> list[Shelf]:
    return [Shelf(tmp_path_factory.mktemp("shelf"), size) for size in SIZES]


def test_a_run_with_nothing_to_do_reads_nothing_and_asks_as_much_of_any_library(shelves):
    asked = []
    for shelf in shelves:
        encoded = shelf.encoder.encoded
        # How much of the catalogue is gone through beside the run depends on how long the run takes.
        with patch("indexer.build.sweep", return_value=""), statements() as seen, files_opened(shelf.notes) as opened:
            report = shelf.run()
        assert (report.unchanged, report.embedded, shelf.encoder.encoded - encoded, opened) == (report.files, 0, 0, [])
        asked.append(len(seen))
    assert asked[0] == asked[1]


def test_a_run_with_nothing_to_do_costs_a_few_calls_a_note(shelves):
    few, many = (calls(shelf.run) for shelf in shelves)
    assert 10 < (many - few) / (SIZES[1] - SIZES[0]) < MOST_CALLS


def test_an_edit_costs_one_note_in_any_library(shelves):
    asked = []
    for shelf in shelves:
        note = shelf.notes / "note 7.md"
        note.write_text(f"{note.read_text()}\nOne more thought on the {' '.join(WORDS)}.\n")
        with statements() as seen, files_opened(shelf.notes) as opened:
            report = shelf.run([note])
        assert (report.files, report.changed, report.embedded, opened) == (1, 1, 1, ["note 7.md"])
        asked.append(len(seen))
    assert asked[0] == asked[1]


def test_a_rename_embeds_nothing(shelves):
    for shelf in shelves:
        old, new = shelf.notes / "note 8.md", shelf.notes / "another name.md"
        old.rename(new)
        with files_opened(shelf.notes) as opened:
            report = shelf.run([old, new])
        assert (report.renamed, report.embedded, opened) == (1, 0, ["another name.md"])


def test_a_question_costs_a_few_statements_in_any_library(shelves):
    for shelf in shelves:
        with statements() as seen, Desk(shelf.settings, Library.open(shelf.settings.library), shelf.encoder) as desk:
            desk.ask("How fast does the attention of a layer learn?")
            del seen[:]
            with files_opened(shelf.notes) as opened:
                answer = desk.ask("What does the norm of a batch do?", k=5)
        assert len(opened) == len(set(opened)) <= len(answer.citations) == 5
        assert len(seen) <= MOST_STATEMENTS


def test_a_question_that_was_asked_before_reads_nothing_of_the_library_again(shelves):
    shelf = shelves[-1]
    with statements() as seen, Desk(shelf.settings, Library.open(shelf.settings.library), shelf.encoder) as desk:
        desk.ask("What does the norm of a batch do?")
        del seen[:]
        desk.ask("What does the norm of a batch do?")
    assert len(seen) == 1  # whether there is a new generation
