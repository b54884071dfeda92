"""Every SQL statement about the tables of the catalogue, which stand in `schema.py`.

`catalogue.py` binds and fetches; nothing else speaks SQL. Lists (headings, tags, spans, links) are JSON,
because they are only ever read and written as a whole.
"""

from __future__ import annotations

from typing import Final

from indexer.schema import PARTS, SCHEMA_VERSION, SEALED, seal


def _bound(count: int) -> str:
    return ", ".join(f"?{n}" for n in range(1, count + 1))


def _sealed(table: str, count: int) -> str:
    """So many values of a new row, and its checksum."""
    return f"({_bound(count)}, {seal(table, _bound(count))})"


SET_USER_VERSION: Final = f"PRAGMA user_version = {SCHEMA_VERSION}"
READER: Final = "PRAGMA query_only = ON"
# A power cut may cost the last commits, never the file; that the derived stores are then ahead is seen and repaired.
WRITER: Final = "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL"
USER_VERSION: Final = "PRAGMA user_version"
CHECKPOINT: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
# The version of Footnote that gave the catalogue its format.
SET_MAKER: Final = "INSERT OR REPLACE INTO meta VALUES ('footnote', ?)"
WRITABLE: Final = "PRAGMA query_only = OFF"
WRITE_AHEAD: Final = "PRAGMA journal_mode = WAL"
BEGIN: Final = "BEGIN"
BEGIN_WRITE: Final = "BEGIN IMMEDIATE"
COMMIT: Final = "COMMIT"
ROLLBACK: Final = "ROLLBACK"

META: Final = "SELECT value FROM meta WHERE key = ?"
SET_META: Final = "UPDATE meta SET value = ? WHERE key = ?"

ROOTS: Final = "SELECT id, path, checksum FROM roots ORDER BY id"
ROOT_ID: Final = "SELECT id FROM roots WHERE path = ?"
ADD_ROOT: Final = "INSERT OR IGNORE INTO roots (path) VALUES (?)"
SEAL_ROOT: Final = f"UPDATE roots SET checksum = {seal('roots', SEALED['roots'])} WHERE path = ?"

_DOCUMENTS: Final = """
SELECT d.id, r.path, d.file, d.kind, d.format, d.stated_title, d.sha256, d.size, d.mtime_ns, d.line_count, d.tags,
       d.aliases, d.indexed_at, d.failure, (SELECT count(*) FROM passages p WHERE p.document_id = d.id), d.pages,
       d.paper, d.version, d.url, d.remark, d.date, d.parser, d.parts, d.root_id, d.checksum
FROM documents d JOIN roots r ON r.id = d.root_id
"""
DOCUMENTS: Final = _DOCUMENTS + "ORDER BY r.id, d.file"
DOCUMENT: Final = _DOCUMENTS + "WHERE d.id = ?"
DOCUMENTS_AMONG: Final = _DOCUMENTS + "WHERE d.id IN (SELECT value FROM json_each(?))"
# CROSS JOIN keeps SQLite from going through all documents to find a few.
DOCUMENTS_AT: Final = _DOCUMENTS.replace(
    "FROM documents d JOIN roots r ON r.id = d.root_id",
    """
FROM json_each(?) place CROSS JOIN roots r ON r.path = place.value ->> 0 CROSS JOIN documents d ON d.root_id = r.id
     AND (d.file = place.value ->> 1 OR (d.file > place.value ->> 1 || '/' AND d.file < place.value ->> 1 || '0'))
""",
)
"""'0' is the character after '/': so the documents in a folder are those between."""
PATHS: Final = """
SELECT d.id, r.path, d.file FROM documents d JOIN roots r ON r.id = d.root_id
WHERE d.id IN (SELECT value FROM json_each(?))
"""
FETCHED: Final = "SELECT d.id FROM documents d JOIN roots r ON r.id = d.root_id WHERE r.path = 'papers'"
DOCUMENTS_OF_PAPER: Final = _DOCUMENTS + "WHERE d.paper = ? ORDER BY d.id"
DOCUMENT_AT: Final = """
SELECT id, stated_title, aliases, sha256, size, mtime_ns, failure FROM documents WHERE root_id = ? AND file = ?
"""
PUT_DOCUMENT: Final = """
INSERT INTO documents (root_id, file, kind, format, stated_title, sha256, size, mtime_ns, line_count, tags, aliases,
                       indexed_at, failure, pages, paper, version, url, remark, date, parser)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (root_id, file) DO UPDATE SET
    kind = excluded.kind, format = excluded.format, stated_title = excluded.stated_title, sha256 = excluded.sha256,
    size = excluded.size, mtime_ns = excluded.mtime_ns, line_count = excluded.line_count, tags = excluded.tags,
    aliases = excluded.aliases, indexed_at = excluded.indexed_at, failure = excluded.failure, pages = excluded.pages,
    paper = excluded.paper, version = excluded.version, url = excluded.url, remark = excluded.remark,
    date = excluded.date, parser = excluded.parser
RETURNING id
"""
RENAME_DOCUMENT: Final = """
UPDATE documents SET root_id = ?, file = ?, format = ?, mtime_ns = ?, indexed_at = ? WHERE id = ?
"""
TOUCH_DOCUMENT: Final = "UPDATE documents SET size = ?, mtime_ns = ?, indexed_at = ?, parser = ? WHERE id = ?"
SEAL_DOCUMENT: Final = f"UPDATE documents SET checksum = {seal('documents', SEALED['documents'])} WHERE id = ?"
SEAL_PARTS: Final = f"UPDATE documents SET parts = {PARTS} WHERE id = ?"
IS_PAPER: Final = "SELECT 1 FROM documents WHERE id = ? AND kind = 'paper'"
REMOVE_DOCUMENT: Final = "DELETE FROM documents WHERE id = ?"

