"""Makes of a catalogue one of format 5, whose rows had no checksums; tests take more away to go back further."""

from __future__ import annotations

import sqlite3

from indexer import sql
from indexer.schema import SEALED


def unseal(connection: sqlite3.Connection) -> None:
    """Take the checksums out again."""
    for table in SEALED:
        connection.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
    connection.executescript(
        "ALTER TABLE documents DROP COLUMN parts; DELETE FROM meta WHERE key = 'format'; PRAGMA user_version = 5"
    )


def sealed(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A connection, with triggers that seal a document which a test changes by hand."""
    from indexer.connect import with_seals

    with_seals(connection).execute(
        "CREATE TEMP TRIGGER sealing AFTER UPDATE ON documents BEGIN "
        f"UPDATE documents SET checksum = {sql.seal('documents', SEALED['documents'])} WHERE id = new.id; END"
    )
    return connection
