"""A service as a process of its own, and what the system says of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.real_model import CACHE

FOOTNOTE = Path(sys.executable).with_name("footnote")
ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "notes"
"""A vault that may be copied, and spoilt."""


@dataclass(frozen=True)
class Service:
    """A running service: where it answers, and what it was started with."""

    process: subprocess.Popen[str]
    address: str
    environ: Mapping[str, str]
    said: list[str] = field(default_factory=list)
    """What it wrote to stderr, line by line."""

    @property
    def library(self) -> Path:
        return Path(self.environ["FOOTNOTE_LIBRARY"])

    def figures(self) -> dict[str, int]:
        """Resident memory in MB, open files and threads."""
        proc = Path("/proc") / str(self.process.pid)
        status = (proc / "status").read_text()
        said = {name: int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads")}
        return {"mb": said["VmRSS"] // 1024, "files": len(list((proc / "fd").iterdir())), "threads": said["Threads"]}

    def stop(self, *, seconds: float = 30) -> int:
        """Tell it to stop as a system does, and wait for its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


def environ_of(folder: Path, more: Mapping[str, str] = {}) -> dict[str, str]:
    """An environment for a library in a folder, in which nobody else is asked for anything."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "FOOTNOTE_CACHE": os.environ.get("FOOTNOTE_CACHE", str(CACHE)),
        "FOOTNOTE_LIBRARY": str(folder / "library"),
        "FOOTNOTE_CONFIG": os.devnull,
        **more,
    }


def index(environ: Mapping[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Index in a process of its own."""
    command = [FOOTNOTE, "index", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", timeout=300, check=False)


@contextmanager
def served(
    folder: Path,
    notes: Path,
    *arguments: str,
    environ: Mapping[str, str] = {},
) -> Iterator[Service]:
    """Index notes into `folder`, and serve them until the block ends."""
    surroundings = environ_of(folder, environ)
    done = index(surroundings, notes, "--no-papers")
    assert done.returncode == 0, done.stderr
    command = [FOOTNOTE, "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, env=surroundings, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            line = process.stderr.readline()
            found = re.match(r"Footnote answers at (http://\S+)", line)
            assert found, line + process.stderr.read()
            service = Service(process, found[1], surroundings)
            listening = threading.Thread(target=lambda: service.said.extend(process.stderr))
            listening.start()
            yield service
        finally:
            process.kill()
            process.wait()
            listening.join()