_PASSAGES: Final = """
SELECT id, document_id, ordinal, kind, text, context, headings, first_line, last_line, spans, hex(text_hash), checksum
FROM passages
"""
PASSAGES: Final = _PASSAGES + "WHERE id IN (SELECT value FROM json_each(?))"
SECTIONS: Final = """
SELECT p.id, p.document_id, p.headings, d.kind FROM passages p JOIN documents d ON d.id = p.document_id
WHERE p.id IN (SELECT value FROM json_each(?))
"""
TEXTS: Final = "SELECT id, text FROM passages WHERE id IN (SELECT value FROM json_each(?))"
COUNT_AFTER: Final = "SELECT count(*) FROM passages WHERE id > ?"
PASSAGE_SUMS: Final = "SELECT count(*), coalesce(sum(id), 0) FROM passages"
PASSAGE_DOCUMENTS: Final = "SELECT id, document_id FROM passages ORDER BY id"
FACTS: Final = """
SELECT d.id, CASE WHEN r.path = 'papers' THEN NULL ELSE d.file END, d.kind, d.tags, d.paper, d.date, d.mtime_ns
FROM documents d JOIN roots r ON r.id = d.root_id WHERE d.failure IS NULL ORDER BY d.id
"""
PUBLISHED: Final = "SELECT identifier, min(published) FROM papers WHERE published IS NOT NULL GROUP BY identifier"
PASSAGES_OF: Final = _PASSAGES + "WHERE document_id = ? ORDER BY ordinal"
PASSAGES_AFTER: Final = _PASSAGES + "WHERE id > ? ORDER BY id LIMIT ?"
PASSAGE_IDS_OF: Final = "SELECT id FROM passages WHERE document_id = ?"
PASSAGE_HASHES_OF: Final = (
    "SELECT id, text_hash, context, kind, headings FROM passages WHERE document_id = ? ORDER BY ordinal"
)
HASHES_OF: Final = "SELECT text_hash FROM passages WHERE id IN (SELECT value FROM json_each(?))"
_SEAL_PASSAGE: Final = seal("passages", "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, hex(?10)")
ADD_PASSAGE: Final = f"""
INSERT INTO passages (document_id, ordinal, kind, text, context, headings, first_line, last_line, spans, text_hash,
                      checksum)
VALUES ({_bound(10)}, {_SEAL_PASSAGE}) RETURNING id
"""
UPDATE_PASSAGE: Final = f"""
UPDATE passages SET document_id = ?1, ordinal = ?2, kind = ?3, text = ?4, context = ?5, headings = ?6, first_line = ?7,
                    last_line = ?8, spans = ?9, text_hash = ?10, checksum = {_SEAL_PASSAGE}
WHERE id = ?11
"""
REMOVE_PASSAGE: Final = "DELETE FROM passages WHERE id = ?"

