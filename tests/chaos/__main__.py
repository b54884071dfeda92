"""`python -m tests.chaos --rounds 1000 --seed N`: rounds of chaos (see `tests.chaos.rounds`), and what they were."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from indexer import sweep
from tests.chaos.faults import built, why_not

if TYPE_CHECKING:
    from tests.chaos.rounds import Rounds

EVERY = 50
"""After so many rounds the rankings are compared with those of a new library."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="where to work, and to leave what broke (default: a temporary one)")
    parser.add_argument("--real", type=Path, metavar="CACHE", help="use the real model, made ready in that folder")
    parser.add_argument("--small", type=int, metavar="BYTES", help="up to so many a catalogue is gone through by a run")
    arguments = parser.parse_args()
    if reason := why_not():
        print(f"no chaos here: {reason}", file=sys.stderr)
        return 2
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    if "FAULTS_LOADED" not in os.environ:  # once more, with the fault layer and without threads, so that it can fork
        alone = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environ = {"LD_PRELOAD": str(built(folder)), "FAULTS_LOADED": "1"} | alone
        again = [sys.executable, "-m", "tests.chaos", "--rounds", str(arguments.rounds), "--seed", str(arguments.seed)]
        again += ["--folder", str(folder), *(["--real", str(arguments.real)] if arguments.real else [])]
        again += ["--small", str(arguments.small)] if arguments.small is not None else []
        os.execve(sys.executable, again, os.environ | environ)
    if arguments.small is not None:
        sweep.SMALL = arguments.small
    return run(folder, arguments.rounds, arguments.seed, arguments.real)


def run(folder: Path, rounds: int, seed: int, cache: Path | None = None) -> int:
    """Do the rounds; 1 when a promise was broken, whose library is left in the folder."""
    import shutil

    import tantivy  # noqa: F401

    import service.cli
    import service.desk  # noqa: F401 - loaded before the copies of this process are made
    from tests.chaos.rounds import Broken, Rounds

    shutil.rmtree(folder / "vault", ignore_errors=True)
    shutil.rmtree(folder / "library", ignore_errors=True)
    start, chaos, done = time.monotonic(), Rounds(folder, seed, cache), 0
    try:
        for done in range(1, rounds + 1):
            chaos.round()
            if done % EVERY == 0:
                chaos.compare()
                _print(chaos, done, time.monotonic() - start)
        if done % EVERY:
            chaos.compare()
    except Broken as error:
        print(f"seed {seed}, round {done} ({', '.join(chaos.trail)}): {error}", file=sys.stderr)
        return 1
    if done % EVERY or not done:
        _print(chaos, done, time.monotonic() - start)
    if "chaos-" in folder.name:
        shutil.rmtree(folder)
    return 0


def _print(chaos: Rounds, rounds: int, seconds: float) -> None:
    """What was done so far, in a line: a run that is stopped has counts too."""
    counts = {"seed": chaos.seed, "rounds": rounds, "seconds": round(seconds, 1)}
    print(json.dumps(counts | dict(sorted(chaos.tally.items()))), flush=True)


if __name__ == "__main__":
    sys.exit(main())
