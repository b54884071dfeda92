"""The tables of the catalogue, the checksums of their rows, and what brings those of earlier versions to this one."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 6

SEALED: Final = {
    "roots": "id, path",
    "passages": "document_id, ordinal, kind, text, context, headings, first_line, last_line, spans, hex(text_hash)",
    "embeddings": "fingerprint, hex(text_hash), vector",
    "token_codes": "fingerprint, hex(text_hash), codes",
    "questions": "document_id, ordinal, text, state, kind, line, section, parent, wikilinks, arxiv_ids, urls, wanted",
    "papers": "key, identifier, named, url, version, title, authors, abstract, published, updated, state, reason",
    "paper_links": "document_id, line, identifier, version, url",
    "ledger": "question_key, verdict, told_at, missing_since",
    "answers": "question_key, rules, answer, further, files, basis",
    "added_papers": "key, identifier, version, url, added_at",
    "documents": "id, root_id, file, kind, format, stated_title, sha256, size, mtime_ns, line_count, tags, aliases, "
    "indexed_at, failure, pages, paper, version, url, remark, date, parser, parts",
}
"""The tables whose rows carry a checksum, and of which columns: SQLite would not see that a bit of a row has turned."""


def seal(table: str, values: str) -> str:
    """The checksum of a row of a table with these values, in SQL; `seal` is `indexer.seals.seal`."""
    return f"seal('{table}', {values})"


# What a document consists of, by the checksums of its rows: one that is missing or stands elsewhere is noticed too.
PARTS: Final = (
    "seal('parts', "
    + ", ".join(
        "(SELECT group_concat(checksum) FROM "
        f"(SELECT checksum FROM {table} WHERE document_id = documents.id ORDER BY {order}))"
        for table, order in (("passages", "ordinal"), ("questions", "ordinal"), ("paper_links", "line, rowid"))
    )
    + ")"
)

_PAPERS: Final = """
-- The papers that notes name, each with the version named ('1706.03762v1'), without one for the newest ('1706.03762'),
-- or by its address. What arXiv says of one is empty until it was asked.
CREATE TABLE papers (
    key TEXT PRIMARY KEY,
    identifier TEXT,
    named TEXT,
    url TEXT,
    version TEXT,
    title TEXT,
    authors TEXT NOT NULL,
    abstract TEXT,
    published TEXT,
    updated TEXT,
    state TEXT NOT NULL,
    reason TEXT{checksum}
) WITHOUT ROWID;

CREATE TABLE paper_links (
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    line INTEGER NOT NULL,
    identifier TEXT,
    version TEXT,
    url TEXT{checksum}
);
CREATE INDEX paper_links_by_document ON paper_links (document_id, line);
CREATE INDEX paper_links_by_paper ON paper_links (identifier);
CREATE INDEX paper_links_by_url ON paper_links (url);
"""

_LEDGER: Final = """
-- The verdict that the person was told last of each item of the dumps, '' for one that needed no answer.
CREATE TABLE ledger (
    question_key TEXT PRIMARY KEY,
    verdict TEXT NOT NULL,
    told_at REAL NOT NULL,
    missing_since REAL{checksum}
) WITHOUT ROWID;

-- The answers to these items, each with the rules it was made by, the generation that it was last found to be good for,
-- and what it rests on. Can be made again.
CREATE TABLE answers (
    question_key TEXT PRIMARY KEY,
    rules TEXT NOT NULL,
    generation INTEGER NOT NULL,
    answer TEXT NOT NULL,
    further TEXT NOT NULL,
    files TEXT NOT NULL,
    basis TEXT NOT NULL{checksum}
);

-- In which generation a passage came, or got another name, kind or place among the headings.
CREATE TABLE passage_changes (
    passage_id INTEGER PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL
);
"""

_ADDED: Final = """
-- The papers that a person asked for by hand, which are wanted though no note names them.
CREATE TABLE added_papers (
    key TEXT PRIMARY KEY,
    identifier TEXT,
    version TEXT,
    url TEXT,
    added_at REAL NOT NULL{checksum}
) WITHOUT ROWID;
"""

SCHEMA: Final = (
    """
PRAGMA journal_mode = WAL;
BEGIN;

CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES ('generation', 0), ('fingerprint', NULL), ('format', 6);

CREATE TABLE roots (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, checksum INTEGER);

