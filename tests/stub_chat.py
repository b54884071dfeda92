"""A chat endpoint that says what a test wants it to, over real HTTP, and keeps what it was asked.

with ChatServer() as server:
    server.say(events(line(text, (1, "words of passage 1"))))
    ask(server.settings())
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from indexer.settings import ChatSettings

KEY = "sk-of-the-tests-0123456789"

Reply = Callable[["Handler"], None]


def line(text: str, *quotes: tuple[int, str]) -> str:
    """A claim as the model is asked to write it."""
    return json.dumps({"text": text, "quotes": [{"passage": n, "quote": quote} for n, quote in quotes]}) + "\n"


def delta(text: str) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


END = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})


def stream(pieces: Iterable[str | threading.Event], *, kind: str = "text/event-stream", status: int = 200) -> Reply:
    """Send each piece as it is; wait for an event in its place."""

    def reply(handler: Handler) -> None:
        handler.begin(status, kind)
        for piece in pieces:
            if isinstance(piece, threading.Event):
                assert piece.wait(20)
            else:
                handler.send(piece)

    return reply


def events(*texts: str | threading.Event, end: bool = True) -> Reply:
    """Stream texts as an endpoint does, each cut in three; without its `end`, half of a stream."""
    pieces: list[str | threading.Event] = [": a comment\n\n"]
    for text in texts:
        if isinstance(text, threading.Event):
            pieces.append(text)
            continue
        third = len(text) // 3 + 1
        pieces += [f"data: {delta(text[n : n + third])}\n\n" for n in range(0, len(text), third)]
    return stream([*pieces, *([f"data: {END}\n\ndata: [DONE]\n\n"] if end else [])])


def whole(body: Any, *, status: int = 200, kind: str = "application/json", **headers: str) -> Reply:
    """Send one body, of JSON unless it is a text."""

    def reply(handler: Handler) -> None:
        handler.begin(status, kind, **headers)
        handler.send(body if isinstance(body, str) else json.dumps(body))

    return reply


def endless(text: str) -> Reply:
    """Say the same until nobody listens."""

    def reply(handler: Handler) -> None:
        handler.begin(200, "text/event-stream")
        while True:
            handler.send(f"data: {delta(text)}\n\n" * 64)

    return reply


def reset(handler: Handler) -> None:
    """Break the connection off without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Stay silent: clients that go away are what the tests are about."""


class ChatServer:
    """Listens on 127.0.0.1 as long as the context lasts; `asked` are the requests that came, with their headers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.closing = threading.Event()
        self._replies: list[Reply] = []
        self._server = _Http(("127.0.0.1", 0), Handler)
        self._server.stub = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def say(self, *replies: Reply) -> None:
        """What the next requests get; the last one also those after."""
        self._replies = list(replies)

    def settings(self, **changed: Any) -> ChatSettings:
        fields = {"url": f"{self.address}/v1", "model": "stub", "key": KEY, "timeout": 5.0, "seconds": 20.0}
        return ChatSettings(**fields | changed)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def next(self) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        stub: ChatServer = self.server.stub  # type: ignore[attr-defined]
        stub.paths.append(self.path)
        stub.headers.append({name.lower(): value for name, value in self.headers.items()})
        stub.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        try:
            stub.next()(self)
        except OSError:
            self.close_connection = True  # the client has heard enough

    def begin(self, status: int, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass
