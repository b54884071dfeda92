"""The question dump answered, and what changed since it was last shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from indexer.catalogue import LedgerEntry, StoredQuestion
from service.types import Answer, AnsweredQuestion, Changed


def judged(item: StoredQuestion, answer: Answer | None, known: Mapping[str, LedgerEntry]) -> AnsweredQuestion:
    """Put an item of the dump, its answer and what the ledger knew together."""
    entry = known.get(key(item.root, item.file, item.question.text))
    changed: Changed = "same"
    if entry is None:
        changed = "new"
    elif answer is not None and entry.verdict == "unsupported" and answer.verdict != "unsupported":
        changed = "answered"
    return AnsweredQuestion(item.question, item.root, item.file, item.document_id, answer, changed)


def entries(items: Iterable[AnsweredQuestion], now: float) -> list[LedgerEntry]:
    """What the ledger keeps of items that were shown at `now`, in seconds since 1970."""
    return [
        LedgerEntry(
            key=key(item.root, item.file, item.question.text),
            verdict=item.answer.verdict if item.answer else "",
            evidence="\n".join(citation.quote for citation in item.answer.citations[:3]) if item.answer else "",
            answered_at=now,
        )
        for item in items
    ]


def key(root: str, file: str, text: str) -> str:
    """An item of the dump by its file and its words, so that it may move in the file."""
    return hashlib.sha256("\0".join((root, file, " ".join(text.split()))).encode()).hexdigest()[:32]
