"""Reads and draws PDFs in processes of their own, so that a bad one costs nothing but itself.

    sources ─→ a thread for each process ─pickle→ worker.py: parse, draw ─pickle→ documents, in the same order

A process reads one file at a time. When it takes too long, takes too much memory or dies, only that file is lost, and
another process takes over. It ends when its standard input does: however this process ends, nothing is left behind.

The processes are plain children that speak over pipes, not those of `multiprocessing`: these would import the main
module of whatever program runs, and the pools built on them share one pipe and its locks, so that a child killed at the
wrong moment stops its neighbours too.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import LifoQueue
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from indexer import parsing
from indexer.errors import SourceError
from indexer.rooted import Rooted
from indexer.settings import MEGABYTE, PaperSettings
from indexer.types import Document, Source
from indexer.worker import OUT_OF_MEMORY, parse_alone

if TYPE_CHECKING:
    from indexer.parsing.draw import PageGeometry

AHEAD_BYTES = 64 * MEGABYTE
"""How much of files, in bytes, is held while they wait to be read, or to be taken."""
START_SECONDS = 30.0
"""How long a process may take until it is ready."""
_STOPPED = "was not read: reading was stopped; index again"

T = TypeVar("T")


class Reader:
    """Up to `workers` processes that read PDFs, started when they are first needed; a context manager.

    `settings` bounds the time and memory of each file. Memory is bounded on Linux alone: other systems have no limit
    that holds. `parse` is what reads a file; the processes must be able to import it. Any thread may call.
    """

    def __init__(
        self,
        settings: PaperSettings | None = None,
        *,
        workers: int | None = None,
        parse: Callable[[Source], Document] = parsing.parse,
    ) -> None:
        self._settings = settings or PaperSettings()
        self._workers = workers or min(2, os.cpu_count() or 1)
        self._parse = parse
        self._turns = threading.Semaphore(self._workers)
        self._idle: LifoQueue[_Worker | None] = LifoQueue()  # None stands for a process that is not there yet
        for _ in range(self._workers):
            self._idle.put(None)
        self._living: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes at once; what they were reading is a SourceError."""
        with self._lock:
            self._closed = True
            for living in self._living:
                living.kill()
        for worker in [self._idle.get() for _ in range(self._workers)]:  # as soon as nobody asks them anything
            if worker:
                self._end(worker)
            self._idle.put(None)

    def read_many(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Document | SourceError]]:
        """Read files, each into its document or the error that says why not, in the order given.

        A few files are read ahead of the one that is taken; no more of `sources` is asked for than that.
        """
        ahead: deque[tuple[Source, Future[Document | SourceError]]] = deque()
        try:
            for source in sources:
                ahead.append((source, self._begin(source)))
                while ahead and (ahead[0][1].done() or self._enough(ahead)):
                    first, document = ahead.popleft()
                    yield first, document.result()
            while ahead:
                first, document = ahead.popleft()
                yield first, document.result()
        finally:
            for _, document in ahead:
                document.cancel()

    def draw(self, file: Rooted, page: int, *, width: int = 1000) -> bytes:
        """Draw a page (from 1) of a PDF as a PNG, `width` pixels wide; raise SourceError when it cannot be."""
        from indexer.parsing.draw import draw

        return self._ask(draw, file, page, width=width)

    def geometry(self, file: Rooted, page: int) -> PageGeometry:
        """Measure a page (from 1) of a PDF; raise SourceError when it cannot be."""
        from indexer.parsing.draw import geometry

        return self._ask(geometry, file, page)

    def _enough(self, ahead: deque[tuple[Source, Future[Document | SourceError]]]) -> bool:
        return len(ahead) > 2 * self._workers or sum(len(source.data) for source, _ in ahead) > AHEAD_BYTES

    def _begin(self, source: Source) -> Future[Document | SourceError]:
        """Read a file in a thread; unlike an executor's, it keeps no program from ending."""
        reading: Future[Document | SourceError] = Future()

        def read() -> None:
            with self._turns:
                if reading.set_running_or_notify_cancel():
                    try:
                        reading.set_result(self._read(source))
                    except BaseException as error:  # noqa: BLE001  # it is raised where the result is taken
                        reading.set_exception(error)

        threading.Thread(target=read, name="reader", daemon=True).start()
        return reading

    def _read(self, source: Source) -> Document | SourceError:
        try:
            document = self._ask(parse_alone, self._parse, source)
        except SourceError as error:
            return error
        return replace(document, source=source)

    def _ask(self, function: Callable[..., T], *arguments: object, **options: object) -> T:
        """Call a function in a process; raise SourceError when that process cannot finish it.

        A process that has read other files before may have been spoilt by one of them: its death says nothing yet, and
        a new one tries again.
        """
        worker = self._idle.get()
        try:
            while True:
                worker = worker or self._start()
                try:
                    worked, value = worker.ask((function, arguments, options), self._settings.read_seconds)
                    break
                except _Died:
                    reason = self._end(worker)
                    decided = worker.asked == 1 or worker.late or self._closed
                    worker = None
                    if decided:
                        raise SourceError(reason) from None
        except BaseException:  # an interrupt, say: the process may be in the middle of something
            if worker:
                self._end(worker)
                worker = None
            raise
        finally:
            self._idle.put(worker)
        if not worked:
            raise SourceError(value)
        result: T = value
        return result

    def _start(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise SourceError(_STOPPED)
            try:
                worker = _Worker(self._settings)
            except OSError as error:
                raise SourceError(
                    f"was not read: no process could be started ({error.strerror}); end others and index again"
                ) from error
            self._living.add(worker)
        try:
            worker.greet()
        except _Died:
            self._end(worker)
            unstarted = "was not read: the process for it did not start; free memory and index again"
            raise SourceError(_STOPPED if self._closed else unstarted) from None
        return worker

    def _end(self, worker: _Worker) -> str:
        """End a process, if it has not ended, and say why it could not do what it was asked."""
        status = worker.close()
        with self._lock:
            self._living.discard(worker)
        if self._closed:
            return _STOPPED
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        needed = f"needed more than {self._settings.read_bytes / MEGABYTE:,.0f} MB of memory"
        if worker.late or how == "SIGALRM":
            seconds = self._settings.read_seconds
            return f"took longer than {seconds:g} s and was given up; raise FOOTNOTE_PDF_SECONDS to give it more"
        if status == OUT_OF_MEMORY:
            return f"{needed} and was given up; raise FOOTNOTE_PDF_BYTES to give it more"
        if how == "SIGABRT":  # what pdfium does when memory runs out; it says nothing else
            return f"{needed}, or crashed the PDF library ({how}); raise FOOTNOTE_PDF_BYTES to give it more"
        if how == "SIGKILL":
            return (
                f"was not read: the system killed the process for it ({how}), most likely for want of memory; free some"
            )
        return f"crashed the PDF library ({how}); it is probably damaged: open it and save it anew"


class _Died(Exception):
    """A process ended before it replied."""


class _Worker:
    """One process that reads PDFs, seen from the one that asks it.

    `asked` counts the requests it was given; `late` says that it was killed because its time was over.
    """

    def __init__(self, settings: PaperSettings) -> None:
        self.asked = 0
        self.late = False
        limits = f"{settings.read_bytes}, {settings.read_seconds}"
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-c", f"from indexer.worker import serve; serve({limits})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # It finds what this process finds, and computes on one thread.
            env=os.environ | {"PYTHONPATH": _search_path(), "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for this process; it decides
        )

    def greet(self) -> None:
        """Wait until the process is ready; raise _Died when it ends before."""
        self._within(START_SECONDS, lambda: pickle.load(self._replies))  # noqa: S301  # from our own process

    def ask(self, request: object, seconds: float) -> tuple[bool, Any]:
        """Have one request done: whether that went well, and the result or the reason; raise _Died when it ends."""
        self.asked += 1

        def exchange() -> tuple[bool, Any]:
            pickle.dump(request, self._requests, pickle.HIGHEST_PROTOCOL)
            self._requests.flush()
            worked, value = pickle.load(self._replies)  # noqa: S301  # from our own process
            return worked, value

        return self._within(seconds, exchange)

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> int:
        """End the process, if it has not ended; its exit status, negative for a signal."""
        self.kill()
        status = self._process.wait()
        with suppress(OSError):  # what was not sent yet has nowhere to go
            self._requests.close()
        self._replies.close()
        return status

    @property
    def _requests(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _replies(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _within(self, seconds: float, exchange: Callable[[], T]) -> T:
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            return exchange()
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise _Died from error
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self.late = True
        self.kill()


def _search_path() -> str:
    return os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
