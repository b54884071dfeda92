"""The pictures that lie beside notes: where they are, which of them may be shown, and what they are.

Shown is only what is a picture by its own bytes and lies under the root of the note. Left out is what is hidden and
what `.footnoteignore` names. `.gitignore` leaves pictures in: people name their attachments there because they are
large, and still show them in their notes.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from posixpath import dirname, join, normpath
from threading import Lock

from indexer.discover import IGNORE_FILES, IGNORED_FOLDERS, Found, is_left_out, read
from indexer.errors import SourceError
from indexer.records import StoredDocument
from indexer.rooted import Opened, Rooted, opened

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

_NONE = "{} is no picture that may be shown; put one there, beside the notes"

_SVG = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*+(?:(?><\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>\[]*>)\s*+)*+<svg[\s>]", re.DOTALL
)
"""What comes before the first element is read once and never tried another way: comments would double the time each."""


@dataclass(frozen=True, slots=True)
class File:
    """A picture on disk: its type, and what changes when the file does. `place` has no links in it."""

    place: Rooted
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
            if _is_shown(document.root, file):
                return file
        name = PurePosixPath(target).name
        found = self._named(document.root, name.casefold()) if "/" not in target.strip("/") else None
        return found if found and _is_shown(document.root, found) else None

    def _named(self, root: str, name: str) -> str | None:
        with self._lock:
            made, names = self._names.get(root, (0.0, {}))
            if name not in names and (not made or time.monotonic() - made > FRESH_SECONDS):
                names = _listed(Path(root))
                self._names[root] = time.monotonic(), names
            return names.get(name)


def open_picture(document: StoredDocument, file: str) -> File:
    """Find a picture by its path from the root of a note; raise SourceError where there is none to be shown."""
    try:
        with _opened(document.root, file) as (descriptor, status, place):
            media_type = type_of(os.read(descriptor, 1024))
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}") from error
    if media_type is None:
        raise SourceError(f"{file} is no picture by its bytes; save it as one of {', '.join(sorted(SUFFIXES))}")
    return File(Rooted(document.root, place), media_type, f"{status.st_mtime_ns:x}-{status.st_size:x}")


def read_picture(file: File) -> bytes:
    """Read a picture whole; raise SourceError when it cannot be."""
    return read(Found(Path(file.place.root), file.place.file, 0, 0), max_bytes=MOST_BYTES).data


def size_of(document: StoredDocument, file: str) -> tuple[int, int] | None:
    """Read the width and height of a picture, in pixels; None where its file does not say so."""
    if file.lower().endswith(".svg"):
        return None
    try:
        status = os.stat(f"{document.root}/{file}")  # noqa: PTH116 - for every picture of a page
    except (OSError, ValueError):
        return None
    return _size(document.root, file, (status.st_dev, status.st_ino, status.st_mtime_ns))


@lru_cache(4096)
def _size(root: str, file: str, _stamps: tuple[int, ...]) -> tuple[int, int] | None:
    from PIL import Image
    from PIL.ExifTags import Base

    try:
        with (
            _opened(root, file) as found,
            Image.open(os.fdopen(found.descriptor, "rb", closefd=False), formats=_FORMATS) as image,
        ):
            # of the class below all formats: that of PNG would unpack the whole picture to look for more
            exif = Image.Image.getexif(image)
            turned = exif.get(Base.Orientation, 1) >= 5  # a camera held upright
            width, height = image.size
            return (height, width) if turned else (width, height)
    except (SourceError, OSError, ValueError, TypeError, SyntaxError):
        return None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
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


@contextmanager
def _opened(root: str, file: str) -> Iterator[Opened]:
    """Open a picture's file; raise SourceError where it is none that may be shown, or OSError.

    A link within the root is followed to what may be shown itself.
    """
    with ExitStack() as stack:
        try:
            found = stack.enter_context(opened(root, file))
        except (SourceError, FileNotFoundError, NotADirectoryError) as error:
            raise SourceError(_NONE.format(file)) from error
        home = Path(root)
        if (
            any(PurePosixPath(one).suffix.lower() not in SUFFIXES for one in {found.file, file})
            or found.status.st_size > MOST_BYTES
            or any(is_left_out(home, one, ignore_files=IGNORE_FILES[-1:]) for one in {found.file, file})
        ):
            raise SourceError(_NONE.format(file))
        yield found


def _is_shown(root: str, file: str) -> bool:
    """Whether a picture is there that may be shown, by its name."""
    try:
        with _opened(root, file):
            return True
    except (SourceError, OSError):
        return False


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
