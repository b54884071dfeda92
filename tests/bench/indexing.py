"""`python -m tests.bench.indexing [FOLDER] [--work DIR]`: how fast a folder is indexed, and what bounds it.

Three things: a folder from nothing, with the seconds of each stage; the encoder alone beside the quickest int8 matrix
product that the same runtime does on the same cores; and other tools on the same passages (`tests.bench.others`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from indexer.settings import Settings
from tests.bench import others
from tests.bench.commands import SHARED, heads, index, module, row

SEED = 5
SIZE = 4096
"""Rows and columns of the matrices that are multiplied: so large that the product itself is all that takes time."""
SAMPLE = 1000
ROUNDS = 7
PASSAGES = 1000
"""So many passages go to the other tools, which take minutes for them."""

STAGES: tuple[tuple[str, str, str], ...] = (
    ("parse", "indexer.build", "parse"),
    ("split", "indexer.intake", "split"),
    ("tokenise", "indexer.encode.CompiledEncoder", "_tokens"),
    ("pack the codes", "indexer.encode", "pack"),
    ("keep vectors and codes", "indexer.catalogue.Catalogue", "add_embeddings"),
    ("store and publish", "indexer.intake.Intake", "_store_next"),
)
"""Each stage, and the function that does it."""

LEGEND = """\
CPU: seconds of all cores together. They overlap: while the cores encode, the notes that follow are parsed and those
before are stored. split: with counting tokens. encode: all that the encoder's threads do but for tokenising and packing
codes. besides: walking the folder, reading files, links and questions."""

LIMIT = """\
limit: products of int8 matrices of {size} × {size} with the OpenVINO that encodes, a stream a core, which its
kernel's name ({kernel}) shows to be int8. encoding: {sample:,} passages of the folder, chosen by chance, from text to
vectors and codes, padding not counted as work. Both are medians of {rounds} rounds, in which they take turns; the
share is that of the mean of the products before and after an encoding, with the least and the most of the rounds. A
token takes {per_token:.1f} million operations: twice the weights of the layers, and attention over a text of the
length that a token has around it in the mean."""


def stages(folder: Path, library: Path) -> dict[str, Any]:
    """Index a folder from nothing in this process, and say what took how many seconds of CPU."""
    from indexer.build import build
    from indexer.encode import load_encoder

    settings = Settings.from_environ({**os.environ, "FOOTNOTE_LIBRARY": str(library)})
    encoder = load_encoder(settings, notice=sys.stderr.write)
    spent: dict[str, float] = defaultdict(float)
    inner = threading.local()
    own = threading.Lock()

    def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            before, inner.spent = getattr(inner, "spent", 0.0), 0.0
            start = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                took = time.thread_time() - start
                with own:
                    spent[stage] += took - inner.spent
                    spent["main" if threading.current_thread() is threading.main_thread() else "others"] += (
                        took - inner.spent
                    )
                inner.spent = before + took

        return run

    start, cpu, main = time.perf_counter(), time.process_time(), time.thread_time()
    with ExitStack() as stack:
        for stage, owner, name in STAGES:
            where = f"{owner}.{name}"
            stack.enter_context(patch(where, timed(stage, _resolved(where))))
        report = build(library, [folder], encoder, settings)
    wall, cpu, main = time.perf_counter() - start, time.process_time() - cpu, time.thread_time() - main
    found = {stage: spent[stage] for stage, _, _ in STAGES}
    found["encode"] = cpu - main - spent["others"]
    found["besides"] = main - spent["main"]
    tokens = _tokens(library, encoder)
    return {"wall": wall, "cpu": cpu, "stages": found, "passages": report.passages, "tokens": int(tokens.sum())}


def encoding(library: Path) -> dict[str, Any]:
    """How fast the encoder is alone, beside the int8 limit of the machine: both in turns."""
    from indexer.catalogue import Catalogue
    from indexer.compile import compiled_model
    from indexer.encode import load_encoder

    settings = Settings.from_environ(os.environ)
    encoder = load_encoder(settings, notice=sys.stderr.write)
    with Catalogue.open(library / "catalogue.db", write=False) as catalogue:
        texts = [found.passage.embedded_text for batch in catalogue.iter_passages() for found in batch]
    random.Random(SEED).shuffle(texts)
    texts = texts[:SAMPLE]
    counts = np.minimum(encoder.count_tokens(texts), encoder.max_tokens)
    kernel, multiply = _product()
    encoder.encode(texts[:200])
    limits, rates, busy = [multiply()], [], []
    for _ in range(ROUNDS):
        start, cpu = time.perf_counter(), time.process_time()
        encoder.encode(texts)
        seconds = time.perf_counter() - start
        rates.append(float(counts.sum() / seconds))
        busy.append((time.process_time() - cpu) / seconds)
        limits.append(multiply())
    model = compiled_model(settings.cache, sys.stderr.write).folder / "model.xml"
    per_token = operations(model, float((counts**2).sum() / counts.sum()))
    beside = [(before + after) / 2 for before, after in pairwise(limits)]
    return {
        "kernel": kernel,
        "limit": statistics.median(limits),
        "shares": sorted(per_token * rate / 1e9 / limit for rate, limit in zip(rates, beside, strict=True)),
        "tokens": statistics.median(rates),
        "passages": statistics.median(rates) / counts.mean(),
        "cores": statistics.median(busy),
        "per_token": per_token,
    }


def operations(model: Path, length: float) -> float:
    """The operations that the model does for a token of a text of `length` tokens: additions and multiplications."""
    from indexer.compile import import_openvino

    total = 0.0
    for node in import_openvino().Core().read_model(model).get_ops():
        if node.get_type_name() == "MatMul":
            right = node.input(1).get_partial_shape()
            if right.is_static and len(right) == 2:  # the weights of a layer
                total += 2 * right[0].get_length() * right[1].get_length()
        elif node.get_type_name() == "ScaledDotProductAttention":
            query = node.input(0).get_partial_shape()  # [rows, heads, length, size of a head]
            total += 4 * length * query[1].get_length() * query[3].get_length()
    return total


def _product() -> tuple[str, Callable[[], float]]:
    """The name of the kernel that multiplies int8 matrices here, and what measures its operations a second, in 10^9."""
    from indexer.compile import import_openvino

    openvino = import_openvino()
    ops = openvino.opset13
    given = ops.parameter([SIZE, SIZE], np.float32)
    limit = np.float32(1.27)
    levels = ops.fake_quantize(given, -limit, limit, -limit, limit, 255)
    weights = np.random.default_rng(SEED).integers(-127, 128, (SIZE, SIZE)).astype(np.int8)
    scaled = ops.multiply(
        ops.convert(ops.constant(weights), np.float32), ops.constant(np.full((SIZE, 1), 0.01, np.float32))
    )
    model = openvino.Model([ops.matmul(levels, scaled, False, True)], [given])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    options = {"NUM_STREAMS": str(cores), "INFERENCE_NUM_THREADS": str(cores), "PERF_COUNT": "YES"}
    compiled = openvino.Core().compile_model(model, "CPU", options)
    requests = [compiled.create_infer_request() for _ in range(cores)]
    data = np.random.default_rng(SEED).normal(0, 0.3, (SIZE, SIZE)).astype(np.float32)
    for request in requests:
        request.infer([data])
    kernel = max(requests[0].profiling_info, key=lambda node: node.real_time).exec_type
    if "i8" not in kernel.lower():
        raise SystemExit(f"the product that is to show the limit of int8 is run by {kernel}")

    def multiply() -> float:
        start = time.perf_counter()
        for request in requests:
            request.start_async()
        for request in requests:
            request.wait()
        return 2 * SIZE**3 * cores / (time.perf_counter() - start) / 1e9

    return kernel, multiply


def _resolved(where: str) -> Callable[..., Any]:
    from pkgutil import resolve_name

    found: Callable[..., Any] = resolve_name(where)
    return found


def _tokens(library: Path, encoder: Any) -> Any:
    """How many tokens of each different text were read."""
    from indexer.catalogue import Catalogue

    with Catalogue.open(library / "catalogue.db", write=False) as catalogue:
        texts = {found.passage.embedded_text for batch in catalogue.iter_passages() for found in batch}
    return np.minimum(encoder.count_tokens(list(texts)), encoder.max_tokens)


def section(work: Path, folder: Path = SHARED / "vaults") -> list[str]:
    """Measure, and give the lines of the report."""
    for name in ("indexed", "staged"):
        shutil.rmtree(work / name, ignore_errors=True)
    whole = index(work / "indexed", folder)
    staged = others.last(module("indexing", "stages", folder, work / "staged"))
    alone = others.last(module("indexing", "encoding", work / "staged"))
    shares = [row(name, f"{cpu:.1f}", f"{100 * cpu / staged['cpu']:.0f} %") for name, cpu in staged["stages"].items()]
    used = alone["tokens"] * alone["per_token"] / 1e9
    least, share, most = (100 * alone["shares"][at] for at in (0, ROUNDS // 2, -1))
    passages, seconds = whole["passages"], whole["seconds"]
    lines = [
        "### Indexing",
        "",
        f"{passages:,} passages of {whole['files']:,} files, {staged['tokens']:,} tokens, from nothing.",
        "",
        *heads("seconds", "with the start", "passages/s", "tokens/s", "peak MB", "cores busy"),
        row(
            *(f"{seconds:.1f}", f"{whole['wall']:.1f}", f"{passages / seconds:.0f}"),
            *(f"{staged['tokens'] / seconds:,.0f}", f"{whole['peak']:.0f}", f"{staged['cpu'] / staged['wall']:.2f}"),
        ),
        "",
        *heads("stage", "CPU s", "share"),
        *shares,
        "",
        LEGEND,
        "",
        *heads("int8 limit, 10^9/s", "encoding, 10^9/s", "share of the limit", "tokens/s", "passages/s", "cores busy"),
        row(
            *(
                f"{alone['limit']:.0f}",
                f"{used:.0f}",
                f"{share:.0f} % ({least:.0f} to {most:.0f})",
                f"{alone['tokens']:,.0f}",
            ),
            *(f"{alone['passages']:.0f}", f"{alone['cores']:.2f}"),
        ),
        "",
        LIMIT.format(
            rounds=ROUNDS, size=SIZE, sample=SAMPLE, kernel=alone["kernel"], per_token=alone["per_token"] / 1e6
        ),
        "",
    ]
    return [*lines, *others.compared(folder, PASSAGES, work), "", "    python -m tests.bench.indexing", ""]


def main(argv: Sequence[str]) -> None:
    if argv[:1] == ["stages"]:
        sys.stdout.write(f"\n{json.dumps(stages(Path(argv[1]), Path(argv[2])))}\n")
        return
    if argv[:1] == ["encoding"]:
        sys.stdout.write(f"\n{json.dumps(encoding(Path(argv[1])))}\n")
        return
    parser = argparse.ArgumentParser(prog="python -m tests.bench.indexing", description="How fast a folder is indexed.")
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED / "vaults")
    parser.add_argument("--work", type=Path, default=Settings.from_environ(os.environ).cache / "bench", metavar="DIR")
    options = parser.parse_args(argv)
    work: Path = options.work.expanduser().resolve()
    work.mkdir(parents=True, exist_ok=True)
    sys.stdout.write("\n".join(section(work, options.folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
