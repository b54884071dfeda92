"""The service as a process: a socket, a server on it, and beside it a watcher that indexes what is saved."""

from __future__ import annotations

import gc
import signal
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from indexer.cli import did_something, notice, summary
from indexer.errors import FootnoteError, ServiceError
from indexer.settings import Settings
from indexer.watch import WATCHED_PAPERS, watch

if TYPE_CHECKING:
    from indexer.collect import Papers
    from service.ask import Desk
    from service.runs import Runs

STOP_SECONDS = 5
"""How long what is on its way may take when the service is stopped."""


def serve(settings: Settings, host: str, port: int, *, watch: Papers | None) -> int:
    """Serve until stopped by Ctrl-C or SIGTERM; raise ServiceError when the port cannot be had.

    `watch` says which papers are fetched for notes that are saved meanwhile; None lets them be.
    """
    import uvicorn

    from service.app import create_app
    from service.ask import Desk
    from service.client import announced

    listening = _listen(host, port)
    with listening, Desk.open(settings, notice=notice) as desk:
        bound = listening.getsockname()[1]
        app = create_app(settings, desk=desk, hosts=(host,))
        gc.collect()
        gc.freeze()  # what is here now stays: to look through it again and again would hold up answers
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=STOP_SECONDS))
        watching = _watching(settings, desk, watch, app.state.runs)
        with announced(settings.library, host, bound), _stopped_by_signals(), watching:
            shown = f"[{host}]" if ":" in host else host
            notice(f"Footnote answers at http://{shown}:{bound} — press Ctrl-C to stop")
            server.run(sockets=[listening])
    return 0


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let the signals that end a service end the block, whatever it has open closed: uvicorn raises them once more."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends what is written at once (TCP_NODELAY) only where a socket says that it is TCP
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # so that whoever reads the address below may connect at once
    except OSError as error:
        listening.close()
        raise ServiceError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port or --host"
        ) from error
    return listening


@contextmanager
def _watching(settings: Settings, desk: Desk, papers: Papers | None, runs: Runs) -> Iterator[None]:
    """Index in a thread what is saved meanwhile; at the end, let a run that is on its way finish for some seconds."""
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(settings, desk, papers, runs, stop), daemon=True, name="watch")
    if papers:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if papers:
            thread.join(STOP_SECONDS)


def _watch(settings: Settings, desk: Desk, papers: Papers, runs: Runs, stop: threading.Event) -> None:
    from indexer.build import build

    with desk.library.snapshot() as snapshot:
        roots = [Path(root) for root in snapshot.catalogue.roots()]

    def look(only: Collection[Path] | None) -> bool:
        try:
            with runs.turn:
                report = build(
                    settings.library,
                    roots,
                    desk.encoder,
                    settings,
                    papers=papers,
                    most_papers=WATCHED_PAPERS,
                    only=only,
                )
        except FootnoteError:
            raise
        except Exception as error:  # the service goes on answering: it must not go on with old notes unnoticed
            raise ServiceError(f"indexing what was saved failed ({error!r}); it is tried again") from error
        if did_something(report):
            notice(summary(report))
        return report.papers.fetched == WATCHED_PAPERS

    watch(roots, look, library=settings.library, notice=notice, stop=stop)
