"""Small documents and libraries for the tests of the stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from stub_encoder import HashEncoder

from indexer.catalogue import Catalogue
from indexer.change import Change, text_hash
from indexer.derived import publish
from indexer.types import Document, Passage, Question, Source, Span

ROOT = Path("/notes")
ENCODER = HashEncoder(dimension=32)


def passage(text: str, *, ordinal: int = 0, context: str = "", line: int = 1) -> Passage:
    lines = (line, line + text.count("\n"))
    return Passage(ordinal, "text", text, context, ("Top", "Below"), lines, (Span(text, lines),))


def passages(*texts: str, first_line: int = 1) -> list[Passage]:
    return [passage(text, ordinal=n, line=first_line + 2 * n) for n, text in enumerate(texts)]


def document(
    file: str = "a.md",
    *,
    data: bytes = b"text",
    title: str | None = None,
    aliases: Sequence[str] = (),
    root: Path = ROOT,
    mtime_ns: int = 7,
) -> Document:
    source = Source(root, file, data, sha256(data).hexdigest(), mtime_ns)
    return Document(source, "note", title, (), tuple(data.decode().split("\n")), tuple(aliases), ("ml", "größe"))


def question(text: str, line: int = 3) -> Question:
    return Question(text, "open", "question", line, "Dump", None, ("ResNet",), ("1512.03385",), (), wanted=True)


def embed(catalogue: Catalogue, texts: Sequence[Passage]) -> None:
    """Store what the stub makes of the passages, as the line does before it changes the catalogue."""
    read = [one.embedded_text for one in texts]
    catalogue.add_embeddings(ENCODER.fingerprint, [text_hash(text) for text in read], ENCODER.encode(read))


def put(catalogue: Catalogue, file: str, *texts: str, title: str | None = None, first_line: int = 1) -> Change:
    """Index one file, without publishing it."""
    found = passages(*texts, first_line=first_line)
    embed(catalogue, found)
    with catalogue.change() as change:
        change.set_fingerprint(ENCODER.fingerprint)
        change.put_document(document(file, title=title), found, [], size=4)
    return change


def put_and_publish(path: Path, catalogue: Catalogue, file: str, *texts: str) -> None:
    publish(path, catalogue, put(catalogue, file, *texts))


def vector(text: str) -> np.ndarray:
    return ENCODER.begin_queries([text])()[0].vector


def placed(text, page=1, top=700.0, width=40):
    """Where the characters of a text stand that is set in lines of `width` characters, each 5 wide and 10 high."""
    rows = [
        (page, 100 + 5 * (n % width), top - 12 * (n // width), 105 + 5 * (n % width), top - 12 * (n // width) + 10)
        for n in range(len(text))
    ]
    places = np.array(rows, dtype=np.float32).reshape(-1, 5)
    places[[char.isspace() for char in text]] = 0
    return places


def refuse_writers(monkeypatch):
    """Have SQLite open nothing to write, as where the system forbids it."""
    connect = sqlite3.connect

    def read_only(database, **options):
        if "mode=rw" in database:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error
        return connect(database, **options)

    monkeypatch.setattr("sqlite3.connect", read_only)
