"""The service as a process: a socket, a server on it, and beside it a watcher that indexes what is saved."""

from __future__ import annotations

import gc
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from indexer.cli import did_something, summary
from indexer.errors import FootnoteError, ServiceError
from indexer.settings import Settings
from indexer.watch import WATCHED_PAPERS, watch
from service.logs import configure, say
from service.runs import SERVE, STOP_SECONDS

if TYPE_CHECKING:
    from indexer.collect import Papers
    from service.credentials import Tokens
    from service.desk import Desk
    from service.figures import Figures
    from service.runs import Runs

DRAIN_SECONDS = 10
"""How long answers that are on their way may take when the service is stopped."""


def serve(
    settings: Settings, host: str, port: int, *, tokens: Tokens, watch: Papers | None, browse: bool = False
) -> int:
    """Serve until stopped by Ctrl-C or SIGTERM; raise ServiceError when the port cannot be had.

    Whoever calls has to show one of the `tokens`, where there are any. `watch` says which papers are fetched for notes
    that are saved meanwhile; None lets them be. With `browse`, the person's browser is asked to open the pages.
    """
    import uvicorn

    from service.access import Access
    from service.app import create_app
    from service.client import announced, listens_everywhere, url_here
    from service.connections import Connection, Patient
    from service.desk import Desk

    configure(settings.service.log)
    _keep_memory_from_disk()
    ticket = secrets.token_urlsafe(32) if tokens else ""
    listening = _listen(host, port)
    with listening, Desk.open(settings, notice=say) as desk:
        bound = listening.getsockname()[1]
        app = create_app(settings, desk=desk, hosts=(host,), access=Access(tokens, ticket=ticket))
        gc.collect()
        gc.freeze()  # what is here now stays: to look through it again and again would hold up answers
        server = Patient(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                log_config=None,
                log_level="critical",  # what is no request is answered so; trouble of ours is logged by the guard
                timeout_graceful_shutdown=DRAIN_SECONDS,
                proxy_headers=bool(settings.service.proxies),
                forwarded_allow_ips=list(settings.service.proxies),
            ),
            stopping=app.state.stopping.set,
        )
        with (
            announced(settings.library, host, bound, ticket),
            _stopped_by_signals(),
            _watching(settings, desk, watch, app.state.runs, app.state.figures),
        ):
            url = url_here(host, bound)
            others = ", and to other machines under the name of this one" if listens_everywhere(host) else ""
            say(f"Footnote answers at {url}{others} — press Ctrl-C to stop")
            if not watch and sys.stderr.isatty():
                say("Notes that are saved meanwhile are not seen; footnote serve --watch follows them")
            if browse:
                _browse(url)
            server.run(sockets=[listening])
    return 0


def _keep_memory_from_disk() -> None:
    """Let a crash write no image of the memory, in which notes, questions and keys stand."""
    try:
        import resource
    except ImportError:  # Windows writes none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _browse(url: str) -> None:
    """Have the browser open the pages, from a thread: some browsers only return when they are closed."""
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True, name="browse").start()


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
def _watching(settings: Settings, desk: Desk, papers: Papers | None, runs: Runs, figures: Figures) -> Iterator[None]:
    """Index in a thread what is saved meanwhile; at the end, let a run that is on its way finish for some seconds."""
    if not papers:
        yield
        return
    with desk.library.snapshot() as snapshot:  # not in the thread: an error ends the service, and is said
        known = snapshot.catalogue.roots()
    stop = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(settings, desk, known, papers, runs, figures, stop), daemon=True, name="watch"
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)


def _watch(
    settings: Settings,
    desk: Desk,
    known: Sequence[str],
    papers: Papers,
    runs: Runs,
    figures: Figures,
    stop: threading.Event,
) -> None:
    from indexer.build import build, places

    roots = places(known, settings)

    def look(only: Collection[Path] | None) -> bool:
        started = time.monotonic()
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
                    notice=say,
                    command=f"{SERVE} --watch",
                )
        except Exception as error:
            figures.ran("failed", time.monotonic() - started)
            if isinstance(error, FootnoteError):
                raise
            # the service goes on answering: it must not go on with old notes unnoticed
            raise ServiceError(f"indexing what was saved failed ({error!r}); it is tried again") from error
        figures.ran("changed" if did_something(report) else "unchanged", report.seconds)
        if did_something(report):
            say(summary(report))
        return report.papers.fetched == WATCHED_PAPERS

    watch(roots, look, library=settings.library, notice=say, stop=stop)
