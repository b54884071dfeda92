"""Where the page of a document is, and where on it a place."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from indexer.records import StoredDocument
from indexer.types import Lines

QUOTE = "quote"
"""The fragment of a paper's page that leads to the first words that are marked."""


def address_of(document: StoredDocument) -> str:
    """Give the address of a document's page."""
    return f"/{'papers' if document.kind == 'paper' else 'notes'}/{document.id}"


def address_of_lines(document: StoredDocument, lines: Lines) -> str:
    """Give the address of a place in a note."""
    first, last = lines
    return f"{address_of(document)}?lines={first}-{last}#L{first}"


def address_of_sentences(document: StoredDocument, sentences: Lines, page: int | None) -> str:
    """Give the address of a place in a PDF: its sentences, and the page (from 1) that they begin on, if they do.

    The page is what is left of the place when the sentences are others, because the file was read anew.
    """
    first, last = sentences
    on = "" if page is None else f"page={page}&"
    return f"{address_of(document)}?{on}sentences={first}-{last}#{QUOTE}"


def address_on_arxiv(identifier: str, version: str | None = None) -> str:
    """Give the address of a paper on arXiv, its newest version without another."""
    return f"https://arxiv.org/abs/{identifier}{version or ''}"


def address_of_arxiv_pdf(identifier: str, version: str | None = None, page: int | None = None) -> str:
    """Give the address of a paper's PDF on arXiv, open at a page (from 1)."""
    return f"https://arxiv.org/pdf/{identifier}{version or ''}{f'#page={page}' if page else ''}"


def address_in_obsidian(path: Path) -> str:
    """Give the address that opens a note in Obsidian. Its addresses know no lines, only headings and blocks."""
    return f"obsidian://open?path={quote(path.as_posix(), safe='')}"


def address_in_vscode(path: Path, line: int = 1) -> str:
    """Give the address that opens a file in Visual Studio Code, the cursor in a line (from 1)."""
    return f"vscode://file/{quote(path.as_posix().lstrip('/'))}:{line}"


def address_of_picture(document: StoredDocument, file: str) -> str:
    """Give the address of a picture that a note shows: `file` is its path from the note's root."""
    return f"/files/{document.id}/{quote(file)}"
