"""Full-text search with BM25: the only importer of tantivy.

An index holds no text, only which passages have which words; the text is in the catalogue. The generation it belongs
to is kept in a document of its own (number 0), so that it is committed together with what it describes.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from io import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from indexer.errors import LibraryCorrupt, LibraryFull
from indexer.folding import folded
from indexer.names import definitions, initialisms, initials, short_names
from indexer.records import TICK_SECONDS
from indexer.whole import replaced

if TYPE_CHECKING:
    import tantivy

BOOSTS = {"title": 0.5, "context": 0.5, "text": 1.0}
WORDS, NAMES, INITIALS = "words", "names", "initials"
"""Fields that are not searched but looked up: how words are spelt here, what short names there are, and the initials
of phrases, which a short name may stand for."""
SHORT_NAME, MEANING = "=", "->"
"""What stands between initials and a short name, and between a short name and its meaning, in a term."""
MAX_QUERY_TERMS = 256
MAX_TERM_BYTES = 64

COMMON, LEAST_COMMON = 0.15, 1000
"""Words that a larger share of the passages has, and so many at least, tell little and take most of a search."""

DEAD_SHARE, LEAST_DEAD = 8, 32
"""An index is made anew when one in so many passages in it is dead, and so many at least."""

MOST_COUNTED = 4096
"""So many counts of passages that have a word are remembered."""

FEW = 5
"""Passages are looked up by number where they are fewer than one in so many, else picked out of all that is found."""

STAMP_ID = 0
ANALYZER = "footnote"
SPELLING = "spelling"
FIELDS = {"id": None, "generation": None} | dict.fromkeys(BOOSTS, ANALYZER)
FIELDS |= {WORDS: SPELLING, INITIALS: SPELLING, NAMES: "raw"}
"""All fields of an index, and what takes their texts apart: one that has others is of another version, and made again.
What takes them apart in another way than before has to have another name."""
BUILD_HEAP = 128 << 20
UPDATE_HEAP = 16 << 20
FOOTER_END = struct.Struct("<II")
CHECKED_BYTES = 1 << 20
META, META_CHECKSUM = "meta.json", "meta.crc"


@dataclass(frozen=True, slots=True)
class LexicalDocument:
    """The words by which a passage is found. `id` is its number in the catalogue, from 1."""

    id: int
    title: str
    context: str
    text: str


class Lexical:
    """An open index, as it was when it was opened: later updates do not show.

    `path` is its folder, None for one in memory. `dead` is how many passages were taken out that its files still hold.
    """

    def __init__(self, index: tantivy.Index, path: Path | None, *, dead: int = 0) -> None:
        self.path = path
        self.dead = dead
        self._index = index
        self._analyzer = _analyzer()
        self._searcher = index.searcher()
        self._generation = _stamp(self._searcher, index.schema)
        self._living = lru_cache(MOST_COUNTED)(self._counted if dead else self._searcher.doc_freq)

    @classmethod
    def open(cls, path: Path) -> Lexical:
        """Open the index in the folder `path`; raise LibraryCorrupt when it is missing or damaged."""
        import tantivy

        with _damage(path):
            dead = _verify(path)
            return cls(_registered(tantivy.Index.open(str(path))), path, dead=dead)

    @classmethod
    def build(cls, documents: Iterable[LexicalDocument], *, generation: int) -> Lexical:
        """Make an index in memory."""
        index = _empty(None)
        _write(index, (), documents, generation, BUILD_HEAP)
        index.reload()
        return cls(index, None)

    @classmethod
    def rebuild(cls, path: Path, documents: Iterable[LexicalDocument], *, generation: int) -> Lexical:
        """Make an index beside the folder `path`, then rename it into place; raise LibraryFull if that cannot be."""
        new, old = path.with_name(path.name + ".new"), path.with_name(path.name + ".old")
        try:
            for leftover in (new, old):
                shutil.rmtree(leftover, ignore_errors=True)
            new.mkdir(parents=True)
            _write(_empty(new), (), documents, generation, BUILD_HEAP)
            _seal(new)
            if path.exists():
                path.rename(old)
            new.rename(path)
        except (OSError, ValueError) as error:  # tantivy raises ValueError when it cannot write
            shutil.rmtree(new, ignore_errors=True)
            raise LibraryFull(f"cannot write {path}: {error}; free space there or make it writable") from error
        shutil.rmtree(old, ignore_errors=True)
        return cls.open(path)

    def update(self, removed: Iterable[int], documents: Iterable[LexicalDocument], *, generation: int) -> Lexical:
        """Take `removed` out and put `documents` in, in one commit, and return the index that shows it.

        A number that is in both gets its new words. Raises LibraryCorrupt.
        """
        with _damage(self.path):
            _write(self._index, removed, documents, generation, UPDATE_HEAP)
            if self.path:
                _seal(self.path)
            self._index.reload()
            return Lexical(self._index, self.path, dead=_verify(self.path) if self.path else 0)

    @property
    def generation(self) -> int:
        """The generation of the catalogue that this index belongs to."""
        return self._generation

    def __len__(self) -> int:
        return int(self._searcher.num_docs) - 1  # without the stamp

    def search(
        self, query: str, k: int, among: NDArray[np.int64] | None = None, *, telling: bool = False
    ) -> list[tuple[int, float]]:
        """Find the `k` best passages for a text in natural language: (id, BM25 score), best first.

        Any text will do; there is no syntax. Nothing is found when it has no words. With `among`, (n,), ascending, only
        these passages are found; their scores are the same as without. With `telling`, words that very many passages
        have do not count, which takes half the time. Raises LibraryCorrupt.
        """
        from tantivy import Occur, Query

        terms = list(dict.fromkeys(self._analyzer.analyze(folded(query))))[:MAX_QUERY_TERMS]
        if not terms or k < 1 or (among is not None and not len(among)):
            return []
        schema = self._index.schema
        clauses = [
            (Occur.Should, Query.boost_query(Query.term_query(schema, field, term, index_option="freq"), boost))
            for term in (self._telling(terms) if telling else terms)
            for field in BOOSTS
            if (boost := self._boost(field, term))
        ]
        wanted = Query.boolean_query(clauses)
        if among is None or len(among) == len(self):
            found = self._found(wanted, k)
        elif len(among) * FEW < len(self):
            few = Query.const_score_query(Query.term_set_query(schema, "id", among.tolist()), 0.0)
            found = self._found(Query.boolean_query([(Occur.Must, wanted), (Occur.Must, few)]), k)
        else:
            limit = 2 * FEW * k
            while len(found := _only(self._found(wanted, limit), among)) < k and limit < len(self):
                limit = len(self)
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:k]

    def holding(self, text: str) -> NDArray[np.int64] | None:
        """The passages whose own text holds all words of a text, in any form and order; None when it has no words.

        Raises LibraryCorrupt.
        """
        from tantivy import Occur, Query

        terms = dict.fromkeys(self._analyzer.analyze(folded(text)))
        if not terms:
            return None
        schema = self._index.schema
        clauses = [(Occur.Must, Query.term_query(schema, "text", term, index_option="freq")) for term in terms]
        return np.array([number for number, _ in self._found(Query.boolean_query(clauses), len(self))], np.int64)

    def _boost(self, field: str, term: str) -> float:
        """How much a word in a field counts: tantivy takes it for as common as it was with the dead, which is undone.

        What the dead still do is to the average length of a field: see `outlived`.
        """
        boost = BOOSTS[field]
        if not self.dead:
            return boost
        if not (living := self._living(field, term)):
            return 0.0
        count = len(self) + 1  # with the stamp
        return boost * _idf(living, count) / _idf(self._searcher.doc_freq(field, term), count + self.dead)

    def _counted(self, field: str, term: str) -> int:
        """How many passages have a word in a field: tantivy's own count has the dead in it."""
        from tantivy import Query

        wanted = Query.term_query(self._index.schema, field, term, index_option="basic")
        return int(self._searcher.search(wanted, limit=1).count or 0)

    def _telling(self, terms: list[str]) -> list[str]:
        """Without those that tell little, if others are left."""
        most = max(COMMON * len(self), LEAST_COMMON)
        counts = {term: self._living("text", term) for term in terms}
        rare = [term for term, count in counts.items() if count <= most]
        return rare if any(map(counts.get, rare)) else terms

    def _found(self, query: tantivy.Query, limit: int) -> list[tuple[int, float]]:
        with _damage(self.path):
            hits = self._searcher.search(query, limit=max(limit, 1), count=False).hits
            ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        return [(int(number), float(score)) for number, (score, _) in zip(ids, hits, strict=True)]

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """Tell how rare each word is among the passages: BM25's inverse document frequency, above 0.

        Of a word that is several terms, the rarest counts; one that is none is taken to be everywhere.
        """
        everywhere = _idf(len(self), len(self))
        return {word: max(map(self._idf, self._analyzer.analyze(folded(word))), default=everywhere) for word in words}

    @property
    def rarest(self) -> float:
        """The rarity of a word that no passage has."""
        return _idf(0, len(self))

    def spellings(self, beginning: str) -> list[tuple[str, int]]:
        """The words of the library that begin so, in lower case, each with how many passages have or lately had it."""
        with _damage(self.path):
            return list(self._searcher.terms_with_prefix(WORDS, beginning))

    def is_spelt(self, word: str) -> bool:
        """Whether the library has a word, in lower case, spelt like this."""
        return bool(self._living(WORDS, word))

    def names(self, initials: str) -> list[str]:
        """The short names in the library whose parts have these initials, the most frequent first."""
        names = self._names_by_initials.get(initials, [])
        return [name for name in names if self._living(NAMES, f"{initials}{SHORT_NAME}{name}")]

    def meanings(self, name: str) -> list[str]:
        """What the library explains a short name to be, in lower case, what most passages say first."""
        with _damage(self.path):
            found = self._searcher.terms_with_prefix(NAMES, f"{name.lower()}{MEANING}")
        return [term.partition(MEANING)[2] for term, _ in found if self._living(NAMES, term)]

    def with_initials(self, initials: str, most: int) -> list[int]:
        """Up to `most` passages that have a phrase with these initials. Raises LibraryCorrupt."""
        from tantivy import Query

        wanted = Query.term_query(self._index.schema, INITIALS, initials, index_option="basic")
        return [number for number, _ in self._found(Query.const_score_query(wanted, 1.0), most)]

    @cached_property
    def _names_by_initials(self) -> dict[str, list[str]]:
        """All short names, those of the dead too: they are few, and a question looks for dozens of initials, of which
        hardly any is there.
        """
        with _damage(self.path):
            found = self._searcher.terms_with_prefix(NAMES, "")
        names: dict[str, list[str]] = {}
        for term, _ in found:
            key, is_name, name = term.partition(SHORT_NAME)
            if is_name:
                names.setdefault(key, []).append(name)
        return names

    def _idf(self, term: str) -> float:
        return _idf(max(self._living(field, term) for field in BOOSTS), len(self))

    def outlived(self, leaving: int) -> bool:
        """Whether the index should be made anew rather than have `leaving` passages more taken out.

        The dead take room, and their lengths count in the average that BM25 measures a passage against.
        """
        return self.dead + leaving > max(len(self) // DEAD_SHARE, LEAST_DEAD)


def _only(found: list[tuple[int, float]], among: NDArray[np.int64]) -> list[tuple[int, float]]:
    places = np.searchsorted(among, [number for number, _ in found])
    return [hit for hit, at in zip(found, places.tolist(), strict=True) if at < len(among) and among[at] == hit[0]]


def _idf(holding: int, count: int) -> float:
    return math.log1p((count - holding + 0.5) / (holding + 0.5))


def stems(text: str) -> list[str]:
    """The words of a text as they are in an index: in lower case, without accents, cut to their English stems."""
    return list(_analyzer().analyze(text))


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    filters = (Filter.remove_long(MAX_TERM_BYTES), Filter.lowercase(), Filter.ascii_fold(), Filter.stemmer("english"))
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in filters:
        builder = builder.filter(step)
    return builder.build()


def _spelling() -> tantivy.TextAnalyzer:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    return builder.filter(Filter.remove_long(MAX_TERM_BYTES)).filter(Filter.lowercase()).build()


def _registered(index: tantivy.Index) -> tantivy.Index:
    index.register_tokenizer(ANALYZER, _analyzer())
    index.register_tokenizer(SPELLING, _spelling())
    return index


def _empty(path: Path | None) -> tantivy.Index:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_unsigned_field("generation", fast=True)
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name=ANALYZER, index_option="freq")
    for field in (WORDS, INITIALS):
        builder.add_text_field(field, tokenizer_name=SPELLING, index_option="basic")
    builder.add_text_field(NAMES, tokenizer_name="raw", index_option="basic")
    return _registered(tantivy.Index(builder.build(), None if path is None else str(path)))


