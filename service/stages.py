"""How long the stages of an answer take, and what came of it, told to whoever listens."""

from __future__ import annotations

import math
import time
from contextvars import ContextVar
from typing import Literal, Protocol, TypeAlias

from indexer.errors import ServiceError
from service.types import Answer

Stage: TypeAlias = Literal["forms", "encode", "lexical", "dense", "tokens", "rerank", "files", "compose"]
"""`forms` puts the question in the library's words; `tokens` compares it with passages token by token (MaxSim); `files`
looks whether the passages still stand. The encoder works while words are looked up, so these two overlap."""


class Listener(Protocol):
    """Hears what goes on in the requests that it listens to, in any thread; costs microseconds."""

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage is over."""
        ...

    def answered(self, answer: Answer) -> None:
        """An answer is whole."""
        ...


LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)
"""Who listens, in the context of a request: threads that are started from it have it too."""

DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""When, on the monotonic clock, an answer is given up: no thread can be stopped, so each stage looks as it begins."""


class timed:  # noqa: N801 - used as a block, as what contextlib makes
    """A block that is a stage; raises ServiceError where it would begin too late."""

    __slots__ = ("_listener", "_stage", "_start")

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        if time.monotonic() > DEADLINE.get():
            raise ServiceError("the question took too long, and was given up; ask in fewer words")
        self._listener = LISTENER.get()
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        if self._listener:
            self._listener.took(self._stage, time.perf_counter() - self._start)
