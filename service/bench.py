"""`footnote bench quality`: hit rates and refusals on questions whose answers' places are known."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from indexer.errors import InputError
from service.retrieve import DENSE_ALONE, FUSED, LEXICAL_ALONE, Mix
from service.types import Answer, Citation

if TYPE_CHECKING:
    from service.ask import Desk

SYSTEMS: dict[str, Mix] = {"Footnote": FUSED, "BM25 alone": LEXICAL_ALONE, "dense alone": DENSE_ALONE}
CITED = 5
"""Cited lines are averaged over so many citations of each answered question."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one system on one gold file.

    Rates are between 0 and 1. `hit_at_1`, `hit_at_5`, `mrr_at_10` and `cited_lines` are over the questions that have an
    answer; `kinds` holds their (hit@1, hit@5) by kind. In the strict rates a place in a paper counts only where the
    evidence is cited; they are None for a gold file about notes alone. `auroc` is how well confidence separates the
    questions with an answer from those that have none; `lost` is the share of answerable questions called unsupported,
    `false` the share of unanswerable ones that were answered.
    """

    system: str
    questions: int
    hit_at_1: float
    hit_at_5: float
    mrr_at_10: float
    strict_at_1: float | None
    strict_at_5: float | None
    cited_lines: float
    auroc: float | None
    lost: float
    false: float
    kinds: dict[str, tuple[float, float]]
    median_ms: float


def quality(desk: Desk, gold: Path, *, k: int = 10) -> list[Figures]:
    """Ask every question of a gold file of each system; raise InputError when the file cannot be read."""
    rows = _rows(gold)
    return [
        _figures(name, rows, [desk.ask(row["question"], k=k, mix=mix) for row in rows]) for name, mix in SYSTEMS.items()
    ]


def _rows(gold: Path) -> list[Mapping[str, Any]]:
    try:
        rows = [json.loads(line) for line in gold.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [{"question": row["question"], "kind": row.get("kind", ""), "gold": row["gold"]} for row in rows]
    except OSError as error:
        raise InputError(f"{gold}: {error.strerror}; name a gold file") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{gold}: not a gold file ({error}); each line is JSON with question, kind and gold"
        ) from error


def _figures(name: str, rows: Sequence[Mapping[str, Any]], answers: Sequence[Answer]) -> Figures:
    ranks: list[int | None] = []
    strict: list[int | None] = []
    kinds: dict[str, list[int | None]] = defaultdict(list)
    lines: list[int] = []
    sure: dict[bool, list[float]] = {True: [], False: []}
    supported: dict[bool, list[bool]] = {True: [], False: []}
    for row, answer in zip(rows, answers, strict=True):
        answerable = bool(row["gold"])
        sure[answerable].append(answer.confidence)
        supported[answerable].append(answer.verdict != "unsupported")
        if answerable:
            rank = _rank(answer, row["gold"])
            ranks.append(rank)
            strict.append(_rank(answer, row["gold"], strict=True))
            kinds[row["kind"]].append(rank)
            lines += [c.lines[1] - c.lines[0] + 1 for c in answer.citations[:CITED] if c.lines]
    on_paper = any("paper" in place for row in rows for place in row["gold"])
    return Figures(
        system=name,
        questions=len(rows),
        hit_at_1=_rate(ranks, 1),
        hit_at_5=_rate(ranks, 5),
        mrr_at_10=_mean([1 / rank if rank and rank <= 10 else 0.0 for rank in ranks]),
        strict_at_1=_rate(strict, 1) if on_paper else None,
        strict_at_5=_rate(strict, 5) if on_paper else None,
        cited_lines=_mean(lines),
        auroc=_auroc(sure[True], sure[False]),
        lost=1 - _mean(supported[True]) if supported[True] else 0.0,
        false=_mean(supported[False]),
        kinds={kind: (_rate(found, 1), _rate(found, 5)) for kind, found in sorted(kinds.items())},
        median_ms=statistics.median(answer.took_ms for answer in answers) if answers else 0.0,
    )


def hits(citation: Citation, gold: Sequence[Mapping[str, Any]], *, strict: bool = False) -> bool:
    """Whether a citation lies at one of the gold places: lines that overlap in that file, or a page of that paper.

    A paper is named by its id or by the name of its file. With `strict`, the quote or the passage has to hold the
    evidence that a place in a paper has, compared by letters and digits.
    """
    return any(
        _on_lines(citation, place) if "file" in place else _on_page(citation, place, strict=strict) for place in gold
    )


def _on_lines(citation: Citation, place: Mapping[str, Any]) -> bool:
    file, lines = PurePosixPath(citation.file or ""), citation.lines
    wanted = PurePosixPath(place["file"]).parts
    if lines is None or file.parts[-len(wanted) :] != wanted:
        return False
    return bool(lines[0] <= place["end_line"] and place["start_line"] <= lines[1])


def _on_page(citation: Citation, place: Mapping[str, Any], *, strict: bool) -> bool:
    paper, pages = citation.paper or PurePosixPath(citation.file or "").stem, citation.pages
    if pages is None or paper != place["paper"] or not pages[0] <= place["page"] <= pages[1]:
        return False
    evidence = _folded(place.get("evidence", "")) if strict else ""
    return any(evidence in _folded(text) for text in (citation.quote, citation.passage))


def _folded(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def _rank(answer: Answer, gold: Sequence[Mapping[str, Any]], *, strict: bool = False) -> int | None:
    """The number of the first citation that hits, or None."""
    return next((n for n, c in enumerate(answer.citations, start=1) if hits(c, gold, strict=strict)), None)


def _rate(ranks: Sequence[int | None], k: int) -> float:
    return _mean([rank is not None and rank <= k for rank in ranks])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The chance that a positive scores above a negative, ties counted half (Mann and Whitney 1947)."""
    if not positive or not negative:
        return None
    wins = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def quality_json(figures: Sequence[Figures]) -> dict[str, Any]:
    """The figures as JSON, rounded to four places."""
    return {"systems": [_rounded(asdict(row)) for row in figures]}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def quality_table(figures: Sequence[Figures]) -> str:
    """The figures as Markdown tables, a system a row."""
    columns = [_cells(row) for row in figures]
    heads = ("", *(head for head in (columns[0] if columns else ()) if any(cells[head] for cells in columns)))
    rows = [(f.system, *(cells[head] for head in heads[1:])) for f, cells in zip(figures, columns, strict=True)]
    kinds = sorted({kind for f in figures for kind in f.kinds})
    by_kind = [(f.system, *(" / ".join(f"{rate:.2f}" for rate in f.kinds[kind]) for kind in kinds)) for f in figures]
    return "\n\n".join([_table(heads, rows), "hit@1 / hit@5 by kind\n\n" + _table(("", *kinds), by_kind)])


def _cells(row: Figures) -> dict[str, str]:
    """The figures of a system by the heads of their columns; empty where there are none."""
    figures = {
        "hit@1": row.hit_at_1,
        "hit@5": row.hit_at_5,
        "MRR@10": row.mrr_at_10,
        "strict@1": row.strict_at_1,
        "strict@5": row.strict_at_5,
        "lines": row.cited_lines,
        "AUROC": row.auroc,
        "lost": row.lost,
        "false": row.false,
        "ms": row.median_ms,
    }
    digits = {"lines": 1, "ms": 1}
    return {head: "" if value is None else f"{value:.{digits.get(head, 3)}f}" for head, value in figures.items()}


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[k]) for row in (heads, *rows)) for k in range(len(heads))]
    lines = [heads, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines
    )
