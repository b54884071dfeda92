"""Notes and the papers that they name: each knows the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from indexer.library import Snapshot
from indexer.records import StoredDocument
from indexer.types import Lines
from service.addresses import address_of, address_of_lines
from service.types import Related

FEW = 3
"""A note that names at most so many papers is about them, wherever in it they are named."""

MOST = 3
"""So many papers or notes are offered beside a citation."""


class Relations:
    """What belongs to the documents of a library, looked up once a generation; safe to share between threads."""

    def __init__(self) -> None:
        self._known: tuple[int, dict[int, list[_Tie]]] = (-1, {})

    def beside(
        self, snapshot: Snapshot, document: StoredDocument, lines: Lines, *, among: Collection[int] | None = None
    ) -> tuple[Related, ...]:
        """What to offer beside some lines of a document: at most MOST papers or notes.

        To a note, the papers named in the lines, else those of the note if they are FEW. To a paper, the notes that
        name it. With `among`, only these documents.
        """
        ties = self._ties(snapshot, document)
        found = ties if among is None else [tie for tie in ties if tie.document_id in among]
        if document.kind == "note":
            here = [tie.related for tie in found if lines[0] <= tie.line <= lines[1]]
            return _each_once(here or [tie.related for tie in found if tie.about])
        return _each_once([tie.related for tie in found])

    def of(self, snapshot: Snapshot, document: StoredDocument) -> list[Related]:
        """Everything that belongs to a document."""
        return [tie.related for tie in self._ties(snapshot, document)]

    def _ties(self, snapshot: Snapshot, document: StoredDocument) -> list[_Tie]:
        generation, known = self._known
        if generation != snapshot.generation:
            known = {}
            self._known = (snapshot.generation, known)
        if document.id not in known:
            known[document.id] = _look_up(snapshot, document)
        return known[document.id]


@dataclass(frozen=True, slots=True)
class _Tie:
    """What belongs to a document, the document that it is, and the line of the note that says so.

    `about`: the note names so few papers, held or not, that all of it is about them.
    """

    line: int
    document_id: int
    related: Related
    about: bool


def _look_up(snapshot: Snapshot, document: StoredDocument) -> list[_Tie]:
    catalogue = snapshot.catalogue
    if document.kind == "note":
        named = catalogue.papers_in(document.id)
        papers = catalogue.documents_among({one.paper_id for one in named}) if named else {}
        ties = [(one, papers[one.paper_id]) for one in named if one.paper_id in papers]
        about = bool(ties) and catalogue.named_in(document.id) <= FEW
        return [_Tie(one.line, paper.id, paper_of_note(paper), about) for one, paper in ties]
    naming = catalogue.notes_on(document.id)
    notes = catalogue.documents_among({one.note_id for one in naming}) if naming else {}
    return [
        _Tie(one.line, one.note_id, note_on_paper(notes[one.note_id], one.line), about=True)
        for one in naming
        if one.note_id in notes
    ]


def paper_of_note(paper: StoredDocument) -> Related:
    """A paper, as what belongs to a note that names it."""
    file = None if paper.fetched else paper.file
    return Related("paper of this note", paper.title, file, None, paper.paper, address_of(paper))


def note_on_paper(note: StoredDocument, line: int) -> Related:
    """A line of a note, as what belongs to the paper that it names."""
    link = address_of_lines(note, (line, line))
    return Related("your note on this paper", note.title, note.file, (line, line), None, link)


def _each_once(found: Iterable[Related]) -> tuple[Related, ...]:
    """The first place in each document."""
    first: dict[str, Related] = {}
    for related in found:
        first.setdefault(related.link.partition("?")[0], related)
    return tuple(first.values())[:MOST]
