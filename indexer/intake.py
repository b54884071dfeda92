"""What was read waits here until it is embedded and stored: many documents in one change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from indexer.catalogue import Catalogue
from indexer.change import Change, text_hash
from indexer.derived import Notice, publish
from indexer.passages import split
from indexer.questions import questions
from indexer.settings import Settings
from indexer.types import Document, Encoder, PaperLink

PASSAGES_AT_ONCE = 4096
"""So many passages are stored together."""

EMBEDDED_AT_ONCE = 512
"""So many texts are embedded before their vectors are kept: a run that is killed loses no more than that."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is. `done` and `total` count files while reading, papers while fetching and texts while embedding.

    0 of 0 is unknown.
    """

    stage: Literal["scan", "read", "fetch", "embed", "store"]
    done: int
    total: int


Listener: TypeAlias = Callable[[Progress], None]


@dataclass(slots=True)
class Intake:
    """What a run has read and not yet stored.

    `embedded` counts the texts that the encoder was given; `relinked` says whether what was stored names other papers
    than before, or holds others; `dropped` are the hashes of texts of passages that went.
    """

    library: Path
    catalogue: Catalogue
    encoder: Encoder
    settings: Settings
    progress: Listener
    embedded: int = 0
    relinked: bool = False
    dropped: set[bytes] = field(default_factory=set)
    _sweep: bool = False
    _actions: list[Callable[[Change], object]] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)

    def change_model(self, notice: Notice) -> None:
        """Embed again what another model has embedded, or what an interrupted run has left out."""
        missing = self.catalogue.unembedded(self.encoder.fingerprint)
        changed = self.catalogue.fingerprint != self.encoder.fingerprint
        if missing and changed:
            notice(
                f"The model changed from {self.catalogue.fingerprint} to {self.encoder.fingerprint}: "
                f"embedding all {len(missing)} passages again"
            )
        for start in range(0, len(missing), PASSAGES_AT_ONCE):
            stored = self.catalogue.passages(missing[start : start + PASSAGES_AT_ONCE])
            self._embed(found.passage.embedded_text for found in stored.values())
        if changed:
            self._sweep = self.catalogue.fingerprint is not None
            self.do(lambda change: change.set_fingerprint(self.encoder.fingerprint))

    def add(self, document: Document, *, size: int, links: Sequence[PaperLink] = ()) -> None:
        """Cut a document into passages, and have it stored with what it asks and the papers that it names."""
        passages = split(document, max_tokens=self.encoder.max_tokens, count_tokens=self.encoder.count_tokens)
        asked = [] if document.kind == "paper" else questions(document, headings=self.settings.question_headings)
        # Many wait to be stored: let go of the bytes and the places of characters.
        light = replace(document, source=replace(document.source, data=b""), blocks=())
        self.do(lambda change: change.put_document(light, passages, asked, size=size, links=links))
        self._texts += [passage.embedded_text for passage in passages]
        if len(self._texts) >= PASSAGES_AT_ONCE:
            self.store()

    def do(self, action: Callable[[Change], object]) -> None:
        """Have something done in the next change."""
        self._actions.append(action)

    def forget(self) -> None:
        """Have the embeddings forgotten of texts that went and that no passage has any more.

        At the end of a run, not before: a text that left one file may come in another.
        """
        if self._sweep:
            self.do(Change.drop_orphans)
        elif self._actions or self.dropped:
            self.do(lambda change: change.drop_orphans(self.dropped | change.dropped_hashes))

    def store(self) -> None:
        """Embed what is new, then store all that waits in one change and show it to readers."""
        if not self._actions:
            return
        self._embed(self._texts)
        self.progress(Progress("store", 0, len(self._actions)))
        with self.catalogue.change() as change:
            for action in self._actions:
                action(change)
        self.relinked |= change.relinked
        self.dropped |= change.dropped_hashes
        if change.visible:
            publish(self.library, self.catalogue, change)
        self._actions, self._texts = [], []

    def _embed(self, texts: Iterable[str]) -> None:
        """Embed the texts that this model has not embedded yet."""
        hashes = {text_hash(text): text for text in texts}
        for known in self.catalogue.known_hashes(self.encoder.fingerprint, hashes):
            del hashes[known]
        items = sorted(hashes.items(), key=lambda item: len(item[1]))
        for start in range(0, len(items), EMBEDDED_AT_ONCE):
            self.progress(Progress("embed", start, len(items)))
            batch = items[start : start + EMBEDDED_AT_ONCE]
            encoded = self.encoder.encode([text for _, text in batch])
            self.catalogue.add_embeddings(self.encoder.fingerprint, [key for key, _ in batch], encoded)
            self.embedded += len(batch)
        if items:
            self.progress(Progress("embed", len(items), len(items)))
