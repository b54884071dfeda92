"""The pictures that lie beside notes: where they are, which of them may be shown, and what they are.

Shown is only what is a picture by its own bytes and lies under the root of the note. Left out is what is hidden and
what `.footnoteignore` names. `.gitignore` leaves pictures in: people name their attachments there because they are
large, and still show them in their notes.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from posixpath import dirname, join, normpath
from threading import Lock

from indexer.discover import IGNORE_FILES, IGNORED_FOLDERS, Found, is_left_out, read
from indexer.errors import SourceError
from indexer.records import StoredDocument

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"})
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF")
"""The readers that may look at a picture: there are others, which run programs or read further files."""

MOST_BYTES = 50_000_000
"""Larger pictures are not shown."""

MOST_FILES = 200_000
"""Of a folder with more files, the rest is not looked through for a picture by its name alone."""

FRESH_SECONDS = 10.0
"""So long a list of names is believed that does not have the one looked for."""

SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The policy under which a picture is served: an SVG that is opened by itself is a page, and may run nothing."""

_SVG = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*+(?:(?><\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>\[]*>)\s*+)*+<svg[\s>]", re.DOTALL
)
"""What comes before the first element is read once and never tried another way: comments would double the time each."""


@dataclass(frozen=True, slots=True)
class File:
    """A picture on disk: its type, and what changes when the file does. `path` has no links in it."""

    path: Path
    media_type: str
    stamp: str


class Pictures:
    """Finds pictures as Obsidian does; safe to share between threads."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[float, dict[str, str]]] = {}
        self._lock = Lock()

    def find(self, document: StoredDocument, target: str) -> str | None:
        """Find the picture that a note names: its path from the note's root, None where there is none.

        It is looked for from the folder of the note, then from the root, then by its name alone anywhere under it.
        """
        target = target.replace("\\", "/")
        for file in (normpath(join(dirname(document.file), target)), normpath(target.lstrip("/"))):
            if _place(Path(document.root), file):
                return file
        name = PurePosixPath(target).name
        found = self._named(document.root, name.casefold()) if "/" not in target.strip("/") else None
        return found if found and _place(Path(document.root), found) else None

    def _named(self, root: str, name: str) -> str | None:
        with self._lock:
            made, names = self._names.get(root, (0.0, {}))
            if name not in names and (not made or time.monotonic() - made > FRESH_SECONDS):
                names = _listed(Path(root))
                self._names[root] = time.monotonic(), names
            return names.get(name)


def open_picture(document: StoredDocument, file: str) -> File:
    """Find a picture by its path from the root of a note; raise SourceError where there is none to be shown."""
    place = _place(Path(document.root), file)
    if place is None:
        raise SourceError(f"{file} is no picture that may be shown; put one there, beside the notes")
    path, status = place
    try:
        with path.open("rb") as opened:
            media_type = type_of(opened.read(1024))
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}") from error
    if media_type is None:
        raise SourceError(f"{file} is no picture by its bytes; save it as one of {', '.join(sorted(SUFFIXES))}")
    return File(path, media_type, f"{status.st_mtime_ns:x}-{status.st_size:x}")


def read_picture(file: File) -> bytes:
    """Read a picture whole; raise SourceError when it cannot be."""
    try:
        status = file.path.stat()
    except OSError as error:
        raise SourceError(f"{file.path.name} cannot be read: {error.strerror}") from error
    found = Found(file.path.parent, file.path.name, status.st_size, status.st_mtime_ns)
    return read(found, max_bytes=MOST_BYTES).data


def size_of(document: StoredDocument, file: str) -> tuple[int, int] | None:
    """Read the width and height of a picture, in pixels; None where its file does not say so."""
    place = _place(Path(document.root), file)
    return _size(str(place[0]), place[1].st_mtime_ns) if place and not file.lower().endswith(".svg") else None


@lru_cache(4096)
def _size(path: str, _mtime_ns: int) -> tuple[int, int] | None:
    from PIL import Image
    from PIL.ExifTags import Base

    try:
        with Image.open(path, formats=_FORMATS) as image:
            # of the class below all formats: that of PNG would unpack the whole picture to look for more
            exif = Image.Image.getexif(image)
            turned = exif.get(Base.Orientation, 1) >= 5  # a camera held upright
            width, height = image.size
            return (height, width) if turned else (width, height)
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def type_of(head: bytes) -> str | None:
    """Tell the media type of a picture by its first bytes; None where they are none of a picture that may be shown."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "image/avif"
    return "image/svg+xml" if _SVG.match(head) else None


def _place(root: Path, file: str) -> tuple[Path, os.stat_result] | None:
    """Find a picture's file without links, and its stamps; None where it is none that may be shown."""
    parts = PurePosixPath(file)
    if parts.is_absolute() or ".." in parts.parts or parts.suffix.lower() not in SUFFIXES:
        return None
    try:
        home = root.resolve()
        path = (root / file).resolve(strict=True)
        inside = path.relative_to(home).as_posix()
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            return None
        if any(is_left_out(home, one, ignore_files=IGNORE_FILES[-1:]) for one in {inside, str(parts)}):
            return None
    except (OSError, ValueError, RuntimeError):  # not there, or not under the root; a NUL; links that go in a circle
        return None
    return path, status


def _listed(root: Path) -> dict[str, str]:
    """List the pictures under a folder by their names, of several with the same name the one with the shortest path."""
    found = dict[str, str]()
    for file in sorted(_walk(root), key=lambda file: (file.count("/"), len(file), file)):
        found.setdefault(PurePosixPath(file).name.casefold(), file)
    return found


def _walk(root: Path) -> Iterator[str]:
    seen = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in IGNORED_FOLDERS]
        seen += len(files)
        if seen > MOST_FILES:
            return
        for name in files:
            if PurePosixPath(name).suffix.lower() in SUFFIXES:
                yield (Path(folder) / name).relative_to(root).as_posix()
