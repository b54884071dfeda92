"""Suffix → parser. Each parser is one function, `parse(source) -> Document`, in a file of its own."""

from __future__ import annotations

from pathlib import PurePosixPath

from indexer.errors import SourceError
from indexer.types import Document, Source

NOTES = frozenset({".md", ".markdown", ".txt", ".org"})
"""Files with these endings, in any case, are notes."""

PDF = ".pdf"

SUFFIXES = NOTES | {PDF}
"""Files with these endings, in any case, are read."""

VERSION = 3
"""To be raised when the parsers read more or otherwise: the files of every library are then read again."""


def parse(source: Source) -> Document:
    """Parse a file by its suffix; raise SourceError when it cannot be read or has no parser.

    A PDF may take long, or take the process with it: see `indexer.reader`.
    """
    suffix = PurePosixPath(source.file).suffix.lower()
    if suffix == PDF:
        from indexer.parsing import pdf

        return pdf.parse(source)
    if suffix in NOTES:
        try:
            return _note(source, suffix)
        except (SourceError, MemoryError):
            raise
        except Exception as error:  # one note that a parser stumbles over must not keep the others from being read
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise SourceError(f"confused the reader of notes ({said[:200]}); the other files are read") from error
    raise SourceError(
        f"no parser for {suffix or 'files without a suffix'}; Footnote reads {', '.join(sorted(SUFFIXES))}"
    )


def _note(source: Source, suffix: str) -> Document:
    if suffix == ".org":
        from indexer.parsing import org

        return org.parse(source)
    from indexer.parsing import markdown

    return markdown.parse(source)
