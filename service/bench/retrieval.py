"""`footnote bench retrieval`: a corpus with judged queries, as BEIR lays it out.

    corpus.jsonl     {"_id", "title", "text"}
    queries.jsonl    {"_id", "text"}
    qrels.tsv        query, document, relevance; or as TREC has it, query, iteration, document, relevance

Each document is written as a Markdown file and indexed like any note. A query of which no document is relevant cannot
be answered, and is asked to see whether that is noticed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import indexer
from indexer.build import build
from indexer.encode import load_encoder
from indexer.errors import InputError
from indexer.library import CATALOGUE, Library
from indexer.settings import Settings
from service.bench.measures import Judged, Ranked, Refusal, percentile, ranked, refusal
from service.bench.systems import FOOTNOTE, System, Systems, systems
from service.desk import Desk
from service.types import SearchResult

PASSAGES = 30
"""So many passages are searched for; the documents that they stand in are ranked."""

TIMED = 300
"""Where all queries can be answered, so many of them are asked to see how long an answer takes."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A corpus and its queries. `relevant` tells, for a query, the grades of the documents that are relevant to it.

    `unanswerable` are the queries, by number, of which no document is.
    """

    name: str
    documents: dict[str, str]
    queries: dict[str, str]
    relevant: dict[str, dict[str, int]]
    unanswerable: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Figures:
    """How well one system ranks the documents of a collection; `median_ms` is the time of a search in milliseconds."""

    system: str
    queries: int
    ranked: Ranked
    median_ms: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was measured on a collection.

    `refusal` is about Footnote's answers, `cosine` about the cosine of the nearest passage in the place of its
    confidence; both are None where every query can be answered. `asked` answers took `median_ms`, and 95 of 100 at
    most `p95_ms`.
    """

    name: str
    documents: int
    passages: int
    unanswerable: int
    compared: tuple[Figures, ...]
    ablated: tuple[Figures, ...]
    refusal: Refusal | None
    cosine: Refusal | None
    asked: int
    median_ms: float
    p95_ms: float


def read_collection(folder: Path, *, limit: int | None = None) -> Collection:
    """Read a folder; raise InputError when it is no such collection.

    `limit` takes the first so many of the queries that can be answered, and of the others.
    """
    try:
        rows = list(_lines(folder / "corpus.jsonl"))
        documents = {str(row["_id"]): _markdown(row) for row in rows}
        relevant = _qrels(folder / "qrels.tsv", documents)
        asked = {str(row["_id"]): str(row["text"]) for row in _lines(folder / "queries.jsonl")}
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}; name a folder with corpus, queries and qrels") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder}: not a collection ({error}); it holds corpus.jsonl, queries.jsonl and qrels.tsv"
        ) from error
    if not relevant.keys() & asked.keys():
        raise InputError(f"{folder}: no query of which a document is relevant; look at qrels.tsv")
    digest = hashlib.sha256("\0".join(part for item in documents.items() for part in item).encode())
    return Collection(
        name=folder.resolve().name,
        documents=documents,
        queries=asked,
        relevant={query: relevant[query] for query in [name for name in asked if name in relevant][:limit]},
        unanswerable=tuple([name for name in asked if name not in relevant][:limit]),
        digest=digest.hexdigest()[:16],
    )


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


def _markdown(row: Mapping[str, Any]) -> str:
    title = str(row.get("title") or "").strip()
    return (f"# {title}\n\n" if title else "") + str(row["text"]).strip() + "\n"


def _qrels(path: Path, documents: Mapping[str, str]) -> dict[str, dict[str, int]]:
    relevant: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for n, row in enumerate(csv.reader(file, delimiter="\t")):
            if not row or (n == 0 and row[-1].strip().isalpha()):  # BEIR's first line names the columns
                continue
            query, document, grade = row[0], row[-2], round(float(row[-1]))
            if document not in documents:
                raise ValueError(f"{path.name} names the document {document}, which the corpus lacks")
            if grade > 0:
                relevant.setdefault(query, {})[document] = grade
    return relevant


# ------------------------------------------------------------------------------------------------- indexing


