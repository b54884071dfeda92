"""`python -m tests.bench.others [FOLDER] [--passages N] [--work DIR]`: indexing beside other tools, as a table.

The passages that Footnote makes of the notes in a folder go to each tool as they are, with the same weights, on the
same cores. Each of the others has a virtual environment of its own below DIR, which is kept for the next run; making
one is all that needs the network. What a tool may do is in `tests.bench.tools`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from indexer.compile import bundled_model, check_weights
from indexer.settings import DEFAULT_MODEL, Settings
from tests.bench.commands import ROOT, SHARED, Finished, heads, row, run

INSTALLED: dict[str, tuple[str, ...]] = {
    "plain": ("sentence-transformers",),
    "txtai": ("txtai==9.14.0",),
    "chroma": ("chromadb==1.5.9", "sentence-transformers"),
}
"""What is installed for each of the others; what Footnote has as well, in the version that it has."""

CALLED = {
    "footnote": "Footnote",
    "plain": "sentence-transformers",
    "txtai": "txtai",
    "chroma": "Chroma with sentence-transformers",
}

ROUNDS = 3
"""So often every tool indexes, in turns: what else the machine does then falls on all of them."""

LEGEND = """\
The median of {rounds} rounds, in which every tool has its turn in a new process. load: importing the tool and loading
the model. index: embedding and storing, which the rates are of. slower: its seconds to index as a multiple of
Footnote's in the same round, and the least and the most of the rounds. CPU: seconds of all cores together while it
indexed, and those as a multiple too: they hold when something else runs meanwhile. peak: the most memory that the
process which indexes held. open: opening the index in a new process, the model loaded before; txtai loads the model
again to do so. query: the median of 50 queries, embedding included. overlap@10: the share of the ten nearest by exact
search over the original vectors in 32 bits (sentence-transformers searches just so) that are among the ten found.
Footnote runs the weights in 8 bits, and keeps a code of every token and an index of the words besides the vectors;
here only its vectors are searched."""


@dataclass(frozen=True, slots=True)
class Run:
    """One round of a tool. Times are in seconds, `cpu` of all cores together; `peak` is in MB."""

    load: float
    index: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What one tool did: its rounds, and what it took then to open the index, in seconds, and to search, in ms.

    `found` is what each query found, by place, best first.
    """

    tool: str
    version: str
    runs: tuple[Run, ...]
    open: float
    query: float
    found: tuple[tuple[int, ...], ...]

    def median(self, figure: str) -> float:
        """The median of a figure of the rounds."""
        return statistics.median(getattr(run, figure) for run in self.runs)

    def times(self, other: Figures, figure: str) -> list[float]:
        """A figure as a multiple of another tool's in the same round, for each round, the least first."""
        pairs = zip(self.runs, other.runs, strict=True)
        return sorted(getattr(own, figure) / getattr(theirs, figure) for own, theirs in pairs)


def overlap(found: Sequence[Sequence[int]], exact: Sequence[Sequence[int]]) -> float:
    """The mean share of what exact search found that was found, over queries."""
    shares = [len({*some} & {*best}) / len(best) for some, best in zip(found, exact, strict=True)]
    return sum(shares) / len(shares)


def table(figures: Sequence[Figures], *, passages: int, tokens: int) -> list[str]:
    """A Markdown table; the first of the figures is what the others are compared with."""
    exact = next(one.found for one in figures if one.tool == "plain")
    return [
        *heads(
            *("tool", "version", "passages", "tokens", "load s", "index s", "passages/s", "tokens/s", "slower"),
            *("CPU s", "more CPU", "peak MB", "open s", "query ms", "overlap@10"),
        ),
        *(
            row(
                *(CALLED[one.tool], one.version, f"{passages:,}", f"{tokens:,}", f"{one.median('load'):.1f}"),
                *(f"{one.median('index'):.1f}", f"{passages / one.median('index'):.0f}"),
                *(f"{tokens / one.median('index'):,.0f}", spread(one.times(figures[0], "index"))),
                *(f"{one.median('cpu'):.1f}", f"{statistics.median(one.times(figures[0], 'cpu')):.1f}"),
                *(f"{max(run.peak for run in one.runs):.0f}", f"{one.open:.2f}", f"{one.query:.1f}"),
                f"{overlap(one.found, exact):.3f}",
            )
            for one in figures
        ),
    ]


