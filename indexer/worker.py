"""What happens in a process that reads PDFs for another (see `indexer.reader`), which it imports none of.

It imports what it is asked to call and nothing else, so that it is there quickly.
"""

from __future__ import annotations

import errno
import os
import pickle
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from indexer.errors import SourceError
from indexer.types import Document, Source

OUT_OF_MEMORY = errno.ENOMEM
"""The exit status of a process that says itself that it ran out of memory."""
_KEPT_SHARE = 0.25
"""A process that still holds more than this share of its limit when it has replied makes room for a new one."""


def serve(read_bytes: int, read_seconds: float) -> None:
    """Do what is asked on standard input, one thing at a time and each within these limits, until it ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)  # libraries that print do it there
    for stream in range(3):
        os.dup2(nowhere, stream)
    tasks: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = SimpleQueue()
    threading.Thread(target=_receive, args=(requests, tasks), daemon=True).start()
    _limit_memory(read_bytes)
    pickle.dump("ready", replies)
    replies.flush()
    while True:
        function, arguments, options = tasks.get()
        try:
            _end_in(read_seconds + 1)
            reply = _reply(function, arguments, options)
            _end_in(0)
            pickle.dump(reply, replies, pickle.HIGHEST_PROTOCOL)
            replies.flush()
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        del function, arguments, options, reply
        if _held_bytes() > _KEPT_SHARE * read_bytes:
            os._exit(0)


def _receive(requests: IO[bytes], tasks: SimpleQueue[Any]) -> None:
    """Pass on what is asked; end this process, whatever it does, as soon as nothing more can be."""
    try:
        while True:
            tasks.put(pickle.load(requests))  # noqa: S301  # from the process that started this one
    except EOFError:
        os._exit(0)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except BaseException:  # noqa: BLE001  # whatever it is, this process cannot be told of anything any more
        os._exit(1)


def _reply(function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[bool, Any]:
    try:
        return True, function(*arguments, **options)
    except SourceError as error:
        return False, str(error)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # a library that a damaged file confuses may raise anything
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return False, f"confused the PDF reader ({said[:200]}); it is probably damaged: open it and save it anew"


def parse_alone(parse: Callable[[Source], Document], source: Source) -> Document:
    """Parse a file; its bytes, which the asking process has, are not sent back."""
    return replace(parse(source), source=replace(source, data=b""))


def _limit_memory(read_bytes: int) -> None:
    """Bound what this process may allocate, where the system can (Linux), and leave no core dumps."""
    with suppress(OSError):  # should the machine itself run out of memory, this process is to go first
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, wanted in ((resource.RLIMIT_DATA, read_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(kind, (limit, hard))


def _end_in(seconds: float) -> None:
    """Have the system end this process later, should the one that asked be gone while no thread gets to see it.

    0: never.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _held_bytes() -> int:
    """How much memory this process has allocated, as its limit counts it; 0 where there is no such limit."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[5])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
