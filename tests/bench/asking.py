"""`python -m tests.bench.asking [WORK]`: how long answers take over HTTP, alone and when many ask at once.

The libraries are made below WORK and kept for the next run (see `tests.bench.grown`).
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from indexer.settings import MEGABYTE
from service.filters import as_words
from tests.bench.ask import asked, measured, table
from tests.bench.commands import FOOTNOTE, ROOT, SHARED, heads, print_section, row
from tests.bench.grown import Grown, grown

SIZES = (10_000, 100_000)
ALONE = 500
CLIENTS = 32
SECONDS = 60.0
WARM_UP = 50
HEALTH_SECONDS = 0.1
"""From one look at the service's health to the next."""

SOURCES = (
    *(SHARED / "gold" / f"{name}.jsonl" for name in ("notes_dev", "papers_dev")),
    *(SHARED / "retrieval" / name / "queries.jsonl" for name in ("mlquestions", "interview_qa", "squad2")),
)

LEGEND = """\
Milliseconds at the client, from before the request is sent until the answer is read, over connections that stay open.
No question is asked twice in a run, none was asked before, and each run begins with a service that was just started
and has answered {warm_up} others. The clients run on the same {cores} cores, and take a part of them. `health` is
how long `/healthz` took meanwhile (p95); `MB` is what the service held in memory at the end, files that are mapped
included."""

STAGES_LEGEND = """\
Where the milliseconds of an answer go, without HTTP; in a process that answers one question at a time."""


@dataclass(slots=True)
class Run:
    """What a run of questions gave: the milliseconds of each answer, of each look at the health, and what failed."""

    answers: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    megabytes: float = 0.0


def questions() -> list[str]:
    """Every question that there is, each once, in an order that is the same each time."""
    found = dict.fromkeys(as_words(question) for file in SOURCES for question in asked(file, most=None))
    mixed = list(found)
    random.Random(5).shuffle(mixed)
    return mixed


@contextmanager
def served(library: Path) -> Iterator[tuple[str, int]]:
    """A service as a person starts it: its address (host and port), and the number of its process."""
    command = [FOOTNOTE, "serve", "--library", library, "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8")
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        address = re.search(r"http://\S+", said)
        if address is None:
            sys.exit(said + process.stderr.read())
        yield urlsplit(address[0]).netloc, process.pid
    finally:
        process.terminate()
        process.communicate()


class Client:
    """A connection that stays open."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=30)

    def ask(self, question: str) -> float:
        """Ask, and give the milliseconds; raise OSError or HTTPException when no answer comes, ValueError for none."""
        body = json.dumps({"question": question})
        return self._timed("POST", "/api/ask", body, {"Content-Type": "application/json"})

    def health(self) -> float:
        """Look whether the service is up, and give the milliseconds."""
        return self._timed("GET", "/healthz", None, {})

    def _timed(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> float:
        start = time.perf_counter()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        read = response.read()
        took = (time.perf_counter() - start) * 1000
        if response.status != http.client.OK:
            raise ValueError(f"{response.status} {read[:200]!r}")
        return took


def run(library: Path, texts: Sequence[str], *, clients: int, seconds: float) -> Run:
    """Let some clients ask one question after another, for so long or until none is left."""
    done = Run()
    with served(library) as (address, pid):
        first = Client(address)
        for text in texts[:WARM_UP]:
            first.ask(text)
        left, taking = iter(texts[WARM_UP:]), threading.Lock()
        start = time.perf_counter()
        finished = threading.Event()

        def asking() -> None:
            client = Client(address)
            while time.perf_counter() < start + seconds:
                with taking:
                    text = next(left, None)
                if text is None:
                    return
                try:
                    done.answers.append(client.ask(text))
                except (OSError, http.client.HTTPException, ValueError) as error:
                    done.failed.append(f"{text}: {error!r}")
                    client = Client(address)

        def looking() -> None:
            client = Client(address)
            while not finished.wait(HEALTH_SECONDS):
                try:
                    done.health.append(client.health())
                except (OSError, http.client.HTTPException, ValueError) as error:
                    done.failed.append(f"/healthz: {error!r}")
                    client = Client(address)

        asks = [threading.Thread(target=asking) for _ in range(clients)]
        looks = threading.Thread(target=looking)
        for thread in (*asks, looks):
            thread.start()
        for thread in asks:
            thread.join()
        done.seconds = time.perf_counter() - start
        finished.set()
        looks.join()
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        held = re.search(r"VmRSS:\s+(\d+) kB", status)
        done.megabytes = int(held[1]) * 1024 / MEGABYTE if held else 0.0
    return done


def cells(done: Run) -> list[object]:
    """A row of the table."""
    parts = np.percentile(done.answers, [50, 95, 99, 100])
    return [
        *(f"{part:.1f}" for part in parts),
        f"{len(done.answers) / done.seconds:.0f}",
        len(done.answers),
        f"{done.seconds:.0f}",
        len(done.failed),
        f"{np.percentile(done.health, 95):.1f}" if done.health else "",
        f"{done.megabytes:.0f}",
    ]


def section(work: Path) -> list[str]:
    """The section of docs/BENCHMARKS.md."""
    texts = questions()
    made: list[Grown] = [grown(size, work / str(size)) for size in SIZES]
    rows, stages = [], {}
    for one in made:
        name = f"{one.passages:,}"
        alone = run(one.library, texts[: WARM_UP + ALONE], clients=1, seconds=10 * SECONDS)
        many = run(one.library, texts, clients=CLIENTS, seconds=SECONDS)
        for failure in (*alone.failed, *many.failed):
            sys.stderr.write(f"{failure}\n")
        rows += [row(name, "alone", *cells(alone)), row(name, f"{CLIENTS} clients", *cells(many))]
        stages[f"{name} passages"] = measured(one.library, texts[:ALONE])
    return [
        "### Asking",
        "",
        f"A running service: {ALONE:,} questions one after another; {CLIENTS} clients for {SECONDS:.0f} s.",
        "",
        *heads("passages", "", "p50", "p95", "p99", "max", "answers/s", "answers", "seconds", "failed", "health", "MB"),
        *rows,
        "",
        LEGEND.format(warm_up=WARM_UP, cores=os.cpu_count()),
        "",
        *table(stages),
        "",
        STAGES_LEGEND,
        "",
        "    python -m tests.bench.asking",
        "",
    ]


if __name__ == "__main__":
    print_section(section, sys.argv[1:])