def spread(values: Sequence[float]) -> str:
    """The median of values that are sorted, and the least and the most where they differ."""
    least, median, most = (f"{value:.1f}" for value in (values[0], statistics.median(values), values[-1]))
    return median if least == most else f"{median} ({least} to {most})"


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """Make the virtual environment in `folder`, unless it holds just these packages already; give its Python."""
    python, stamp = folder / "bin" / "python", folder / "packages.txt"
    contents = "\n".join((*packages, (ROOT / "constraints.txt").read_text(encoding="utf-8")))
    if stamp.exists() and stamp.read_text(encoding="utf-8") == contents:
        return python
    sys.stderr.write(f"Making {folder} …\n")
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "venv", folder)
    options = ("--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt")
    run(python, "-m", "pip", "install", *options, *packages)
    stamp.write_text(contents, encoding="utf-8")
    return python


def wanted(name: str) -> list[str]:
    """What to install for a tool: torch in the very build that is here, so that no other one is fetched."""
    return [f"torch=={version('torch')}", *INSTALLED[name]]


def variables(environ: Mapping[str, str], cores: int) -> dict[str, str]:
    """What every tool gets: as many threads for each, the same model, no hub and no telemetry."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(cores))
    offline = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "1")
    same = {"FOOTNOTE_MODEL": DEFAULT_MODEL, "FOOTNOTE_DEVICE": "cpu"}
    return {**environ, **threads, **offline, "ANONYMIZED_TELEMETRY": "False", **same}


def indexed(name: str, python: Path, work: Path) -> tuple[str, Run]:
    """Let a tool index in a process of its own; its version, and the round."""
    shutil.rmtree(work / name, ignore_errors=True)
    finished = run(python, "-m", "tests.bench.tools", name, "index", bundled_model(), work)
    made = last(finished)
    return made["version"], Run(made["load"], made["index"], made["cpu"], finished.peak)


def measure(pythons: Mapping[str, Path], work: Path) -> list[Figures]:
    """Let the tools index in turns, then each search in a process of its own."""
    rounds: list[dict[str, tuple[str, Run]]] = []
    for number in range(1, ROUNDS + 1):
        sys.stderr.write(f"Indexing with each tool, {number} of {ROUNDS} …\n")
        rounds.append({name: indexed(name, python, work) for name, python in pythons.items()})
    figures = []
    for name, python in pythons.items():
        asked = last(run(python, "-m", "tests.bench.tools", name, "search", bundled_model(), work))
        found = tuple(map(tuple, asked["found"]))
        runs = tuple(one[name][1] for one in rounds)
        figures.append(Figures(name, rounds[0][name][0], runs, asked["open"], asked["query"], found))
    return figures


def last(finished: Finished) -> dict[str, Any]:
    """The figures that a process printed last: libraries may have printed before."""
    figures: dict[str, Any] = json.loads(finished.out.strip().rpartition("\n")[2])
    return figures


def compared(folder: Path, passages: int, work: Path) -> list[str]:
    """Let each tool index so many passages of a folder; the table and what it shows."""
    check_weights(bundled_model())
    work.mkdir(parents=True, exist_ok=True)
    pythons = {"footnote": Path(sys.executable)}
    pythons |= {name: environment(work / "environments" / name, wanted(name)) for name in INSTALLED}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with patch.dict(os.environ, variables(os.environ, cores)):
        texts = last(run(sys.executable, "-m", "tests.bench.tools", "texts", folder, str(passages), work))
        figures = measure(pythons, work)
    return [*table(figures, **texts), "", LEGEND.format(rounds=ROUNDS)]


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.others", description="Indexing beside other tools.")
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED / "vaults")
    parser.add_argument("--passages", type=int, default=1000, metavar="N")
    parser.add_argument("--work", type=Path, default=Settings.from_environ(os.environ).cache / "bench", metavar="DIR")
    options = parser.parse_args(argv)
    work: Path = options.work.expanduser().resolve()
    sys.stdout.write("\n".join([*compared(options.folder, options.passages, work), ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
