"""Builds the fault layer (`faults.c`), and sets it in a process that it is loaded into."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")

KILL, TEAR, FAIL, FULL = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the `at`-th change of a file, 0 for never. `clock` is how many seconds the clock is ahead."""

    at: int = 0
    kind: int = 0
    number: int = errno.EIO
    clock: int = 0

    def environ(self, root: Path) -> dict[str, str]:
        """How a process is told that begins with it."""
        return {
            "FAULTS_ROOT": str(root),
            "FAULTS_AT": str(self.at),
            "FAULTS_KIND": str(self.kind),
            "FAULTS_ERRNO": str(self.number),
            "FAULTS_CLOCK": str(self.clock),
        }


def why_not() -> str | None:
    """Why there can be no fault layer here; None where there can."""
    if sys.platform != "linux":
        return "the fault layer is for Linux"
    return None if shutil.which("cc") else "no C compiler here (cc)"


def built(folder: Path) -> Path:
    """Compile the fault layer into a folder."""
    library = folder / "faults.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return library


def arm(root: Path, fault: Fault) -> None:
    """Set it in this process, from its next call on."""
    ctypes.CDLL(None).faults_arm(
        os.fsencode(root), *map(ctypes.c_long, (fault.at, fault.kind, fault.number, fault.clock))
    )


def count() -> int:
    """How many changes of files were counted in this process."""
    call = ctypes.CDLL(None).faults_count
    call.restype = ctypes.c_long
    return int(call())
