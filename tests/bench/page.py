"""docs/BENCHMARKS.md: a part on answers, written by `make bench`, one on speed, by `make bench-speed`, and one by hand.

What is by hand stands between the two, and says what hours of chaos and attacks came to.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from tests.bench.commands import ROOT

PAGE = ROOT / "docs" / "BENCHMARKS.md"
BY_HAND = "## What it withstands\n"
SPEED = "## Speed\n"
"""Where the part on speed begins, which is the last."""


def with_answers(page: str, answers: str) -> str:
    """The page with another part on answers."""
    for heading in (BY_HAND, SPEED):
        if rest := page.partition(heading)[2]:
            return f"{answers.rstrip()}\n\n{heading}{rest}"
    return answers


def with_speed(page: str, speed: str) -> str:
    """The page with another part on speed, without its heading."""
    return f"{page.partition(SPEED)[0].rstrip()}\n\n{SPEED}\n{speed.strip()}\n"


def made_with(packages: Iterable[str]) -> str:
    """A line on the commit, the machine and the versions of packages."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Commit {commit()}, Python {platform.python_version()}, {machine()}, {versions}."


def commit() -> str:
    """The commit that is checked out, in short."""
    return subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()


def machine() -> str:
    """The processor and the memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "an unknown processor"
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    names = {name.strip(): value.strip() for name, value in fields.items()}
    known = set(names.get("flags", "").split())
    speedups = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8") if name in known]
    return f"{names.get('model name', 'an unknown processor')} ({', '.join(speedups)})"
