"""What a client asks of a running service, and what is wrong with what it gets."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import jsonschema_rs

from tests.chaos.edited import Edited

QUESTIONS = (
    "What does layer normalisation do?",
    "How does Adam choose its step?",
    "Why do residual connections help deep networks?",
    "What is dropout?",
    "How does attention scale with the length of a text?",
    "tag:ml which step forgets the last batch?",
    "What did we say about Boltzmann machines -ising?",
)
PAGES = ("/", "/library", "/questions", "/docs")
SLOW = 120.0
"""More seconds than anything may take."""


class Wrong(Exception):
    """An answer that is not as it has to be."""


@dataclass
class Told:
    """What one client was told: how often what, how long it took, what was wrong."""

    counts: dict[tuple[str, int], int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    quotes: int = 0
    stale: int = 0
    generations: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Response:
    """A whole response: http.client raises where the body ends before it should."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Contract:
    """The models of an OpenAPI document, to hold answers against."""

    def __init__(self, api: dict[str, Any]) -> None:
        components = {"components": api["components"]}
        self._models = {
            name: jsonschema_rs.validator_for({**components, "$ref": f"#/components/schemas/{name}"})
            for name in ("Answer", "SearchResult", "Questions", "Status", "DocumentText", "Problem", "Documents")
        }

    def check(self, name: str, value: Any) -> Any:
        """Give a value back that is as the model says."""
        for error in self._models[name].iter_errors(value):
            raise Wrong(f"{name}: {error.message[:300]}")
        return value


class Client:
    """One client, which asks one thing after the other on a connection of its own."""

    def __init__(self, address: str, contract: Contract, notes: Edited | None, random: Random) -> None:
        self.told = Told()
        self._host = urllib.parse.urlsplit(address).netloc
        self._contract = contract
        self._notes = notes
        self._random = random
        self._connection = self._connect()
        self._documents = [1]
        self._kinds: dict[str, tuple[int, Callable[[], None]]] = {
            "ask": (6, self._ask),
            "search": (3, self._search),
            "stream": (2, self._stream),
            "mcp": (2, self._mcp),
            "page": (2, self._page),
            "document": (2, self._document),
            "questions": (1, self._questions),
            "status": (1, self._status),
        }
        self._kind, self._since = "", 0.0

    def once(self, kind: str = "") -> None:
        """Ask something, of that kind or any, and look at what comes."""
        weights = [weight for weight, _ in self._kinds.values()]
        self._kind = kind or self._random.choices(list(self._kinds), weights)[0]
        try:
            self._kinds[self._kind][1]()
        except Wrong as error:
            self.told.wrong.append(f"{self._kind}: {error}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.told.wrong.append(f"{self._kind}: {error!r}")
            self._connection.close()
            self._connection = self._connect()

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, timeout=SLOW)

    def _send(self, method: str, path: str, body: Any = None, missing: tuple[int, ...] = ()) -> Response | None:
        """A response with status 200; None for those that may come instead, each counted."""
        headers = {"Accept": "application/json, text/event-stream"} if body is not None else {}
        data = json.dumps(body) if body is not None else None
        self._since = time.monotonic()
        if self._connection.sock is None:
            self._connection.connect()
        try:
            self._connection.request(method, path, data, headers | {"Content-Type": "application/json"})
            got = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # kept alive for longer than the service does: what was not answered may be asked again
            self._connection.close()
            self._connection.request(method, path, data, headers | {"Content-Type": "application/json"})
            got = self._connection.getresponse()
        response = Response(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        taken = time.monotonic() - self._since
        self.told.counts[self._kind, response.status] = self.told.counts.get((self._kind, response.status), 0) + 1
        self.told.seconds.setdefault(self._kind, []).append(taken)
        if response.status == 200:
            return response
        said = response.body[:300].decode(errors="replace")
        if response.status in missing or (response.status == 503 and self._is_overload(response)):
            return None
        raise Wrong(f"{method} {path}: {response.status} {said}")

    def _is_overload(self, response: Response) -> bool:
        problem = self._contract.check("Problem", response.json())
        return problem["title"] == "Service error" and "retry-after" in response.headers

    def _question(self) -> str:
        return self._random.choice(QUESTIONS)

    def _ask(self) -> None:
        if response := self._send("POST", "/api/ask", {"question": self._question(), "k": 5}):
            self._answer(response.json())

    def _search(self) -> None:
        if response := self._send("GET", "/api/search?" + urllib.parse.urlencode({"q": self._question()})):
            self._cited(self._contract.check("SearchResult", response.json())["hits"])

    def _stream(self) -> None:
        if response := self._send("POST", "/api/ask/stream", {"question": self._question()}):
            events = re.findall(r"event: (\w+)\r?\ndata: (.*)\r?\n", response.body.decode())
            if not events or events[-1][0] != "answer":
                raise Wrong(f"a stream without its end: {response.body[-200:]!r}")
            for _, data in events:
                self._answer(json.loads(data))

    def _mcp(self) -> None:
        call = {"name": "ask", "arguments": {"question": self._question(), "k": 3}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        if response := self._send("POST", "/mcp", body):
            result = response.json().get("result", {})
            if result.get("isError") or not result.get("content"):
                raise Wrong(str(response.json())[:300])

    def _page(self) -> None:
        path = self._random.choice([*PAGES, "/?" + urllib.parse.urlencode({"q": self._question()})])
        response = self._send("GET", path)
        if response and not response.body.rstrip().endswith(b"</html>"):
            raise Wrong(f"{path} ends with {response.body[-80:]!r}")

    def _document(self) -> None:
        response = self._send("GET", f"/api/documents/{self._random.choice(self._documents)}", missing=(404,))
        if response:
            self._contract.check("DocumentText", response.json())

    def _questions(self) -> None:
        if response := self._send("GET", "/api/questions"):
            for item in self._contract.check("Questions", response.json())["questions"]:
                if item["answer"]:
                    self._cited(item["answer"]["citations"])

    def _status(self) -> None:
        if response := self._send("GET", "/api/status"):
            self.told.generations.append(self._contract.check("Status", response.json())["generation"])
        if response := self._send("GET", "/api/documents"):
            found = self._contract.check("Documents", response.json())["documents"]
            self._documents = [one["id"] for one in found] or [1]

    def _answer(self, answer: Any) -> None:
        self._contract.check("Answer", answer)
        known = {citation["n"] for citation in answer["citations"]}
        if any(n not in known for sentence in answer["sentences"] for n in sentence["citations"]):
            raise Wrong(f"a sentence without its citation: {answer['question']}")
        self._cited(answer["citations"])

    def _cited(self, citations: list[Any]) -> None:
        """Every quote stands where it is said to, now or a moment ago, or says that it may not."""
        until = time.monotonic()
        for one in citations:
            if one["kind"] != "note" or self._notes is None:
                continue
            self.told.quotes += 1
            self.told.stale += one["stale"]
            lines = (one["lines"][0], one["lines"][1])
            if not one["stale"] and not self._notes.held(one["file"], lines, one["quote"], self._since, until):
                raise Wrong(f"{one['file']}:{lines} did not hold {one['quote']!r}")
