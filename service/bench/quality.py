"""`footnote bench quality`: hit rates, refusals and quotes on questions whose answers' places are known."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from indexer.errors import InputError
from indexer.library import Snapshot
from indexer.records import StoredDocument
from indexer.types import Lines
from service.bench.measures import Judged, Ranked, Refusal, mean, of_ranks, percentile, refusal
from service.bench.quotes import Checker, Quotes
from service.bench.systems import System, systems
from service.desk import Desk
from service.types import Answer, Citation

CITED = 5
"""Cited lines are averaged over so many citations of each answered question."""

_VERSION = re.compile(r"v\d+$")

Place: TypeAlias = Mapping[str, Any]
"""A gold place: {"file", "start_line", "end_line"}, or {"paper", "page"} with or without its "evidence"."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A question, and the places that answer it; none where the library does not."""

    question: str
    kind: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one system on gold questions.

    `ranked` and `cited_lines` are over the questions that have an answer, `kinds` holds their (hit@1, hit@5) by kind.
    In the strict rates a place in a paper counts only where the evidence is cited; they are None for questions about
    notes alone. `median_ms` and `p95_ms` are of an answer's time in milliseconds.
    """

    system: str
    questions: int
    ranked: Ranked
    strict_at_1: float | None
    strict_at_5: float | None
    cited_lines: float
    refusal: Refusal
    kinds: dict[str, tuple[float, float]]
    median_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured on gold questions.

    `compared` is Footnote and the other systems, `ablated` Footnote without each ingredient. `taken_out` is Footnote's
    refusal when besides the unanswerable questions each of the others is asked once more of the library without the
    passages at its gold places. `quotes` is about all citations of Footnote's answers.
    """

    questions: int
    answerable: int
    compared: tuple[Figures, ...]
    ablated: tuple[Figures, ...]
    taken_out: Refusal
    quotes: Quotes


