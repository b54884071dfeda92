"""Where the files of documents lie, without opening the rest of the library."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from indexer import sql
from indexer.connect import CATALOGUE, connect, translated

PAPERS = "papers"


def paths_of(library: Path, ids: Collection[int]) -> dict[int, tuple[Path, str | None]]:
    """The absolute path of each document, and its path in its folder where a person put it there.

    Numbers that there are none of are left out. Takes a few milliseconds; raises LibraryError.
    """
    path = library / CATALOGUE
    found: dict[int, tuple[Path, str | None]] = {}
    with closing(connect(path, write=False)) as connection, translated(path):
        for number, root, file in connection.execute(sql.PATHS, (json.dumps(sorted(ids)),)):
            fetched = root == PAPERS
            found[number] = (library.absolute() / PAPERS if fetched else Path(root)) / file, None if fetched else file
    return found
