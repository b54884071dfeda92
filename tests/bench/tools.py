"""`python -m tests.bench.tools TOOL index|search MODEL WORK`: what one tool does with the passages in WORK.

Each tool is used as its own introduction shows, with its defaults, and imported by nobody else; a process runs in the
environment of its tool, where Footnote's libraries may be missing. `index` embeds and stores the passages, `search`
opens what that left and asks the queries; the figures are printed as one line of JSON. `python -m tests.bench.tools
texts FOLDER PASSAGES WORK` makes what WORK holds: the passages of Footnote's own, and queries.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

SEED = 5
K = 10
QUERIES = 50
QUERY_WORDS = 12
ROUNDS = 3
"""The queries are asked so many times; the median of each round is taken, and of these the median."""


class Tool(Protocol):
    """One way to embed texts, keep them, and find the nearest. `package` is what is installed for it."""

    package: str

    def __init__(self, model: Path) -> None:
        """Load the model in a folder of sentence-transformers."""

    def index(self, texts: Sequence[str], folder: Path) -> None:
        """Embed the texts and store them in a new folder, where another process finds them."""

    def open(self, folder: Path) -> None:
        """Open what `index` stored."""

    def search(self, query: str) -> list[int]:
        """Find the K nearest texts, by their places in what was indexed, best first."""


class Footnote:
    """The encoder and the stores, as an index run uses them."""

    package = "footnote"

    def __init__(self, _: Path) -> None:  # it knows where the weights are, and keeps them compiled
        import os

        from indexer.encode import load_encoder
        from indexer.settings import Settings

        self.encoder = load_encoder(Settings.from_environ(os.environ), notice=lambda _: None)

    def index(self, texts: Sequence[str], folder: Path) -> None:
        from indexer.intake import Intake
        from indexer.library import writing
        from indexer.settings import Settings
        from indexer.types import Document, Passage, Source, Span

        passages = [
            Passage(n, "text", text, "", (), (n + 1, n + 1), (Span(text, (n + 1, n + 1)),))
            for n, text in enumerate(texts)
        ]
        document = Document(Source(folder, "passages.md", b"", "", 0), "note", None, (), tuple(texts))
        settings = Settings(library=folder, cache=folder)
        with (
            writing(folder, "the benchmark") as catalogue,
            Intake(folder, catalogue, self.encoder, settings, lambda _: None) as intake,
        ):
            intake.change_model(lambda _: None)
            intake.put(document, passages, size=0)
            intake.store()

    def open(self, folder: Path) -> None:
        from indexer.library import Library

        self.library = Library.open(folder)

    def search(self, query: str) -> list[int]:
        vector = self.encoder.begin_queries([query])()[0].vector
        with self.library.snapshot() as snapshot:
            ids = [number for number, _ in snapshot.vectors.search(vector, K)]
            found = snapshot.catalogue.passages(ids)
        return [found[number].passage.ordinal for number in ids]


class Plain:
    """sentence-transformers with its vectors in a file of numpy, compared with each query one by one: exact."""

    package = "sentence-transformers"

    def __init__(self, model: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(model))

    def index(self, texts: Sequence[str], folder: Path) -> None:
        import numpy as np

        folder.mkdir()
        np.save(folder / "vectors.npy", self.model.encode(list(texts)))
        (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")

    def open(self, folder: Path) -> None:
        import numpy as np

        self.vectors = np.load(folder / "vectors.npy")
        self.texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))

    def search(self, query: str) -> list[int]:
        from sentence_transformers import util

        hits = util.semantic_search(self.model.encode([query]), self.vectors, top_k=K)[0]
        return [int(hit["corpus_id"]) for hit in hits]


class Txtai:
    """txtai, which keeps the texts as well."""

    package = "txtai"

    def __init__(self, model: Path) -> None:
        from txtai import Embeddings

        self.embeddings = Embeddings(path=str(model), content=True)

    def index(self, texts: Sequence[str], folder: Path) -> None:
        self.embeddings.index(texts)
        self.embeddings.save(str(folder))
        self.embeddings.close()

    def open(self, folder: Path) -> None:
        self.embeddings.load(str(folder))  # loads the model once more: it cannot open an index without

    def search(self, query: str) -> list[int]:
        return [int(hit["id"]) for hit in self.embeddings.search(query, K)]


class Chroma:
    """Chroma in this process, on disk, with sentence-transformers to embed."""

    package = "chromadb"

    def __init__(self, model: Path) -> None:
        import chromadb
        from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction

        self.chroma = chromadb
        self.embed: Any = SentenceTransformerEmbeddingFunction(model_name=str(model))

    def index(self, texts: Sequence[str], folder: Path) -> None:
        client = self._client(folder)
        collection = client.create_collection("notes", embedding_function=self.embed)
        most = client.get_max_batch_size()
        for start in range(0, len(texts), most):
            some = list(texts[start : start + most])
            collection.add(ids=[str(start + n) for n in range(len(some))], documents=some)

    def open(self, folder: Path) -> None:
        self.collection = self._client(folder).get_collection("notes", embedding_function=self.embed)

    def search(self, query: str) -> list[int]:
        return [int(number) for number in self.collection.query(query_texts=[query], n_results=K)["ids"][0]]

    def _client(self, folder: Path) -> Any:
        return self.chroma.PersistentClient(path=str(folder), settings=self.chroma.Settings(anonymized_telemetry=False))


TOOLS: dict[str, type[Tool]] = {"footnote": Footnote, "plain": Plain, "txtai": Txtai, "chroma": Chroma}


def texts(folder: Path, most: int, work: Path) -> dict[str, Any]:
    """Write `most` passages of the notes in a folder, chosen by chance, to `work`; and queries, from other passages.

    A query is the first words of a passage that is not among them. Gives how many passages and tokens there are.
    """
    import os

    from indexer.discover import discover, read
    from indexer.encode import load_encoder
    from indexer.errors import SourceError
    from indexer.parsing import NOTES, parse
    from indexer.passages import split
    from indexer.settings import Settings

    settings = Settings.from_environ(os.environ)
    encoder = load_encoder(settings, notice=lambda _: None)
    found: dict[str, str] = {}
    for item in discover(folder, on_problem=lambda _, __: None, suffixes=NOTES):
        try:
            document = parse(read(item, max_bytes=settings.max_file_bytes))
        except SourceError:
            continue
        passages = split(document, max_tokens=encoder.max_tokens, count_tokens=encoder.count_tokens)
        found |= {passage.embedded_text: passage.text for passage in passages}
    if len(found) <= QUERIES:
        raise SystemExit(f"{folder} holds {len(found)} passages; there have to be more than {QUERIES}")
    chosen = list(found)
    random.Random(SEED).shuffle(chosen)
    asked, kept = chosen[:QUERIES], chosen[QUERIES : QUERIES + most]
    _write(work / "queries.jsonl", [" ".join(found[text].split()[:QUERY_WORDS]) for text in asked])
    _write(work / "passages.jsonl", kept)
    tokens = sum(min(count, encoder.max_tokens) for count in encoder.count_tokens(kept))
    return {"passages": len(kept), "tokens": tokens}


def index(name: str, model: Path, work: Path) -> dict[str, Any]:
    """Embed and store the passages in `work`, in seconds; `cpu` in those of all cores together."""
    kept = _read(work / "passages.jsonl")
    start = time.perf_counter()
    tool = TOOLS[name](model)
    loaded, before = time.perf_counter(), time.process_time()
    tool.index(kept, work / name)
    seconds, cpu = time.perf_counter() - loaded, time.process_time() - before
    return {"version": version(tool.package), "load": loaded - start, "index": seconds, "cpu": cpu}


def search(name: str, model: Path, work: Path) -> dict[str, Any]:
    """Open what `index` stored, in seconds, and ask the queries: the median in milliseconds, and what was found."""
    queries = _read(work / "queries.jsonl")
    tool = TOOLS[name](model)
    start = time.perf_counter()
    tool.open(work / name)
    opened = time.perf_counter() - start
    found = [tool.search(query) for query in queries]  # and warms what is made at the first use
    rounds = []
    for _ in range(ROUNDS):
        seconds = []
        for query in queries:
            start = time.perf_counter()
            tool.search(query)
            seconds.append(time.perf_counter() - start)
        rounds.append(statistics.median(seconds))
    return {"open": opened, "query": 1000 * statistics.median(rounds), "found": found}


def _read(file: Path) -> list[str]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def _write(file: Path, rows: Sequence[str]) -> None:
    file.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")


def main(argv: Sequence[str]) -> None:
    if argv[0] == "texts":
        figures = texts(Path(argv[1]), int(argv[2]), Path(argv[3]))
    else:
        measure = {"index": index, "search": search}[argv[1]]
        figures = measure(argv[0], Path(argv[2]), Path(argv[3]))
    sys.stdout.write(f"\n{json.dumps(figures)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
