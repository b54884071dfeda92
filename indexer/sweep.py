"""Goes through the rows of a catalogue and compares each with its checksum, a part of a large library at a time.

What is read for an answer is compared then and there. This is for the rest: what nobody has asked for in a long
time, and what is not there any more. A small library is gone through by every full run of `footnote index`,
beside the walk over the files; of a large one so many rows, each run going on where the last one stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from indexer.catalogue import Catalogue
from indexer.connect import damaged
from indexer.schema import SEALED

ROWS = 256
"""So many rows are compared at a time: in a few milliseconds."""

ROWS_A_RUN = 1024
"""A sweep compares so many rows of a large library, beside the walk: it takes some hundredths of a second."""

SMALL = 16 << 20
"""Up to so many bytes, all rows are compared, and the structure of the file is checked: SQLite does that in one go."""

Key = tuple[Any, ...]


@dataclass(slots=True)
class Flaws:
    """What is wrong with a catalogue: damaged rows, by table and key, and documents that are not whole."""

    rows: list[tuple[str, Key]] = field(default_factory=list)
    documents: set[int] = field(default_factory=set)


def find_flaws(catalogue: Catalogue) -> Flaws:
    """Go through all rows. Raises LibraryCorrupt where the structure of the file is damaged."""
    catalogue.check_structure()
    flaws = Flaws()
    for table, _, rows, documents in _steps(catalogue, "", ()):
        flaws.rows += [(table, key) for key in rows]
        flaws.documents |= documents
    return flaws


def sweep(catalogue: Catalogue) -> str:
    """Go on where the last sweep stopped, for some rows; returns where that is, '' at the end.

    All of a small catalogue is gone through, each time. Raises LibraryCorrupt at the first flaw.
    """
    is_small, compared = catalogue.size <= SMALL, 0
    table, after = ("", ()) if is_small else _position(catalogue.swept)
    if is_small:
        catalogue.check_structure()
    for name, last, rows, documents in _steps(catalogue, table, after):
        if rows or documents:
            raise damaged(catalogue.path, f"a row of its {name}")
        compared += ROWS
        if not is_small and compared >= ROWS_A_RUN:
            return _written(name, last)
    return ""


def _steps(catalogue: Catalogue, table: str, after: Key) -> Iterator[tuple[str, Key, list[Key], set[int]]]:
    """Compare the rows from a place on: after each step, where it was, and what is wrong there."""
    names = list(SEALED)
    for name in names[names.index(table) if table in names else 0 :]:
        last = after if name == table else ()
        while True:
            last, rows, documents = catalogue.flaws(name, last, ROWS)
            yield name, last, rows, documents
            if not last:
                break


def _written(table: str, last: Key) -> str:
    """A place in a line: the table and the key of the row, or the table that comes next."""
    names = list(SEALED)
    if not last:
        following = names.index(table) + 1
        return json.dumps([names[following]]) if following < len(names) else ""
    return json.dumps([table, *(value.hex() if isinstance(value, bytes) else value for value in last)])


def _position(written: str) -> tuple[str, Key]:
    with suppress(ValueError, TypeError):
        table, *last = json.loads(written)
        return table, (last[0], bytes.fromhex(last[1])) if table == "embeddings" and last else tuple(last)
    return "", ()
