"""Connections, and the server that has them: what one may keep us waiting for, and how many there may be."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable
from http import HTTPStatus
from types import FrameType
from typing import Literal, TypeAlias

from uvicorn import Config, Server
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.problem import PROBLEM_TYPE

HEAD_SECONDS = 10
"""So long may the head of a request take, from its first byte or from the opening of its connection."""

BODY_SECONDS = 30
"""So long may the body of a request take: it has a megabyte at the most."""

STALLED_SECONDS = 20
"""After so long, somebody who reads less than `LEAST_READ` bytes of what was sent is cut."""

LEAST_READ = 20_000

MAX_HEAD_BYTES = 65_536
"""The address and the headers of a request, in bytes."""

MOST_CONNECTIONS = 512
"""Of more, the one is cut that has kept us waiting for longest; where none does, who comes is told to come again."""

RETRY_SECONDS = 2
"""After so long whoever was told to may come again."""

LOOKS = 10
"""Every so many ticks of the server, of which it has ten a second, the connections are looked after."""

Phase: TypeAlias = Literal["head", "body", "answer"]
"""What is awaited: the rest of a request from whoever is there, or the answer from us. After that, the next request."""


class Connection(HttpToolsProtocol):
    """A connection that knows since when it waits for whoever is at the other end; `Patient` looks after it."""

    _phase: Phase = "head"
    since = 0.0
    _head_bytes = 0
    _unsent: tuple[float, int] | None = None
    _answering: RequestResponseCycle | None = None
    """What is being answered, or was last; where requests are sent together, `cycle` is the last one that was read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Begin, if there is room."""
        super().connection_made(transport)
        self.since = time.monotonic()
        if len(self.connections) > most_connections():
            others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
            waiting = [one for one in others if one.is_waited_for and not one.transport.is_closing()]
            oldest = min(waiting, key=lambda one: one.since, default=None)
            if oldest:
                oldest._reset()  # noqa: SLF001 - one of us
            else:
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again in a few seconds")

    @property
    def is_waited_for(self) -> bool:
        """Whether nothing of ours is on its way here: the head of a request is awaited."""
        return self._phase == "head" or (self._phase == "answer" and self.cycle.response_complete)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what is being answered, and of what was to be answered after it."""
        self._let_go()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head grows past the limit: what follows it is not read before it ends."""
        if self.transport.is_closing():
            return
        if self._phase == "answer":  # it may be less than what begins a request
            self._await("head")
        self._head_bytes += len(data)
        super().data_received(data)
        if self._phase == "head" and self._head_bytes > MAX_HEAD_BYTES:
            detail = f"the address and the headers have over {MAX_HEAD_BYTES:,} bytes; send less"
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def on_message_begin(self) -> None:
        """Await a head, from now on where it is not the first."""
        super().on_message_begin()
        if self._phase != "head":
            self._await("head")

    def on_headers_complete(self) -> None:
        """Await the body."""
        super().on_headers_complete()
        self._await("body")

    def on_message_complete(self) -> None:
        """Await nothing."""
        super().on_message_complete()
        self._await("answer")

    def on_response_complete(self) -> None:
        """Count from now what is awaited next."""
        super().on_response_complete()
        self.since = time.monotonic()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def resume_writing(self) -> None:
        """Note that what was sent has been read."""
        super().resume_writing()
        self._unsent = None

    def look(self, now: float) -> None:
        """Cut the connection if it has kept us waiting for too long."""
        if self._is_stalled(now):
            self._reset()
        elif self.transport.is_closing():
            return
        elif self._phase == "body":
            if self.flow.read_paused:  # by us
                self.since = now
            elif now - self.since > BODY_SECONDS:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_SECONDS} seconds")
        elif self.is_waited_for and now - self.since > HEAD_SECONDS:
            if self._phase == "head" and self._head_bytes:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request did not come within {HEAD_SECONDS} seconds")
            else:
                self.transport.close()

    def _await(self, phase: Phase) -> None:
        self._phase, self.since, self._head_bytes = phase, time.monotonic(), 0

    def _is_stalled(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if not unsent:
            self._unsent = None
        elif self._unsent is None:
            self._unsent = (now, unsent)
        elif now - self._unsent[0] > STALLED_SECONDS:
            if unsent > self._unsent[1] - LEAST_READ:
                return True
            self._unsent = (now, unsent)
        return False

    def _reset(self) -> None:
        """Close without waiting for what was sent to be read, which the system would go on trying."""
        self._let_go()
        ours: socket.socket = self.transport.get_extra_info("socket")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _let_go(self) -> None:
        self.pipeline.clear()
        if self._answering and not self._answering.response_complete:
            self._answering.disconnected = True  # so that it writes no more
            self._answering.message_event.set()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer without the application, and close."""
        running = self._answering
        if running and running.response_started and not running.response_complete:  # its answer cannot be broken into
            self._reset()
            return
        self._let_go()
        body = json.dumps({"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}).encode()
        again = f"Retry-After: {RETRY_SECONDS}\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {PROBLEM_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\n{again}Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class Patient(Server):
    """A server that cuts connections which keep it waiting, and tells when it begins to stop.

    It lets what is on its way finish when it is told to stop, and does not when it is told so twice. `stopping` is
    called in the loop, before that is waited for.
    """

    def __init__(self, config: Config, *, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections, now and then."""
        if counter % LOOKS == 0:
            now = time.monotonic()
            for one in list(self.server_state.connections):
                if isinstance(one, Connection):
                    one.look(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._stopping()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at once, where that was wanted before."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)


def most_connections() -> int:
    """So many that half of the files which a process may have open are left for the library."""
    try:
        import resource
    except ImportError:  # Windows
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
