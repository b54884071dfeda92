"""`python -m tests.bench.hard [FOLDER]`: what becomes of damaged, odd and hostile PDFs.

Each file is read as the indexing line reads it, in a process of its own whose memory is measured from outside:
`python -m tests.bench.hard FILE` is that process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from indexer.errors import SourceError
from indexer.reader import Reader
from indexer.types import Source
from tests.bench.commands import SHARED, heads, module, row


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file, and the reason or remark that a person is given.

    `seconds` includes the start of the process that reads, `peak` is the most memory that it held, in MB.
    """

    file: str
    outcome: str
    reason: str
    seconds: float
    peak: float = 0.0


def read(file: Path) -> Outcome:
    """Read one file with one process, and see what comes of it."""
    data = file.read_bytes()
    source = Source(file.parent, file.name, data, sha256(data).hexdigest(), 0)
    start = time.perf_counter()
    with Reader(workers=1) as reader:
        ((_, document),) = reader.read_many([source])
    seconds = time.perf_counter() - start
    if isinstance(document, SourceError):
        return Outcome(file.name, "refused", str(document), seconds)
    pages = "1 page" if document.pages == 1 else f"{document.pages} pages"
    return Outcome(file.name, f"read, {pages}", document.remark or "", seconds)


def measure(file: Path) -> Outcome:
    """Read one file in a fresh process, and see how much memory that takes."""
    finished = module("hard", file)
    return replace(Outcome(**json.loads(finished.out)), peak=finished.peak)


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """The outcomes as lines of Markdown."""
    return [
        *heads("file", "outcome", "reason", "seconds", "peak MB"),
        *(row(one.file, one.outcome, one.reason, f"{one.seconds:.2f}", f"{one.peak:.0f}") for one in outcomes),
    ]


def main() -> None:
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED / "pdfs_hard"
    if place.is_dir():
        sys.stdout.write("\n".join(table(map(measure, sorted(place.glob("*.pdf"))))) + "\n")
    else:
        sys.stdout.write(json.dumps(asdict(read(place))))


if __name__ == "__main__":
    main()