KNOWN_EMBEDDING: Final = """
SELECT 1 FROM embeddings JOIN token_codes USING (fingerprint, text_hash) WHERE fingerprint = ? AND text_hash = ?
"""
ADD_EMBEDDING: Final = f"""
INSERT OR REPLACE INTO embeddings (fingerprint, text_hash, vector, checksum)
VALUES (?1, ?2, ?3, {seal("embeddings", "?1, hex(?2), ?3")})
"""
ADD_CODES: Final = f"""
INSERT OR REPLACE INTO token_codes (fingerprint, text_hash, codes, checksum)
VALUES (?1, ?2, ?3, {seal("token_codes", "?1, hex(?2), ?3")})
"""
# CROSS JOIN keeps SQLite from going through all that a model made to find a few passages.
CODES: Final = """
SELECT p.id, t.codes, hex(t.text_hash), t.checksum
FROM passages p CROSS JOIN token_codes t ON t.fingerprint = ? AND t.text_hash = p.text_hash
WHERE p.id IN (SELECT value FROM json_each(?))
"""
DIMENSION: Final = "SELECT length(vector) / 2 FROM embeddings WHERE fingerprint = ? LIMIT 1"
_EMBEDDED_COLUMNS: Final = "SELECT p.id, e.vector, hex(e.text_hash), e.checksum "
_EMBEDDED: Final = "FROM passages p CROSS JOIN embeddings e ON e.fingerprint = ? AND e.text_hash = p.text_hash "
EMBEDDED: Final = _EMBEDDED_COLUMNS + _EMBEDDED + "ORDER BY p.id"
EMBEDDED_AMONG: Final = _EMBEDDED_COLUMNS + _EMBEDDED + "WHERE p.id IN (SELECT value FROM json_each(?)) ORDER BY p.id"
UNEMBEDDED: Final = """
SELECT min(p.id) FROM passages p
WHERE NOT EXISTS (
  SELECT 1 FROM embeddings e JOIN token_codes USING (fingerprint, text_hash)
  WHERE e.fingerprint = ? AND e.text_hash = p.text_hash
)
GROUP BY p.text_hash ORDER BY 1
"""
# Set while a run keeps embeddings whose passages are still to come: one that did not end may have left some behind.
MARK_UNSWEPT: Final = "INSERT OR REPLACE INTO meta VALUES ('unswept', 1)"
MARK_SWEPT: Final = "DELETE FROM meta WHERE key = 'unswept'"
DROP_ORPHANS: Final = """
DELETE FROM embeddings WHERE NOT EXISTS (SELECT 1 FROM passages p WHERE p.text_hash = embeddings.text_hash)
"""
DROP_ORPHAN_CODES: Final = """
DELETE FROM token_codes WHERE NOT EXISTS (SELECT 1 FROM passages p WHERE p.text_hash = token_codes.text_hash)
"""
_OF_NO_PASSAGE = """
WHERE fingerprint = (SELECT value FROM meta WHERE key = 'fingerprint') AND text_hash = ?1
      AND NOT EXISTS (SELECT 1 FROM passages p WHERE p.text_hash = ?1)
"""
DROP_ORPHAN: Final = "DELETE FROM embeddings " + _OF_NO_PASSAGE
DROP_ORPHAN_CODE: Final = "DELETE FROM token_codes " + _OF_NO_PASSAGE

QUESTIONS: Final = """
SELECT q.document_id, r.path, d.file, d.stated_title, q.text, q.state, q.kind, q.line, q.section, q.parent, q.wikilinks,
       q.arxiv_ids, q.urls, q.wanted
FROM questions q JOIN documents d ON d.id = q.document_id JOIN roots r ON r.id = d.root_id
ORDER BY r.id, d.file, q.ordinal
"""
ADD_QUESTION: Final = "INSERT INTO questions VALUES " + _sealed("questions", 12)
REMOVE_QUESTIONS: Final = "DELETE FROM questions WHERE document_id = ?"

_PAPER: Final = """
SELECT key, identifier, named, url, version, title, authors, abstract, published, updated, state, reason FROM papers
"""
PAPERS: Final = _PAPER + "ORDER BY key"
PAPER: Final = _PAPER + "WHERE key = ?"
# What is a paper, by its id or address, the best last: one with pages rather than an abstract, in the version that was
# meant, and one that a person keeps rather than one that was fetched. One join with OR would go through all pairs.
PAPERS_DOCUMENTS: Final = """
SELECT key, id FROM (
    SELECT p.key, p.version AS meant, d.id, d.pages, d.version, d.root_id
    FROM papers p JOIN documents d ON d.paper = p.identifier AND coalesce(d.version = p.named, 1)
    WHERE d.failure IS NULL
    UNION
    SELECT p.key, p.version AS meant, d.id, d.pages, d.version, d.root_id
    FROM papers p JOIN documents d ON d.url = p.url
    WHERE d.failure IS NULL
)
ORDER BY pages > 0, version IS meant, root_id NOT IN (SELECT id FROM roots WHERE path = 'papers'), id DESC
"""
PUT_PAPER: Final = "INSERT OR REPLACE INTO papers VALUES " + _sealed("papers", 12)
REMOVE_PAPER: Final = "DELETE FROM papers WHERE key = ?"
ADD_LINK: Final = "INSERT INTO paper_links VALUES " + _sealed("paper_links", 5)
LINKS_OF: Final = "SELECT DISTINCT identifier, version, url FROM paper_links WHERE document_id = ?"
REMOVE_LINKS: Final = "DELETE FROM paper_links WHERE document_id = ?"
NAMED_IN: Final = "SELECT count(DISTINCT coalesce(identifier, url)) FROM paper_links WHERE document_id = ?"
WANTED_PAPERS: Final = """
SELECT identifier, version, url FROM paper_links UNION SELECT identifier, version, url FROM added_papers
ORDER BY identifier, version, url
"""
ADDED_PAPERS: Final = "SELECT key, identifier, version, url FROM added_papers ORDER BY added_at, key"
ADD_PAPER: Final = "INSERT OR IGNORE INTO added_papers VALUES " + _sealed("added_papers", 5)
DROP_ADDED: Final = "DELETE FROM added_papers WHERE key = ?"
NAMING: Final = """
SELECT count(DISTINCT document_id) FROM paper_links
WHERE (identifier = ?1 OR url = ?2) AND (?3 IS NULL OR version = ?3)
"""
# A PDF is the paper that a note names when it has its id, or was fetched from its address.
_LINKED = """
SELECT l.document_id, l.line, d.id FROM paper_links l JOIN documents d ON d.paper = l.identifier WHERE {0} = :document
UNION
SELECT l.document_id, l.line, d.id FROM paper_links l JOIN documents d ON d.url = l.url WHERE {0} = :document
ORDER BY 1, 2, 3
"""
LINKS_FROM: Final = _LINKED.format("l.document_id")
LINKS_TO: Final = _LINKED.format("d.id")

COUNTS: Final = """
SELECT (SELECT count(*) FROM documents WHERE failure IS NULL),
       (SELECT count(*) FROM documents WHERE failure IS NOT NULL), (SELECT count(*) FROM passages),
       (SELECT count(*) FROM questions)
"""

