"""Something that is made in a thread of its own, while others go on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """Begins at once to make something.

    What an executor would do too, whose import alone takes as long as that of all that is here.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until it is made, but no longer than so many seconds."""
        self._thread.join(seconds)

    def result(self) -> T:
        """Wait until it is made; raise what making it raised."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._made[0]

    def _run(self) -> None:
        try:
            self._made.append(self._make())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error
