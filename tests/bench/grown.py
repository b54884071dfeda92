"""`python -m tests.bench.grown PASSAGES FOLDER [--notes NOTES]`: a library of any size, for what is measured at scale.

Real notes come first. Where there are not enough, copies of them follow, in which every fourth of the frequent words is
another frequent word of the same notes: files that can be opened, with texts that differ, and as many tokens each as in
the note that was copied. So nothing has to be embedded for them: the vector of a copied passage is that of the real one
and noise, its token codes are those of the real one. All else is done by a run of `footnote index` as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.library import CATALOGUE
from indexer.records import StoredDocument
from indexer.settings import Settings
from indexer.types import Encoded, EncodedQuery, Encoder, Matrix
from tests.bench.commands import SHARED, index

NOISE = 0.5
"""The length of what is added to a vector of unit norm; the cosine to the real one is then 0.89."""
CHANGED = 1 / 4
"""The share of the frequent words that are others in a copy."""
WORDS = 4000
"""So many words are frequent."""
DONE = "grown.json"

_WORD = re.compile(r"(?<![\w/.:@#$\\`\[-])[A-Za-z][a-z]{2,}(?![\w/:@$\\`\]-])")


@dataclass(frozen=True, slots=True)
class Grown:
    """Where a library of that many passages and files lies, and the folder of its notes."""

    library: Path
    notes: Path
    passages: int
    files: int


class Remembering:
    """An encoder that knows the passages of a library, and takes copies of them for what they were copied from."""

    def __init__(self, encoder: Encoder, real: Catalogue, words: Iterable[str]) -> None:
        self._encoder = encoder
        self._words = frozenset(words)
        self.fingerprint = encoder.fingerprint
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens
        numbers, self._vectors = real.embeddings(encoder.fingerprint)
        self._codes = real.token_codes(encoder.fingerprint, numbers)
        self._rows = {int(number): row for row, number in enumerate(numbers)}
        self._known: dict[str, int] = {}
        self._masked: dict[str, int] = {}
        for batch in real.iter_passages():
            for stored in batch:
                text = stored.passage.embedded_text
                self._known[text] = stored.id
                self._masked[self._mask(text)] = stored.id

    def encode(self, texts: Sequence[str]) -> Encoded:
        """What is known of a passage or of the one that it was copied from; what is neither is embedded."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        codes, unknown = [b""] * len(texts), []
        for place, text in enumerate(texts):
            number = self._known.get(text) or self._masked.get(self._mask(text))
            if number is None:
                unknown.append(place)
                continue
            vectors[place], codes[place] = self._vectors[self._rows[number]], self._codes[number]
            if text not in self._known:
                vectors[place] = moved(vectors[place][np.newaxis], random.Random(text).getrandbits(64))[0]
        if unknown:
            encoded = self._encoder.encode([texts[place] for place in unknown])
            vectors[unknown] = encoded.vectors
            for place, tokens in zip(unknown, encoded.tokens, strict=True):
                codes[place] = tokens
        return Encoded(vectors, tuple(codes))

    def begin_queries(self, texts: Sequence[str]) -> Callable[[], list[EncodedQuery]]:
        """Begin to embed a few questions."""
        return self._encoder.begin_queries(texts)

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where tokens stand, as the encoder says."""
        return self._encoder.offsets(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count tokens, as the encoder does."""
        return self._encoder.count_tokens(texts)

    def _mask(self, text: str) -> str:
        return re.sub(r"[a-z]+", lambda match: "_" if match[0] in self._words else match[0], text.lower())


def moved(vectors: Matrix, seed: int, noise: float = NOISE) -> Matrix:
    """Rows of unit norm near those of `vectors`, (n, dimension): each with Gaussian noise of the length `noise`."""
    beside = np.random.default_rng(seed).standard_normal(vectors.shape, np.float32)
    found = vectors + beside * np.float32(noise / np.sqrt(vectors.shape[1]))
    scaled: Matrix = found / np.linalg.norm(found, axis=1, keepdims=True)
    return scaled


def frequent(texts: Iterable[str], encoder: Encoder) -> dict[str, int]:
    """The most frequent words that are a single token each, with how often they occur."""
    counts = Counter(word.lower() for text in texts for word in _WORD.findall(text))
    words = [word for word, _ in counts.most_common(2 * WORDS)]
    empty, *lengths = encoder.count_tokens(["", *words])
    single = [word for word, length in zip(words, lengths, strict=True) if length == empty + 1]
    return {word: counts[word] for word in single[:WORDS]}


def copied(text: str, words: Mapping[str, int], chance: random.Random) -> str:
    """A text with some of its frequent words exchanged for others, as often as these occur."""
    others = iter(chance.choices(list(words), list(words.values()), k=len(text) // 4 + 1))

    def other(match: re.Match[str]) -> str:
        word = match[0]
        if word.lower() not in words or chance.random() > CHANGED:
            return word
        return next(others).capitalize() if word[0].isupper() else next(others)

    return _WORD.sub(other, text)


def chosen(documents: Sequence[StoredDocument], passages: int) -> Iterator[tuple[int, StoredDocument]]:
    """Documents that together have about as many passages as wanted: all of them, then again, (0, …), (1, …), …"""
    have, turn = 0, 0
    while True:
        some = list(documents)
        random.Random(turn).shuffle(some)
        for document in some:
            if have >= passages:
                return
            have += document.passages
            yield turn, document
        turn += 1


def grown(passages: int, folder: Path, *, notes: Path = SHARED / "vaults", real: Path | None = None) -> Grown:
    """Make a library of about so many passages in `folder`, or find it there.

    `real` is a library of the folder `notes`, where there is one; else it is made beside `folder`.
    """
    done = folder / DONE
    if done.exists():
        return Grown(folder / "library", folder / "notes", **json.loads(done.read_text()))
    from indexer.encode import load_encoder

    shutil.rmtree(folder, ignore_errors=True)
    real = real or folder.parent / f"{notes.name}.library"
    if not (real / CATALOGUE).exists():
        index(real, notes)
    settings = Settings.from_environ({**os.environ, "FOOTNOTE_LIBRARY": str(folder / "library")})
    encoder = load_encoder(settings, notice=lambda _: None)
    with Catalogue.open(real / CATALOGUE, write=False) as catalogue:
        documents = [one for one in catalogue.documents() if one.passages and one.kind == "note"]
        texts = {one.id: one.path.read_text(encoding="utf-8", errors="replace") for one in documents}
        words = frequent(texts.values(), encoder)
        for turn, document in chosen(documents, passages):
            text = texts[document.id]
            to = folder / "notes" / f"{turn:03}" / document.file
            to.parent.mkdir(parents=True, exist_ok=True)
            chance = random.Random(f"{turn} {document.file}")
            to.write_text(copied(text, words, chance) if turn else text, encoding="utf-8")
        remembering = Remembering(encoder, catalogue, words)
        report = build(folder / "library", [folder / "notes"], remembering, settings)
    done.write_text(json.dumps({"passages": report.passages, "files": report.files}))
    return Grown(folder / "library", folder / "notes", report.passages, report.files)


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("passages", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--notes", type=Path, default=SHARED / "vaults")
    parser.add_argument("--real", type=Path, help="a library of these notes")
    arguments: Any = parser.parse_args(argv)
    made = grown(arguments.passages, arguments.folder, notes=arguments.notes, real=arguments.real)
    sys.stdout.write(f"{made.library}: {made.passages} passages\n")


if __name__ == "__main__":
    main(sys.argv[1:])
