"""A small server that speaks arXiv's API, serves PDFs, and fails on demand.

    with ArxivServer({"1706.03762": Paper("Attention", "We attend.", versions=7)}) as server:
        server.fail("/pdf/1706.03762", status(503), times=2)
        fetcher = Fetcher(server.settings())

As a process of its own: `python -m tests.arxiv_server --papers FOLDER --port 8500` serves every `ID.pdf` of a folder
(`hep-th_9901001.pdf` is hep-th/9901001) and prints the variables that point Footnote at it.
"""

from __future__ import annotations

import argparse
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from indexer.settings import PaperSettings
from tests.arxiv_atom import ATOM, IDENTIFIER, Paper, entry, error_feed, feed, searched

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """One request that came: when (time.monotonic), for what (path and query), from whom, on which connection."""

    at: float
    path: str
    agent: str
    headers: Headers
    connection: int


@dataclass(frozen=True)
class Answer:
    """What the server would say if nothing were wrong."""

    status: int
    body: bytes
    kind: str


Fault = Callable[["Handler", Answer], None]
"""Says something to the client instead of the answer."""


class ArxivServer:
    """Serves `papers` (by id) and `files` (by path) on 127.0.0.1 as long as the context lasts; keeps the `requests`.

    `papers` and `files` may change while it runs.
    """

    def __init__(
        self,
        papers: Mapping[str, Paper] | None = None,
        files: Mapping[str, bytes] | None = None,
        *,
        port: int = 0,
    ) -> None:
        self.papers: dict[str, Paper] = dict(papers or {})
        self.files: dict[str, bytes] = dict(files or {})
        self.refused: set[str] = set()
        """Ids that the API calls malformed."""
        self.requests: list[Request] = []
        self.connections = 0
        self.most_connections = 0
        """How many were open at once, at most."""
        self.closing = threading.Event()
        self._faults: dict[str, list[Iterator[Fault]]] = {}
        self._open = 0
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", port), Handler)
        self._http.arxiv = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def api(self) -> str:
        return f"{self.root}/api/query"

    @property
    def pdf(self) -> str:
        return f"{self.root}/pdf/"

    def settings(self, **changes: Any) -> PaperSettings:
        """Settings that point here; without pauses, unless `changes` say so."""
        return PaperSettings(
            **{"arxiv_api": self.api, "arxiv_pdf": self.pdf, "interval": 0.0, "timeout": 5.0} | changes
        )

    def environ(self) -> dict[str, str]:
        """The variables that point a process here."""
        return {"FOOTNOTE_ARXIV_API": self.api, "FOOTNOTE_ARXIV_PDF": self.pdf, "FOOTNOTE_ARXIV_INTERVAL": "0"}

    def fail(self, path: str, *faults: Fault, times: int | None = 1) -> None:
        """Answer the next requests for a path with these faults, each `times` times (None: from now on)."""
        for fault in faults:
            self._faults.setdefault(path, []).append(repeat(fault) if times is None else repeat(fault, times))

    def heal(self) -> None:
        """Forget every fault that was ordered."""
        self._faults.clear()

    def paths(self) -> list[str]:
        """The paths asked for so far, without their queries."""
        return [urlsplit(request.path).path for request in self.requests]

    def ids_asked(self) -> list[list[str]]:
        """The id list of each question to the API so far."""
        queries = [urlsplit(one.path) for one in self.requests]
        return [
            parse_qs(one.query)["id_list"][0].split(",")
            for one in queries
            if one.path == "/api/query" and "id_list" in parse_qs(one.query)
        ]

    def searches(self) -> list[str]:
        """Each search that came to the API so far."""
        queries = [parse_qs(urlsplit(one.path).query) for one in self.requests]
        return [one["search_query"][0] for one in queries if "search_query" in one]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def connected(self) -> int:
        with self._lock:
            self.connections += 1
            self._open += 1
            self.most_connections = max(self.most_connections, self._open)
            return self.connections

    def disconnected(self) -> None:
        with self._lock:
            self._open -= 1

    def fault(self, path: str) -> Fault | None:
        """The fault that is next for a path, used up."""
        with self._lock:
            waiting = self._faults.get(path, [])
            while waiting:
                if fault := next(waiting[0], None):
                    return fault
                waiting.pop(0)
        return None

    def answer(self, path: str, query: str) -> Answer:
        if path == "/api/query":
            return self._feed(query)
        if path in self.files:
            return Answer(200, self.files[path], "application/pdf" if path.endswith(".pdf") else "text/html")
        if path.startswith("/pdf/") and (found := self._find(path.removeprefix("/pdf/").removesuffix(".pdf"))):
            return Answer(200, self.papers[found[0]].body(found[1]), "application/pdf")
        return Answer(404, b"<html><body><h1>Not found</h1></body></html>", "text/html; charset=utf-8")

    def _find(self, name: str) -> tuple[str, int] | None:
        """The id and version of a paper that there is; the newest version where none is named."""
        match = IDENTIFIER.fullmatch(name)
        if not match or not (paper := self.papers.get(match["id"])):
            return None
        version = int(match["version"] or paper.versions)
        return (match["id"], version) if version <= paper.versions else None

    def _feed(self, query: str) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        names = [name for name in asked.get("id_list", "").split(",") if name]
        start, most = int(asked.get("start", "0")), int(asked.get("max_results", "10"))
        if not names:
            found = [(name, self.papers[name].versions) for name in searched(asked["search_query"], self.papers)]
            return self._entries(query, found, start, most)
        for name in names:
            if name in self.refused or not IDENTIFIER.fullmatch(name):
                return Answer(400, error_feed(query, f"incorrect id format for {name}").encode(), ATOM)
        # Asked for twice, told once; and in an order of its own: who reads it must go by the ids.
        found = sorted({one for name in names if (one := self._find(name))}, reverse=True)
        return self._entries(query, found, start, most)

    def _entries(self, query: str, found: Sequence[tuple[str, int]], start: int, most: int) -> Answer:
        entries = "".join(entry(name, self.papers[name], version) for name, version in found[start : start + most])
        return Answer(200, feed(query, entries, total=len(found), start=start, page=most).encode(), ATOM)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    arxiv: ArxivServer

    def handle_error(self, *_: object) -> None:
        """Stay silent: clients that go away are what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    """One connection; keeps it open from request to request, as arXiv does."""

    protocol_version = "HTTP/1.1"
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.number = self.server.arxiv.connected()

    def finish(self) -> None:
        self.server.arxiv.disconnected()
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts, arxiv = urlsplit(self.path), self.server.arxiv
        path = unquote(parts.path)
        agent = self.headers.get("User-Agent", "")
        arxiv.requests.append(Request(time.monotonic(), self.path, agent, dict(self.headers), self.number))
        answer = arxiv.answer(path, parts.query)
        fault = arxiv.fault(path)
        try:
            if fault:
                fault(self, answer)
            else:
                self.send(answer)
        except OSError:
            self.close_connection = True

    def send(self, answer: Answer, headers: Headers | None = None, *, length: int | None = None) -> None:
        """Send an answer whole; `length` is what to say of its length where that is not true."""
        self.head(answer.status, {"Content-Type": answer.kind} | dict(headers or {}), length or len(answer.body))
        self.wfile.write(answer.body)

    def head(self, code: int, headers: Headers, length: int | None) -> None:
        """Send the head of an answer; without a length, its end is where the connection ends."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def status(code: int, *, retry_after: str | float | None = None) -> Fault:
    """Answer with a status, and say after how many seconds (or at what date) to come again."""

    def fault(handler: Handler, _: Answer) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        handler.send(Answer(code, b"<html><body>Not now.</body></html>", "text/html"), headers)

    return fault


