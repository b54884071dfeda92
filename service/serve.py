"""The service as a process: a socket, a server on it, and beside it a watcher that indexes what is saved."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from indexer.cli import notice, summary, watch
from indexer.errors import ServiceError
from indexer.settings import Settings


def serve(settings: Settings, host: str, port: int, *, watch: bool) -> int:
    """Serve until stopped; raise ServiceError when the port cannot be had."""
    import uvicorn

    from service.app import create_app
    from service.ask import Desk
    from service.client import announced

    listening = _listen(host, port)
    with listening, Desk.open(settings, notice=notice) as desk:
        bound = listening.getsockname()[1]
        if watch:
            threading.Thread(target=_watch, args=(settings, desk), daemon=True, name="watch").start()
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings, desk=desk, hosts=(host,)), log_level="warning", timeout_graceful_shutdown=5
            )
        )
        with announced(settings.library, host, bound):
            shown = f"[{host}]" if ":" in host else host
            notice(f"Footnote answers at http://{shown}:{bound} — press Ctrl-C to stop")
            server.run(sockets=[listening])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ServiceError(
            f"cannot listen on {host}:{port} ({reason}); choose another with --port or --host"
        ) from error
    return listening


def _watch(settings: Settings, desk: object) -> None:
    from indexer.build import build
    from service.ask import Desk

    assert isinstance(desk, Desk)
    with desk.library.snapshot() as snapshot:
        roots = [Path(root) for root in snapshot.catalogue.roots()]
    watch(roots, lambda: notice(summary(build(settings.library, roots, desk.encoder, settings))))
