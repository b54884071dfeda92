"""The libraries that earlier versions made (`fixtures/libraries`), unpacked, and what a library holds to compare."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from indexer import sql
from indexer.connect import with_seals

KEPT = Path(__file__).with_name("fixtures") / "libraries"
VERSIONS = sorted(int(file.name[1:].partition(".")[0]) for file in KEPT.glob("v*.tar.xz"))
PLACE = "/tmp/footnote-fixture/notes"


def unpacked(version: int, folder: Path) -> Path:
    """A library in that format below `folder`, as if its notes had always been in `notes` beside it."""
    library, notes = folder / "library", folder / "notes"
    with tarfile.open(KEPT / f"v{version}.tar.xz") as packed:
        packed.extractall(library, filter="data")
    if not notes.exists():
        shutil.copytree(KEPT / "notes", notes)
    with closing(sqlite3.connect(library / "catalogue.db", isolation_level=None)) as connection:
        if version < 4:  # items of the dump were known by a hash of where they stand
            items = "SELECT d.file, q.text FROM questions q JOIN documents d ON d.id = document_id"
            for file, text in connection.execute(items).fetchall():
                row = (item_by_file(str(notes), file, text), item_by_file(PLACE, file, text))
                moved = "UPDATE ledger SET question_key = ? WHERE question_key = ?"
                assert connection.execute(moved, row).rowcount == 1
        assert connection.execute("UPDATE roots SET path = ? WHERE path = ?", (str(notes), PLACE)).rowcount == 1
        if version >= 6:  # rows have had checksums since
            with_seals(connection).execute(sql.SEAL_ROOT, (str(notes),))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return library


def item_by_file(root: str, file: str, text: str) -> str:
    return sha256(f"{root}\0{file}\0{' '.join(text.split())}".encode()).hexdigest()[:32]


def structure(catalogue: Path) -> dict[str, Any]:
    """The tables with their columns, in any order, and the indexes."""
    with closing(sqlite3.connect(catalogue)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({name})")) for name in names}
        indexes = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' ORDER BY 1")
        return columns | {"indexes": indexes.fetchall()}


def contents(catalogue: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a library holds of its notes and papers, without numbers that depend on what came first, or times."""
    with closing(sqlite3.connect(catalogue)) as connection:
        return {name: sorted(connection.execute(query), key=repr) for name, query in HELD.items()}


_DOCUMENT = "(SELECT file FROM documents d WHERE d.id = document_id)"
HELD = {
    "documents": "SELECT r.path, file, kind, format, stated_title, sha256, size, line_count, tags, aliases, failure, "
    "pages, paper, version, url, remark, date, parser FROM documents JOIN roots r ON r.id = root_id",
    "passages": f"SELECT {_DOCUMENT}, ordinal, kind, text, context, headings, first_line, last_line, spans, text_hash "
    "FROM passages",
    "embeddings": "SELECT fingerprint, text_hash, vector FROM embeddings",
    "codes": "SELECT fingerprint, text_hash, codes FROM token_codes",
    "questions": f"SELECT {_DOCUMENT}, ordinal, text, state, kind, line, section, parent, wikilinks, arxiv_ids, urls, "
    "wanted FROM questions",
    "papers": "SELECT key, identifier, named, url, version, title, authors, abstract, published, updated, state, "
    "reason FROM papers",
    "links": f"SELECT {_DOCUMENT}, line, identifier, version, url FROM paper_links",
    "added": "SELECT key, identifier, version, url FROM added_papers",
}


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