def truncated(share: float = 0.5, *, honest: bool = True) -> Fault:
    """Send a share of the body, then hang up; with `honest=False` as if that were all of it."""

    def fault(handler: Handler, answer: Answer) -> None:
        part = Answer(200, answer.body[: int(len(answer.body) * share)], answer.kind)
        # said beforehand: else the next request may be sent into a connection that is about to close
        handler.send(part, {"Connection": "close"}, length=len(answer.body) if honest else None)
        handler.close_connection = True

    return fault


def slow(seconds: float, pieces: int = 10) -> Fault:
    """Send the right answer in pieces over so many seconds."""

    def fault(handler: Handler, answer: Answer) -> None:
        handler.head(answer.status, {"Content-Type": answer.kind}, len(answer.body))
        size = -(-len(answer.body) // pieces)
        for n in range(pieces):
            handler.server.arxiv.closing.wait(seconds / pieces)
            handler.wfile.write(answer.body[n * size : (n + 1) * size])
            handler.wfile.flush()

    return fault


def silent(handler: Handler, _: Answer) -> None:
    """Take the question, and never say a word."""
    handler.server.arxiv.closing.wait()
    handler.close_connection = True


def html(handler: Handler, _: Answer) -> None:
    """Answer with a web page."""
    page = b"<!DOCTYPE html>\n<html><head><title>One moment</title></head><body>Are you a person?</body></html>"
    handler.send(Answer(200, page, "text/html; charset=utf-8"))


def redirect(to: str, code: int = 302) -> Fault:
    """Send the client elsewhere."""

    def fault(handler: Handler, _: Answer) -> None:
        handler.send(Answer(code, b"", "text/html"), {"Location": to})

    return fault


def reset(handler: Handler, _: Answer) -> None:
    """Break the connection before a word is said (TCP RST)."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.connection.close()
    handler.close_connection = True


def claims(length: int) -> Fault:
    """Say that the body has so many bytes, and send the true one."""

    def fault(handler: Handler, answer: Answer) -> None:
        handler.send(answer, length=length)
        handler.close_connection = True

    return fault


def endless(handler: Handler, answer: Answer) -> None:
    """Send the body without saying how long it is, and then zeros without end."""
    handler.head(200, {"Content-Type": answer.kind}, None)
    handler.wfile.write(answer.body)
    while not handler.server.arxiv.closing.is_set():
        handler.wfile.write(bytes(65_536))


def instead(body: bytes, kind: str = "application/pdf", **headers: str) -> Fault:
    """Send another body."""

    def fault(handler: Handler, _: Answer) -> None:
        handler.send(Answer(200, body, kind), {name.replace("_", "-"): value for name, value in headers.items()})

    return fault


def papers_in(folder: Path) -> dict[str, Paper]:
    """A paper for every PDF of a folder that has an id for a name; its metadata are of our own writing."""
    return {
        identifier: Paper(f"The paper {identifier}", f"What the paper {identifier} finds, in short.", pdf=path)
        for path in sorted(folder.glob("*.pdf"))
        if IDENTIFIER.fullmatch(identifier := path.stem.replace("_", "/"))
    }


def main(argv: list[str] | None = None) -> int:
    """Serve a folder until interrupted."""
    parser = argparse.ArgumentParser(description="Speak arXiv's API and serve the PDFs of a folder on 127.0.0.1.")
    parser.add_argument("--papers", type=Path, required=True, help="a folder of ID.pdf")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(argv)
    with ArxivServer(papers_in(options.papers), port=options.port) as server:
        for name, value in server.environ().items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            server.closing.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