_BY_ROW: Final = "SELECT rowid, {columns}, checksum FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"
_BY_KEY: Final = "SELECT NULL, {columns}, checksum FROM {table}"
ROWS_OF: Final = {
    table: (_BY_KEY if table in ("questions", "papers", "ledger", "added_papers") else _BY_ROW).format(
        table=table, columns=columns
    )
    for table, columns in SEALED.items()
} | {
    "embeddings": "SELECT text_hash, fingerprint, hex(text_hash), vector, checksum FROM embeddings "
    "WHERE (fingerprint, text_hash) > (?, ?) ORDER BY fingerprint, text_hash LIMIT ?"
}
"""The rows of each sealed table, a few at a time where there may be many: where it stands, its values, its checksum."""
OTHER_PARTS: Final = f"SELECT id FROM documents WHERE id BETWEEN ? AND ? AND parts IS NOT {PARTS}"
INTEGRITY: Final = "PRAGMA integrity_check(1)"
SIZE: Final = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
SWEPT: Final = "SELECT value FROM meta WHERE key = 'swept'"
SET_SWEPT: Final = "INSERT OR REPLACE INTO meta VALUES ('swept', ?)"
DROP_TEXT: Final = (
    "DELETE FROM embeddings WHERE text_hash = ?",
    "DELETE FROM token_codes WHERE text_hash = ?",
)
# An embedding whose codes are lost is made again with them.
DROP_HALVES: Final = """
DELETE FROM embeddings WHERE NOT EXISTS (
    SELECT 1 FROM token_codes t WHERE t.fingerprint = embeddings.fingerprint AND t.text_hash = embeddings.text_hash
)
"""
DROP_ROW: Final = {
    "roots": "DELETE FROM roots WHERE rowid = ?",
    "passages": "DELETE FROM passages WHERE rowid = ?",
    "paper_links": "DELETE FROM paper_links WHERE rowid = ?",
    "answers": "DELETE FROM answers WHERE rowid = ?",
    "documents": "DELETE FROM documents WHERE rowid = ?",
    "questions": "DELETE FROM questions WHERE document_id = ? AND ordinal = ?",
    "papers": "DELETE FROM papers WHERE key = ?",
    "ledger": "DELETE FROM ledger WHERE question_key = ?",
    "added_papers": "DELETE FROM added_papers WHERE key = ?",
}
RESCUED: Final = {
    "roots": "INSERT OR IGNORE INTO roots VALUES (?, ?, ?)",
    "embeddings": "INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?, ?)",
    "token_codes": "INSERT OR IGNORE INTO token_codes VALUES (?, ?, ?, ?)",
    "ledger": "INSERT INTO ledger VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET verdict = excluded.verdict, "
    "told_at = excluded.told_at, missing_since = excluded.missing_since, checksum = excluded.checksum "
    "WHERE excluded.told_at > told_at",
    "added_papers": "INSERT OR IGNORE INTO added_papers VALUES (?, ?, ?, ?, ?, ?)",
    "papers": "INSERT OR REPLACE INTO papers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}
"""Rows that were found in a damaged catalogue, into a new one."""

LEDGER: Final = "SELECT question_key, verdict, told_at, missing_since FROM ledger"
PUT_LEDGER: Final = "INSERT OR REPLACE INTO ledger VALUES " + _sealed("ledger", 4)
FORGET: Final = "DELETE FROM ledger WHERE question_key IN (SELECT value FROM json_each(?))"

ANSWERS: Final = "SELECT question_key, rules, generation, answer, further, files, basis FROM answers"
# How far an answer was found good is written without the rest, so that it is not sealed.
_SEAL_ANSWER: Final = seal("answers", "?1, ?2, ?4, ?5, ?6, ?7")
PUT_ANSWER: Final = f"INSERT OR REPLACE INTO answers VALUES ({_bound(7)}, {_SEAL_ANSWER})"
CONFIRM_ANSWERS: Final = "UPDATE answers SET generation = ? WHERE question_key IN (SELECT value FROM json_each(?))"
DROP_ANSWERS: Final = "DELETE FROM answers WHERE question_key IN (SELECT value FROM json_each(?))"

PUT_CHANGES: Final = "INSERT OR REPLACE INTO passage_changes SELECT value, ? FROM json_each(?)"
CHANGED_SINCE: Final = "SELECT passage_id FROM passage_changes WHERE generation > ? ORDER BY passage_id"
# What is shown of a passage, and what its score depends on beside its own words: those under the same heading.
STATES: Final = """
WITH sections AS (
    SELECT document_id, headings, count(*) AS members, sum(id) AS ids FROM passages
    WHERE document_id IN (SELECT document_id FROM passages WHERE id IN (SELECT value FROM json_each(:ids)))
    GROUP BY document_id, headings
)
SELECT p.id, p.document_id, p.kind, p.text_hash, p.context, p.spans, p.headings, r.path, d.file, d.stated_title,
       d.paper, d.version, d.pages, s.members, s.ids
FROM passages p
JOIN documents d ON d.id = p.document_id
JOIN roots r ON r.id = d.root_id
JOIN sections s ON s.document_id = p.document_id AND s.headings = p.headings
WHERE p.id IN (SELECT value FROM json_each(:ids))
"""

COPY: Final = "VACUUM INTO ?"
ATTACH: Final = "ATTACH ? AS whole"
COLUMNS: Final = "PRAGMA main.table_info({table})"
TAKE: Final = "INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM whole.{table} WHERE {condition}"
OF_PAPERS: Final = {
    "meta": "key IN ('generation', 'fingerprint')",
    "roots": "path = 'papers'",
    "documents": "root_id IN (SELECT id FROM main.roots) AND failure IS NULL",
    "passages": "document_id IN (SELECT id FROM main.documents)",
    "embeddings": "text_hash IN (SELECT text_hash FROM main.passages)",
    "token_codes": "text_hash IN (SELECT text_hash FROM main.passages)",
    "papers": "identifier IN (SELECT paper FROM main.documents) OR url IN (SELECT url FROM main.documents)",
}
"""What of each table is about papers that were fetched; what is in no row here, stays out."""

MOVE_ROOT: Final = "UPDATE roots SET path = ? WHERE path = ?"
STRANGE: Final = """
SELECT name FROM sqlite_master
WHERE sql IS NOT NULL AND sql NOT GLOB 'CREATE TABLE *' AND sql NOT GLOB 'CREATE INDEX *'
"""
"""What no catalogue of ours has: triggers, which would act by themselves, views, and tables that others make up. What a
row is called there may be made up too; it is its statement that SQLite follows."""
