"""What is done to a library in a round, each in a process of its own: commands as a person gives them, and looks."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

from indexer.derived import quiet
from indexer.errors import LibraryError
from indexer.seals import seal
from tests.chaos.faults import Fault, arm, count
from tests.chaos.vault import WORDS
from tests.stub_encoder import HashEncoder

SECONDS = 300
"""More than any step takes, on a machine that does something else as well."""

QUERIES = [" ".join(WORDS[n : n + 3]) for n in range(0, len(WORDS) - 3, 2)]
HITS = 20

ALL = 1_000_000
"""More passages than there are. Which of several copies is the last that a search contributes, their numbers decide."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended: its exit code, or what it was killed by, negative; and what it printed."""

    code: int
    out: str
    err: str
    changes: int = 0

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Step:
    """A step that runs in a copy of this process, which has loaded everything."""

    def __init__(self, root: Path, act: Callable[[], int], fault: Fault | None = None) -> None:
        self._out, self._err, self._count = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115 - closed by `wait`
        self._pid = os.fork()
        if not self._pid:
            self._run(root, act, fault or Fault())

    def _run(self, root: Path, act: Callable[[], int], fault: Fault) -> None:
        code = 70
        try:
            signal.alarm(SECONDS)
            os.dup2(self._out.fileno(), 1)
            os.dup2(self._err.fileno(), 2)
            arm(root, fault)
            code = act()
        except BaseException:  # noqa: BLE001 - told by what it prints, as of any process
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(self._count.fileno(), str(count()).encode())
            os._exit(code)

    def wait(self) -> Done:
        """Wait for its end."""
        _, status = os.waitpid(self._pid, 0)
        texts = []
        for file in (self._out, self._err, self._count):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        return Done(os.waitstatus_to_exitcode(status), texts[0], texts[1], int(texts[2] or 0))


def command(environ: Mapping[str, str], *arguments: str, real: bool = False) -> Callable[[], int]:
    """A command of `footnote`, with the encoder of the tests or the real one."""

    def act() -> int:
        from service.cli import main

        with nullcontext() if real else patch("indexer.encode.load_encoder", lambda *_, **__: HashEncoder()):
            return int(main(list(arguments), dict(environ)))

    return act


def saying(act: Callable[[], int]) -> Callable[[], int]:
    """An act that says in a line, as commands do, what is wrong with a library."""

    @wraps(act)
    def said() -> int:
        try:
            return act()
        except LibraryError as error:
            print(f"footnote: {error}", file=sys.stderr)
            return 2

    return said


def look(library: Path) -> Callable[[], int]:
    """Print what the library holds: its documents with their digests, and what does not agree among its stores."""

    @saying
    def act() -> int:
        from indexer.library import Library

        with Library.open(library) as opened, opened.snapshot() as snapshot:
            catalogue = snapshot.catalogue
            ids = catalogue.passage_ids()
            print(
                json.dumps(
                    {
                        "documents": {d.file: d.sha256 for d in catalogue.documents() if d.failure is None},
                        "failed": sorted(d.file for d in catalogue.documents() if d.failure),
                        "passages": len(catalogue.passages(ids)),
                        "lexical": len(snapshot.lexical),
                        "vectors": len(snapshot.vectors),
                        "vectors of passages": len(snapshot.vectors.get(ids)) if ids else 0,
                        "codes": len(catalogue.token_codes(catalogue.fingerprint or "", ids)),
                    }
                )
            )
        return 0

    return act


def rank(library: Path, cache: Path | None = None) -> Callable[[], int]:
    """Print what queries find, as (query, score, text, file, lines), equal scores by file and lines.

    No passage is left out before it was compared token by token. With `cache`, by the real model there.
    """

    @saying
    def act() -> int:
        from indexer.settings import Settings
        from service.desk import Desk
        from service.retrieve import FUSED

        rows, mix = [], replace(FUSED, pool=ALL, compared=ALL)
        settings = Settings(library=library, cache=cache or library / "cache")
        with Desk.open(settings, notice=quiet, model=None if cache else HashEncoder) as desk:
            for query in QUERIES:
                hits = desk.search(query, k=HITS, mix=mix).hits
                rows += [(query, hit.score, hit.passage, hit.file, *(hit.lines or ())) for hit in hits]
        print(json.dumps(rows))
        return 0

    return act


def embedded(library: Path) -> set[bytes] | None:
    """The texts that the catalogue has whole embeddings of; None where SQLite cannot tell."""
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(f"file:{library / 'catalogue.db'}?mode=ro", uri=True)) as connection:
            tables = {}
            for table, column in (("embeddings", "vector"), ("token_codes", "codes")):
                rows = connection.execute(f"SELECT fingerprint, hex(text_hash), {column}, checksum FROM {table}")
                tables[table] = {bytes.fromhex(row[1]) for row in rows if seal(table, *row[:-1]) == row[-1]}
            return tables["embeddings"] & tables["token_codes"]
    except sqlite3.Error:
        return None
