"""`python -m tests.bench.confidence`: fit the weights of the confidence, and say how far it can be trusted.

    --work DIR    where the libraries are made and kept; without it they are made anew
    --write       put the weights into service/confidence.py and the figures into docs/CONFIDENCE.md

docs/CONFIDENCE.md tells what the questions are and how to read the figures.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import beta
from sklearn.metrics import roc_auc_score

from indexer.encode import load_encoder
from indexer.settings import Settings
from service.confidence import AGAINST, Signs
from tests.bench.asked import FOLDERS, GOLD, Case, cases_of
from tests.bench.commands import ROOT, heads, row

ANSWERED = 2 / 3
"""The share of a person's questions that her library is taken to answer."""

SHARES = {"notes_dev": 2.0, "papers_dev": 2.0, "squad2": 2.0, "interview_qa": 0.5, "mlquestions": 0.5}
"""How much each set counts: less where only taken-out answers are there, which other passages may replace."""

PROMISE = 0.2
"""Of the questions that nothing answers, at most this share is called supported …"""

CERTAINTY = 0.95
"""… with this certainty."""

SPLITS = 200
SHRINK = 1e-3
"""How much the weights of standardised signs are drawn to zero; ten times more or less changes little."""

BINS = 10
THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
MARK = "<!-- python -m tests.bench.confidence --write -->"

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Model:
    """A weight for each sign, in their order, and the bias."""

    weights: Floats
    bias: float

    def odds(self, asked: Asked) -> Floats:
        """The log-odds of each question: those of its best passage."""
        every = asked.signs @ self.weights + self.bias
        return np.maximum.reduceat(every, asked.starts)


@dataclass(frozen=True, slots=True)
class Asked:
    """Cases as arrays: `signs` (passages, signs), of which those from `starts` on belong to each question.

    `answered`, `given` (nothing ever answered it) and `weight` are (questions,), as are `of` and `fold`.
    """

    signs: Floats
    starts: NDArray[np.intp]
    answered: Flags
    given: Flags
    of: NDArray[np.str_]
    fold: NDArray[np.intp]
    weight: Floats

    @classmethod
    def of_cases(cls, cases: Sequence[Case]) -> Asked:
        """Lay out cases, those without any passage left out: nobody needs weights to refuse them."""
        cases = [case for case in cases if case.signs]
        answered = np.array([case.kind == "answered" for case in cases])
        given = np.array([case.kind == "unanswered" for case in cases])
        of = np.array([case.of for case in cases])
        counts = [len(case.signs) for case in cases]
        return cls(
            np.array([astuple(signs) for case in cases for signs in case.signs]),
            np.cumsum([0, *counts[:-1]]),
            answered,
            given,
            of,
            np.array([case.fold for case in cases]),
            _weights(answered, given, of),
        )

    def chosen(self, which: Flags) -> Asked:
        """Some of the questions."""
        ends = np.append(self.starts[1:], len(self.signs))
        rows = [np.arange(start, end) for start, end, take in zip(self.starts, ends, which, strict=True) if take]
        starts = np.cumsum([0, *map(len, rows[:-1])])
        rest = (self.answered, self.given, self.of, self.fold, self.weight)
        return Asked(self.signs[np.concatenate(rows)], starts, *(one[which] for one in rest))


def _weights(answered: Flags, given: Flags, of: NDArray[np.str_]) -> Floats:
    """What each question counts: in every set ANSWERED is answered, and near misses weigh as much as taken-out ones."""
    weight = np.zeros(len(of))
    for name in np.unique(of):
        here = of == name
        groups = [here & ~answered & given, here & ~answered & ~given]
        filled = [group for group in groups if group.any()]
        weight[here & answered] = SHARES[name] * ANSWERED / (here & answered).sum()
        for group in filled:
            weight[group] = SHARES[name] * (1 - ANSWERED) / len(filled) / group.sum()
    return weight / weight.sum()


