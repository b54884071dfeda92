"""What was read before of something that does not change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from indexer.records import Section, StoredDocument, StoredPassage

Value = TypeVar("Value")

ENTRIES = 5_000
SECTIONS = 50_000
CODE_BYTES = 64_000_000
"""How many documents, passages and sections, and how much of token codes, a reader keeps."""


class Recent(Generic[Value]):
    """Values by number, kept until together they weigh more than `most`; safe to share between threads.

    Then all are dropped: to know which was used last would cost each question more than reading them again now and
    then.
    """

    def __init__(self, most: int, weight: Callable[[Value], int] = lambda _: 1) -> None:
        self._most = most
        self._weight = weight
        self._known: dict[int, Value] = {}
        self._held = 0

    def of(self, numbers: Iterable[int], read: Callable[[list[int]], dict[int, Value]]) -> dict[int, Value]:
        """The values of some numbers: those that are not known are read. Numbers without a value are left out."""
        wanted, known = list(numbers), self._known
        found = {number: value for number in wanted if (value := known.get(number)) is not None}
        if len(found) < len(wanted) and (missing := [number for number in wanted if number not in found]):
            new = read(missing)
            found |= new
            self._keep(new)
        return found

    def _keep(self, new: dict[int, Value]) -> None:
        weight = sum(map(self._weight, new.values()))
        if self._held + weight > self._most:
            self._known, self._held = {}, 0  # whoever reads the old ones goes on reading them
        if weight <= self._most:
            self._known.update(new)
            self._held += weight


class Remembered:
    """What was read before of a catalogue, when it does not change and `share` is 1; with 0, nothing is kept."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._codes: dict[str, Recent[bytes]] = {}
        self.documents: Recent[StoredDocument] = Recent(share * ENTRIES)
        self.passages: Recent[StoredPassage] = Recent(share * ENTRIES)
        self.sections: Recent[Section] = Recent(share * SECTIONS)

    def codes(self, fingerprint: str) -> Recent[bytes]:
        """The token codes that a model made."""
        return self._codes.setdefault(fingerprint, Recent(self._share * CODE_BYTES, len))
