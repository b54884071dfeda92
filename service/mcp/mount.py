"""The server of tools within the running service: streamable HTTP at /mcp, made when the first model calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from anyio import to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from service.turns import Joined, Turns
from service.types import AnsweredQuestion

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from service.desk import Desk

Dumps: TypeAlias = Joined[tuple[AnsweredQuestion, ...]]

PATH = "/mcp"


class Mount:
    """An ASGI application. Each request stands for itself, so that a service that starts anew is not noticed.

    The guard of the service lets nobody by who calls it by another's name (DNS rebinding).
    """

    def __init__(self, desk: Callable[[], Desk], turns: Turns, dumps: Dumps) -> None:
        self._desk = desk
        self._turns = turns
        self._dumps = dumps
        self._started: asyncio.Future[ASGIApp] | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["route"] = self  # for the figures of the service, which name routes by their paths
        if self._started is None:
            self._started = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._started))
        application = await asyncio.shield(self._started)
        await application(scope, receive, send)

    @property
    def path(self) -> str:
        """Where it hangs."""
        return PATH

    async def close(self) -> None:
        """End what is on its way."""
        self._stopping.set()
        if self._task:
            await self._task

    async def _run(self, started: asyncio.Future[ASGIApp]) -> None:
        """Hold the server open in one task from the first request to the end, as its tasks want it."""
        try:
            server = await to_thread.run_sync(self._make)
            application = server.streamable_http_app(
                streamable_http_path=PATH, stateless_http=True, json_response=True, host=""
            )
            async with server.session_manager.run():
                started.set_result(application)
                await self._stopping.wait()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._started = None
            if not started.done():
                started.set_exception(error)

    def _make(self) -> MCPServer[None]:
        """In a thread, because the import takes a second, in which others are answered."""
        from service.mcp.server import make_server

        return make_server(self._desk, self._turns, self._dumps)
