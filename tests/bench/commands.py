"""Runs commands as a person would, and says how long they took and how much memory they held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.settings import MEGABYTE

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
FOOTNOTE = Path(sys.executable).with_name("footnote")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command printed, how many seconds it took, and the most memory it held, in MB.

    The memory is that of the one process that held most, the command's own or one that it started; it is never less
    than what the process that asks has held, so that one has to be small.
    """

    out: str
    seconds: float
    peak: float


def run(*command: str | Path) -> Finished:
    """Run a command in the checkout; end this process when it fails."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=error, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)  # what subprocess waits with says nothing of one child's memory
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        error.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(map(str, command))}: {error.read().strip()}\n{out.read()}")
        return Finished(out.read(), seconds, usage.ru_maxrss * 1024 / MEGABYTE)


def module(name: str, *arguments: str | Path) -> Finished:
    """Run a module of the benchmarks in a process of its own."""
    return run(sys.executable, "-m", f"tests.bench.{name}", *arguments)


def index(library: Path, *folders: Path) -> dict[str, Any]:
    """Index without network; the report, with the wall time of the process and its peak memory in MB."""
    finished = run(FOOTNOTE, "index", *folders, "--library", library, "--no-papers", "--json")
    report: dict[str, Any] = json.loads(finished.out)
    return report | {"wall": finished.seconds, "peak": finished.peak}


@dataclass(frozen=True, slots=True)
class Measured:
    """What `footnote bench` printed, with the command as a person would type it, and the figures themselves."""

    text: str
    figures: dict[str, Any]


def bench(*arguments: str | Path, library: Path | None = None) -> Measured:
    """Run one of `footnote bench`'s commands, on a library that has just been shown how to make."""
    shown = " ".join(str(one).replace(str(SHARED), "../shared") for one in arguments)
    where = [] if library is None else ["--library", library]
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "figures.json"
        out = run(FOOTNOTE, "bench", *arguments, *where, "--save", saved).out.rstrip()
        figures = json.loads(saved.read_text(encoding="utf-8"))
    return Measured(f"    footnote bench {shown}\n\n{out}", figures)


def print_section(section: Callable[[Path], list[str]], argv: Sequence[str]) -> None:
    """Print a section of docs/BENCHMARKS.md; what is made for it is kept in the folder that is named, if one is."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(argv[0] if argv else temporary)
        work.mkdir(parents=True, exist_ok=True)
        sys.stdout.write("\n".join(section(work)))


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def heads(*cells: str) -> list[str]:
    """The first two rows of a Markdown table."""
    return [row(*cells), row(*("---" for _ in cells))]
