"""What a target is, and how it is checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
CRASHES = ROOT / "tests" / "fixtures" / "fuzz"
"""What failed once, by target."""

SEED_BYTES = 20_000
"""Larger files are no seeds: what is new in them is found sooner in small ones."""

BASE_SECONDS = 1.0
BYTE_SECONDS = 1e-3
"""What an input may cost, and every byte of it: far more than it does, far less than what a square or a power costs."""


class TooSlow(AssertionError):
    """An input took longer than its size excuses."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads bytes from outside.

    `check` raises for bytes of which something does not hold. `seeds` gives bytes to begin with, `words` what the
    language of the input is made of. Inputs have at most `longest` bytes; `slow` is how many times longer than others they
    may take.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    longest: int = 2_000
    slow: float = 1.0

    def try_on(self, data: bytes) -> None:
        """Check bytes, and that it takes no longer than it may; raise whatever is wrong with them."""
        allowed = self.slow * (BASE_SECONDS + BYTE_SECONDS * len(data))
        if self._seconds(data) > allowed and (again := self._seconds(data)) > allowed:  # the first may pay for imports
            raise TooSlow(f"{len(data)} bytes took {again:.1f} s, over {allowed:.1f} s")

    def _seconds(self, data: bytes) -> float:
        begun = time.process_time()
        self.check(data)
        return time.process_time() - begun


def files(*suffixes: str, under: tuple[str, ...]) -> Callable[[], list[bytes]]:
    """Give a function that reads the seeds that lie in folders of the project and, where they are, beside it."""

    def read() -> list[bytes]:
        folders = [ROOT / name for name in under] + [SHARED / "notes", SHARED / "vaults", SHARED / "pdfs_hard"]
        paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes]
        return [path.read_bytes() for path in paths if path.is_file() and path.stat().st_size <= SEED_BYTES][:400]

    return read


def text_of(data: bytes) -> str:
    """A text for targets that are given one: what the bytes say in UTF-8."""
    return data.decode("utf-8", "replace")
