"""What was measured, as Markdown tables and as JSON, with the stamp that says of what."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from indexer import __version__
from service.bench.masked import Masks
from service.bench.measures import Ranked, Refusal
from service.bench.quality import Figures, Quality
from service.bench.quotes import Quotes
from service.bench.retrieval import Retrieval
from service.desk import Desk
from service.retrieve import FUSED

PACKAGES = ("openvino", "faiss-cpu", "tantivy", "tokenizers", "pypdfium2", "numpy", "ir-measures", "scikit-learn")

DIGITS = 4
"""Figures in JSON are rounded to so many places."""


# --------------------------------------------------------------------------------------------------- stamp


def stamp(desk: Desk) -> dict[str, Any]:
    """Say of what figures are: the code, the library, the model, the mix and the packages that were measured."""
    with desk.library.snapshot() as snapshot:
        counts = snapshot.catalogue.counts()
        return {
            "footnote": __version__,
            "commit": commit(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": desk.settings.model,
            "fingerprint": desk.encoder.fingerprint,
            "library": {
                "generation": snapshot.generation,
                "documents": counts.documents,
                "passages": counts.passages,
            },
            "mix": asdict(FUSED),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "packages": {name: _version(name) for name in PACKAGES},
        }


def commit(folder: Path = Path(__file__).parent) -> str | None:
    """The commit that the code is of, with `+` where it was changed since; None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    where = [git, "-C", str(folder)]
    try:
        head = subprocess.run([*where, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
        changed = subprocess.run([*where, "status", "--porcelain"], capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + "+" * bool(changed.stdout.strip())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def stamp_line(stamped: Mapping[str, Any]) -> str:
    """The stamp in a few words, for people."""
    code = f"footnote {stamped['footnote']}" + (f" ({stamped['commit']})" if stamped["commit"] else "")
    library = stamped["library"]
    holding = (
        f"{library['passages']:,} passages of {library['documents']:,} documents, generation {library['generation']}"
    )
    return f"{code}, {stamped['model']}, {holding}, {stamped['date'][:10]}."


# ---------------------------------------------------------------------------------------------------- JSON


def as_data(measured: Quality | Retrieval | Masks, stamped: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured, ready for JSON: rounded, the figures of a system side by side, the stamp first."""
    data = asdict(measured)
    data["systems"] = [_flat(row) for row in data.pop("compared")]
    data["ablation"] = [_flat(row) for row in data.pop("ablated")]
    rounded: dict[str, Any] = _rounded({"stamp": dict(stamped)} | data)
    return rounded


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= value if key in ("ranked", "refusal") else {key: value}
    return flat


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


# -------------------------------------------------------------------------------------------------- tables


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up; one that is empty in every row is left out."""
    kept = [k for k in range(len(heads)) if k == 0 or any(row[k] for row in rows)]
    lines = [[row[k] for k in kept] for row in (heads, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def quality_tables(measured: Quality) -> str:
    """Hit rates and refusals of each system, by kind of question, calibration, quotes, and the ablation."""
    kinds = sorted({kind for row in measured.compared for kind in row.kinds if kind})
    by_kind = [(row.system, *(_pair(row.kinds.get(kind)) for kind in kinds)) for row in measured.compared]
    given = measured.compared[0].refusal
    unanswerable = measured.questions - measured.answerable
    groups = {
        f"{unanswerable} unanswerable": given if unanswerable else None,
        f"and {measured.answerable} taken out": measured.taken_out,
    }
    parts = [
        _figures(measured.compared),
        *(["hit@1 / hit@5 by kind", table(("", *kinds), by_kind)] if kinds else []),
        f"Footnote's confidence in {measured.answerable} answerable questions, beside others",
        refusals({name: one for name, one in groups.items() if one}),
        _quotes(measured.quotes),
        _time(measured.questions, measured.compared[0].median_ms, measured.compared[0].p95_ms),
        *(["Ablation", _figures((measured.compared[0], *measured.ablated))] if measured.ablated else []),
    ]
    return "\n\n".join(parts)


def _quotes(quotes: Quotes) -> str:
    missing = quotes.checked - quotes.exact - quotes.near
    said = (
        f"Quotes of Footnote's answers: {quotes.checked:,} looked up at their places, "
        f"{_share(quotes.exact, quotes.checked)} verbatim,\n{_share(quotes.near, quotes.checked)} but for single "
        f"symbols of a PDF, {missing} not found."
    )
    return "\n".join([said, *(f"- {one}" for one in quotes.missing)])


def retrieval_tables(measured: Retrieval) -> str:
    """Ranking measures of each system, the ablation, refusal, and the time of an answer."""

    def figures(rows: Sequence[Any]) -> str:
        heads = ("", "nDCG@10", "Recall@10", "MRR@10", "hit@1")
        return table(heads, [(row.system, *_ranking(row.ranked)) for row in rows])

    queries = measured.compared[0].queries
    size = f"{measured.documents:,} documents, {measured.passages:,} passages, {queries:,} queries"
    parts = [
        f"{measured.name}: {size}",
        figures(measured.compared),
        *(["Ablation", figures((measured.compared[0], *measured.ablated))] if measured.ablated else []),
    ]
    if measured.refusal and measured.cosine:
        confidence = {"Footnote's confidence": measured.refusal, "cosine of the nearest": measured.cosine}
        parts += [
            f"Refusal: {queries:,} answerable queries, {measured.unanswerable:,} not",
            refusals(confidence, verdicts={"Footnote's confidence"}),
        ]
    parts.append(_time(measured.asked, measured.median_ms, measured.p95_ms))
    return "\n\n".join(parts)


def masks_tables(measured: Masks) -> str:
    """How well each system finds the targets of links, over all and by kind."""

    def figures(rows: Sequence[Any]) -> str:
        return table(("", "MRR@10", "hit@1", "hit@5", "hit@10"), [(row.system, *_finding(row.ranked)) for row in rows])

    asked = {kind: count for kind, count in measured.asked.items() if count}
    by_kind = [
        (row.system, *(f"{one.mrr_at_10:.2f} / {one.hit_at_1:.2f} / {one.hit_at_10:.2f}" for one in row.kinds.values()))
        for row in measured.compared
    ]
    parts = [
        f"{sum(asked.values()):,} of {measured.sentences:,} sentences that link to another document",
        figures(measured.compared),
        "MRR@10 / hit@1 / hit@10 by kind of link",
        table(("", *(f"{kind} ({count})" for kind, count in asked.items())), by_kind),
        *(["Ablation", figures((measured.compared[0], *measured.ablated))] if measured.ablated else []),
    ]
    return "\n\n".join(parts)


def refusals(rows: Mapping[str, Refusal], *, verdicts: set[str] | None = None) -> str:
    """A table of refusals by name; only those in `verdicts`, if they are given, said whether they answer."""
    heads = ("", "AUROC", "lost", "false", "Brier", "ECE", "ECE, adaptive")
    return table(
        heads,
        [
            (
                name,
                _three(one.auroc),
                *((_three(one.lost), _three(one.false)) if verdicts is None or name in verdicts else ("", "")),
                *map(_three, (one.brier, one.ece, one.ece_adaptive)),
            )
            for name, one in rows.items()
        ],
    )


def _figures(rows: Sequence[Figures]) -> str:
    heads = ("", "hit@1", "hit@5", "hit@10", "MRR@10", "strict@1", "strict@5", "lines", "AUROC", "lost", "false")
    return table(
        heads,
        [
            (
                row.system,
                *map(_three, (row.ranked.hit_at_1, row.ranked.hit_at_5, row.ranked.hit_at_10, row.ranked.mrr_at_10)),
                _three(row.strict_at_1),
                _three(row.strict_at_5),
                f"{row.cited_lines:.1f}",
                _three(row.refusal.auroc),
                _three(row.refusal.lost),
                _three(row.refusal.false),
            )
            for row in rows
        ],
    )


def _ranking(row: Ranked) -> tuple[str, ...]:
    return tuple(map(_three, (row.ndcg_at_10, row.recall_at_10, row.mrr_at_10, row.hit_at_1)))


def _finding(row: Ranked) -> tuple[str, ...]:
    return tuple(map(_three, (row.mrr_at_10, row.hit_at_1, row.hit_at_5, row.hit_at_10)))


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _pair(values: tuple[float, float] | None) -> str:
    return "" if values is None else f"{values[0]:.2f} / {values[1]:.2f}"


def _time(answers: int, median: float, p95: float) -> str:
    return f"An answer takes {median:.1f} ms (median of {answers:,}), 95 of 100 at most {p95:.1f} ms."


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"
