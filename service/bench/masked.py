"""`footnote bench self`: how well the library's own links are found again, with no labels but the links themselves.

A sentence that links to another document says something of it, in words that a person chose. So the sentence is asked
with its links masked, and the document that it links to should be found. The text of every link in the sentence is
taken out, and so is each name of the target (title, aliases, file name), wherever in the sentence it stands. The note
that the sentence is from is hidden: the answer is another document. Documents are ranked by their best passage.

Sentences with fewer than FEWEST_WORDS words left are not asked.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args
from urllib.parse import unquote, urlsplit

import sentencex

from indexer.discover import Found, read
from indexer.errors import InputError, SourceError
from indexer.library import Snapshot
from indexer.papers import references
from indexer.parsing import parse
from indexer.records import StoredDocument
from indexer.types import Block, Link
from service.addresses import address_of
from service.bench.measures import Ranked, ranked
from service.bench.systems import System, systems
from service.desk import Desk
from service.links import resolver
from service.types import SearchResult
from service.view import Resolve

FEWEST_WORDS = 5
"""What is left of a sentence has to say something."""

PASSAGES = 50
"""So many passages are searched for; the documents that they stand in are ranked."""

MOST_CHARS = 1_000
"""A sentence is asked up to so many characters."""

Kind: TypeAlias = Literal["wikilink", "link", "paper"]
"""A wikilink to a note, a Markdown or org link to a note, a link to a paper that the library holds."""

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Masked:
    """A sentence of a note whose links were masked, and the documents that they lead to, by address.

    `source` is the number of the note, `line` where the sentence's block begins.
    """

    kind: Kind
    query: str
    targets: frozenset[str]
    source: int
    line: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How well one system finds the targets, over all sentences and by kind of link."""

    system: str
    ranked: Ranked
    kinds: dict[str, Ranked]
    """By kind of link; only kinds that there are."""


@dataclass(frozen=True, slots=True)
class Masks:
    """What was measured: how many sentences there are and were asked, of each kind, and the figures of each system."""

    sentences: int
    asked: dict[str, int]
    compared: tuple[Figures, ...]
    ablated: tuple[Figures, ...]


