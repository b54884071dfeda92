"""`python -m tests.bench.incremental [WORK]`: how soon a change of the notes can be found, in large libraries.

The libraries are made below WORK and kept for the next run (see `tests.bench.grown`). All files are put back as they
were.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from indexer.library import Library
from tests.bench.commands import FOOTNOTE, ROOT, heads, index, print_section, row
from tests.bench.grown import Grown, grown

SIZES = (10_000, 100_000)
RUNS = 5
EDITS = 10
LIMIT_SECONDS = 30.0
PAUSE_SECONDS = 0.01
"""From one look whether an edit can be found to the next: each takes time from what indexes it."""

LEGEND = """\
Seconds, the median of {runs} runs, and of {edits} edits with the slowest in brackets. The runs are `footnote index`
with the start of its process; every note and every folder is looked at. To be found is to be given by a search that
began after the save: of a library that is open in another process, or over HTTP of a service that watches, for a word
that no note had before."""


def searchable(made: Grown) -> tuple[Callable[[str], bool], Callable[[], None]]:
    """How to ask a library that is open here for a word; and how to close it."""
    library = Library.open(made.library)

    def found(word: str) -> bool:
        with library.snapshot() as snapshot:
            return bool(snapshot.lexical.search(word, 1))

    return found, library.close


@contextmanager
def watched(*command: str | Path) -> Iterator[list[str]]:
    """A process that watches, from when it has looked at everything; what it said on stderr until then."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([FOOTNOTE, *command], cwd=ROOT, stdout=out, stderr=subprocess.PIPE, encoding="utf-8")
        assert process.stderr is not None
        said = []
        try:
            while not any("Watching" in line for line in said):
                said.append(process.stderr.readline())
                if process.poll() is not None:
                    sys.exit("".join(said))
            yield said
        finally:
            process.terminate()
            process.communicate()


def edits(made: Grown, found: Callable[[str], bool]) -> list[float]:
    """Add a paragraph to one note after another: the seconds from each save until it can be found."""
    notes = sorted(made.notes.rglob("*.md"))
    took = []
    for number in range(EDITS + 1):
        note, word = notes[len(notes) * (number + 1) // (EDITS + 2)], f"zyx{number}q{time.time_ns()}"
        before = note.read_text(encoding="utf-8")
        for text, there in ((f"{before}\n\nA new thought on {word}, and why it matters.\n", True), (before, False)):
            note.write_text(text, encoding="utf-8")
            start = time.perf_counter()
            while found(word) != there:
                if time.perf_counter() > start + LIMIT_SECONDS:
                    sys.exit(f"{note} was saved and not indexed within {LIMIT_SECONDS:.0f} s")
                time.sleep(PAUSE_SECONDS)
            if there and number:  # the first one finds programs that are not made and files that are not cached
                took.append(time.perf_counter() - start)
    return took


def asked_over_http(address: str) -> Callable[[str], bool]:
    """How to ask a service for a word."""
    client = httpx.Client(base_url=address, timeout=LIMIT_SECONDS, trust_env=False)

    def found(word: str) -> bool:
        hits = client.get("/api/search", params={"q": f'a new thought "{word}"', "k": 1}).json()["hits"]
        return any(word in hit["passage"] for hit in hits)

    return found


def runs(made: Grown) -> dict[str, list[dict[str, Any]]]:
    """Reports of runs with nothing to do, with one note edited, and with one renamed."""
    notes = sorted(made.notes.rglob("*.md"))
    reports: dict[str, list[dict[str, Any]]] = {"nothing changed": [], "one note edited": [], "one note renamed": []}
    index(made.library, made.notes)
    for number in range(RUNS):
        reports["nothing changed"].append(index(made.library, made.notes))
        note = notes[len(notes) * (number + 1) // (RUNS + 1)]
        before = note.read_text(encoding="utf-8")
        note.write_text(f"{before}\n\nA new thought at {time.time_ns()}, and why it matters.\n", encoding="utf-8")
        reports["one note edited"].append(index(made.library, made.notes))
        note.write_text(before, encoding="utf-8")
        index(made.library, made.notes)
        moved = note.with_name(f"{note.stem} renamed{note.suffix}")
        note.rename(moved)
        reports["one note renamed"].append(index(made.library, made.notes))
        moved.rename(note)
        index(made.library, made.notes)
    return reports


def measured(made: Grown) -> dict[str, list[str]]:
    """For each kind of change, the texts that were embedded and the seconds."""
    cells = {}
    for name, reports in runs(made).items():
        (embedded,) = {report["embedded"] for report in reports}
        cells[name] = [str(embedded), f"{statistics.median(report['wall'] for report in reports):.2f}"]
    where = ("--library", made.library, "--no-papers")
    found, close = searchable(made)
    with watched("index", made.notes, "--watch", *where):
        took = edits(made, found)
    close()
    cells["saved under `footnote index --watch`"] = ["", f"{statistics.median(took):.2f} ({max(took):.2f})"]
    with watched("serve", "--port", "0", "--watch", *where) as said:
        address = re.search(r"http://\S+", "".join(said))
        assert address is not None
        took = edits(made, asked_over_http(address[0]))
    cells["saved under `footnote serve --watch`"] = ["", f"{statistics.median(took):.2f} ({max(took):.2f})"]
    return cells


def section(work: Path) -> list[str]:
    """The section of docs/BENCHMARKS.md."""
    made = {size: grown(size, work / str(size)) for size in SIZES}
    tables = {size: measured(one) for size, one in made.items()}
    names = [f"{one.passages:,} passages, {one.files:,} notes" for one in made.values()]
    return [
        "### After a change",
        "",
        "How long until what changed can be found.",
        "",
        *heads("", "texts embedded", *names),
        *(
            row(change, embedded, *(tables[size][change][1] for size in SIZES))
            for change, (embedded, _) in tables[SIZES[0]].items()
        ),
        "",
        LEGEND.format(runs=RUNS, edits=EDITS),
        "",
        "    python -m tests.bench.incremental",
        "",
    ]


if __name__ == "__main__":
    print_section(section, sys.argv[1:])