def _write(
    index: tantivy.Index, removed: Iterable[int], documents: Iterable[LexicalDocument], generation: int, heap: int
) -> None:
    import tantivy

    schema = index.schema
    writer = index.writer(heap, 1)
    gone = [STAMP_ID, *removed]
    writer.delete_documents_by_query(tantivy.Query.term_set_query(schema, "id", gone))
    for document in documents:
        fields: dict[str, Any] = {"id": document.id}
        fields |= {
            field: folded(text)
            for field, text in zip(BOOSTS, (document.title, document.context, document.text), strict=True)
        }
        words = f"{document.context}\n{document.text}"
        fields |= {WORDS: words, NAMES: _names(words), INITIALS: " ".join(initialisms(document.text))}
        writer.add_document(tantivy.Document.from_dict(fields, schema))
    writer.add_document(tantivy.Document.from_dict({"id": STAMP_ID, "generation": generation}, schema))
    writer.commit()
    writer.wait_merging_threads()


def _names(text: str) -> list[str]:
    """The terms by which the short names in a text are looked up."""
    found = {f"{initials(name)}{SHORT_NAME}{name}" for name in short_names(text)}
    return sorted(found | {f"{name.lower()}{MEANING}{meaning.lower()}" for name, meaning in definitions(text)})


def _stamp(searcher: tantivy.Searcher, schema: tantivy.Schema) -> int:
    from tantivy import Query

    hits = searcher.search(Query.term_query(schema, "id", STAMP_ID), limit=1, count=False).hits
    values = searcher.fast_field_values("generation", [address for _, address in hits])
    if len(values) != 1 or values[0] is None:
        raise ValueError("it says no generation")
    return int(values[0])