def masks(
    desk: Desk,
    *,
    limit: int | None = None,
    seed: int = 0,
    ablation: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> Masks:
    """Find the targets of at most `limit` sentences, drawn by `seed`, with each system.

    Raises InputError when no sentence of the library's notes links to another of its documents.
    """
    with systems(desk, ablation=ablation) as measured:
        every = masked(measured.snapshot, max_bytes=desk.settings.max_file_bytes)
        if not every:
            raise InputError(f"{desk.library.path}: no sentence there links to another document; index linked notes")
        drawn = every if limit is None or limit >= len(every) else random.Random(seed).sample(every, limit)  # noqa: S311 - a sample, no secret
        passages = _passages(measured.snapshot)

        def figures(system: System) -> Figures:
            notice(f"{system.name}: looking for the targets of {len(drawn)} sentences …")
            return _figures(system, drawn, passages)

        return Masks(
            sentences=len(every),
            asked={kind: sum(one.kind == kind for one in drawn) for kind in get_args(Kind)},
            compared=tuple(map(figures, measured.compared)),
            ablated=tuple(map(figures, measured.ablated)),
        )


def _passages(snapshot: Snapshot) -> dict[int, list[int]]:
    """The passages of each document, by number."""
    members: dict[int, list[int]] = defaultdict(list)
    for batch in snapshot.catalogue.iter_passages():
        for stored in batch:
            members[stored.document_id].append(stored.id)
    return members


def _figures(system: System, drawn: Sequence[Masked], passages: dict[int, list[int]]) -> Figures:
    found = [_documents(system.search(one.query, k=PASSAGES, hidden=passages[one.source])) for one in drawn]

    def of(kind: str | None) -> Ranked:
        rows = [k for k, one in enumerate(drawn) if kind in (None, one.kind)]
        return ranked([dict.fromkeys(drawn[k].targets, 1) for k in rows], [found[k] for k in rows])

    kinds = {kind: of(kind) for kind in get_args(Kind) if any(one.kind == kind for one in drawn)}
    return Figures(system.name, of(None), kinds)


def _documents(result: SearchResult) -> list[str]:
    """The addresses of the documents found, each once."""
    return list(dict.fromkeys(hit.link.partition("?")[0] for hit in result.hits))


# ------------------------------------------------------------------------------------------------- sentences


def masked(snapshot: Snapshot, *, max_bytes: int) -> list[Masked]:
    """All sentences of the library's notes that link to other documents, in the order of files and lines.

    The notes are read again; one that has changed since it was indexed is left out.
    """
    documents = [document for document in snapshot.catalogue.documents() if document.failure is None]
    names = {address_of(document): _names(document) for document in documents}
    papers: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        if document.paper:
            papers[document.paper].add(address_of(document))
    found: list[Masked] = []
    for document in documents:
        if document.kind == "note":
            targets = _Targets(resolver(lambda: documents, beside=document), papers, names)
            for block in _blocks(document, max_bytes):
                found += _of_block(document, block, targets)
    return found


def _blocks(document: StoredDocument, max_bytes: int) -> Sequence[Block]:
    try:
        source = read(Found(Path(document.root), document.file, document.size, document.mtime_ns), max_bytes=max_bytes)
        return parse(source).blocks if source.sha256 == document.sha256 else ()
    except SourceError:
        return ()


@dataclass(frozen=True, slots=True)
class _Targets:
    """Where links lead: notes by `resolve`, `papers` by their ids; and the `names` of every document by address."""

    resolve: Resolve
    papers: dict[str, set[str]]
    names: dict[str, tuple[str, ...]]

    def of(self, link: Link) -> Iterator[tuple[Kind, str]]:
        if link.kind == "wikilink":
            if address := self.resolve(link.target):
                yield "wikilink", address
        elif link.kind == "url":
            for paper in references(link.target):
                yield from (("paper", address) for address in sorted(self.papers.get(paper.identifier, ())))
            parts = urlsplit(link.target)
            if not parts.scheme and not parts.netloc and parts.path and (address := self.resolve(unquote(parts.path))):
                yield "link", address


def _of_block(document: StoredDocument, block: Block, targets: _Targets) -> Iterator[Masked]:
    """The sentences of a block with links to other documents, for each kind of them."""
    own = address_of(document)
    waiting = list(block.links)
    for sentence in _sentences(block):
        links = [link for link in waiting if (link.text or link.target) in sentence]
        waiting = [link for link in waiting if link not in links]
        led: dict[Kind, set[str]] = defaultdict(set)
        for link in links:
            for kind, address in targets.of(link):
                if address != own:
                    led[kind].add(address)
        for kind, addresses in sorted(led.items()):
            hidden = [*(link.text for link in links), *(name for one in addresses for name in targets.names[one])]
            query = without(sentence, hidden)
            if len(_WORD.findall(query)) >= FEWEST_WORDS:
                yield Masked(kind, query[:MOST_CHARS], frozenset(addresses), document.id, block.lines[0])


def _sentences(block: Block) -> Iterable[str]:
    if not block.links or block.kind in ("code", "table", "math"):
        return ()
    return (sentence.strip() for sentence in sentencex.segment("en", block.text))


def without(sentence: str, names: Iterable[str]) -> str:
    """A sentence without some names, whatever their case, and without addresses."""
    text = sentence
    for name in sorted({name for name in names if any(map(str.isalnum, name))}, key=len, reverse=True):
        spaced = r"\s+".join(map(re.escape, name.split()))
        text = re.sub(rf"(?<!\w){spaced}(?!\w)", " ", text, flags=re.IGNORECASE)
    return " ".join(_ADDRESS.sub(" ", text).split())


def _names(document: StoredDocument) -> tuple[str, ...]:
    stem = Path(document.file).stem
    return (document.title, *document.aliases, stem, stem.replace("-", " ").replace("_", " "))
