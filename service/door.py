"""Where callers show a token, or the cookie that a browser got for one: 401 without, 403 where that is too little."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access import COOKIE, Access, Role, may, need_of
from service.guard import READS, is_foreign

_ASK_FOR_ONE = {"WWW-Authenticate": 'Bearer realm="Footnote"'}
LOOKS_ONLY = "this token may look and ask, and change nothing; sign in with the other one"
WANTED = "a token is wanted here; send it as Authorization: Bearer …, or sign in with a browser"
TOO_MANY = "too many wrong tokens; the right one is let in at any time"


class Door:
    """ASGI middleware around the routes. What a caller may do stands in the request's state, as `role`.

    `respond(request, status, detail, headers=…)` makes the response to whoever is not let in.
    """

    def __init__(self, app: ASGIApp, *, access: Access, respond: Callable[..., Response]) -> None:
        self.app = app
        self.access = access
        self.respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state |= {"role": "admin", "signed_in": False}
        if not self.access.wanted:
            await self.app(scope, receive, send)
            return
        request, headers, wait = Request(scope), Headers(scope=scope), 0
        token = _bearer(headers)
        if token is not None:
            role = self.access.role_of(token)
            wait = 0 if role else self.access.wrong()
        elif scope["method"] in READS or not is_foreign(headers, headers.get("host", "")):
            role = self.access.role_of_session(request.cookies.get(COOKIE, ""))
            state["signed_in"] = role is not None
        else:  # a page that may call with a token of its own, on another port of this very host
            role = None
        state["role"] = role
        need = need_of(scope["method"], scope["path"])
        if may(role, need):
            await self.app(scope, receive, send)
        elif role:
            await self.respond(request, HTTPStatus.FORBIDDEN, LOOKS_ONLY)(scope, receive, send)
        elif wait:
            again = {"Retry-After": str(wait)}
            await self.respond(request, HTTPStatus.TOO_MANY_REQUESTS, TOO_MANY, headers=again)(scope, receive, send)
        else:
            detail = "this is not a token of this service" if token else WANTED
            response = self.respond(request, HTTPStatus.UNAUTHORIZED, detail, headers=_ASK_FOR_ONE)
            await response(scope, receive, send)


def role_of(request: Request) -> Role | None:
    """What whoever calls may do; None for who has shown nothing."""
    role: Role | None = getattr(request.state, "role", None)
    return role


def check_admin(request: Request) -> None:
    """Raise HTTP 403 where whoever calls may look only."""
    if not may(role_of(request), "admin"):
        raise HTTPException(HTTPStatus.FORBIDDEN, LOOKS_ONLY)


def _bearer(headers: Headers) -> str | None:
    """The token that a program sends (RFC 6750, 2.1)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
