"""Suffix → parser. Each parser is one function, `parse(source) -> Document`, in a file of its own."""

from __future__ import annotations

from pathlib import PurePosixPath

from indexer.errors import SourceError
from indexer.types import Document, Source

SUFFIXES = frozenset({".md", ".markdown", ".txt", ".org"})
"""Files with these endings, in any case, are notes."""


def parse(source: Source) -> Document:
    """Parse a file by its suffix; raise SourceError when it cannot be read as text or has no parser."""
    suffix = PurePosixPath(source.file).suffix.lower()
    if suffix == ".org":
        from indexer.parsing import org

        return org.parse(source)
    if suffix in SUFFIXES:
        from indexer.parsing import markdown

        return markdown.parse(source)
    raise SourceError(
        f"no parser for {suffix or 'files without a suffix'}; Footnote reads {', '.join(sorted(SUFFIXES))}"
    )
