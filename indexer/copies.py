"""Copies of a catalogue as it is at one moment: all of it, or the papers alone."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from indexer import sql
from indexer.catalogue import Catalogue
from indexer.connect import connect, create, translated
from indexer.records import StoredPaper
from indexer.types import PaperId, PaperLink


def copy_all(catalogue: Path, target: Path) -> None:
    """Copy a catalogue to `target`, which is not there yet; raise LibraryError.

    It may be written meanwhile: the copy has the last change before it began, and nothing of what was ever removed.
    """
    with closing(connect(catalogue, write=False)) as connection, translated(target):
        connection.execute(sql.WRITABLE)
        connection.execute(sql.COPY, (str(target),))


def copy_papers(catalogue: Path, target: Path) -> None:
    """Copy what a catalogue that nobody writes holds of the papers that were fetched, and nothing of any note.

    Each of them is a wish of the person from there on (see `indexer.adding`), because no note names it. Raises
    LibraryError.
    """
    create(target)
    with closing(connect(target, write=True)) as connection, translated(target):
        connection.execute(sql.ATTACH, (f"{catalogue.resolve().as_uri()}?mode=ro",))
        connection.execute(sql.BEGIN)
        for table, condition in sql.OF_PAPERS.items():
            columns = ", ".join(name for _, name, *_ in connection.execute(sql.COLUMNS.format(table=table)))
            connection.execute(sql.TAKE.format(table=table, columns=columns, condition=condition))
        connection.execute(sql.COMMIT)
    with Catalogue.open(target, write=True) as copy:
        papers = copy.papers()
        with copy.change() as change:
            for paper in papers:
                if paper.document_id is None:
                    change.remove_paper(paper.key)
        copy.add_papers((_link(paper) for paper in papers if paper.document_id is not None), time.time())


def _link(paper: StoredPaper) -> PaperLink:
    return PaperLink(0, PaperId(paper.identifier, paper.named) if paper.identifier else None, paper.url)
