"""How far the run is that writes a library, for other processes to read: a small file beside the lock.

It is written a few times a second at most, and not at all by a run that is done before anybody could have looked.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from indexer.lock import is_locked
from indexer.whole import replaced

if TYPE_CHECKING:
    from indexer.intake import Listener, Progress, Stage

RUNNING = "running.json"
"""The file, in the folder of the library."""

FIRST_SECONDS = 0.2
"""A run that takes less than this tells nobody …"""

BETWEEN_SECONDS = 0.25
"""… and one that takes longer so often at most."""

STAGES: dict[Stage, str] = {
    "scan": "Looking for notes",
    "read": "Reading",
    "fetch": "Fetching papers",
}
"""What a run does, in words."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Running:
    """A run as another process sees it: `command` is what runs it, `pid` its process, and the rest as in `Progress`.

    `pace` is how many passages it embeds a second, 0 while that is unknown; `left` how many seconds it may still take
    to read and embed the files, None while that is unknown.
    """

    command: str
    pid: int
    stage: Stage
    done: int
    total: int
    embedded: int = 0
    expected: int = 0
    pace: float = 0.0
    left: float | None = None

    @classmethod
    def read(cls, library: Path) -> Self | None:
        """What is running on the library in a folder; None where nothing is, or only began just now."""
        file = library / RUNNING
        try:
            found = cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        if found.stage not in STAGES:
            return None
        return found if is_locked(library) else None  # what a killed process has left behind says nothing


class Bar(NamedTuple):
    """How far a run is: what it does, in words, and how much of how much is done; None where that is unknown."""

    stage: str
    done: int
    total: int | None


def bar(run: Progress | Running) -> Bar:
    """Show a run by its passages as soon as it knows how many there are, else by its files or papers."""
    embeds = run.stage == "read" and run.done == run.total
    by_passages = run.stage == "read" and run.expected
    return Bar(
        "Embedding" if embeds else STAGES[run.stage],
        run.embedded if by_passages else run.done,
        (run.expected if by_passages else run.total) or None,
    )


class Pace:
    """How many passages a second a run embeds, from the first one that it hears of."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, int] | None = None

    def __call__(self, progress: Progress) -> float:
        """The rate up to now; 0 while it is unknown."""
        now = self._clock()
        if self._first is None:
            if progress.expected:
                self._first = now, progress.embedded
            return 0.0
        start, before = self._first
        return (progress.embedded - before) / max(now - start, 1e-3)


@contextmanager
def told(library: Path, command: str, listener: Listener, clock: Clock = time.monotonic) -> Iterator[Listener]:
    """Have a run that holds the write lock tell other processes how far it is, besides the listener."""
    file = library / RUNNING
    pace, due = Pace(clock), clock() + FIRST_SECONDS

    def tell(progress: Progress) -> None:
        nonlocal due
        listener(progress)
        rate = pace(progress)
        if (now := clock()) < due:
            return
        due = now + BETWEEN_SECONDS
        left = (progress.expected - progress.embedded) / rate if rate and progress.stage == "read" else None
        state = Running(command, os.getpid(), **asdict(progress), pace=round(rate, 1), left=left)
        with suppress(OSError), replaced(file) as new:  # only a courtesy to others
            new.write_text(json.dumps(asdict(state)), encoding="utf-8")

    try:
        yield tell
    finally:
        with suppress(OSError):
            file.unlink()
