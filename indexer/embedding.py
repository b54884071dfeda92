"""Embeds beside the thread that reads and stores: texts go in, and their vectors are kept as soon as they are made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from indexer.catalogue import Catalogue
from indexer.change import text_hash
from indexer.errors import FootnoteError
from indexer.types import Encoded, Encoder

JOB_TEXTS = 256
"""So many texts are embedded, and then kept, together: about a second's work. Long and short ones are mixed, so that
the encoder can fill its batches."""

JOBS = 2
"""So many are under way: one goes on while the last batch of the other is waited for."""


class Embedding:
    """Embeds each text that has no vector yet on threads of its own, and keeps what comes in the catalogue.

    Only the thread that calls touches the catalogue. To be used as a context manager: leaving it before all is done
    waits for what is under way, keeps it, and drops the rest. `sent` counts the texts to embed, `embedded` those done.
    """

    def __init__(self, catalogue: Catalogue, encoder: Encoder) -> None:
        self.sent = 0
        self.embedded = 0
        self._catalogue = catalogue
        self._encoder = encoder
        self._pool = ThreadPoolExecutor(JOBS)
        self._jobs: deque[tuple[list[bytes], Future[Encoded]]] = deque()
        self._coming: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        with suppress(FootnoteError):  # it may be the reason why we leave
            while self._jobs:
                hashes, job = self._jobs.popleft()
                if not job.cancelled() and job.exception() is None:
                    self._keep(hashes, job.result())

    def send(self, texts: Iterable[str]) -> int:
        """Have embedded what is new among `texts`; returns what `sent` is then."""
        fingerprint = self._encoder.fingerprint
        new = {key: text for text in texts if (key := text_hash(text)) not in self._coming}
        for known in self._catalogue.known_hashes(fingerprint, new):
            del new[known]
        self.sent += len(new)
        self._coming |= new.keys()
        items = list(new.items())
        for start in range(0, len(items), JOB_TEXTS):
            job = items[start : start + JOB_TEXTS]
            future = self._pool.submit(self._encoder.encode, [text for _, text in job])
            self._jobs.append(([key for key, _ in job], future))
        return self.sent

    def done(self, sent: int) -> bool:
        """Keep what is ready of the first `sent` texts; say whether these are all."""
        while self.embedded < sent and self._jobs[0][1].done():
            self.step()
        return self.embedded >= sent

    def step(self) -> None:
        """Wait for the job that was sent first, and keep what it made."""
        hashes, job = self._jobs[0]
        encoded = job.result()
        self._jobs.popleft()
        self._keep(hashes, encoded)

    def _keep(self, hashes: list[bytes], encoded: Encoded) -> None:
        self._catalogue.add_embeddings(self._encoder.fingerprint, hashes, encoded)
        self.embedded += len(hashes)
        self._coming.difference_update(hashes)
