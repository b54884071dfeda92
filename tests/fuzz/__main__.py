"""Fuzz one target or all of them, and say what was run, reached and found.

    python -m tests.fuzz [TARGET …] [--seconds N] [--corpus FOLDER] [--keep FOLDER]

Each target has a process of its own, and a corpus that grows from run to run. What fails is made small and kept among the
fixtures, where `make test` reads it again. Ends with 1 when something was found.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz.target import CRASHES, ROOT, Target

TESTS = ROOT / "tests"
MEGABYTES = 4_000
"""More memory than any target needs; an input that takes more ends its run, and is kept."""
STUCK_SECONDS = 120
_STATUS = re.compile(r"^#(\d+)\s.*?\bcov: (\d+) ft: (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of fuzzing a target: inputs tried, edges reached by the seeds and in the end, what was found."""

    target: str
    seconds: float
    executions: int
    edges_before: int
    edges: int
    features: int
    found: tuple[str, ...]


def fuzz(name: str, target: Target, seconds: float, corpus: Path, keep: Path) -> Run:
    """Fuzz a target for some seconds; a process that dies over an input is followed by another."""
    grown = corpus / name
    grown.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (grown / f"seed-{hash_of(seed)}").write_bytes(seed)
    words = corpus / f"{name}.words"
    words.write_text("".join(f'"{quoted(word)}"\n' for word in target.words))
    begun, executions, edges, found = time.monotonic(), 0, list[int](), list[str]()
    features, log = 0, corpus / f"{name}.log"
    while (left := seconds - (time.monotonic() - begun)) > 1:
        options = [
            *(f"-max_total_time={int(left)}", f"-max_len={target.longest}", f"-timeout={STUCK_SECONDS}"),
            *(
                f"-rss_limit_mb={MEGABYTES}",
                "-print_final_stats=1",
                "-reload=0",
                f"-artifact_prefix={keep / name}/died-",
            ),
            *([f"-dict={words}"] if target.words else []),
            str(grown),
        ]
        (keep / name).mkdir(parents=True, exist_ok=True)
        with log.open("w") as output, tempfile.TemporaryDirectory(prefix="footnote-fuzz-") as scratch:
            ended = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.engine", name, str(keep / name), *options],
                stdout=output, stderr=subprocess.STDOUT, check=False, cwd=ROOT, env=os.environ | {"TMPDIR": scratch}, timeout=left + 10 * STUCK_SECONDS,
            )  # fmt: skip
        said = log.read_text(errors="replace")
        steps = [tuple(map(int, step)) for step in _STATUS.findall(said)]
        if not steps:
            raise SystemExit(f"{name} did not start:\n{said[-3000:]}")
        executions += steps[-1][0]
        edges += [steps[0][1], steps[-1][1]]
        features = max(features, steps[-1][2])
        found += re.findall(r"^FOUND (.*)$", said, re.MULTILINE)
        if ended.returncode:
            found.append(f"the process ended with {ended.returncode}: {said[-300:]!r}")
        if not any((keep / name).iterdir()):
            (keep / name).rmdir()
    return Run(name, round(time.monotonic() - begun, 1), executions, edges[0], max(edges), features, tuple(found))


def quoted(word: bytes) -> str:
    """A word as libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def hash_of(data: bytes) -> str:
    """A name for a seed, so that it is written once."""
    from hashlib import sha256

    return sha256(data).hexdigest()[:16]


def main(argv: list[str]) -> int:
    """Fuzz, a line for each target; 1 when something was found."""
    sys.path.insert(0, str(TESTS))  # where the tests find what they share
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--corpus", type=Path, default=ROOT / ".fuzz", help="what grows from run to run")
    parser.add_argument("--keep", type=Path, default=CRASHES, help="where what fails is kept")
    asked = parser.parse_args(argv)
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"{', '.join(sorted(unknown))}: none of {', '.join(TARGETS)}")
    failed = False
    for name in asked.targets or TARGETS:
        run = fuzz(name, TARGETS[name], asked.seconds, asked.corpus.resolve(), asked.keep.resolve())
        print(json.dumps(asdict(run), ensure_ascii=False), flush=True)
        failed |= bool(run.found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
