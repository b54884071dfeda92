"""`python -m tests.bench.scale [WORK] [--library PASSAGES]`: how time and memory grow from 10^4 to 10^6 passages.

What is made for it is kept below WORK for the next run: a matrix of vectors, files of vectors, and with `--library` a
whole library, made as `tests.bench.grown` says. A library that is there is measured anyway.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from indexer.base import Block
from indexer.catalogue import Catalogue
from indexer.delta import MOST_KEPT, beside
from indexer.encode import load_encoder, unit
from indexer.library import CATALOGUE
from indexer.settings import MEGABYTE, Settings
from indexer.types import Matrix
from indexer.vectors import Vectors, rebuild_vectors, update_vectors
from tests.bench.commands import ROOT, SHARED, heads, index, row, run
from tests.bench.grown import NOISE, grown
from tests.bench.plots import growth

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
QUESTIONS, ANSWERS, COMPARED = 200, 60, 5
"""How many questions are searched for and answered; one in so many is compared with other indexes."""
POOL = 150
"""So many passages a question takes from the search by vector."""
ADDED, UPDATES = 1000, 2
AT_ONCE = 20_000
PLOT = ROOT / "docs" / "scale.svg"

LEGEND = """\
Vectors of 384 numbers: those of the real notes first, beyond them copies with noise of half their length (cosine 0.89
to the real one), so that a note has {copies} near neighbours among a million. {questions} questions that people asked;
the {pool} nearest of each are searched, as for an answer. recall@k: how many of the k nearest by exact comparison are
found. search: median (95th percentile) in ms, one at a time. memory: of a fresh process after all searches, in brackets
what opening added. open: the file and what a search goes through, in seconds, with every byte compared with its
checksum. add: {added} passages added and {added} removed, in seconds, and the reader in step again. fold: the same for
so many that the file is written anew. flat: all compared one by one by faiss (IndexFlatIP), one thread as well; times
as fast: the same questions in turn in the same process; its memory is that of the vectors alone."""
LIBRARY_LEGEND = """\
All in one fresh process: opening with every byte of the stores compared; memory after {answers} questions (in brackets
without the model); median (95th percentile) of the search that finds and ranks, and of the whole answer."""

Figures: TypeAlias = dict[str, Any]


def real(work: Path) -> Path:
    """A library of the real notes."""
    library = work / "vaults.library"
    if not (library / CATALOGUE).exists():
        index(library, SHARED / "vaults")
    return library


def questions(work: Path) -> list[str]:
    """What people asked of notes, papers and the web, every n-th of all."""
    files = [*sorted((SHARED / "gold").glob("*_dev.jsonl")), *sorted((SHARED / "retrieval").glob("*/queries.jsonl"))]
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    texts = [line.get("question") or line["text"] for line in lines]
    return texts[:: len(texts) // QUESTIONS][:QUESTIONS]


def matrix_of(work: Path) -> np.memmap:
    """The vectors of as many passages as are measured at most, float16, in a file."""
    path = work / "vectors.f16"
    with Catalogue.open(real(work) / CATALOGUE, write=False) as catalogue:
        _, known = catalogue.embeddings(catalogue.fingerprint or "")
    shape = (SIZES[-1], known.shape[1])
    if not path.exists():
        noise, new = np.random.default_rng(0), path.with_suffix(".new")
        filled = np.memmap(new, np.float16, "w+", shape=shape)
        for first in range(0, len(filled), len(known)):
            some = known[: len(filled) - first]
            by = NOISE / np.sqrt(shape[1]) * noise.standard_normal(some.shape, np.float32) if first else 0
            filled[first : first + len(known)] = unit(some + by)
        filled.flush()
        new.replace(path)
    return np.memmap(path, np.float16, "r", shape=shape)


def blocks(matrix: np.memmap, count: int) -> Iterator[Block]:
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count)
        yield np.arange(first + 1, last + 1, dtype=np.int64), np.asarray(matrix[first:last])


def nearest(matrix: np.memmap, count: int, asked: Matrix) -> list[list[int]]:
    """The ids of the POOL nearest to each question, by comparing all."""
    scores, ids = np.zeros((len(asked), 0), np.float32), np.zeros((len(asked), 0), np.int64)
    for numbers, rows in blocks(matrix, count):
        scores = np.hstack([scores, asked @ unit(rows).T])
        ids = np.hstack([ids, np.broadcast_to(numbers, (len(asked), len(numbers)))])
        best = np.argpartition(-scores, POOL, axis=1)[:, :POOL]
        scores, ids = np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)
    return np.take_along_axis(ids, np.argsort(-scores, axis=1), 1).tolist()


def resident() -> float:
    """The memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def _timed(action: Any, *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = action(*arguments)
    return time.perf_counter() - start, result


def searched(path: Path, asked: Matrix) -> Figures:
    """Open a file of vectors, and search; what a fresh process finds."""
    threadpool_limits(1, user_api="blas")
    before = resident()
    opening, vectors = _timed(Vectors.open, path)
    first, _ = _timed(vectors.search, asked[0], POOL)
    opened = resident() - before
    took, found = zip(*(_timed(vectors.search, vector, POOL) for vector in asked), strict=True)
    return {
        "kind": vectors.kind,
        "open": opening + first - statistics.median(took),
        "opened": opened,
        "memory": resident(),
        "took": took,
        "found": [[number for number, _ in hits] for hits in found],
    }


def compared(path: Path, asked: Matrix) -> Figures:
    """Search a file of vectors and faiss's flat index of the same vectors in turns."""
    import faiss

    threadpool_limits(1, user_api="blas")
    vectors = Vectors.open(path)
    before = resident()
    flat = faiss.IndexFlatIP(vectors.dimension)
    for block in vectors.base.blocks():
        flat.add(block)
    memory = resident() - before
    faiss.omp_set_num_threads(1)
    flat_took, took = [], []
    for vector in asked[::COMPARED]:
        flat_took.append(_timed(flat.search, vector[np.newaxis], POOL)[0])
        took.append(_timed(vectors.search, vector, POOL)[0])
    return {"took": took, "flat": flat_took, "memory": memory}


def added(path: Path, copy: Path) -> Figures:
    """The seconds that changes take until an open reader has them: ADDED put in and as many taken out, and a fold."""
    shutil.copyfile(path, copy)
    beside(copy).unlink(missing_ok=True)
    reader = Vectors.open(copy)
    rows = reader.get(reader.base.ids[-ADDED:].tolist()).astype(np.float16)
    last, took = int(reader.base.ids[-1]), []
    for turn in range(UPDATES):
        ids = last + ADDED * turn + np.arange(1, ADDED + 1)
        gone = range(1 + ADDED * turn, 1 + ADDED * (turn + 1))
        start = time.perf_counter()
        update_vectors(copy, removed=gone, added=[(ids, rows)], generation=turn + 2)
        reader = Vectors.open(copy, reader)
        took.append(time.perf_counter() - start)
    start = time.perf_counter()
    update_vectors(copy, removed=range(1, MOST_KEPT + 2), added=[], generation=UPDATES + 2)
    reader = Vectors.open(copy, reader)
    fold = time.perf_counter() - start
    copy.unlink()
    return {"took": took, "fold": fold}


def answered(library: Path, asked: Path) -> Figures:
    """Open a whole library, search and ask."""
    from indexer.library import Library
    from service.desk import Desk
    from service.retrieve import read, retrieve

    settings = Settings.from_environ({**os.environ, "FOOTNOTE_LIBRARY": str(library)})
    opening, opened = _timed(Library.open, library)
    opened.close()
    texts = json.loads(asked.read_text(encoding="utf-8"))[:ANSWERS]
    stores = resident()
    with Desk.open(settings, notice=sys.stderr.write) as desk:
        for text in texts[:10]:
            desk.ask(text)
        with desk.library.snapshot() as snapshot:
            ranked = [
                _timed(lambda text=text: retrieve(snapshot, read(snapshot, desk.encoder, text), top=30))[0]
                for text in texts[10:]
            ]
            passages, kind = len(snapshot.vectors), snapshot.vectors.kind
        whole = [_timed(desk.ask, text)[0] for text in texts[10:]]
    return {
        "passages": passages,
        "kind": kind,
        "open": opening,
        "stores": stores,
        "memory": resident(),
        "ranked": ranked,
        "whole": whole,
    }


def _elsewhere(what: str, *paths: Path) -> Figures:
    figures: Figures = json.loads(run(sys.executable, "-m", "tests.bench.scale", "--only", what, *paths).out)
    return figures


def _ms(seconds: Sequence[float]) -> str:
    return f"{np.median(seconds) * 1000:.2f} ({np.percentile(seconds, 95) * 1000:.2f})"


def vectors_alone(work: Path) -> list[str]:
    """The table of vectors by themselves, and its plot."""
    matrix = matrix_of(work)
    encoder = load_encoder(Settings.from_environ(os.environ), notice=sys.stderr.write)
    asked = work / "questions.npy"
    np.save(asked, np.stack([encoder.begin_queries([text])()[0].vector for text in questions(work)]))
    lines: list[str] = []
    plotted: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ("Footnote, ms", "flat, ms", "Footnote, MB", "flat, MB")
    }
    for count in SIZES:
        path = work / f"vectors-{count}.faiss"
        start = time.perf_counter()
        if not path.exists():
            rebuild_vectors(path, blocks(matrix, count), generation=1, fingerprint="", dimension=matrix.shape[1])
        made = time.perf_counter() - start
        sys.stderr.write(f"{path.name}: made in {made:.1f} s\n")
        expected = nearest(matrix, count, np.load(asked))
        found, beside_flat = _elsewhere("searched", path, asked), _elsewhere("compared", path, asked)
        adding = _elsewhere("added", path, work / "added.faiss")
        recall = [
            np.mean(
                [len(set(exact[:k]) & set(hits[:k])) / k for exact, hits in zip(expected, found["found"], strict=True)]
            )
            for k in (10, POOL)
        ]
        lines.append(
            row(
                f"{count:,}",
                found["kind"],
                *(f"{share:.3f}" for share in recall),
                _ms(found["took"]),
                _ms(beside_flat["flat"]),
                f"{np.median(beside_flat['flat']) / np.median(beside_flat['took']):.1f}",
                f"{found['memory']:.0f} ({found['opened']:.0f})",
                f"{beside_flat['memory']:.0f}",
                f"{found['open']:.2f}",
                f"{statistics.median(adding['took']):.3f}",
                f"{adding['fold']:.2f}",
                f"{path.stat().st_size / MEGABYTE:.0f}",
            )
        )
        medians = [float(np.median(beside_flat[name])) * 1000 for name in ("took", "flat")]
        for curve, value in zip(plotted.values(), (*medians, found["opened"], beside_flat["memory"]), strict=True):
            curve.append((count, value))
    PLOT.write_text(growth("Search by vector: time and memory by the number of passages", "passages", plotted))
    titles = ("passages", "goes through", "recall@10", f"recall@{POOL}", "search", "flat", "times as fast")
    return [
        *heads(*titles, "memory, MB", "flat, MB", "open, s", "add, s", "fold, s", "file, MB"),
        *lines,
        "",
        LEGEND.format(copies=SIZES[-1] // 22_000, questions=QUESTIONS, pool=POOL, added=ADDED),
        "",
        f"![Time and memory by the number of passages]({PLOT.name})",
    ]


def whole_library(work: Path) -> list[str]:
    """What the largest library that was made needs as a whole; nothing without one."""
    made = [folder for folder in sorted(work.glob("scale-*")) if (folder / "library" / CATALOGUE).exists()]
    if not made:
        return []
    texts = work / "questions.json"
    texts.write_text(json.dumps(questions(work)))
    figures = [_elsewhere("answered", folder / "library", texts) for folder in made]
    return [
        "",
        "A whole library of notes, in files:",
        "",
        *heads("passages", "goes through", "open, s", "memory, MB", "search, ms", "answer, ms"),
        *(
            row(
                f"{one['passages']:,}",
                one["kind"],
                f"{one['open']:.2f}",
                f"{one['memory']:.0f} ({one['stores']:.0f})",
                _ms(one["ranked"]),
                _ms(one["whole"]),
            )
            for one in sorted(figures, key=lambda one: one["passages"])
        ),
        "",
        LIBRARY_LEGEND.format(answers=ANSWERS),
    ]


def section(work: Path) -> list[str]:
    """Measure, and say it in Markdown."""
    if not (SHARED / "vaults").exists():
        return []
    work.mkdir(parents=True, exist_ok=True)
    return [
        "### A million passages",
        "",
        "What is searched follows the size of the library by itself.",
        "",
        *vectors_alone(work),
        *whole_library(work),
        "",
        "    python -m tests.bench.scale",
    ]


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("paths", type=Path, nargs="*")
    parser.add_argument("--only", choices=("searched", "compared", "added", "answered"))
    parser.add_argument("--library", type=int, help="make a library of so many passages")
    arguments = parser.parse_args(argv)
    if arguments.only:
        first, second = arguments.paths
        figures: Figures
        if arguments.only == "answered":
            figures = answered(first, second)
        elif arguments.only == "added":
            figures = added(first, second)
        else:
            figures = (searched if arguments.only == "searched" else compared)(first, np.load(second))
        sys.stdout.write(json.dumps(figures))
        return
    work = arguments.paths[0] if arguments.paths else Settings.from_environ(os.environ).cache / "bench"
    if arguments.library:
        grown(arguments.library, work / f"scale-{arguments.library}", notes=SHARED / "vaults", real=real(work))
    sys.stdout.write("\n".join(section(work)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
