"""The papers that a person adds by hand: noted at once, beside whoever writes the library, and fetched by a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from indexer.catalogue import Catalogue
from indexer.collect import wanted
from indexer.connect import CATALOGUE, connect
from indexer.errors import InputError
from indexer.library import writing
from indexer.records import StoredPaper
from indexer.types import PaperId, PaperLink


def add(library: Path, links: Iterable[PaperLink]) -> None:
    """Note that a person wants papers; make the library where there is none.

    The next run that collects papers fetches them, whoever starts it (`indexer.build.gather`, `build`). Raises
    LibraryError.
    """
    if not (library / CATALOGUE).exists():
        with writing(library, "footnote add"):
            pass
    with _open_to_write(library) as catalogue:
        catalogue.add_papers(links, time.time())


def remove(library: Path, link: PaperLink) -> int:
    """Note that a person does not want a paper any more; the next run forgets it, unless notes name it.

    Returns how many do. Raises InputError where it was not added, and LibraryError.
    """
    with _open_to_write(library) as catalogue:
        notes = catalogue.notes_naming(link)
        if not catalogue.drop_added(link):
            where = "notes name it, and it stays as long as they do" if notes else "footnote status lists the papers"
            raise InputError(f"{link.key} was not added by hand; {where}")
        return notes


def state_of(library: Path, link: PaperLink) -> StoredPaper | None:
    """What became of a paper that is wanted, by now; None where nobody wants it."""
    with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
        papers = {paper.key: paper for paper in catalogue.papers()}
        if found := papers.get(link.key):
            return found
        if found := next((paper for paper in papers.values() if link.paper == PaperId(paper.identifier or "")), None):
            return found  # notes name it in a version, which is then the one that is fetched
        noted = wanted(one for one in catalogue.added_papers() if one == link).get(link.key)
    return replace(noted, added=True) if noted else None


@contextmanager
def _open_to_write(library: Path) -> Iterator[Catalogue]:
    """The catalogue, beside whoever writes the library: what is noted here makes no new generation."""
    path = library / CATALOGUE
    with Catalogue(path, connect(path, write=True)) as catalogue:
        yield catalogue