def _seal(path: Path) -> None:
    """Write down the checksum of the one file that tantivy gives none: which segments there are, and how long."""
    with replaced(path / META_CHECKSUM) as new:
        new.write_text(str(crc32((path / META).read_bytes(), 0)))


def _verify(path: Path) -> int:
    """Raise ValueError unless each file of the committed segments, and the list of them, has its checksum.

    Returns how many documents in them are dead.

    tantivy writes these checksums but does not compare them when it opens an index, and may then abort in a search.
    Its files never change: one that was found to be sound is read again only when its stamps differ, or are so new
    that a change right after could have left them as they are.
    """
    data = (path / META).read_bytes()
    with suppress(FileNotFoundError):  # one that was made before there were any
        if int((path / META_CHECKSUM).read_text()) != crc32(data, 0):
            raise ValueError(f"{META} is damaged")
    meta = json.loads(data)
    fields = {field["name"]: field["options"].get("indexing", {}).get("tokenizer") for field in meta["schema"]}
    if fields != FIELDS:
        raise ValueError("another version made it")
    segments = meta["segments"]
    names = tuple(segment["segment_id"].replace("-", "") for segment in segments)
    for file in sorted(path.iterdir()):
        if file.name.startswith(names):
            found = file.stat()
            stamps = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            is_settled = found.st_ctime + TICK_SECONDS < time.time()
            (_check if is_settled else _check.__wrapped__)(file, stamps)
    return sum(segment["deletes"]["num_deleted_docs"] for segment in segments if segment["deletes"])


@lru_cache(maxsize=1024)
def _check(file: Path, stamps: tuple[int, ...]) -> None:  # noqa: ARG001 - part of the key
    """Raise ValueError unless a file has the checksum in its footer."""
    with file.open("rb", buffering=0) as opened:
        size = opened.seek(-FOOTER_END.size, SEEK_END) + FOOTER_END.size
        length, _ = FOOTER_END.unpack(opened.read(FOOTER_END.size))
        left = size - FOOTER_END.size - length
        checksum = 0
        opened.seek(0)
        while left > 0 and (data := opened.read(min(left, CHECKED_BYTES))):
            checksum = crc32(data, checksum)
            left -= len(data)
        if left or checksum != json.loads(opened.read(length))["crc"]:
            raise ValueError(f"{file.name} is damaged")


@contextmanager
def _damage(path: Path | None) -> Iterator[None]:
    """Turn whatever a damaged index leads to into LibraryCorrupt."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise LibraryCorrupt(f"{path} cannot be used ({error}); delete it, it is made again at the next use") from error
