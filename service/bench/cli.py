"""`footnote bench quality | retrieval | self`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.cli import OK, add_library, as_json, settings_of
from indexer.visible import notice

if TYPE_CHECKING:
    from service.bench.masked import Masks
    from service.bench.quality import Quality
    from service.bench.retrieval import Retrieval
    from service.desk import Desk


def add_commands(commands: Any) -> None:
    """Add `bench` and its commands to the parser's subcommands."""
    bench = commands.add_parser("bench", help="measure answers, rankings and refusals").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    quality = bench.add_parser("quality", help="hit rates and refusals on files of questions with gold places")
    quality.add_argument(
        "gold", type=Path, nargs="+", metavar="GOLD.jsonl", help="a question a line, with its gold places"
    )
    quality.add_argument("-k", type=_count, default=10, metavar="N", help="citations an answer (default: 10)")
    quality.set_defaults(run=_quality)

    retrieval = bench.add_parser("retrieval", help="rank a corpus with judged queries, as BEIR lays it out")
    retrieval.add_argument("folder", type=Path, metavar="FOLDER", help="corpus.jsonl, queries.jsonl and qrels.tsv")
    retrieval.add_argument("--limit", type=_count, metavar="N", help="only the first N queries (default: all)")
    retrieval.set_defaults(run=_retrieval)

    own = bench.add_parser("self", help="find the links of the library's own notes again; needs no labels")
    own.add_argument("--limit", type=_count, default=500, metavar="N", help="so many sentences (default: 500)")
    own.add_argument("--seed", type=int, default=0, metavar="N", help="which sentences are drawn (default: 0)")
    own.set_defaults(run=_self)

    for command in (quality, retrieval, own):
        command.add_argument("--ablation", action="store_true", help="also Footnote without each of its ingredients")
        command.add_argument("--json", action="store_true", help="print the figures as JSON")
        command.add_argument("--save", type=Path, metavar="FILE", help="also write the figures as JSON to a file")
        add_library(command)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def _quality(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.bench.quality import quality
    from service.bench.report import quality_tables
    from service.desk import Desk

    with Desk.open(settings_of(arguments, environ), notice=notice) as desk:
        measured = quality(desk, arguments.gold, k=arguments.k, ablation=arguments.ablation, notice=notice)
        return _printed(arguments, desk, measured, quality_tables(measured))


def _retrieval(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.bench.report import retrieval_tables
    from service.bench.retrieval import indexed, read_collection, retrieval

    collection = read_collection(arguments.folder, limit=arguments.limit)
    with indexed(collection, settings_of(arguments, environ), library=arguments.library, notice=notice) as desk:
        measured = retrieval(desk, collection, ablation=arguments.ablation, notice=notice)
        return _printed(arguments, desk, measured, retrieval_tables(measured))


def _self(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.bench.masked import masks
    from service.bench.report import masks_tables
    from service.desk import Desk

    with Desk.open(settings_of(arguments, environ), notice=notice) as desk:
        measured = masks(desk, limit=arguments.limit, seed=arguments.seed, ablation=arguments.ablation, notice=notice)
        return _printed(arguments, desk, measured, masks_tables(measured))


def _printed(arguments: argparse.Namespace, desk: Desk, measured: Quality | Retrieval | Masks, tables: str) -> int:
    from service.bench.report import as_data, stamp, stamp_line

    elsewhere = {"run", "json", "save", "library", "config"}  # where things lie says nothing of what is measured
    asked = {name: value for name, value in vars(arguments).items() if name not in elsewhere}
    stamped = stamp(desk) | {"asked": json.loads(json.dumps(asked, default=str))}
    data = as_data(measured, stamped)
    if arguments.save:
        arguments.save.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(as_json(data) if arguments.json else f"{tables}\n\n{stamp_line(stamped)}")
    return OK
