"""What is embedded is kept, once, whenever it comes and however it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest
from stub_encoder import HashEncoder

from indexer import embedding
from indexer.catalogue import Catalogue
from indexer.change import text_hash
from indexer.embedding import Embedding
from indexer.types import Encoded

TEXTS = [f"the text number {number}" for number in range(10)]


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "catalogue.db", write=True) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "JOB_TEXTS", 3)


def kept(catalogue: Catalogue, texts: Sequence[str] = TEXTS) -> list[str]:
    known = catalogue.known_hashes("hash", map(text_hash, texts))
    return [text for text in texts if text_hash(text) in known]


def embed(catalogue: Catalogue, encoder: HashEncoder) -> None:
    with Embedding(catalogue, encoder) as under_way:
        under_way.send(TEXTS)
        while not under_way.done(len(TEXTS)):
            under_way.step()


class Gated(HashEncoder):
    """Embeds when it is told to, the first text that it gets excepted."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Event()

    def encode(self, texts: Sequence[str]) -> Encoded:
        if TEXTS[0] not in texts:
            assert self.gate.wait(10)
        return super().encode(texts)


def test_every_text_is_embedded_once(catalogue: Catalogue) -> None:
    encoder = HashEncoder()
    with Embedding(catalogue, encoder) as under_way:
        assert under_way.send(TEXTS[:4] + TEXTS[:2]) == 4
        assert under_way.send(TEXTS) == 10
        while not under_way.done(10):
            under_way.step()
        assert under_way.send(TEXTS) == 10
    assert (under_way.embedded, encoder.encoded) == (10, 10)
    assert kept(catalogue) == TEXTS


def test_vectors_are_those_of_their_texts(catalogue: Catalogue) -> None:
    encoder = HashEncoder()
    embed(catalogue, encoder)
    stored = dict(catalogue._rows("SELECT text_hash, codes FROM token_codes"))
    assert stored == {text_hash(text): encoder.encode([text]).tokens[0] for text in TEXTS}


def test_what_is_ready_is_kept_while_the_rest_is_under_way(catalogue: Catalogue) -> None:
    encoder = Gated()
    with Embedding(catalogue, encoder) as under_way:
        under_way.send(TEXTS)
        under_way.step()
        assert kept(catalogue) == TEXTS[:3]
        assert under_way.done(3)
        assert not under_way.done(4)
        encoder.gate.set()


def test_leaving_keeps_what_is_under_way_and_drops_what_has_not_begun(catalogue: Catalogue) -> None:
    encoder = Gated()
    under_way = Embedding(catalogue, encoder)
    under_way.send(TEXTS)
    under_way.step()
    encoder.gate.set()
    under_way.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert TEXTS[:3] == kept(catalogue)[:3]
    assert len(kept(catalogue)) == encoder.encoded == under_way.embedded


def test_an_encoder_that_fails_says_so_to_the_one_who_waits(catalogue: Catalogue) -> None:
    class Failing(HashEncoder):
        def encode(self, texts: Sequence[str]) -> Encoded:
            if TEXTS[3] in texts:
                raise MemoryError
            return super().encode(texts)

    with pytest.raises(MemoryError):
        embed(catalogue, Failing())
    assert TEXTS[3] not in kept(catalogue)
    assert TEXTS[0] in kept(catalogue)