def fit(asked: Asked) -> Model:
    """Logistic regression of the best passage of each question, each weight with the sign that it must have.

    Which passage is the best depends on the weights: both are found in turns.
    """
    scale = asked.signs.std(axis=0)
    scale = np.maximum(scale, 0.1)
    side = np.array([-1.0 if field.name in AGAINST else 1.0 for field in fields(Signs)])
    signs = asked.signs / scale * side
    ends = np.append(asked.starts[1:], len(signs))
    best = asked.starts
    found = np.full(signs.shape[1] + 1, 0.1)
    for _ in range(10):
        rows = np.column_stack([signs[best], np.ones(len(best))])

        def loss(beta: Floats, rows: Floats = rows) -> tuple[float, Floats]:
            odds = rows @ beta
            drawn = np.append(SHRINK * beta[:-1], 0.0)
            value = asked.weight @ (np.logaddexp(0, odds) - asked.answered * odds) + drawn @ beta / 2
            return float(value), rows.T @ (asked.weight * (expit(odds) - asked.answered)) + drawn

        bounds = [(0.0, None)] * signs.shape[1] + [(None, None)]
        found = minimize(loss, found, jac=True, bounds=bounds, method="L-BFGS-B").x
        every = signs @ found[:-1]
        again = np.array([a + int(np.argmax(every[a:b])) for a, b in zip(asked.starts, ends, strict=True)])
        if (again == best).all():
            break
        best = again
    return Model(found[:-1] / scale * side, float(found[-1]))


def left_out(asked: Asked, groups: NDArray[np.str_] | NDArray[np.intp]) -> Floats:
    """The confidence in each question by weights that were fitted without its group."""
    confidence = np.zeros(len(asked.of))
    for group in np.unique(groups):
        out = groups == group
        confidence[out] = expit(fit(asked.chosen(~out)).odds(asked.chosen(out)))
    return confidence


# What it is worth


def calibration(asked: Asked, confidence: Floats, edges: Floats) -> tuple[float, list[tuple[int, float, float]]]:
    """The expected calibration error, and for each bin: how many questions, confidence, and share that is answered."""
    error, rows = 0.0, []
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, len(edges) - 2)
    for k in range(len(edges) - 1):
        here = place == k
        weight = asked.weight[here].sum()
        if weight:
            said, true = (asked.weight[here] @ values[here] / weight for values in (confidence, asked.answered))
            error += weight * abs(said - true)
            rows.append((int(here.sum()), said, true))
    return error / asked.weight.sum(), rows


def false_rate(asked: Asked, confidence: Floats, threshold: float) -> float:
    """The share of the questions without an answer that are answered from a threshold on."""
    none = ~asked.answered
    return float(asked.weight[none] @ (confidence[none] >= threshold) / asked.weight[none].sum())


def lost_rate(asked: Asked, confidence: Floats, threshold: float) -> float:
    """The share of the questions with an answer that are not answered from a threshold on."""
    return float(
        asked.weight[asked.answered] @ (confidence[asked.answered] < threshold) / asked.weight[asked.answered].sum()
    )


def bound(asked: Asked, confidence: Floats, threshold: float) -> float:
    """What the rate of false answers is below with CERTAINTY (Clopper and Pearson 1934, by the effective number)."""
    weight = asked.weight[~asked.answered]
    number = weight.sum() ** 2 / (weight**2).sum()
    rate = false_rate(asked, confidence, threshold)
    return 1.0 if rate == 1 else float(beta.ppf(CERTAINTY, rate * number + 1, number - rate * number))


def promised(asked: Asked, confidence: Floats) -> float:
    """The lowest threshold, in hundredths, from which on the bound keeps the promise (Angelopoulos et al. 2021).

    Thresholds are tried from the highest on and the first that fails ends it, so that no correction is needed for
    trying many.
    """
    kept = 1.0
    for hundredths in range(99, 0, -1):
        if bound(asked, confidence, hundredths / 100) > PROMISE:
            break
        kept = hundredths / 100
    return kept


def confirmed(asked: Asked, confidence: Floats) -> tuple[float, float]:
    """Set the threshold on one half and look at the other, many times: how often it held, and the mean rate there."""
    random = np.random.default_rng(1)
    rates = []
    for _ in range(SPLITS):
        half = random.random(len(asked.of)) < 0.5
        threshold = promised(asked.chosen(half), confidence[half])
        rates.append(false_rate(asked.chosen(~half), confidence[~half], threshold))
    return float(np.mean(np.array(rates) <= PROMISE)), float(np.mean(rates))


