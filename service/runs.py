"""What the service does to its library: one run after another, in a thread of its own, whoever asked for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from indexer.cli import papers_summary, summary
from indexer.errors import FootnoteError, LibraryLocked
from indexer.running import Running
from indexer.settings import Settings
from service.logs import say

if TYPE_CHECKING:
    from indexer.collect import Papers
    from service.desk import Desk
    from service.figures import Figures
    from service.figures import Outcome as RunOutcome

AGAIN_SECONDS = 1.0
"""While another process writes the library, a run that is wanted tries so often to begin."""

STOP_SECONDS = 5.0
"""How long a run that writes the library may take when the service is stopped."""

SERVE = "footnote serve"
"""What another process is told that writes the library."""

_log = logging.getLogger("footnote")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, in words for a person, and when, in seconds since 1970; `failed` when it did nothing."""

    said: str
    failed: bool
    at: float


@dataclass(frozen=True, slots=True)
class Indexing:
    """What happens to the library now: the run that has it, of any process, and how the last one of ours ended.

    `busy` also while one of ours waits, or began just now.
    """

    busy: bool
    running: Running | None
    last: Outcome | None


class Runs:
    """Runs of the indexer in the service, which go on while questions are answered. Safe to share between threads.

    `turn` is held by whoever writes the library in this process: the watcher of `service.serve` takes it too. Each run
    is counted in `figures`.
    """

    def __init__(self, settings: Settings, desk: Callable[[], Desk], figures: Figures) -> None:
        self.turn = threading.Lock()
        self._settings = settings
        self._desk = desk
        self._figures = figures
        self._begun = SimpleQueue[Callable[[], None] | None]()
        self._thread = threading.Thread(target=self._go, daemon=True, name="run")  # the end of the service is its end
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._waiting = 0
        self._looks: list[Papers] = []
        self._wished: dict[str, None] = {}
        self._last: Outcome | None = None

    def close(self) -> None:
        """Begin nothing more, and let a run that is under way finish for some seconds; what is left is left."""
        self._stopping.set()
        self._begun.put(None)
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def now(self) -> Indexing:
        """What happens to the library."""
        running = Running.read(self._settings.library)
        return Indexing(running is not None or self._waiting > 0, running, self._last)

    def wished(self) -> list[str]:
        """The keys of the papers that were asked for and have not been tried yet, in that order."""
        with self._counting:
            return [key for key in self._wished if key]

    def look(self, papers: Papers) -> None:
        """Look for changes of the notes, and fetch papers as `papers` says; once where that is about to happen."""
        with self._counting:
            if papers in self._looks:
                return
            self._looks.append(papers)
        self._begin(self._look)

    def gather(self, key: str = "") -> None:
        """Fetch a paper that a person wants by now; without one, forget those that nobody wants any more."""
        with self._counting:
            self._wished[key] = None
        self._begin(self._gather)

    def _begin(self, run: Callable[[], str | None]) -> None:
        with self._counting:
            self._waiting += 1
            if self._thread.ident is None:
                self._thread.start()
        self._begun.put(partial(self._in_turn, run))

    def _go(self) -> None:
        while begin := self._begun.get():
            begin()

    def _in_turn(self, run: Callable[[], str | None]) -> None:
        """Run as soon as nobody else writes the library."""
        try:
            while not self._stopping.is_set() and not self._has_run(run):
                self._stopping.wait(AGAIN_SECONDS)
        finally:
            with self._counting:
                self._waiting -= 1
                if not self._waiting:
                    self._looks.clear()
                    self._wished.clear()

    def _has_run(self, run: Callable[[], str | None]) -> bool:
        """Run unless another process writes the library, and keep how it ended; a run says None that has no work."""
        said: str | None
        outcome: RunOutcome
        with self.turn:
            started = time.monotonic()
            try:
                before = self._desk().size().generation
                said = run()
                outcome = "changed" if self._desk().size().generation > before else "unchanged"
            except LibraryLocked:
                return False
            except FootnoteError as error:
                said, outcome = str(error), "failed"
            except Exception:  # noqa: BLE001 - the service goes on answering
                if self._stopping.is_set():  # the library is closed underneath
                    return True
                _log.exception("a run of the service failed")
                said, outcome = "an error in Footnote itself; the log of the service says more", "failed"
        if said is not None:
            self._figures.ran(outcome, time.monotonic() - started)
            self._last = Outcome(said, failed=outcome == "failed", at=time.time())
        return True

    def _look(self) -> str | None:
        from indexer.build import build

        with self._counting:
            if not self._looks:
                return None
            papers = self._looks[0]
        library, encoder = self._settings.library, self._desk().encoder
        report = build(library, (), encoder, self._settings, papers=papers, notice=say, command=SERVE)
        with self._counting:
            self._looks.remove(papers)
        return summary(report)

    def _gather(self) -> str | None:
        from indexer.build import gather

        with self._counting:
            keys = frozenset(self._wished)
        if not keys:  # the run before had them all
            return None
        library, encoder = self._settings.library, self._desk().encoder
        report = gather(library, keys - {""}, encoder, self._settings, notice=say, command=SERVE)
        with self._counting:
            for key in keys:
                self._wished.pop(key, None)
        return papers_summary(report).strip()
