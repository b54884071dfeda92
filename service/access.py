"""Who may do what in the running service: what each route needs, what a token gives, how long a browser keeps it."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias

from service.credentials import Tokens

if TYPE_CHECKING:
    from itsdangerous import TimestampSigner

Role: TypeAlias = Literal["read", "admin"]
"""Whoever may look, and ask; and whoever may do all."""

Need: TypeAlias = Literal["nothing", "read", "admin"]

COOKIE = "footnote"
SESSION_SECONDS = 7 * 24 * 3600
"""So long a browser is let in that has shown a token; it is known by a signature, and never holds the token."""

MOST_WRONG = 20
"""Who shows more wrong tokens a minute is told to wait. The right one goes in at any time: it is too long to guess."""

_MINUTE = 60.0

_OPEN = frozenset({"/healthz", "/readyz", "/sign-in", "/sign-out"})
_OPEN_BELOW = "/static/"  # scripts and styles of Footnote itself
_ASKING = frozenset({"/api/ask", "/api/ask/stream", "/wording", "/mcp"})
"""What is sent with POST, and only asks."""


def need_of(method: str, path: str) -> Need:
    """What a request has to show. What nobody thought of needs the most: a look `read`, anything else `admin`."""
    if method == "OPTIONS" or path in _OPEN or path.startswith(_OPEN_BELOW):
        return "nothing"
    return "read" if method in ("GET", "HEAD") or (method == "POST" and path in _ASKING) else "admin"


def may(role: Role | None, need: Need) -> bool:
    """Whether a role is enough."""
    return need == "nothing" or role in ("admin", need)


class Access:
    """The tokens of a running service, as digests, and the sessions that they open. Safe to share between threads.

    `ticket` is one more token that lets do all, for commands on this machine; it ends with the process.
    """

    def __init__(self, tokens: Tokens, *, ticket: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        given: tuple[tuple[Role, str], ...] = (("admin", tokens.admin), ("read", tokens.read))
        self._keys: Mapping[Role, bytes] = {role: _digest(token) for role, token in given if token}
        self._ticket = _digest(ticket) if ticket else None
        self._clock = clock
        self._wrong: list[float] = []

    @property
    def wanted(self) -> bool:
        """Whether a token has to be shown at all."""
        return bool(self._keys)

    def role_of(self, token: str) -> Role | None:
        """What a token gives: each is compared, in a time that does not tell how much of it is right."""
        digest, found = _digest(token), None
        for role, key in self._keys.items():
            if hmac.compare_digest(digest, key):
                found = role
        if self._ticket and hmac.compare_digest(digest, self._ticket):
            return "admin"
        return found

    def session(self, role: Role) -> str:
        """What a browser keeps in place of a token: worthless after a while, or once the token is another."""
        return self._signer(role).sign(role).decode("ascii")

    def role_of_session(self, kept: str) -> Role | None:
        """What a browser may do by what it kept."""
        from itsdangerous import BadData

        for role in self._keys:
            if kept.startswith(f"{role}."):
                try:
                    self._signer(role).unsign(kept, max_age=SESSION_SECONDS)
                except BadData:
                    return None
                return role
        return None

    def wrong(self) -> int:
        """Count a wrong token; how many seconds whoever showed it is told to wait, 0 for none."""
        now = self._clock()
        self._wrong = [*(at for at in self._wrong if now - at < _MINUTE), now][-MOST_WRONG - 1 :]
        return int(self._wrong[0] + _MINUTE - now) + 1 if len(self._wrong) > MOST_WRONG else 0

    def _signer(self, role: Role) -> TimestampSigner:
        from itsdangerous import TimestampSigner

        key = self._keys[role]
        return TimestampSigner(key, salt="footnote session", key_derivation="hmac", digest_method=sha256)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
