"""`python -m tests.bench.gpu [WORK]`: a GPU beside the CPU, where there is one; else it prints nothing.

Passages are embedded by sentence-transformers in half precision and by the compiled model, and vectors searched by
faiss there and here: what comes out has to agree.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.base import AT_ONCE
from indexer.catalogue import Catalogue
from indexer.codes import has_gpu
from indexer.encode import load_encoder
from indexer.library import CATALOGUE
from indexer.settings import Settings
from indexer.types import Encoder, Matrix
from indexer.vectors import Vectors, to_gpu
from tests.bench.commands import SHARED, heads, index, print_section, row
from tests.bench.grown import moved

PASSAGES = {"cuda": 16_384, "cpu": 2_048}
VECTORS = 200_000
QUERIES, ROUNDS, K = 200, 3, 150

LEGEND = """\
Passages of notes, embedded as `footnote index` does. cosine: the mean of each vector to that of the compiled model on
the CPU. The {vectors:,} vectors are those of the notes and copies with noise; a search finds the {k} nearest of one
question. agree: the share of these that both find."""


def section(work: Path) -> list[str]:
    """The section of docs/BENCHMARKS.md; nothing without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return []
    real = work / "vaults.library"
    if not (real / CATALOGUE).exists():
        index(real, SHARED / "vaults")
    settings = Settings.from_environ(os.environ)
    with Catalogue.open(real / CATALOGUE, write=False) as catalogue:
        texts = [one.passage.embedded_text for batch in catalogue.iter_passages() for one in batch]
        known = catalogue.embeddings(catalogue.fingerprint or "")[1].astype(np.float32)
    encoders = {
        device: load_encoder(replace(settings, device=device), device=device, notice=sys.stderr.write)
        for device in PASSAGES
    }
    speeds = {device: speed(encoder, texts[: PASSAGES[device]]) for device, encoder in encoders.items()}
    some = texts[:: len(texts) // 500]
    vectors = {device: encoder.encode(some).vectors for device, encoder in encoders.items()}
    cosine = float(np.mean(np.sum(vectors["cuda"] * vectors["cpu"], axis=1)))
    lines = [
        "### A GPU",
        "",
        f"{torch.cuda.get_device_name()}, beside the CPU of the same machine.",
        "",
        *heads("", "GPU", "CPU"),
        row("passages embedded a second", *(f"{speeds[device]:.0f}" for device in PASSAGES)),
        row("cosine", f"{cosine:.4f}", "1"),
    ]
    if has_gpu():
        took, agree = searched(known)
        lines += [
            row("search, ms", *(f"{1000 * seconds:.2f}" for seconds in took)),
            row("agree", f"{agree:.4f}", "1"),
        ]
    else:
        lines.append(row("search", "this faiss is built for the CPU", ""))
    return [*lines, "", LEGEND.format(vectors=VECTORS, k=K), "", "    python -m tests.bench.gpu", ""]


def speed(encoder: Encoder, texts: Sequence[str]) -> float:
    """Passages that are embedded in a second, when it is warm."""
    encoder.encode(texts[:512])
    start = time.perf_counter()
    encoder.encode(texts)
    return len(texts) / (time.perf_counter() - start)


def searched(known: Matrix) -> tuple[list[float], float]:
    """The seconds of a search on the GPU and on the CPU, in turn, and the share of what both find."""
    turns = -(-VECTORS // len(known))
    matrix = np.concatenate([known, *(moved(known, seed) for seed in range(1, turns))])[:VECTORS].astype(np.float16)
    ids = np.arange(1, VECTORS + 1, dtype=np.int64)
    blocks = ((ids[at : at + AT_ONCE], matrix[at : at + AT_ONCE]) for at in range(0, VECTORS, AT_ONCE))
    here = Vectors.build(blocks, generation=1, fingerprint="", dimension=known.shape[1])
    there = to_gpu(here, sys.exit)
    queries = moved(known[:: len(known) // QUERIES][:QUERIES], 0)
    took: list[list[float]] = [[], []]
    shares = []
    for turn in range(ROUNDS):
        for query in queries:
            found = []
            for vectors, seconds in zip((there, here), took, strict=True):
                start = time.perf_counter()
                hits = vectors.search(query, K)
                if turn:  # the first one warms up
                    seconds.append(time.perf_counter() - start)
                found.append({number for number, _ in hits})
            shares.append(len(found[0] & found[1]) / K)
    return [statistics.median(seconds) for seconds in took], statistics.mean(shares)


if __name__ == "__main__":
    print_section(section, sys.argv[1:])
