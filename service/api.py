"""What `from service import ask` gives: the library asked from Python, opened once and kept open."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from indexer.settings import Settings
from service.filters import read_filters

if TYPE_CHECKING:
    from indexer.types import Lines
    from service.desk import Desk
    from service.places import Reading
    from service.types import Answer, AnsweredQuestion, SearchResult, WriterName

_log = logging.getLogger("footnote")
_open: dict[Settings, Desk] = {}
_lock = Lock()


def ask(
    question: str,
    *,
    library: str | os.PathLike[str] | None = None,
    k: int = 8,
    filters: Mapping[str, object] | None = None,
    writer: WriterName = "extractive",
) -> Answer:
    """Answer a question from a library, with at most `k` citations.

    >>> from service import ask
    >>> answer = ask("How does LoRA get away with training so few weights?", library=library)
    >>> answer.verdict
    'supported'
    >>> first = answer.citations[0]
    >>> first.file, first.lines
    ('training/fine-tuning.md', (13, 16))

    `library` is the folder that `footnote index --library` wrote; without it the one that FOOTNOTE_LIBRARY names, else
    the user's own. `filters` are those of the HTTP interface, as in `{"tag": "ml", "without": {"word": "adam"}}`; they
    may be written into the question as well. Raises QuestionError, LibraryError, ModelError or SettingsError, all of
    them FootnoteError. May be called from several threads.
    """
    return _kept(library).ask(question, k=k, filters=read_filters(filters or {}), writer=writer)


def search(
    query: str,
    *,
    library: str | os.PathLike[str] | None = None,
    k: int = 8,
    filters: Mapping[str, object] | None = None,
) -> SearchResult:
    """The `k` passages of a library that are nearest to a query; filters alone list what is new first.

    >>> from service import search
    >>> [hit.file for hit in search("learning rate warm-up", library=library, k=1).hits]
    ['architectures/Transformer.md']
    """
    return _kept(library).search(query, k=k, filters=read_filters(filters or {}))


def questions(*, library: str | os.PathLike[str] | None = None) -> tuple[AnsweredQuestion, ...]:
    """Every item of the library's question dumps, the open ones with what the library says to them.

    >>> from service import questions
    >>> items = questions(library=library)
    >>> sum(item.answer is not None and item.answer.verdict == "unsupported" for item in items)
    6
    """
    return _kept(library).questions()


def read(
    place: str,
    *,
    lines: Lines | None = None,
    page: int | None = None,
    around: int = 10,
    library: str | os.PathLike[str] | None = None,
) -> Reading:
    """The text at a place of the library, and `around` lines about it: of a note as it is now, or a page of a paper.

    >>> from service import read
    >>> print(read("training/fine-tuning.md:1", around=0, library=library).text)
    # Fine-tuning and compressing

    `place` is written as a citation is: a path with lines, the id of a paper with a page, or a citation's `link`.
    Raises InputError where the library has no such place.
    """
    from service.places import read as read_place

    return read_place(_kept(library), place, lines=lines, page=page, around=around)


def open_desk(library: str | os.PathLike[str] | None = None) -> Desk:
    """Open a library for as long as a `with` block lasts; it may be asked from several threads.

    >>> from service import open_desk
    >>> with open_desk(library) as desk:
    ...     desk.size().documents
    20

    Raises LibraryError or ModelError.
    """
    return _opened(_settings(library))


def close() -> None:
    """Let go of the libraries that `ask`, `search`, `questions` and `read` have opened; they open them anew."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


atexit.register(close)


def _settings(library: str | os.PathLike[str] | None) -> Settings:
    named = {} if library is None else {"FOOTNOTE_LIBRARY": str(Path(library).expanduser().absolute())}
    return Settings.from_environ(os.environ | named)


def _kept(library: str | os.PathLike[str] | None) -> Desk:
    settings = _settings(library)
    with _lock:
        if settings not in _open:
            _open[settings] = _opened(settings)
        return _open[settings]


def _opened(settings: Settings) -> Desk:
    from service.desk import Desk

    return Desk.open(settings, notice=_log.info)
