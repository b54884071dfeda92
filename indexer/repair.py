"""Makes a damaged catalogue whole again: what is damaged is taken out, and its files are read again.

Where single rows are damaged, these and the documents that they belong to are forgotten. Where SQLite itself cannot
make sense of the file, a new one takes its place, with every row that proves whole of what files cannot tell again, and
of embeddings; the damaged one is kept beside it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from zlib import crc32

from indexer import sql
from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE, SUSPECT, create, damaged, translated, with_seals
from indexer.delta import beside
from indexer.derived import LEXICAL, MAP, VECTORS, Notice, publish
from indexer.errors import LibraryCorrupt
from indexer.lock import locked, unwritable
from indexer.salvage import salvage
from indexer.sweep import find_flaws
from indexer.whole import replaced, sync, sync_folder

FOLDERS = "folders.json"
"""The folders that are indexed, once more: what a run without paths has to know even where the catalogue is lost."""

DAMAGED = ".damaged"
"""What is added to the name of a catalogue that was replaced."""

WAIT_SECONDS = 0.5

CALLED = {
    "token_codes": "codes of passages",
    "paper_links": "links to papers",
    "added_papers": "added papers",
    "ledger": "answers that you were told",
}


def is_suspect(library: Path) -> bool:
    """Whether somebody has met damage in the catalogue of a library since it was last repaired."""
    return (library / SUSPECT).exists()


def repair(library: Path, command: str, notice: Notice) -> None:
    """Make the catalogue of the library in a folder whole; the next run reads the files of what is missing then.

    Raises LibraryLocked, LibraryTooNew and LibraryFull.
    """
    path = library / CATALOGUE
    with locked(library, command, wait=WAIT_SECONDS):
        try:
            with Catalogue.open(path, write=True, held=True) as catalogue:
                _mend(catalogue, notice)
        except LibraryCorrupt:
            try:
                _replace(library, notice)
            except OSError as error:
                raise unwritable(path, error) from error
        (library / SUSPECT).unlink(missing_ok=True)


def note_folders(library: Path, roots: list[str]) -> None:
    """Write the folders of a library down a second time, where they are not yet."""
    text = json.dumps({"folders": roots, "checksum": crc32(json.dumps(roots).encode())})
    file = library / FOLDERS
    with suppress(OSError, UnicodeDecodeError):
        if file.read_text(encoding="utf-8") == text:
            return
    with suppress(OSError), replaced(file) as new:
        new.write_text(text, encoding="utf-8")
        sync(new)


def noted_folders(library: Path) -> list[str]:
    """The folders as `note_folders` wrote them; none where that cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((library / FOLDERS).read_text(encoding="utf-8"))
        if crc32(json.dumps(found["folders"]).encode()) == found["checksum"]:
            return [str(folder) for folder in found["folders"]]
    return []


def _mend(catalogue: Catalogue, notice: Notice) -> None:
    """Forget the rows that are damaged, and the documents that are not whole."""
    flaws = find_flaws(catalogue)
    if any(table == "roots" for table, _ in flaws.rows):  # all documents hang on them
        raise damaged(catalogue.path, "a folder")
    if not flaws.rows and not flaws.documents:
        return
    with catalogue.change() as change:
        for table, key in flaws.rows:
            if table == "documents":
                flaws.documents.add(key[0])
            else:
                change.discard(table, key)
        for number in flaws.documents:
            change.remove(number)
    counts = Counter(CALLED.get(table, table) for table, _ in flaws.rows)
    found = ", ".join(f"{table}: {count}" for table, count in counts.items())
    again = len(flaws.documents)
    files = f", and {again} file{' is' if again == 1 else 's are'} read again" if again else ""
    notice(f"{catalogue.path} was damaged ({found or 'rows are missing'}): what was is taken out{files}")


def _replace(library: Path, notice: Notice) -> None:
    """Make a new catalogue of what can be proven in the damaged one, and put it in its place."""
    path = library / CATALOGUE
    fresh = library / "rescue" / CATALOGUE
    shutil.rmtree(fresh.parent, ignore_errors=True)
    create(fresh)
    counts: Counter[str] = Counter()
    with translated(fresh), closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        with_seals(connection).execute(sql.BEGIN_WRITE)
        for table, row in salvage(path):
            with suppress(sqlite3.IntegrityError):
                counts[table] += connection.execute(sql.RESCUED[table], row).rowcount
        for root in noted_folders(library):
            connection.execute(sql.ADD_ROOT, (root,))
            connection.execute(sql.SEAL_ROOT, (root,))
        connection.execute(sql.DROP_HALVES)
        connection.execute(sql.MARK_UNSWEPT)
        connection.execute(sql.COMMIT)
    sync(fresh)
    for store in (VECTORS, MAP):
        (library / store).unlink(missing_ok=True)
    beside(library / VECTORS).unlink(missing_ok=True)
    shutil.rmtree(library / LEXICAL, ignore_errors=True)
    # The log goes first: SQLite would replay it into the new file.
    for end in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(path.with_name(path.name + DAMAGED + end))
    kept = path.with_name(path.name + DAMAGED)
    kept.unlink(missing_ok=True)
    try:
        kept.hardlink_to(path)
    except OSError:  # not every file system has links
        shutil.copyfile(path, kept)
    sync_folder(library)
    fresh.replace(path)
    sync_folder(library)
    shutil.rmtree(fresh.parent, ignore_errors=True)
    with Catalogue.open(path, write=True, held=True) as catalogue:
        publish(library, catalogue)  # that these are made again needs no word
    notice(
        f"{path} was damaged and is made anew of what was whole in it (embeddings: {counts['embeddings']}, "
        f"{CALLED['ledger']}: {counts['ledger']}); all files are read again. {kept} is the old one; delete it when all "
        "is well"
    )
