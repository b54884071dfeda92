"""What was read waits here until it is embedded and stored: many documents in one change."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, TypeAlias

from indexer.catalogue import Catalogue
from indexer.change import Change
from indexer.derived import Notice, publish
from indexer.embedding import Embedding
from indexer.passages import split
from indexer.questions import questions
from indexer.settings import Settings
from indexer.types import Document, Encoder, PaperLink, Passage, Question

Stage: TypeAlias = Literal["scan", "read", "fetch"]

PASSAGES_AT_ONCE = 4096
"""So many passages are stored together."""

GROUPS = 1
"""So many such groups may wait for their embeddings while the next is read: each holds its passages in memory."""

SENT_AT_ONCE = 256
"""So many texts are handed on to be embedded."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is. `done` and `total` count the files that are read, or the papers that are fetched; 0 is unknown.

    `embedded` is how many passages this run has embedded, `expected` how many it may be in the end, as far as that can
    be told from what was read.
    """

    stage: Stage
    done: int
    total: int
    embedded: int = 0
    expected: int = 0


Listener: TypeAlias = Callable[[Progress], None]
Action: TypeAlias = Callable[[Change], object]


@dataclass(frozen=True, slots=True)
class _Group:
    """What is stored together, once the first `sent` texts of the run are embedded."""

    actions: Sequence[Action]
    sent: int


@dataclass(slots=True)
class Intake:
    """What a run has read and not yet stored. To be used as a context manager.

    While texts are embedded, the caller goes on: groups of documents wait until theirs are done, and are stored in the
    order they came. Leaving early keeps what is embedded. `relinked` says whether what was stored names other papers
    than before, or holds others; `dropped` are the hashes of texts of passages that went.
    """

    library: Path
    catalogue: Catalogue
    encoder: Encoder
    settings: Settings
    progress: Listener
    read: float = 1.0
    """How much of what there is to read has been, from 0 to 1."""
    relinked: bool = False
    dropped: set[bytes] = field(default_factory=set)
    _sweep: bool = False
    _stage: Progress = Progress("scan", 0, 0)
    _embedding: Embedding = field(init=False)
    _actions: list[Action] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _passages: int = 0
    _waiting: deque[_Group] = field(default_factory=deque)

    def __enter__(self) -> Self:
        self._sweep = self.catalogue.unswept
        self._embedding = Embedding(self.catalogue, self.encoder)
        return self

    def __exit__(self, *reason: object) -> None:
        self._embedding.__exit__(*reason)

    @property
    def embedded(self) -> int:
        """How many texts the encoder was given."""
        return self._embedding.embedded

    def change_model(self, notice: Notice) -> None:
        """Embed again what another model has embedded, where it was another."""
        before = self.catalogue.fingerprint
        if before == self.encoder.fingerprint:
            return
        missing = self.catalogue.unembedded(self.encoder.fingerprint)
        if missing:
            notice(
                f"The model changed from {before} to {self.encoder.fingerprint}: "
                f"embedding all {len(missing)} passages again"
            )
        self._embed(missing)
        self._sweep |= before is not None
        self.do(lambda change: change.set_fingerprint(self.encoder.fingerprint))

    def complete(self) -> None:
        """Embed what has lost its embedding, once what the files do not have any more is gone; show it to readers."""
        self.store()
        if missing := self.catalogue.unembedded(self.encoder.fingerprint):
            self._embed(missing)
            publish(self.library, self.catalogue)

    def _embed(self, missing: Sequence[int]) -> None:
        """Embed passages that are stored, some at a time."""
        before = 0
        for start in range(0, len(missing), PASSAGES_AT_ONCE):
            stored = self.catalogue.passages(missing[start : start + PASSAGES_AT_ONCE])
            sent = self._embedding.send(found.passage.embedded_text for found in stored.values())
            self._wait(before)
            before = sent
        self._wait(before)

    def add(self, document: Document, *, size: int, links: Sequence[PaperLink] = ()) -> None:
        """Cut a document into passages, and have it stored with what it asks and the papers that it names."""
        passages = split(document, max_tokens=self.encoder.max_tokens, count_tokens=self.encoder.count_tokens)
        asked = [] if document.kind == "paper" else questions(document, headings=self.settings.question_headings)
        self.put(document, passages, asked, size=size, links=links)

    def put(
        self,
        document: Document,
        passages: Sequence[Passage],
        asked: Sequence[Question] = (),
        *,
        size: int,
        links: Sequence[PaperLink] = (),
    ) -> None:
        """Have a document stored that has been cut into passages, in a group with others."""
        # Many wait to be stored: let go of the bytes and the places of characters.
        light = replace(document, source=replace(document.source, data=b""), blocks=())
        self.do(lambda change: change.put_document(light, passages, asked, size=size, links=links))
        self._texts += [passage.embedded_text for passage in passages]
        self._passages += len(passages)
        if len(self._texts) >= SENT_AT_ONCE:
            self._send()
        if self._passages >= PASSAGES_AT_ONCE:
            self.close_group()
            while len(self._waiting) > GROUPS:
                self._store_next()
        while self._waiting and self._embedding.done(self._waiting[0].sent):
            self._store_next()
        if not self._waiting:
            self._embedding.done(self._embedding.sent)

    def do(self, action: Action) -> None:
        """Have something done in the next change."""
        self._actions.append(action)

    def forget(self) -> None:
        """Forget the embeddings of texts that went and that no passage has any more, when all is stored.

        At the end of a run, not before: a text that left one file may come in another.
        """
        self.store()
        if self._sweep:
            self.do(Change.drop_orphans)
        elif self.dropped or self.embedded:
            self.do(lambda change: change.drop_orphans(self.dropped))
        self.store()

    def store(self) -> None:
        """Wait until all that was added is embedded, stored, and seen by readers."""
        self.close_group()
        while self._waiting:
            self._store_next()

    def tell(self, stage: Stage, done: int, total: int) -> None:
        """Say how far the run is."""
        self._stage = Progress(stage, done, total)
        self._tell()

    def close_group(self) -> None:
        """Have what was added so far stored before what comes, without waiting for it."""
        self._send()
        if self._actions:
            self._waiting.append(_Group(self._actions, self._embedding.sent))
            self._actions, self._passages = [], 0

    def _send(self) -> None:
        self._embedding.send(self._texts)
        self._texts = []

    def _store_next(self) -> None:
        """Store the group that has waited longest in one change, and show it to readers."""
        group = self._waiting.popleft()
        self._wait(group.sent)
        with self.catalogue.change() as change:
            for action in group.actions:
                action(change)
        self.relinked |= change.relinked
        self.dropped |= change.dropped_hashes
        if change.visible:
            publish(self.library, self.catalogue, change)

    def _wait(self, sent: int) -> None:
        while not self._embedding.done(sent):
            self._tell()
            self._embedding.step()
        self._tell()

    def _tell(self) -> None:
        sent = self._embedding.sent
        expected = max(sent, round((sent + len(self._texts)) / max(self.read, 0.01)))
        self.progress(replace(self._stage, embedded=self._embedding.embedded, expected=expected))
