"""Many clients of one service, while what it serves is edited, renamed, damaged and built anew underneath.

python -m tests.chaos.clients --clients 64 --seconds 300

Every response is looked at: it is whole, it is as the contract says, and each quote stood at its place at some moment
between request and response, or says that it is stale. At the end the service is told to stop, with clients asking.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from tests.chaos.asking import Client, Contract
from tests.chaos.edited import Edited
from tests.chaos.service import SAMPLE, Service, index, served

DERIVED = ("vectors.faiss", "vectors.delta", "map.bin", "lexical/meta.json")


@dataclass
class Report:
    """What happened."""

    seed: int
    clients: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    milliseconds: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The median and the 95th percentile, by kind of request."""
    quotes: int = 0
    stale: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    generations: int = 0
    """How many were seen."""
    figures: dict[str, dict[str, int]] = field(default_factory=dict)
    drained: float = 0.0
    code: int | None = None
    wrong: list[str] = field(default_factory=list)


def run(folder: Path, *, clients: int, seconds: float, seed: int, pause: float = 0.3, anew: float = 20.0) -> Report:
    """Change something every `pause` seconds, build the library anew every `anew`."""
    random, report = Random(seed), Report(seed, clients)
    notes = Edited(shutil.copytree(SAMPLE, folder / "notes"), random)
    with served(folder, notes.folder, "--watch", "--no-papers") as service:
        contract = contract_of(service)
        crowd = [Client(service.address, contract, notes, Random(seed + n)) for n in range(1, clients + 1)]
        stop = threading.Event()
        with asking(crowd, stop):
            begun = rebuilt = time.monotonic()
            marks = {"30 s": 30.0, "half": seconds / 2}
            while (now := time.monotonic()) - begun < seconds:
                for name in [name for name, at in marks.items() if now - begun >= at]:
                    report.figures[name] = service.figures()
                    del marks[name]
                if now - rebuilt > anew:
                    rebuilt = now
                    report.changes[_disturbed(service, notes, random)] += 1
                else:
                    report.changes[notes.change()] += 1
                if service.process.poll() is not None:
                    report.wrong.append("the service ended by itself: " + "".join(service.said)[-2000:])
                    break
                time.sleep(pause)
            report.figures["end"] = service.figures()
            stop.set()
        told_to_stop = time.monotonic()
        report.code = service.stop()
        report.drained = round(time.monotonic() - told_to_stop, 2)
        if report.code or "Traceback" in "".join(service.said):
            report.wrong.append("".join(service.said)[-3000:])
        if (done := index(service.environ, notes.folder, "--no-papers")).returncode:
            report.wrong.append(done.stderr)
    _summed(report, crowd)
    return report


def contract_of(service: Service) -> Contract:
    with urllib.request.urlopen(f"{service.address}/openapi.json") as got:
        return Contract(json.load(got))


@contextlib.contextmanager
def asking(crowd: list[Client], stop: threading.Event) -> Iterator[None]:
    """Let every client ask in a thread of its own, until the block ends and all have their last answer."""

    def ask(client: Client) -> None:
        while not stop.is_set():
            client.once()
        client.close()

    threads = [threading.Thread(target=ask, args=(client,)) for client in crowd]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _disturbed(service: Service, notes: Edited, random: Random) -> str:
    """Damage a store, or take the whole library away and have another process make it anew."""

    def damage() -> str:
        path = service.library / random.choice(DERIVED)
        with contextlib.suppress(OSError):  # a run may be writing another just now
            data = bytearray(path.read_bytes())
            if data:
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            path.write_bytes(data)
        return "damage"

    def truncate() -> str:
        path = service.library / random.choice(DERIVED)
        with contextlib.suppress(OSError):
            path.write_bytes(path.read_bytes()[:-20])
        return "truncate"

    def anew() -> str:
        shutil.rmtree(service.library, ignore_errors=True)
        index(service.environ, notes.folder, "--no-papers")
        return "anew"

    return random.choice((damage, truncate, anew, anew))()


def _summed(report: Report, crowd: list[Client]) -> None:
    told = [client.told for client in crowd]
    counts, seconds = Counter[tuple[str, int]](), dict[str, list[float]]()
    for one in told:
        counts.update(one.counts)
        for kind, some in one.seconds.items():
            seconds.setdefault(kind, []).extend(some)
        report.wrong += one.wrong
        report.quotes += one.quotes
        report.stale += one.stale
    report.requests = {f"{kind} {status}": count for (kind, status), count in sorted(counts.items())}
    report.milliseconds = {
        kind: (round(median(some) * 1000), round(sorted(some)[int(len(some) * 0.95)] * 1000))
        for kind, some in sorted(seconds.items())
    }
    report.generations = len({generation for one in told for generation in one.generations})
    back = sum(after < before for one in told for before, after in pairwise(one.generations))
    if back:
        report.wrong.append(f"the generation went back {back} times")


def main(argv: list[str] | None = None, say: Callable[[str], Any] = print) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    arguments = parser.parse_args(argv)
    say(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), clients=arguments.clients, seconds=arguments.seconds, seed=arguments.seed)
    for name, value in vars(report).items():
        if name != "wrong":
            say(f"{name}: {value}")
    say(f"in all: {sum(report.requests.values())} requests, {len(report.wrong)} wrong")
    for what, count in Counter(report.wrong).most_common(20):
        say(f"{count} × {what}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