-- A file that failed keeps a row with its reason, and has neither passages nor questions. `parser` is the version of
-- the parsers that read it.
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    root_id INTEGER NOT NULL REFERENCES roots (id),
    file TEXT NOT NULL,
    kind TEXT NOT NULL,
    format TEXT NOT NULL,
    stated_title TEXT,
    sha256 TEXT,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    line_count INTEGER NOT NULL,
    tags TEXT NOT NULL,
    aliases TEXT NOT NULL,
    indexed_at REAL NOT NULL,
    failure TEXT,
    pages INTEGER NOT NULL DEFAULT 0,
    paper TEXT,
    version TEXT,
    url TEXT,
    remark TEXT,
    date TEXT,
    parser INTEGER NOT NULL DEFAULT 0,
    parts INTEGER,
    checksum INTEGER,
    UNIQUE (root_id, file)
);
CREATE INDEX documents_by_paper ON documents (paper);
CREATE INDEX documents_by_url ON documents (url);

-- The ids name passages in the derived stores too, hence AUTOINCREMENT: none is ever given twice.
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    context TEXT NOT NULL,
    headings TEXT NOT NULL,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    spans TEXT NOT NULL,
    text_hash BLOB NOT NULL,
    checksum INTEGER
);
CREATE INDEX passages_by_document ON passages (document_id, ordinal);
CREATE INDEX passages_by_hash ON passages (text_hash);

-- Keyed by what was embedded, not by passage: text that moves, or occurs twice, is embedded once.
CREATE TABLE embeddings (
    fingerprint TEXT NOT NULL,
    text_hash BLOB NOT NULL,
    vector BLOB NOT NULL,
    checksum INTEGER,
    PRIMARY KEY (fingerprint, text_hash)
) WITHOUT ROWID;

-- Apart from the vectors: ten times their size, and read for a few passages at a time.
CREATE TABLE token_codes (
    fingerprint TEXT NOT NULL,
    text_hash BLOB NOT NULL,
    codes BLOB NOT NULL,
    checksum INTEGER,
    PRIMARY KEY (fingerprint, text_hash)
);

CREATE TABLE questions (
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    line INTEGER NOT NULL,
    section TEXT NOT NULL,
    parent TEXT,
    wikilinks TEXT NOT NULL,
    arxiv_ids TEXT NOT NULL,
    urls TEXT NOT NULL,
    wanted INTEGER NOT NULL,
    checksum INTEGER,
    PRIMARY KEY (document_id, ordinal)
) WITHOUT ROWID;
"""
    + (_PAPERS + _LEDGER + _ADDED).replace("{checksum}", ",\n    checksum INTEGER")
    + "COMMIT;"
)

MIGRATIONS: Final = {
    1: """
ALTER TABLE documents ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN paper TEXT;
ALTER TABLE documents ADD COLUMN version TEXT;
ALTER TABLE documents ADD COLUMN url TEXT;
ALTER TABLE documents ADD COLUMN remark TEXT;
CREATE INDEX documents_by_paper ON documents (paper);
CREATE INDEX documents_by_url ON documents (url);
-- What notes link was not kept: read them again. Their passages stay, and nothing is embedded again.
UPDATE documents SET sha256 = NULL;
"""
    + _PAPERS.replace("{checksum}", ""),
    2: """
ALTER TABLE documents ADD COLUMN date TEXT;
ALTER TABLE documents ADD COLUMN parser INTEGER NOT NULL DEFAULT 0;
""",
    3: """
-- Items were known by their file, and are by their words now: what was told of those that still stand there is kept.
ALTER TABLE ledger RENAME TO ledger_by_file;
"""
    + _LEDGER.replace("{checksum}", "")
    + """
INSERT OR REPLACE INTO ledger
SELECT item_by_words(q.text, q.wikilinks, q.arxiv_ids), l.verdict, l.answered_at, NULL
FROM questions q JOIN documents d ON d.id = q.document_id JOIN roots r ON r.id = d.root_id
JOIN ledger_by_file l ON l.question_key = item_by_file(r.path, d.file, q.text)
ORDER BY l.answered_at;
DROP TABLE ledger_by_file;
""",
    4: _ADDED.replace("{checksum}", ""),
    5: "ALTER TABLE documents ADD COLUMN parts INTEGER;\n"
    + "".join(
        f"ALTER TABLE {table} ADD COLUMN checksum INTEGER;\n"
        + (f"UPDATE documents SET parts = {PARTS};\n" if table == "documents" else "")
        + f"UPDATE {table} SET checksum = {seal(table, columns)};\n"
        for table, columns in SEALED.items()
    )
    + "INSERT OR REPLACE INTO meta VALUES ('format', 6);\n",
}
"""What brings a catalogue of a version to the next. `indexer.upgrade` runs those that it needs in one transaction, and
has the functions that they call."""

UPGRADED: Final = f"""
BEGIN IMMEDIATE;
{{steps}}
INSERT OR REPLACE INTO meta VALUES ('footnote', '{{maker}}');
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
