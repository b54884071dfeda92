"""Clients that come in a crowd, are slow or dead: what the others notice of them, and when they are cut.

python -m tests.chaos.strangers
"""

from __future__ import annotations

import http.client
import json
import selectors
import shutil
import socket
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from service.connections import BODY_SECONDS, HEAD_SECONDS, STALLED_SECONDS
from tests.chaos.asking import QUESTIONS, SLOW
from tests.chaos.service import SAMPLE, Service, served

WATCHED = ("/healthz", "/readyz", "/metrics")
SLACK = 5.0
"""So many seconds later than it may, a connection is cut at the most: it is looked after once a second."""


@dataclass
class Crowd:
    """What many at once were told, and how long who looks after the service waited meanwhile, at most."""

    statuses: Counter[int] = field(default_factory=Counter)
    refused_after: float = 0.0
    """The longest that anybody waited to be told to come again, in seconds."""
    all_answered_after: float = 0.0
    watched: dict[str, float] = field(default_factory=dict)
    before_ms: float = 0.0
    after_ms: float = 0.0


@dataclass
class Strangers:
    """How long an answer takes, in milliseconds, without slow clients and with them; when the last of each was cut."""

    alone_ms: float
    beside_ms: float = 0.0
    cut_after: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def small(folder: Path) -> Iterator[Service]:
    """A service on the sample vault."""
    with served(folder, shutil.copytree(SAMPLE, folder / "notes")) as service:
        yield service


def ask(service: Service, path: str = "/api/ask") -> tuple[int, float, bool]:
    """Status, seconds, and whether there is a Retry-After."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.address).netloc, timeout=SLOW)
    begun = time.monotonic()
    if path == "/api/ask":
        connection.request("POST", path, json.dumps({"question": QUESTIONS[0]}), {"Content-Type": "application/json"})
    else:
        connection.request("GET", path)
    got = connection.getresponse()
    got.read()
    connection.close()
    return got.status, time.monotonic() - begun, got.getheader("Retry-After") is not None


def usual(service: Service, count: int) -> float:
    """The median of so many answers, one after the other, in milliseconds."""
    return median(ask(service)[1] for _ in range(count)) * 1000


def overload(service: Service, clients: int) -> Crowd:
    """Have more ask at once than may wait."""
    crowd, lock, together = Crowd(before_ms=usual(service, 20)), threading.Lock(), threading.Barrier(clients + 1)
    done = threading.Event()

    def one() -> None:
        together.wait()
        status, seconds, again = ask(service)
        with lock:
            crowd.statuses[status] += 1
            crowd.all_answered_after = max(crowd.all_answered_after, seconds)
            if status == 503:
                assert again
                crowd.refused_after = max(crowd.refused_after, seconds)

    def watch() -> None:
        while not done.is_set():
            for path in WATCHED:
                status, seconds, _ = ask(service, path)
                assert status == 200
                crowd.watched[path] = max(crowd.watched.get(path, 0), seconds)

    threads = [threading.Thread(target=one) for _ in range(clients)]
    watching = threading.Thread(target=watch)
    for thread in threads:
        thread.start()
    together.wait()
    watching.start()
    for thread in threads:
        thread.join()
    done.set()
    watching.join()
    crowd.after_ms = usual(service, 20)
    return crowd


def strangers(service: Service, *, heads: int, bodies: int, readers: int, idle: int, asked: int) -> Strangers:
    """Have slow and dead clients come, and ask beside them; then wait until all of them are cut."""
    found = Strangers(usual(service, asked))
    host, port = urllib.parse.urlsplit(service.address).netloc.split(":")
    path = "/static/katex/katex.min.js"
    kinds = {
        "idle": (idle, b"", HEAD_SECONDS),
        "heads": (heads, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", HEAD_SECONDS),
        "bodies": (
            bodies,
            b"POST /api/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n",
            BODY_SECONDS,
        ),
        "readers": (readers, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 30, 2 * STALLED_SECONDS),
    }
    with ExitStack() as stack, selectors.DefaultSelector() as watched:
        begun = time.monotonic()
        for kind, (count, sent, _) in kinds.items():
            for _ in range(count):
                one = stack.enter_context(socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.connect((host, int(port)))
                one.sendall(sent)
                one.setblocking(False)
                watched.register(one, selectors.EVENT_READ, kind)
        found.beside_ms = usual(service, asked)
        there = Counter({kind: count for kind, (count, _, _) in kinds.items()})
        silent: list[socket.socket] = [key.fileobj for key in watched.get_map().values() if key.data == "readers"]
        for one in silent:  # who does not read sees nothing
            watched.unregister(one)
        while there.total() and time.monotonic() - begun < max(seconds for _, _, seconds in kinds.values()) + SLACK:
            for key, _ in watched.select(timeout=1):
                if _is_cut(key.fileobj):
                    watched.unregister(key.fileobj)
                    there[key.data] -= 1
                    found.cut_after[key.data] = round(time.monotonic() - begun, 1)
            for key in list(watched.get_map().values()):
                if key.data in ("heads", "bodies"):  # a byte a second
                    _drip(key.fileobj)
            for one in [one for one in silent if _is_broken(one)]:
                silent.remove(one)
                there["readers"] -= 1
                found.cut_after["readers"] = round(time.monotonic() - begun, 1)
        for kind, (_, _, seconds) in kinds.items():
            if there[kind]:
                found.wrong.append(f"{there[kind]} {kind} were not cut")
            elif found.cut_after.get(kind, 0) > seconds + SLACK:
                found.wrong.append(f"{kind} were cut after {found.cut_after[kind]} seconds")
    return found


def _is_cut(one: socket.socket) -> bool:
    try:
        while data := one.recv(65536):
            if b" 408 " in data:
                return True
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _drip(one: socket.socket) -> None:
    try:
        one.send(b"x")
    except OSError:
        return


def _is_broken(one: socket.socket) -> bool:
    """Whether the other side has reset the connection: without reading from it."""
    return one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or _state(one) in (7, 8)


def _state(one: socket.socket) -> int:
    """The state of TCP as Linux numbers it: 7 is closed, 8 that the other side has closed."""
    return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, small(Path(folder)) as service:
        print("at first", service.figures())
        crowd = overload(service, clients=400)
        print(crowd)
        found = strangers(service, heads=100, bodies=50, readers=20, idle=300, asked=100)
        print(found)
        print("at the end", service.figures())
        code = service.stop()
        print("exit code", code)
    return 1 if found.wrong or code else 0


if __name__ == "__main__":
    sys.exit(main())
