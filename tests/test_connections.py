"""Whoever keeps a connection waiting is cut, and holds nobody up."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from itertools import chain, repeat

import pytest
import uvicorn

from service import connections
from service.connections import Connection, Patient

LARGE = 8_000_000
"""More than the system takes in for somebody who does not read."""


class App:
    """Gives a text or a large one, reads what it is sent, or waits until it is let go."""

    def __init__(self):
        self.released = asyncio.Event()
        self.waiting = threading.Semaphore(0)
        self.stopped = threading.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return
        body = b"small"
        if scope["path"] == "/large":
            body = b"x" * LARGE
        elif scope["path"] == "/wait":
            self.waiting.release()
            await self.released.wait()
        elif scope["path"] == "/read":
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] == "http.disconnect":
                return
        length = str(len(body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})


class Served:
    """A server in a thread."""

    def __init__(self, **options):
        self.app = App()
        config = uvicorn.Config(
            self.app, http=Connection, ws="none", log_config=None, log_level="critical", lifespan="off", **options
        )
        self.server = Patient(config, stopping=self.app.stopped.set)
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=600)
        self.address = self.listening.getsockname()
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[self.listening]))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.handle_exit(15, None)
        self.server.handle_exit(15, None)
        self.thread.join()
        self.listening.close()

    def connect(self, sent=b""):
        made = socket.socket()
        made.settimeout(20)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # so that the system does not read for it
        made.connect(self.address)
        made.sendall(sent)
        return made

    def release(self):
        self.server.servers[0].get_loop().call_soon_threadsafe(self.app.released.set)


@contextmanager
def served(**options):
    with Served(**options) as running:
        yield running


def everything(connection):
    """What comes until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def problem(data):
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b"Connection: close" in head
    return int(head.split()[1]), json.loads(body), head


def asked(server, path="/"):
    with server.connect(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()) as connection:
        return everything(connection)


@pytest.fixture
def hurry(monkeypatch):
    """Let nobody take long, and look whether somebody does at every tick."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "STALLED_SECONDS"):
        monkeypatch.setattr(connections, name, 0.2)
    monkeypatch.setattr(connections, "LOOKS", 1)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\nX: aaa", b"GET", b"\r\n"])
def test_a_head_that_does_not_end_is_answered_408(hurry, sent):
    with served() as server, server.connect(sent) as connection:
        status, said, _ = problem(everything(connection))
        assert (status, said["title"]) == (408, "Request Timeout")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\nGE"])
def test_a_connection_on_which_nothing_is_asked_is_closed(hurry, sent):
    with served() as server, server.connect(sent) as connection:
        assert everything(connection).count(b"HTTP/1.1") == sent.count(b"GET")


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(hurry):
    with served() as server, server.connect() as connection:
        connection.settimeout(0.05)
        begun, got = time.monotonic(), b""
        for byte in chain(b"GET / HTTP/1.1\r\nX: ", repeat(ord("a"))):
            assert time.monotonic() - begun < 15
            connection.sendall(bytes([byte]))
            try:
                got = connection.recv(1000)
                break
            except TimeoutError:
                continue
        assert got.split()[1] == b"408"


def test_a_body_that_does_not_end_is_answered_408(hurry):
    head = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12"
    with served() as server, server.connect(head) as connection:
        assert problem(everything(connection))[0] == 408


def test_a_body_that_nobody_reads_is_not_waited_for_either(hurry):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12"
    with served() as server, server.connect(head) as connection:
        assert everything(connection).startswith(b"HTTP/1.1 200 OK")


def test_whoever_does_not_read_is_cut(hurry):
    with served() as server, server.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        connection.recv(1)
        while server.server.server_state.connections:
            assert asked(server).endswith(b"small")  # nobody else waits for that
        assert len(everything(connection)) < LARGE


def test_whoever_reads_gets_all_of_it_however_long_an_answer_takes(hurry):
    with served() as server, server.connect(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        assert server.app.waiting.acquire(timeout=20)
        assert asked(server, "/large").endswith(b"x" * LARGE)
        ticks = server.server.server_state.total_requests
        assert ticks == 1  # the first is still being answered, after more than it may be silent
        server.release()
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_a_large_head_is_refused_before_it_ends():
    with served() as server, server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        connection.sendall(b"a" * (connections.MAX_HEAD_BYTES + 1))
        assert everything(connection).split()[1] == b"431"


def test_who_is_waited_for_makes_room_and_who_is_answered_does_not(monkeypatch):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    with served() as server, ExitStack() as stack:
        idle = [stack.enter_context(server.connect(b"GET / HTTP/1.1\r\n")) for _ in range(3)]
        assert asked(server).endswith(b"small")
        assert everything(idle[0]) == b""
        for _ in range(3):
            stack.enter_context(server.connect(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"))
            assert server.app.waiting.acquire(timeout=20)
        status, said, head = problem(asked(server))
        assert (status, said["status"], b"Retry-After: 2" in head) == (503, 503, True)
        server.release()


@pytest.mark.parametrize("loop", ["auto", "asyncio"])
def test_many_that_come_in_one_moment_are_no_more_than_there_may_be(monkeypatch, loop):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    with served(loop=loop) as server, ExitStack() as stack:
        assert asked(server).endswith(b"small")
        come = threading.Event()
        server.server.servers[0].get_loop().call_soon_threadsafe(come.wait)
        for _ in range(20):
            stack.enter_context(server.connect())
        come.set()
        assert asked(server).endswith(b"small")
        assert len(server.server.server_state.connections) <= 3


def test_hundreds_that_send_nothing_hold_nobody_up():
    with served() as server, ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(server.connect())
        assert asked(server).endswith(b"small")


def test_what_is_on_its_way_is_finished_when_the_service_stops():
    with served(timeout_graceful_shutdown=20) as server:
        with server.connect(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert server.app.waiting.acquire(timeout=20)
            server.server.handle_exit(15, None)
            assert server.app.stopped.wait(20)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(server.address)
            server.release()
            assert everything(connection).endswith(b"small")
        server.thread.join(20)
        assert not server.thread.is_alive()


def test_a_second_signal_waits_for_nothing():
    with served(timeout_graceful_shutdown=60) as server, server.connect(b"GET /wait HTTP/1.1\r\n\r\n") as connection:
        assert server.app.waiting.acquire(timeout=20)
        server.server.handle_exit(15, None)
        assert server.app.stopped.wait(20)
        assert server.thread.is_alive()
        server.server.handle_exit(15, None)
        server.thread.join(20)
        assert not server.thread.is_alive()
        assert b"small" not in everything(connection)
