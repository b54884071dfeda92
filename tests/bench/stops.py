"""`python -m tests.bench.stops [RUNS]`: stop an index run at random moments with SIGKILL, go on, and compare.

A local server that speaks as arXiv does serves the shared papers slowly enough that a run takes a while. The library
that comes out in the end has to hold what that of an undisturbed run holds.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from indexer.library import Library
from tests.arxiv_atom import Paper
from tests.arxiv_server import ArxivServer, papers_in
from tests.bench.commands import FOOTNOTE, SHARED


@dataclass(frozen=True, slots=True)
class Outcome:
    """`moments` are when runs were killed, in seconds after they began; `same` is whether the libraries agree.

    `papers` is how many an undisturbed run fetched, `seconds` how long it took.
    """

    papers: int
    seconds: float
    moments: tuple[float, ...]
    same: bool


def contents(library: Path) -> list[tuple[object, ...]]:
    """All that a reader can see of a library, without the numbers that depend on the order of things."""
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        ids = catalogue.documents_of_passages()[0].tolist()
        if not len(snapshot.lexical) == len(snapshot.vectors) == len(ids):
            raise AssertionError("the derived stores do not hold what the catalogue holds")
        documents = {one.id: (one.file, one.sha256, one.title, one.version) for one in catalogue.documents()}
        rows: list[tuple[object, ...]] = [
            (*documents[found.document_id], found.passage) for found in catalogue.passages(ids).values()
        ]
        rows += [(paper.key, paper.state, paper.version, paper.title, paper.reason) for paper in catalogue.papers()]
        return sorted(rows, key=repr)


def measure(papers: dict[str, Paper], *, stops: int, seed: int, environ: dict[str, str]) -> Outcome:
    """Index a note that names the papers: once undisturbed, and again until runs were stopped so many times.

    A library that is finished before there were enough stops is compared, and another one begun.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, ArxivServer(papers) as server:
        folder = Path(name)
        (folder / "notes").mkdir()
        note = "".join(f"- {number}: https://arxiv.org/abs/{number}\n" for number in papers)
        (folder / "notes" / "papers.md").write_text(f"# What to read\n\n{note}")
        environ = environ | server.environ() | {"FOOTNOTE_ARXIV_INTERVAL": "0.2"}

        def stopped(library: Path, moment: float | None) -> bool:
            """Let a run go on for so many seconds, or to its end; whether it had to be killed."""
            command: list[str | Path] = [FOOTNOTE, "index", folder / "notes", "--library", library]
            with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
                try:
                    if process.wait(moment):
                        raise AssertionError(f"a run failed with exit code {process.returncode}")
                except subprocess.TimeoutExpired:
                    process.kill()
                    return True
            return False

        start = time.perf_counter()
        stopped(folder / "whole", None)
        seconds = time.perf_counter() - start
        whole = contents(folder / "whole")
        moments: list[float] = []
        same = True
        while same and len(moments) < stops:
            library = folder / f"stopped after {len(moments)} stops"
            while len(moments) < stops and stopped(library, moment := chance.uniform(0.02, 0.5) * seconds):
                moments.append(moment)
            stopped(library, None)
            same = contents(library) == whole
        fetched = sum(row[1] == "fetched" for row in whole)
        return Outcome(fetched, seconds, tuple(moments), same=same)


def sentence(outcome: Outcome) -> str:
    """The outcome in words, on two lines."""
    moments = ", ".join(f"{moment:.1f}" for moment in outcome.moments)
    result = "the same library came out" if outcome.same else "another library came out"
    return (
        f"{outcome.papers} papers, in {outcome.seconds:.1f} s undisturbed.\n"
        f"Killed after {moments} s, and let go on: {result}."
    )


def main() -> int:
    stops = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    outcome = measure(papers_in(SHARED / "papers"), stops=stops, seed=time.time_ns(), environ=dict(os.environ))
    sys.stdout.write(sentence(outcome) + "\n")
    return 0 if outcome.same else 1


if __name__ == "__main__":
    sys.exit(main())
