"""What was found, compared with the files as they lie now: what still stands there, and on which lines."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Literal, TypeAlias

from indexer.errors import SourceError
from indexer.library import Snapshot
from indexer.records import StoredDocument
from indexer.status import is_stale
from indexer.types import Passage
from service.answer import Place
from service.files import read_note
from service.related import Relations
from service.selection import Selection
from service.types import Hit

State: TypeAlias = Literal["stands", "changed", "gone"]
"""A passage stands where its hit says; or its file changed, and it stands there no more; or there is no file."""

GONE = "gone"
"""The state of a file that is not there."""


class Standing:
    """The files of the documents that hits are from, as they are now; each is looked at once.

    `selection` is what filters let through: only that is offered beside a place.
    """

    def __init__(
        self, snapshot: Snapshot, relations: Relations, selection: Selection | None, *, max_bytes: int
    ) -> None:
        self._snapshot = snapshot
        self._relations = relations
        self._documents = None if selection is None else selection.documents
        self._max_bytes = max_bytes
        self.files: dict[int, str] = {}
        """How the file of each document lay when it was looked at, by number: see `file_state`."""
        self._lines: dict[int, Sequence[str] | None] = {}
        self._texts: dict[int, Text | None] = {}
        self._shifts: dict[int, int] = {}
        """By how many lines each passage has moved that stands in a file that changed, by number."""
        self._moved: list[Hit] = []

    def look(self, hits: Sequence[Hit]) -> list[tuple[Hit, State]]:
        """Tell of each hit whether it stands; one that stands elsewhere in its file now is given with these lines."""
        return [self._look(hit) for hit in hits]

    def moved(self, places: Collection[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        """Where those places (document, line) are now that lie in passages which have moved."""
        return frozenset(
            (hit.document.id, line + self._shifts[hit.passage_id])
            for hit in self._moved
            for line in range(hit.passage.lines[0], hit.passage.lines[1] + 1)
            if (hit.document.id, line) in places
        )

    def __call__(self, hit: Hit) -> Place:
        """What lies where a hit says, and what belongs there."""
        document = hit.document
        stale = bool(self.files.get(document.id))
        stands = not stale or hit.passage_id in self._shifts
        shift = self._shifts.get(hit.passage_id, 0)
        then = (hit.passage.lines[0] - shift, hit.passage.lines[1] - shift)
        related = self._relations.beside(self._snapshot, document, then, among=self._documents)
        readable = stands and document.kind == "note"
        return Place(partial(self._lines_of, document) if readable else _nothing, stale=stale, related=related)

    def _look(self, hit: Hit) -> tuple[Hit, State]:
        state = self._state(hit.document)
        if state != "changed" or hit.document.kind == "paper":
            return hit, state
        text = self._text_of(hit.document)
        shift = None if text is None else shift_of(hit.passage, text)
        if shift is None:
            return hit, "changed"
        self._shifts[hit.passage_id] = shift
        if shift:
            self._moved.append(hit)
            hit = replace(hit, passage=_shifted(hit.passage, shift))
        return hit, "stands"

    def _state(self, document: StoredDocument) -> State:
        if document.id not in self.files:
            self.files[document.id] = file_state(document)
        found = self.files[document.id]
        return "stands" if not found else "gone" if found == GONE else "changed"

    def _lines_of(self, document: StoredDocument) -> Sequence[str] | None:
        if document.id not in self._lines:
            self._lines[document.id] = _read_lines(document, self._max_bytes)
        return self._lines[document.id]

    def _text_of(self, document: StoredDocument) -> Text | None:
        if document.id not in self._texts:
            lines = self._lines_of(document)
            self._texts[document.id] = None if lines is None else Text.of(lines)
        return self._texts[document.id]


def _nothing() -> None:
    """The lines of what has none, or of a file without the passage."""


def file_state(document: StoredDocument) -> str:
    """How the file of a document lies: empty while it is as it was indexed, and another text after each change."""
    if not is_stale(document):
        return ""
    try:
        found = document.path.stat()
    except OSError:
        return GONE
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _read_lines(document: StoredDocument, max_bytes: int) -> Sequence[str] | None:
    try:
        return read_note(document, max_bytes=max_bytes).lines
    except SourceError:
        return None


@dataclass(frozen=True, slots=True)
class Text:
    """The lines of a file as they are now; and with white space folded, as one text, with the place where each begins.

    `numbers` are those of the lines that say something, `starts` where these begin in `folded`.
    """

    lines: Sequence[str]
    numbers: Sequence[int]
    starts: Sequence[int]
    folded: str

    @classmethod
    def of(cls, lines: Sequence[str]) -> Text:
        """Fold the lines of a file."""
        rows = [(n, row) for n, line in enumerate(lines, start=1) if (row := " ".join(line.split()))]
        starts = accumulate((len(row) + 1 for _, row in rows), initial=0)
        return cls(lines, [n for n, _ in rows], list(starts)[:-1], " ".join(row for _, row in rows))


def shift_of(passage: Passage, text: Text) -> int | None:
    """By how many lines a passage has moved in a file; None when it does not stand there as it was.

    It stands there when each of its spans does, white space folded, as far from the others as before. Of several places
    the nearest counts.
    """
    first = passage.spans[0]
    found = {text.numbers[bisect_right(text.starts, at) - 1] for at in _occurrences(first.text, text.folded)}
    # a span may begin below the first of its lines, where this one says nothing
    shifts = {line - n for line in found for n in range(first.lines[0], first.lines[1] + 1)}
    nearest_first = sorted(shifts, key=lambda shift: (abs(shift), shift))
    return next((shift for shift in nearest_first if _stands(passage, text.lines, shift)), None)


def _occurrences(part: str, text: str) -> Iterator[int]:
    at = text.find(part) if part else -1
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _stands(passage: Passage, lines: Sequence[str], shift: int) -> bool:
    for span in passage.spans:
        start, end = span.lines[0] - 1 + shift, span.lines[1] + shift
        if start < 0 or end > len(lines) or span.text not in " ".join(" ".join(lines[start:end]).split()):
            return False
    return True


def _shifted(passage: Passage, shift: int) -> Passage:
    return replace(
        passage,
        lines=(passage.lines[0] + shift, passage.lines[1] + shift),
        spans=tuple(replace(span, lines=(span.lines[0] + shift, span.lines[1] + shift)) for span in passage.spans),
    )
