"""What every request passes on its way in and out: host, size, headers, figures, and the last net for errors."""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
import time
from collections.abc import Callable, Collection
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.figures import Figures
from service.logs import REQUEST, event
from service.stages import LISTENER

MAX_BODY_BYTES = 1_000_000

MAX_ADDRESS_BYTES = 32_000
"""The path of a request and what follows it: all that a browser sends."""

MAX_HEADERS = 100

MOST_AT_ONCE = 300
"""Whoever comes while so many requests are answered or wait is told to come again. Of these, 200 may be questions."""

_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is answered all the same: whoever looks after the service wants to know then."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types footnote",  # text becomes elements in `markup.js` alone
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # not "no-referrer": forms would hide from where they come
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing and start nothing: what they give, another site cannot read."""

_METHODS = READS | {"POST", "PUT", "PATCH", "DELETE"}
"""Those that figures and logs name; whoever calls may make up others without end."""

_GONE = 499
"""What figures and logs call the status of an answer that nobody waited for."""

_log = logging.getLogger("footnote")


class Guard:
    """ASGI middleware around the whole service.

    `respond(request, status, detail, headers=…)` makes the response to what is refused here. `hosts` are names under
    which the service may be called, besides addresses, localhost and names without a dot: a page elsewhere that points
    a name of its own at this machine (DNS rebinding) must not read the notes. Nor may a page elsewhere press a button:
    what is not just a look has to come from a page of this service, or from a program; or from one of `origins`, which
    the person has named. Of what other sites load into their pages nothing is given: only a link may lead here.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        respond: Callable[..., Response],
        figures: Figures,
        hosts: Collection[str],
        origins: Collection[str] = (),
    ) -> None:
        self.app = app
        self.respond = respond
        self.figures = figures
        self.hosts = frozenset(host.lower() for host in hosts)
        self.origins = frozenset(origins)
        self.at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # there are none, and nothing below looks at who opens one
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, identifier = time.perf_counter(), 0, _identifier(scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a picture brings a stricter policy of its own
                headers["X-Request-ID"] = identifier
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        request = Request(scope)
        self.at_once += 1
        listening, named = LISTENER.set(self.figures), REQUEST.set(identifier)
        try:
            if refusal := self._refusal(scope, Headers(scope=scope)):
                again = {"Retry-After": "2"} if refusal[0] == HTTPStatus.SERVICE_UNAVAILABLE else None
                await self.respond(request, *refusal, headers=again)(scope, receive, send_with_headers)
            else:
                await self.app(scope, _bounded(receive), send_with_headers)
        except ClientDisconnect:
            status = _GONE
        except Exception:
            _log.exception("%s %s failed", scope["method"], quote(scope["path"]))
            if status:  # too late to say so: the connection has to break
                raise
            failed = HTTPStatus.INTERNAL_SERVER_ERROR
            detail = "an error in Footnote itself; the log of the service says more"
            await self.respond(request, failed, detail)(scope, receive, send_with_headers)
        finally:
            self.at_once -= 1
            route = getattr(scope.get("route"), "path", None) or scope.get("root_path") or "unmatched"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.figures.requests.labels(method, route, status).inc()
            seconds = time.perf_counter() - started
            self.figures.seconds.labels(method, route).observe(seconds)
            event("request", method=method, route=route, status=status, ms=round(seconds * 1000, 2))
            LISTENER.reset(listening)
            REQUEST.reset(named)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        method = scope["method"]
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
            detail = f"the address has over {MAX_ADDRESS_BYTES:,} bytes; POST /api/ask takes long questions"
            return HTTPStatus.REQUEST_URI_TOO_LONG, detail
        if len(scope["headers"]) > MAX_HEADERS:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"there are over {MAX_HEADERS} headers; send fewer"
        host = ", ".join(headers.getlist("host"))
        if not self._is_ours(host):
            return HTTPStatus.MISDIRECTED_REQUEST, f"{host!r} is not a name of this service; call it by its address"
        if headers.get("origin") not in self.origins:
            if method not in READS and is_foreign(headers, host):
                return HTTPStatus.FORBIDDEN, "another site asks for this; do it from the pages of this service"
            if method != "OPTIONS" and _is_embedded(headers):
                return HTTPStatus.FORBIDDEN, "another site loads this into a page of its own; follow a link instead"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return _TOO_LARGE
        if self.at_once > MOST_AT_ONCE and scope["path"] not in _ALWAYS:
            return HTTPStatus.SERVICE_UNAVAILABLE, "too much is asked for at once; try again in a few seconds"
        return None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host.lower())
        if not found:
            return False
        name, six = found["name"], found["six"]
        if name and (name in self.hosts or "." not in name or name.endswith(".localhost")):
            return True
        try:
            ipaddress.IPv6Address(six) if six else ipaddress.IPv4Address(name)
        except ValueError:
            return False
        return True


def is_foreign(headers: Headers, host: str) -> bool:
    """Whether a browser asks for a page that is not ours, so that no other site presses a button here (CSRF).

    Browsers say where a request comes from: to this machine and over TLS in one header, elsewhere in the other.
    Programs say nothing. The scheme is not compared: what encrypts may stand before this service.
    """
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != host.lower()


def _is_embedded(headers: Headers) -> bool:
    """Whether a browser loads this into a page of another site: a picture, a script, a frame.

    That page could not read it; but it could see how long it takes, and have it asked for again and again.
    """
    if headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return False
    return headers.get("sec-fetch-mode", "navigate") != "navigate" or headers.get("sec-fetch-dest") in _FRAMES


_FRAMES = frozenset({"iframe", "frame", "fencedframe", "object", "embed"})

_HOST = re.compile(r"(?:(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)|\[(?P<six>[0-9a-f:.]+)\])(?::[0-9]{1,5})?")
"""What `Host` may say (RFC 9110, 7.2): a name or an IPv4 address, or an IPv6 one in brackets, and a port."""

_IDENTIFIER = re.compile(rb"[A-Za-z0-9_-]{1,64}")


def _identifier(scope: Scope) -> str:
    """What names a request in the log: what whoever calls gave it, else something of our own."""
    given: bytes = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _IDENTIFIER.fullmatch(given) else secrets.token_hex(8)


_TOO_LARGE = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over the limit of {MAX_BODY_BYTES:,} bytes; send less")


def _bounded(receive: Receive) -> Receive:
    """Stop a body that grows past the limit, whatever its header said."""
    total = 0

    async def bounded() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY_BYTES:
            raise HTTPException(*_TOO_LARGE)
        return message

    return bounded
