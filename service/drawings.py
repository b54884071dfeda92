"""Pages of PDFs as pictures, each drawn once and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Self, TypeAlias

from indexer.errors import SourceError
from indexer.reader import Reader
from indexer.records import StoredDocument
from indexer.settings import PaperSettings
from indexer.status import is_vouched_for
from service.files import read_file

if TYPE_CHECKING:
    from indexer.parsing.draw import PageGeometry  # loads pdfium, which only the processes need

KEPT_BYTES = 32_000_000
"""Pictures are kept up to so many bytes: some dozens of pages."""

_Key: TypeAlias = tuple[str, int, int]
"""The digest of the file, the page, and how wide it is drawn."""


class Drawings:
    """Draws pages in processes of their own; safe to share between threads. A context manager that ends these."""

    def __init__(self, settings: PaperSettings, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._max_bytes = settings.max_bytes
        self._kept_bytes = kept_bytes
        self._reader = Reader(settings)
        self._drawn: OrderedDict[_Key, bytes] = OrderedDict()
        self._awaited: dict[_Key, Future[bytes]] = {}
        self._lock = Lock()

    def close(self) -> None:
        """End the processes."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def digest(self, document: StoredDocument) -> str:
        """The SHA-256 of a document's file as it is now; raise SourceError when it cannot be served."""
        if document.sha256 and is_vouched_for(document):
            return document.sha256
        return read_file(document, max_bytes=self._max_bytes)[0].sha256

    def draw(self, document: StoredDocument, digest: str, page: int, *, width: int) -> bytes:
        """Draw a page (from 1) of the file with that digest as a PNG; raise SourceError when it cannot be.

        Who asks for a page that is being drawn waits for it.
        """
        key = (digest, page, width)
        with self._lock:
            if key in self._drawn:
                self._drawn.move_to_end(key)
                return self._drawn[key]
            awaited = self._awaited.get(key)
            if awaited is None:
                mine = self._awaited[key] = Future()
        if awaited is not None:
            return awaited.result()
        try:
            mine.set_result(self._reader.draw(document.rooted, page, width=width))
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            self._keep(key, mine)
        return mine.result()

    def geometry(self, document: StoredDocument, page: int) -> PageGeometry:
        """Measure a page (from 1); raise SourceError when it cannot be."""
        try:
            return self._reader.geometry(document.rooted, page)
        except SourceError as error:
            raise SourceError(f"page {page} cannot be shown: {error}") from error

    def _keep(self, key: _Key, drawn: Future[bytes]) -> None:
        with self._lock:
            del self._awaited[key]
            if drawn.exception() is None:
                self._drawn[key] = drawn.result()
            while sum(map(len, self._drawn.values())) > self._kept_bytes:
                self._drawn.popitem(last=False)
