"""`python -m tests.bench.cold [WORK]`: how long a command takes that has to load everything itself.

The library is made below WORK and kept for the next run (see `tests.bench.grown`).
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from tests.bench.asking import served
from tests.bench.commands import FOOTNOTE, Finished, heads, print_section, row, run
from tests.bench.grown import grown

SIZE = 10_000
RUNS = 10
QUESTION = "What is batch normalization?"

LEGEND = """\
Seconds from the start of the process to its end: the median of {runs} processes, which take turns, with the slowest in
brackets. Files are in the system's cache; the model, and Python's own bytecode, have been compiled before. `MB` is the
most memory that the process held."""


def section(work: Path) -> list[str]:
    """The section of docs/BENCHMARKS.md."""
    made = grown(SIZE, work / str(SIZE))
    here = ("--library", made.library)
    interpreter = (sys.executable, "-c", "pass")
    commands: dict[str, tuple[str | Path, ...]] = {
        "Python alone, which does nothing": interpreter,
        "`footnote --help`": (FOOTNOTE, "--help"),
        "`footnote status`": (FOOTNOTE, "status", *here),
        "`ask`, with no service": (FOOTNOTE, "ask", QUESTION, *here),
    }
    finished: dict[str, list[Finished]] = {name: [] for name in commands}
    run(sys.executable, "-m", "compileall", "-q", "indexer", "service")
    run(*commands["`ask`, with no service"])
    for _ in range(RUNS):
        for name, command in commands.items():
            finished[name].append(run(*command))
    through = "`ask`, through a service that runs"
    with served(made.library):
        run(*commands["`ask`, with no service"])
        finished[through] = [run(*commands["`ask`, with no service"]) for _ in range(RUNS)]
    return [
        "### From cold",
        "",
        f"Commands on a library of {made.passages:,} passages.",
        "",
        *heads("", "seconds", "MB"),
        *(
            row(
                name,
                f"{statistics.median(one.seconds for one in runs):.2f} ({max(one.seconds for one in runs):.2f})",
                f"{statistics.median(one.peak for one in runs):.0f}",
            )
            for name, runs in finished.items()
        ),
        "",
        LEGEND.format(runs=RUNS),
        "",
        "    python -m tests.bench.cold",
        "",
    ]


if __name__ == "__main__":
    print_section(section, sys.argv[1:])
