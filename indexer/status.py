"""What is in a library, what failed, and what is out of date."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from indexer.discover import Found, read
from indexer.errors import SourceError
from indexer.library import Snapshot
from indexer.records import TICK_SECONDS, StoredDocument, StoredPaper
from indexer.settings import Settings


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a library.

    `documents` are those that could be read, `failures` the others with the reason why, `remarks` what there is to say
    of how others could be read, and `stale` those whose file changed or vanished since. `papers` are those that the
    notes name, with what became of each. `reranker` is the model that reads the best passages again, None without one.
    `vectors` says what a search by vector goes through (see `Vectors.kind`).
    """

    library: str
    generation: int
    model: str
    fingerprint: str | None
    documents: int
    failed: int
    passages: int
    vectors: str
    questions: int
    roots: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]
    remarks: tuple[tuple[str, str], ...]
    stale: tuple[str, ...]
    papers: tuple[StoredPaper, ...]
    reranker: str | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """How much a library holds, as in `Status`: what is known without looking at any file."""

    generation: int
    documents: int
    passages: int
    vectors: str
    failed: int = 0


def size(snapshot: Snapshot) -> Size:
    """Count."""
    counts = snapshot.catalogue.counts()
    return Size(snapshot.generation, counts.documents, counts.passages, snapshot.vectors.kind, counts.failed)


def status(snapshot: Snapshot, settings: Settings, *, files: bool = True) -> Status:
    """Count, and compare every document with its file; without `files` no file is looked at, and none is `stale`."""
    counts = snapshot.catalogue.counts()
    documents = snapshot.catalogue.documents()
    return Status(
        library=str(settings.library),
        generation=snapshot.generation,
        model=settings.model,
        fingerprint=snapshot.catalogue.fingerprint,
        documents=counts.documents,
        failed=counts.failed,
        passages=counts.passages,
        vectors=snapshot.vectors.kind,
        questions=counts.questions,
        roots=tuple(snapshot.catalogue.roots()),
        failures=tuple((d.file, d.failure) for d in documents if d.failure),
        remarks=tuple((d.file, d.remark) for d in documents if d.remark),
        stale=tuple(d.file for d in documents if files and d.failure is None and is_stale(d)),
        papers=tuple(snapshot.catalogue.papers()),
        reranker=settings.reranker.model or None,
    )


def is_vouched_for(document: StoredDocument) -> bool:
    """Whether the stamps of a file are enough to know that it holds what was indexed."""
    try:
        found = os.lstat(document.place)  # not `Path.lstat`: for every document, as fast as it gets
    except OSError:
        return False
    return document.is_as_read(found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def is_stale(document: StoredDocument) -> bool:
    """Whether a file changed or vanished since it was indexed; it is read where its stamps do not tell.

    An abstract has no file.
    """
    if document.fetched and not document.pages:
        return False
    if is_vouched_for(document):
        return False
    try:
        found = document.path.stat()
        settled = found.st_ctime + TICK_SECONDS < time.time()  # else a further change could leave the same stamps
        digest = _digest if settled else _digest.__wrapped__
        stamps = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        return digest(document.root, document.file, document.size, stamps) != document.sha256
    except (OSError, SourceError):
        return True


@lru_cache(maxsize=1024)
def _digest(root: str, file: str, size: int, stamps: tuple[int, ...]) -> str:  # noqa: ARG001 - part of the key
    """The digest of a file of at most `size` bytes, which is read once while its stamps stay as they are."""
    return read(Found(Path(root), file, 0, 0), max_bytes=size).sha256