def report(asked: Asked) -> list[str]:
    """The figures as Markdown."""
    confidence, elsewhere = left_out(asked, asked.fold), left_out(asked, asked.of)
    equal = np.linspace(0, 1, BINS + 1)
    error, rows = calibration(asked, confidence, equal)
    brier = float(asked.weight @ (confidence - asked.answered) ** 2)
    even, _ = calibration(asked, confidence, np.quantile(confidence, equal))
    threshold = promised(asked, confidence)
    false = false_rate(asked, confidence, threshold)
    held, rate = confirmed(asked, confidence)
    return [
        "| set | answered | near misses | AUROC | taken out | AUROC | set left out |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(
            _separation(asked.chosen(asked.of == name), confidence[asked.of == name], elsewhere[asked.of == name])
            for name in SHARES
        ),
        "",
        f"Brier score {brier:.3f} ({ANSWERED * (1 - ANSWERED):.3f} is that of always saying {ANSWERED:.2f}). Expected",
        f"calibration error {error:.3f} in {BINS} bins of equal width, {even:.3f} in {BINS} of equal number.",
        "",
        *heads("confidence", "answered", "questions"),
        *(row(f"{said:.2f}", f"{true:.2f}", count) for count, said, true in rows),
        "",
        *heads("from", "all sets", *SHARES),
        *(row(f"{at:.2f}", *_errors(asked, confidence, at)) for at in THRESHOLDS),
        "",
        f"Supported from {threshold:.2f}. Promised is that at most {PROMISE:.2f} of the questions that nothing answers",
        f"are called supported; {false:.2f} are. With the threshold set on one half of the questions, the promise held",
        f"on the other in {held:.0%} of {SPLITS} random halvings, at a mean rate of {rate:.2f}.",
    ]


def _separation(asked: Asked, confidence: Floats, elsewhere: Floats) -> str:
    cells: list[object] = [asked.of[0], int(asked.answered.sum())]
    for wrong in (asked.given, ~asked.answered & ~asked.given):
        both = asked.answered | wrong
        cells += [int(wrong.sum()), f"{_auroc(asked.answered[both], confidence[both])}"]
    near = asked.given if asked.given.any() else ~asked.answered
    both = asked.answered | near
    return row(*cells, _auroc(asked.answered[both], elsewhere[both]))


def _auroc(answered: Flags, confidence: Floats) -> str:
    return f"{roc_auc_score(answered, confidence):.3f}" if answered.any() and not answered.all() else ""


def _errors(asked: Asked, confidence: Floats, threshold: float) -> list[str]:
    cells = []
    for here in (np.ones(len(asked.of), bool), *(asked.of == name for name in SHARES)):
        part = asked.chosen(here)
        lost = lost_rate(part, confidence[here], threshold)
        cells.append(f"{lost:.2f} / {false_rate(part, confidence[here], threshold):.2f}")
    return cells


def table(model: Model, threshold: float) -> str:
    """The weights as they stand in service/confidence.py."""
    rows = [f"    {field.name}={weight:.2f}," for field, weight in zip(fields(Signs), model.weights, strict=True)]
    return "\n".join(["WEIGHTS = Signs(", *rows, ")", f"BIAS = {model.bias:.2f}", f"SUPPORTED = {threshold:.2f}"])


def main() -> None:
    """Ask, fit, and print or write."""
    arguments = argparse.ArgumentParser(prog="python -m tests.bench.confidence", description=__doc__)
    arguments.add_argument("--work", type=Path)
    arguments.add_argument("--write", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        settings = Settings.from_environ({"FOOTNOTE_LIBRARY": str(work / "library"), **os.environ})
        encoder = load_encoder(settings, device="cpu", notice=lambda line: sys.stderr.write(f"{line}\n"))
        cases = []
        for name in (*GOLD, *FOLDERS):
            cases += cases_of(name, work, encoder, settings)
            sys.stderr.write(f"{name}: {len(cases)} cases so far\n")
    asked = Asked.of_cases(cases)
    weights = table(fit(asked), promised(asked, left_out(asked, asked.fold)))
    figures = "\n".join(report(asked))
    if not given.write:
        sys.stdout.write(f"{figures}\n\n{weights}\n")
        return
    code, doc = ROOT / "service" / "confidence.py", ROOT / "docs" / "CONFIDENCE.md"
    pattern = re.compile(r"^WEIGHTS = Signs\(.*?^SUPPORTED = [\d.]+$", re.DOTALL | re.MULTILINE)
    code.write_text(pattern.sub(weights, code.read_text(encoding="utf-8")), encoding="utf-8")
    card, _, _ = doc.read_text(encoding="utf-8").partition(MARK)
    doc.write_text(f"{card}{MARK}\n\n{figures}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
