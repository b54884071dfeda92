"""The measures: those of rankings from ir-measures, those of probabilities from scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from indexer.errors import InputError

BINS = 10
"""Confidences are sorted into so many bins to be compared with what came true."""


def package(name: str) -> Any:
    """Import a module of the packages that measuring needs; raise InputError when they are not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"measuring needs {name.partition('.')[0]}, which is not installed; pip install 'footnote[bench]'"
        ) from error


# ------------------------------------------------------------------------------------------------- rankings


@dataclass(frozen=True, slots=True)
class Ranked:
    """How well documents were ranked, over all queries; each figure is between 0 and 1."""

    ndcg_at_10: float
    recall_at_10: float
    mrr_at_10: float
    hit_at_1: float
    hit_at_5: float
    hit_at_10: float


def ranked(relevant: Sequence[Mapping[str, int]], found: Sequence[Sequence[str]]) -> Ranked:
    """Compare rankings, best first, with what is relevant to each query and how much (whole numbers above 0).

    The definitions are those of trec_eval, asked through ir-measures. Without queries all figures are 0.
    """
    ir = package("ir_measures")
    names = {
        "ndcg_at_10": ir.nDCG @ 10,
        "recall_at_10": ir.R @ 10,
        "mrr_at_10": ir.RR @ 10,
        "hit_at_1": ir.Success @ 1,
        "hit_at_5": ir.Success @ 5,
        "hit_at_10": ir.Success @ 10,
    }
    if not relevant:
        return Ranked(**dict.fromkeys(names, 0.0))
    judged = {str(n): dict(grades) for n, grades in enumerate(relevant)}
    # trec_eval goes by scores, not by order; a query that found nothing must be there to be counted
    run = {
        str(n): {document: -float(rank) for rank, document in enumerate(documents or [""])}
        for n, documents in enumerate(found)
    }
    values = ir.calc_aggregate(list(names.values()), judged, run)
    return Ranked(**{name: float(values[measure]) for name, measure in names.items()})


def of_ranks(ranks: Sequence[int | None]) -> Ranked:
    """The same for questions of which only the rank (from 1) of the first hit is known, None where there was none.

    What is looked for counts as one document, so that recall is the share of questions with a hit.
    """
    found = [[*(f"other {n}" for n in range(1, rank)), "gold"] if rank else [] for rank in ranks]
    return ranked([{"gold": 1}] * len(found), found)


# ---------------------------------------------------------------------------------------------- confidences


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said to a question, and whether the library holds its answer."""

    answerable: bool
    confidence: float
    answered: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions of similar confidence: their mean confidence, and the share of them that is answerable."""

    questions: int
    confidence: float
    answerable: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """How well a system knows what it does not know.

    `auroc` is how well confidence separates the answerable questions from the others, None unless there are both.
    `lost` is the share of answerable questions that were not answered, `false` the share of the others that were.
    `brier` is the mean square of what confidence is off by. `ece`, the expected calibration error, is the mean distance
    of confidence and truth over BINS bins of equal width, `ece_adaptive` over as many with equally many questions;
    `reliability` holds the bins of equal width that are not empty.
    """

    auroc: float | None
    lost: float
    false: float
    brier: float
    ece: float
    ece_adaptive: float
    reliability: tuple[Bin, ...]


def refusal(judged: Sequence[Judged]) -> Refusal:
    """Compare confidence and verdicts with what is answerable."""
    metrics = package("sklearn.metrics")
    truth = np.array([one.answerable for one in judged], dtype=bool)
    sure = np.array([one.confidence for one in judged], dtype=float)
    answered = np.array([one.answered for one in judged], dtype=bool)
    order = np.argsort(sure, kind="stable")
    by_width = [np.flatnonzero(np.minimum((sure * BINS).astype(int), BINS - 1) == k) for k in range(BINS)]
    even = _bins(np.array_split(order, BINS), sure, truth)
    equal = _bins(by_width, sure, truth)
    return Refusal(
        auroc=float(metrics.roc_auc_score(truth, sure)) if truth.any() and not truth.all() else None,
        lost=mean(~answered[truth]),
        false=mean(answered[~truth]),
        brier=float(metrics.brier_score_loss(truth, sure, pos_label=True)) if len(judged) else 0.0,
        ece=_calibration_error(equal),
        ece_adaptive=_calibration_error(even),
        reliability=equal,
    )


def _bins(members: Sequence[Any], sure: Any, truth: Any) -> tuple[Bin, ...]:
    return tuple(Bin(len(rows), mean(sure[rows]), mean(truth[rows])) for rows in members if len(rows))


def _calibration_error(bins: Sequence[Bin]) -> float:
    """The mean distance of confidence and truth, weighted by questions (Naeini, Cooper and Hauskrecht 2015)."""
    questions = sum(one.questions for one in bins)
    return sum(one.questions * abs(one.confidence - one.answerable) for one in bins) / max(questions, 1)


# -------------------------------------------------------------------------------------------------- numbers


def mean(values: Any) -> float:
    """The mean; 0 of nothing."""
    return float(np.mean(values)) if len(values) else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """What `share` (0 to 100) of the values stay below; 0 of nothing."""
    return float(np.percentile(values, share)) if len(values) else 0.0
