"""The question dump answered: answers are kept while they hold, and the person is told what is new.

Two things are kept in the library, by the words of an item and what it names, so that it may move, in its file or to
another one, or be ticked off: its answer with what that rests on, which can be made again at any time; and the verdict
that the person was told last, which cannot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias, cast

from indexer import __version__
from indexer.catalogue import Catalogue
from indexer.connect import connect
from indexer.errors import LibraryFull, LibraryLocked, LibraryMissing
from indexer.library import CATALOGUE
from indexer.records import KeptAnswer, LedgerEntry, StoredQuestion
from indexer.settings import Settings
from indexer.types import Question
from service.confidence import BIAS, PARTIAL, SUPPORTED, WEIGHTS
from service.present import answer_json, answer_of
from service.reach import Basis, Files, Reach, files_changed
from service.retrieve import FUSED
from service.types import Answer, AnsweredQuestion, Changed, Verdict

ANSWERING = 2
"""Raised when the same library answers otherwise than before, so that what was kept is answered again."""

FORGOTTEN_AFTER = 90 * 24 * 3600.0
"""An item that is missing for so many seconds is new when it comes back: a file may be away for a while."""

KEPT_TOGETHER = 64
"""So many answers are kept in one go: a run that is killed loses no more than that."""

Answering: TypeAlias = Callable[[Question], tuple[Answer, Basis, Files]]
"""Answers an item, and says what the answer rests on."""


def key(question: Question) -> str:
    """An item of the dump by its words and what it names: wherever it stands, ticked off or not."""
    names = ("", *question.wikilinks, "", *question.arxiv_ids)
    return sha256("\0".join((" ".join(question.text.split()), *names)).encode(errors="surrogatepass")).hexdigest()[:32]


def rules(settings: Settings, fingerprint: str | None) -> str:
    """What answers depend on besides the library's passages: the version, the weights and the models."""
    weights = (FUSED, WEIGHTS, BIAS, PARTIAL, SUPPORTED)
    models = (fingerprint, settings.model, settings.query_prompt, settings.reranker)
    said = (__version__, ANSWERING, weights, models)
    return sha256(repr(said).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer by some rules, the last generation that it was found to be good for, and what it rests on, as JSON."""

    rules: str
    generation: int
    answer: Answer
    files: Files
    basis: str


class Ledger:
    """The answers to the dumps of one library, as far as they are known. Not to be shared between threads.

    One that is not `whole` only reads, and leaves out the citations that no sentence rests on: they are most of the
    text.
    """

    def __init__(self, rules: str, *, whole: bool = True) -> None:
        self._rules = rules
        self._whole = whole
        self._kept: dict[str, _Kept] = {}

    def items(self, catalogue: Catalogue) -> tuple[AnsweredQuestion, ...] | None:
        """Every item of the dumps with its answer; None when some answers are missing, or may not hold any more."""
        items = catalogue.questions()
        wanted = _wanted(items)
        generation = catalogue.generation
        self._read(catalogue)
        if any(not self._holds(name) or self._kept[name].generation < generation for name in wanted):
            return None
        if files_changed(catalogue, {name: self._kept[name].files for name in wanted}):
            return None
        return self._judged(catalogue, items)

    def renewed(self, catalogue: Catalogue, reach: Reach, answer: Answering) -> tuple[AnsweredQuestion, ...]:
        """Every item of the dumps with its answer; those that are missing or do not hold are answered now."""
        items = catalogue.questions()
        wanted = _wanted(items)
        generation = catalogue.generation
        self._read(catalogue)
        holding = {name for name in wanted if self._holds(name)}
        closed = [item for item in items if (name := key(item.question)) in self._kept and name not in wanted]
        older = {name for name in holding if self._kept[name].generation < generation}
        if older:
            since = min(self._kept[name].generation for name in older)
            known = {name: (wanted[name], basis) for name in older if (basis := self._basis(name))}
            holding -= (older - known.keys()) | reach.reached(known, since=since, closed=closed)
        holding -= files_changed(catalogue, {name: self._kept[name].files for name in holding})
        for name in older & holding:
            self._kept[name] = replace(self._kept[name], generation=generation)
        # What is due is forgotten at once: a run that is killed could not tell later why it was.
        dropped = self._kept.keys() - holding
        self._kept = {name: kept for name, kept in self._kept.items() if name in holding}
        self._write(catalogue, (), confirmed=older & holding, dropped=dropped)
        due = [name for name in wanted if name not in holding]
        for start in range(0, len(due), KEPT_TOGETHER):
            batch = due[start : start + KEPT_TOGETHER]
            for name in batch:
                found, basis, files = answer(wanted[name])
                self._kept[name] = _Kept(self._rules, generation, found, files, basis.to_json())
            self._write(catalogue, batch)
        return self._judged(catalogue, items)

    def _holds(self, name: str) -> bool:
        return name in self._kept and self._kept[name].rules == self._rules

    def _basis(self, name: str) -> Basis | None:
        """What an answer rests on; None when that cannot be read."""
        with suppress(ValueError, KeyError, TypeError):
            return Basis.from_json(self._kept[name].basis)
        return None

    def _judged(self, catalogue: Catalogue, items: Iterable[StoredQuestion]) -> tuple[AnsweredQuestion, ...]:
        with _now(catalogue) as now:
            told = now.ledger()
        answers = {name: kept.answer for name, kept in self._kept.items()}
        return tuple(judged(item, answers if item.question.wanted else {}, told) for item in items)

    def _read(self, catalogue: Catalogue) -> None:
        """Take over what another process has kept, unless all is known for this generation."""
        generation = catalogue.generation
        if self._kept and all(kept.generation == generation for kept in self._kept.values()):
            return
        with _now(catalogue) as now:
            stored = now.answers()
        for name, row in stored.items():
            known = self._kept.get(name)
            if known is None or known.rules != self._rules or known.generation < row.generation:
                with suppress(ValueError, KeyError, TypeError):  # what cannot be read is answered again
                    files = {int(number): state for number, state in json.loads(row.files).items()}
                    data = json.loads(row.answer)
                    if self._whole:
                        data["citations"] += json.loads(row.further)
                    found = answer_of(data)
                    self._kept[name] = _Kept(row.rules, row.generation, found, files, row.basis)

    def _write(
        self,
        catalogue: Catalogue,
        names: Iterable[str],
        *,
        confirmed: Iterable[str] = (),
        dropped: Iterable[str] = (),
    ) -> None:
        """Keep answers in the library, where it can be written at once: else the next process answers again."""
        if not catalogue.is_in_place:
            return
        rows, generation = [], catalogue.generation
        for name in names:
            kept = self._kept[name]
            data = answer_json(kept.answer)
            said = {n for sentence in kept.answer.sentences for n in sentence.citations}
            further = [citation for citation in data["citations"] if citation["n"] not in said]
            data["citations"] = [citation for citation in data["citations"] if citation["n"] in said]
            answer, more, files = (json.dumps(part, ensure_ascii=False) for part in (data, further, kept.files))
            rows.append(KeptAnswer(name, kept.rules, generation, answer, more, files, kept.basis))
        with suppress(LibraryMissing, LibraryLocked, LibraryFull), _open_to_write(catalogue.path) as now:
            now.put_answers(rows, confirmed=confirmed, dropped=dropped, generation=generation)


def known(settings: Settings, *, whole: bool) -> tuple[AnsweredQuestion, ...] | None:
    """The dump as it was answered before, when that still holds: without a search, and without the model; else None.

    With `whole`, with the citations that no sentence rests on. Raises LibraryMissing, LibraryCorrupt, LibraryTooNew,
    LibraryFull or LibraryLocked.
    """
    with Catalogue.open(settings.library / CATALOGUE, write=False) as catalogue:
        catalogue.hold()
        return Ledger(rules(settings, catalogue.fingerprint), whole=whole).items(catalogue)


def remember(library: Path, items: Sequence[AnsweredQuestion], now: float, *, whole: bool = True) -> None:
    """Keep what the person was told at `now`, in seconds since 1970, for the next time to say what is new.

    With `whole` these are all the items there are, else some of them. Raises LibraryMissing, LibraryFull or
    LibraryLocked.
    """
    with _open_to_write(library / CATALOGUE) as catalogue:
        told = catalogue.ledger()
        shown = {key(item.question): item for item in items}
        entries = [LedgerEntry(name, _verdict(item, told.get(name)), now) for name, item in shown.items()]
        missing = [entry for name, entry in told.items() if whole and name not in shown]
        entries += [replace(entry, missing_since=now) for entry in missing if entry.missing_since is None]
        since = now - FORGOTTEN_AFTER
        catalogue.put_ledger(
            entries, (entry.key for entry in missing if entry.missing_since is not None and entry.missing_since < since)
        )


def state_of(items: Iterable[AnsweredQuestion]) -> str:
    """Name what is told by showing some items: another name when one of them, or its verdict, is another."""
    told = [(key(item.question), item.answer.verdict if item.answer else "") for item in items]
    return sha256(repr(told).encode()).hexdigest()[:32]


def judged(item: StoredQuestion, answers: Mapping[str, Answer], told: Mapping[str, LedgerEntry]) -> AnsweredQuestion:
    """Put an item of the dump, its answer and what the person was told before together."""
    name = key(item.question)
    answer, entry = answers.get(name), told.get(name)
    before = cast("Verdict", entry.verdict) if entry and entry.verdict else None
    changed: Changed = "same"
    if entry is None:
        changed = "new"
    elif answer is not None and answer.verdict != "unsupported" and before in (None, "unsupported"):
        changed = "answered"
    return AnsweredQuestion(item.question, item.root, item.file, item.document_id, answer, changed, before)


def _verdict(item: AnsweredQuestion, entry: LedgerEntry | None) -> str:
    """The verdict to remember; that of an item which needs no answer now is the one it had when it did."""
    if item.answer is not None:
        return item.answer.verdict
    return entry.verdict if entry else ""


def _wanted(items: Iterable[StoredQuestion]) -> dict[str, Question]:
    return {key(item.question): item.question for item in items if item.question.wanted}


@contextmanager
def _now(catalogue: Catalogue) -> Iterator[Catalogue]:
    """A catalogue with what was kept since it was opened; as it is, where that library does not lie there any more."""
    with ExitStack() as stack:
        if catalogue.is_in_place:
            with suppress(LibraryMissing):
                catalogue = stack.enter_context(Catalogue.open(catalogue.path, write=False))
        yield catalogue


@contextmanager
def _open_to_write(path: Path) -> Iterator[Catalogue]:
    """The catalogue, beside whoever writes the library: what is kept here makes no new generation."""
    with Catalogue(path, connect(path, write=True)) as catalogue:
        yield catalogue
