"""One file that carries others: a zip archive with a manifest, and a checksum over every byte of it at its end.

    the members, in any order    those that are compressed already as they are, the others deflated
    manifest.json                what the archive is of, and the size and SHA-256 of each member
    (the comment of the zip)     the SHA-256 of all bytes before it, in hexadecimal

Whoever opens one may have it from anybody: nothing of it is believed before all of it was checked, and nothing is
written under a name that is not on the list of names that there may be.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from indexer.errors import ArchiveError

FORMAT = 1
"""Of the archive. One of a later format is not opened."""

MANIFEST = "manifest.json"
MANIFEST_MOST = 32 << 20
PIECE_BYTES = 1 << 20
DIGEST_CHARS = 64
LEVEL = 1
"""Vectors hardly get smaller, text does at the first level already."""

NAME = re.compile(r"catalogue\.db|papers/[^./\\:\x00-\x1f][^/\\:\x00-\x1f]{0,250}\.pdf")
"""The names that members may have: none leads anywhere else."""

_BROKEN = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError, ArithmeticError),
    *(BadZipFile, struct.error, zlib.error),
)
"""What zipfile and json raise over bytes that are no archive."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: how many bytes it has, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself: `about` is what it is of, `members` are the files in it, by name."""

    about: Mapping[str, Any]
    members: Mapping[str, Member]

    def to_json(self) -> str:
        """As it is written."""
        members = {name: {"size": one.size, "sha256": one.sha256} for name, one in self.members.items()}
        return json.dumps({"format": FORMAT, **self.about, "members": members}, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what was written; raise ValueError, KeyError or TypeError where it is something else."""
        if not isinstance(data["members"], dict):
            raise ValueError("there are no members")  # noqa: TRY004 - as for all else that is wrong with the bytes
        members = {name: Member(one["size"], one["sha256"]) for name, one in data.pop("members").items()}
        if not all(isinstance(one.size, int) and one.size >= 0 for one in members.values()):
            raise ValueError("a member has no size")
        return cls(data, members)


def is_archive(file: Path) -> bool:
    """Whether a file looks like one of ours."""
    with suppress(*_BROKEN), ZipFile(file) as archive:
        return MANIFEST in archive.namelist() and len(archive.comment) == DIGEST_CHARS
    return False


def pack(file: Path, about: Mapping[str, Any], members: Iterable[tuple[str, Path]]) -> Manifest:
    """Write an archive to `file`, which is not there yet, with each member under its name; raise OSError.

    Nobody else may read it.
    """
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as opened:
        with ZipFile(opened, "w") as archive:
            archive.comment = b"0" * DIGEST_CHARS
            manifest = Manifest(about, {name: _add(archive, name, path) for name, path in members})
            archive.writestr(_info(MANIFEST), manifest.to_json())
        length = opened.seek(-DIGEST_CHARS, os.SEEK_END)
        opened.write(_digest(opened, length).encode())
        opened.flush()
        os.fsync(opened.fileno())
    return manifest


class Archive:
    """An archive whose bytes are all as they were written. Made by `checked`."""

    def __init__(self, file: Path, opened: ZipFile, manifest: Manifest) -> None:
        self.file = file
        self.manifest = manifest
        self._opened = opened

    def unpack(self, folder: Path) -> None:
        """Write every member below a folder, which is there and empty; raise OSError, or ArchiveError."""
        for name in self.manifest.members:
            place = folder / name
            place.parent.mkdir(mode=0o700, exist_ok=True)
            with place.open("xb") as target:
                self.copy(name, target)
                target.flush()
                os.fsync(target.fileno())

    def copy(self, name: str, target: BinaryIO | None) -> None:
        """Write what a member holds to `target`, or nowhere; raise ArchiveError where it is not what was packed."""
        with _reading(self.file), self._opened.open(name) as source:
            found = _copied(source, target)
        if found != self.manifest.members[name]:
            raise _damaged(self.file, f"{name} is not as it was packed")


@contextmanager
def checked(file: Path) -> Iterator[Archive]:
    """Open an archive after every byte and every name in it was checked; raise ArchiveError."""
    with _reading(file):
        opened = file.open("rb")
    with opened:
        with _reading(file):
            length = opened.seek(0, os.SEEK_END) - DIGEST_CHARS
            stated = opened.read(DIGEST_CHARS) if opened.seek(max(length, 0)) else b""
            if length < 0 or _digest(opened, length).encode() != stated:
                raise _damaged(file, "it is cut off, or not as it was written")
            archive = ZipFile(opened)
            manifest = _manifest(file, archive)
            _check_names(file, archive, manifest)
        found = Archive(file, archive, manifest)
        for name in manifest.members:
            found.copy(name, None)
        yield found


def _manifest(file: Path, archive: ZipFile) -> Manifest:
    _check_kind(file, archive.getinfo(MANIFEST))
    with archive.open(MANIFEST) as source:
        data = json.loads(source.read(MANIFEST_MOST))
    if data["format"] != FORMAT:
        raise ArchiveError(
            f"{file} was written by Footnote {data.get('footnote')}, in a way that this version does not know; update "
            "Footnote"
        )
    return Manifest.from_json(data)


def _check_names(file: Path, archive: ZipFile, manifest: Manifest) -> None:
    """Raise ArchiveError unless there is each member once, a plain file with the size that the manifest says."""
    infos = [info for info in archive.infolist() if info.filename != MANIFEST]
    names = [info.filename for info in infos]
    folded = {unicodedata.normalize("NFC", name).casefold() for name in names}
    if len(archive.infolist()) != len(infos) + 1 or len(folded) != len(infos) or set(names) != set(manifest.members):
        raise _damaged(file, "it holds other files than its manifest says")
    for info in infos:
        _check_kind(file, info)
        if not NAME.fullmatch(info.filename):
            raise _damaged(file, f"{info.filename!r} may not be in it")
        if info.file_size != manifest.members[info.filename].size:
            raise _damaged(file, f"{info.filename} has another size than its manifest says")


def _check_kind(file: Path, info: ZipInfo) -> None:
    """Raise ArchiveError unless a member is a plain file, packed as ours are: other ways may take any memory."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    is_plain = kind in (0, stat.S_IFREG) and not info.flag_bits & 1  # the bit of what is encrypted
    if not is_plain or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise _damaged(file, f"{info.filename!r} may not be in it")


def _info(name: str) -> ZipInfo:
    info = ZipInfo(name)
    info.compress_type = ZIP_STORED if name.endswith(".pdf") else ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info


def _add(archive: ZipFile, name: str, path: Path) -> Member:
    info = _info(name)
    info._compresslevel = LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - the only way before Python 3.13
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        return _copied(source, target)


def _copied(source: Any, target: Any) -> Member:
    digest, size = hashlib.sha256(), 0
    while data := source.read(PIECE_BYTES):
        digest.update(data)
        size += len(data)
        if target is not None:
            target.write(data)
    return Member(size, digest.hexdigest())


def _digest(opened: BinaryIO, length: int) -> str:
    """The SHA-256 of the first bytes of a file; it is left behind them."""
    digest = hashlib.sha256()
    opened.seek(0)
    while length and (data := opened.read(min(length, PIECE_BYTES))):
        digest.update(data)
        length -= len(data)
    return digest.hexdigest()


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ArchiveError(f"{file} is not there; name a file that footnote export has written") from error
    except IsADirectoryError as error:
        raise ArchiveError(f"{file} is a folder; name a file that footnote export has written") from error
    except _BROKEN as error:
        raise _damaged(file, str(error) or type(error).__name__) from error


def _damaged(file: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"{file} is no library that footnote export has written, or is damaged ({why}); export it again"
    )
