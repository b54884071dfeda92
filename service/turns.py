"""A few questions at a time: the others wait, in the order they came."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from indexer.errors import ServiceError

AT_ONCE = 2
"""So many questions are answered at a time: more threads only take turns at the interpreter, and make each wait."""

MOST_WAITING = 200
"""Whoever comes when so many wait is told to come again."""

Made = TypeVar("Made")


class Turns:
    """Runs what is asked in threads of its own, so that whatever else the service does is not kept waiting by it."""

    def __init__(self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        self._threads = CapacityLimiter(at_once)
        self._most_waiting = most_waiting

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._threads.statistics().tasks_waiting

    async def take(self, function: Callable[..., Made], *arguments: object, **options: object) -> Made:
        """What a function gives, when it is its turn; raise ServiceError where too many wait."""
        if self.waiting >= self._most_waiting:
            raise ServiceError("too many questions are waiting; ask again in a few seconds")
        return await to_thread.run_sync(partial(function, *arguments, **options), limiter=self._threads)