@contextmanager
def indexed(
    collection: Collection, settings: Settings, *, library: Path | None, notice: Callable[[str], None]
) -> Iterator[Desk]:
    """Open a desk over the documents of a collection, each a file named by its place in the corpus.

    They are indexed into `library`, which may hold nothing else (InputError), or into a folder of the cache that is
    kept: a second run with the same corpus, model and code finds it there.
    """
    encoder = load_encoder(settings, notice=notice)
    kept = settings.cache / "bench" / collection.digest
    target = library or kept / f"library-{_code(encoder.fingerprint)}"
    folder = kept / "corpus"
    if library is not None and (library / CATALOGUE).exists():
        with Library.open(library) as opened, opened.snapshot() as snapshot:
            others = set(snapshot.catalogue.roots()) - {str(folder.resolve())}
        if others:
            raise InputError(f"{library} holds {', '.join(sorted(others))}; name a library of its own, or none")
    for old in kept.glob("library-*") if library is None else ():
        if old != target:
            shutil.rmtree(old)
    _write(collection, folder)
    settings = replace(settings, library=target)
    notice(f"Indexing {len(collection.documents)} documents into {target} …")
    build(target, [folder], encoder, settings, notice=notice)
    with Desk.open(settings, notice=notice) as desk:
        yield desk


def _write(collection: Collection, folder: Path) -> None:
    """Write the documents that do not lie there yet; their names and texts are those of the digest."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, text in enumerate(collection.documents.values()):
        file = folder / f"d{place}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def _code(fingerprint: str) -> str:
    """A digest of what a library depends on besides its documents: the model, and the code that indexes."""
    digest = hashlib.sha256(fingerprint.encode())
    package = Path(indexer.__file__).parent
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


# ------------------------------------------------------------------------------------------------ measuring


def retrieval(
    desk: Desk,
    collection: Collection,
    *,
    ablation: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> Retrieval:
    """Search for every query with each system, in a library that `indexed` the collection."""
    with systems(desk, ablation=ablation) as measured:

        def figures(system: System) -> Figures:
            notice(f"{system.name}: searching for {len(collection.relevant)} queries …")
            return _figures(system, collection)

        compared = tuple(map(figures, measured.compared))
        ablated = tuple(map(figures, measured.ablated))
        judged, cosines, times = _asked(measured, collection, notice)
        return Retrieval(
            name=collection.name,
            documents=len(collection.documents),
            passages=measured.snapshot.catalogue.counts().passages,
            unanswerable=len(collection.unanswerable),
            compared=compared,
            ablated=ablated,
            refusal=refusal(judged) if collection.unanswerable else None,
            cosine=refusal(cosines) if collection.unanswerable else None,
            asked=len(times),
            median_ms=percentile(times, 50),
            p95_ms=percentile(times, 95),
        )


def _figures(system: System, collection: Collection) -> Figures:
    names = list(collection.documents)
    results = [system.search(collection.queries[query], k=PASSAGES) for query in collection.relevant]
    return Figures(
        system=system.name,
        queries=len(results),
        ranked=ranked(list(collection.relevant.values()), [_documents(result, names) for result in results]),
        median_ms=percentile([result.took_ms for result in results], 50),
    )


def _documents(result: SearchResult, names: Sequence[str]) -> list[str]:
    """The documents that the passages found stand in, each once, in the order of the best passage."""
    places = dict.fromkeys(int(PurePosixPath(hit.file or "").stem.removeprefix("d")) for hit in result.hits)
    return [names[place] for place in places]


def _asked(
    measured: Systems, collection: Collection, notice: Callable[[str], None]
) -> tuple[list[Judged], list[Judged], list[float]]:
    """What Footnote answers, what the cosine of the nearest passage would have said, and how long answers took."""
    answerable = list(collection.relevant)
    asked = answerable if collection.unanswerable else answerable[:TIMED]
    notice(f"{FOOTNOTE}: answering {len(asked) + len(collection.unanswerable)} queries …")
    dense = next(system for system in measured.compared if system.name == "dense alone")
    judged, cosines, times = [], [], []
    for query in (*asked, *collection.unanswerable):
        answer = measured.footnote.ask(collection.queries[query], k=8)
        known = query in collection.relevant
        judged.append(Judged(known, answer.confidence, answer.verdict != "unsupported"))
        times.append(answer.took_ms)
        if collection.unanswerable:
            nearest = [hit.score for hit in dense.search(collection.queries[query], k=1).hits]
            cosine = min(max(*nearest, 0.0), 1.0) if nearest else 0.0
            cosines.append(Judged(known, cosine, answered=True))
    return judged, cosines, times