def quality(
    desk: Desk,
    files: Sequence[Path],
    *,
    k: int = 10,
    ablation: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> Quality:
    """Ask every question of some gold files of each system; raise InputError when one cannot be read.

    `notice` hears what is being done.
    """
    rows = [row for file in files for row in read_gold(file)]
    with systems(desk, ablation=ablation) as measured:

        def asked(system: System) -> list[Answer]:
            notice(f"{system.name}: asking {len(rows)} questions …")
            return [system.ask(row.question, k=k) for row in rows]

        ours = asked(measured.footnote)
        compared = [_figures(measured.footnote.name, rows, ours)]
        compared += [_figures(system.name, rows, asked(system)) for system in measured.compared[1:]]
        ablated = [_figures(system.name, rows, asked(system)) for system in measured.ablated]
        with Checker(measured.snapshot.catalogue) as checker:
            for answer in ours:
                checker.look(answer.citations)
        notice(f"{measured.footnote.name}: asking without the passages that answer …")
        return Quality(
            questions=len(rows),
            answerable=sum(bool(row.places) for row in rows),
            compared=tuple(compared),
            ablated=tuple(ablated),
            taken_out=_taken_out(measured.footnote, measured.snapshot, rows, ours, k),
            quotes=checker.quotes(),
        )


def read_gold(path: Path) -> list[Gold]:
    """Read a gold file; raise InputError when it is none.

    Each line is JSON with `question`, `gold` (a list of places; empty, or `unanswerable` instead, where nothing
    answers) and, maybe, `kind`.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        gold = [_gold(line) for line in lines]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a gold file") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a gold file ({error}); each line is JSON: question, kind, gold") from error
    if not gold:
        raise InputError(f"{path}: holds no question; each line is JSON: question, kind, gold")
    return gold


def _gold(line: Mapping[str, Any]) -> Gold:
    places = [] if line.get("unanswerable") else line["gold"]
    return Gold(line["question"], line.get("kind", ""), tuple(places))


# ------------------------------------------------------------------------------------------------- figures


def _figures(name: str, rows: Sequence[Gold], answers: Sequence[Answer]) -> Figures:
    pairs = [(row, answer) for row, answer in zip(rows, answers, strict=True) if row.places]
    ranks = [_rank(answer, row.places) for row, answer in pairs]
    strict = of_ranks([_rank(answer, row.places, strict=True) for row, answer in pairs])
    kinds: dict[str, list[int | None]] = defaultdict(list)
    for (row, _), rank in zip(pairs, ranks, strict=True):
        kinds[row.kind].append(rank)
    on_paper = any("paper" in place for row, _ in pairs for place in row.places)
    judged = [_judged(answer, answerable=bool(row.places)) for row, answer in zip(rows, answers, strict=True)]
    times = [answer.took_ms for answer in answers]
    by_kind = {kind: of_ranks(found) for kind, found in sorted(kinds.items())}
    lines = [c.lines[1] - c.lines[0] + 1 for _, answer in pairs for c in answer.citations[:CITED] if c.lines]
    return Figures(
        system=name,
        questions=len(rows),
        ranked=of_ranks(ranks),
        strict_at_1=strict.hit_at_1 if on_paper else None,
        strict_at_5=strict.hit_at_5 if on_paper else None,
        cited_lines=mean(lines),
        refusal=refusal(judged),
        kinds={kind: (one.hit_at_1, one.hit_at_5) for kind, one in by_kind.items()},
        median_ms=percentile(times, 50),
        p95_ms=percentile(times, 95),
    )


def _judged(answer: Answer, *, answerable: bool) -> Judged:
    return Judged(answerable, answer.confidence, answer.verdict != "unsupported")


def _taken_out(system: System, snapshot: Snapshot, rows: Sequence[Gold], answers: Sequence[Answer], k: int) -> Refusal:
    judged = [_judged(answer, answerable=bool(row.places)) for row, answer in zip(rows, answers, strict=True)]
    answering = _answering(snapshot)
    for row in rows:
        if row.places:
            without = system.ask(row.question, k=k, hidden=answering(row.places))
            judged.append(_judged(without, answerable=False))
    return refusal(judged)


def _answering(snapshot: Snapshot) -> Callable[[Sequence[Place]], set[int]]:
    """Make the function that finds the passages at gold places: of a page those with the evidence, if there are any."""
    documents = {document.id: document for document in snapshot.catalogue.documents()}
    stored = [one for batch in snapshot.catalogue.iter_passages() for one in batch]

    def at(place: Place, *, strict: bool) -> set[int]:
        return {
            one.id
            for one in stored
            if _stands_at(
                place,
                file=_file(documents[one.document_id]),
                paper=documents[one.document_id].paper,
                lines=one.passage.lines if documents[one.document_id].kind == "note" else None,
                pages=one.passage.pages,
                texts=(one.passage.text,) if strict else None,
            )
        }

    return lambda places: set().union(*(at(place, strict=True) or at(place, strict=False) for place in places))


def _file(document: StoredDocument) -> str | None:
    return None if document.fetched else document.file


# ---------------------------------------------------------------------------------------------------- hits


def hits(citation: Citation, gold: Sequence[Place], *, strict: bool = False) -> bool:
    """Whether a citation lies at one of the gold places: lines that overlap in that file, or a page of that paper.

    A paper is named by its id or by the name of its file, with or without a version. With `strict`, the quote or the
    passage has to hold the evidence that a place in a paper has, compared by letters and digits.
    """
    texts = (citation.quote, citation.passage) if strict else None
    return any(
        _stands_at(
            place, file=citation.file, paper=citation.paper, lines=citation.lines, pages=citation.pages, texts=texts
        )
        for place in gold
    )


def _stands_at(
    place: Place,
    *,
    file: str | None,
    paper: str | None,
    lines: Lines | None,
    pages: Lines | None,
    texts: Collection[str] | None,
) -> bool:
    """Whether something lies at a gold place; on a page, one of `texts` has to hold the evidence, if they are given."""
    if "file" in place:
        wanted = PurePosixPath(place["file"]).parts
        if lines is None or PurePosixPath(file or "").parts[-len(wanted) :] != wanted:
            return False
        return bool(lines[0] <= place["end_line"] and place["start_line"] <= lines[1])
    named = paper or PurePosixPath(file or "").stem
    if (
        pages is None
        or place["paper"] not in (named, _VERSION.sub("", named))
        or not pages[0] <= place["page"] <= pages[1]
    ):
        return False
    evidence = _folded(place.get("evidence", ""))
    return texts is None or any(evidence in _folded(text) for text in texts)


def _folded(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def _rank(answer: Answer, gold: Sequence[Place], *, strict: bool = False) -> int | None:
    """The number of the first citation that hits, or None."""
    return next((n for n, c in enumerate(answer.citations, start=1) if hits(c, gold, strict=strict)), None)
