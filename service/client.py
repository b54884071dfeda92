"""Asking a service that already runs, so that `ask` need not load anything itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from indexer import __version__
from indexer.settings import Settings
from indexer.whole import replaced

if TYPE_CHECKING:
    from http.client import HTTPConnection
    from urllib.parse import SplitResult

    from service.types import Answer, WriterName

ADDRESS_FILE = "service.json"
"""In the library's folder: where its service listens, and for who can read that what lets in until it ends."""

SET_ONE = "set FOOTNOTE_TOKEN, or FOOTNOTE_TOKEN_FILE to the file that footnote token has written there"

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def ask(
    settings: Settings,
    question: str,
    *,
    k: int,
    writer: WriterName = "extractive",
    partly: Callable[[Answer], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
) -> Answer | None:
    """The answer of the running service, or None when there is none or it does not answer properly.

    `partly` hears what a chat model has written so far, before it is whole; `notice` why a service that the settings
    name has given none.

    The service is the one that the settings name, else the one that has left its address in the library; there only
    this machine is believed.
    """
    url = address(settings)
    if not url or not question.strip():
        return None
    import http.client

    from service.present import answer_of

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    headers = {"Content-Type": "application/json"}
    if token := _token(settings):
        headers["Authorization"] = f"Bearer {token}"
    connection, named = _connection(parts), settings.terminal.url
    try:
        connection.connect()
        connection.sock.settimeout(ANSWER_SECONDS)
        streams = writer == "chat"
        body = {"question": question, "k": k} | ({"writer": writer} if streams else {})
        path = "/api/ask/stream" if streams else "/api/ask"
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        if named and response.status == http.client.UNAUTHORIZED:
            notice(f"{url} {'does not take this token' if token else 'wants a token'}; {SET_ONE}")
        if response.status != http.client.OK:
            return None
        return _streamed(response, partly) if streams else answer_of(json.loads(response.read()))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        if named:
            notice(f"{url} does not answer; start footnote serve there, or set FOOTNOTE_URL to where it is")
        return None  # whatever is wrong with the service, the library can still be asked here
    finally:
        connection.close()


def answers(url: str) -> bool:
    """Whether a service is there, and alive."""
    import http.client

    connection = _connection(urlsplit(url))
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def version(library: Path) -> str | None:
    """The version of the service that has left its address in a library, as far as it says one."""
    return _announced(library, "version")


def _announced(library: Path, what: str) -> str | None:
    try:
        return str(json.loads((library / ADDRESS_FILE).read_text())[what])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _token(settings: Settings) -> str:
    """What lets into the service that is asked; raise SettingsError where a file of it cannot be read.

    One that was found by what it left in the library gets the ticket that it left there, which is worth nothing once it
    has ended: whatever listens on its port then learns no token.
    """
    if not settings.terminal.url:
        return _announced(settings.library, "ticket") or ""
    from service.credentials import tokens_of

    tokens = tokens_of(settings.service)
    return tokens.admin or tokens.read


def _connection(parts: SplitResult) -> HTTPConnection:
    import http.client

    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)


def _streamed(lines: Iterable[bytes], partly: Callable[[Answer], None]) -> Answer | None:
    """The whole answer of a stream of events; None where it breaks off before."""
    from service.present import answer_of

    event = ""
    for line in lines:
        name, _, value = line.decode().rstrip("\r\n").partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            answer = answer_of(json.loads(value))
            if event == "answer":
                return answer
            partly(answer)
    return None


def listens_everywhere(host: str) -> bool:
    """Whether a host to listen on means all addresses of this machine."""
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def url_here(host: str, port: int) -> str:
    """Where this machine reaches a service that listens on a host."""
    reachable = "127.0.0.1" if listens_everywhere(host) else host
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


@contextmanager
def announced(library: Path, host: str, port: int, ticket: str = "") -> Iterator[None]:
    """Leave the address of a service in its library while it runs, with the ticket that lets in who can read it."""
    file = library / ADDRESS_FILE
    url = url_here(host, port)
    with suppress(OSError), replaced(file, private=True) as new:  # a library that cannot be written can still be served
        told = {"url": url, "pid": os.getpid(), "version": __version__} | ({"ticket": ticket} if ticket else {})
        new.write_text(json.dumps(told))
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            if json.loads(file.read_text())["pid"] == os.getpid():
                file.unlink()


def address(settings: Settings) -> str | None:
    """Where the service is that is asked, as far as one is known; it may be gone."""
    if settings.terminal.url:
        return settings.terminal.url
    url = _announced(settings.library, "url")
    try:
        return url if url and urlsplit(url).hostname in _LOOPBACK else None
    except ValueError:  # it is no address
        return None
