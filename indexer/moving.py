"""A library carried to another machine: packed into one file, and unpacked from it.

The file (see `indexer.archive`) holds the catalogue and the PDFs that were fetched. What is derived from the catalogue
is made again where it is unpacked; embeddings are in it, so nothing is embedded again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from indexer import __version__, sql
from indexer.archive import MANIFEST, NAME, Archive, Manifest, checked, is_archive, pack
from indexer.catalogue import PAPERS, Catalogue
from indexer.connect import CATALOGUE, aside, connect, put_back, require, translated
from indexer.copies import copy_all, copy_papers
from indexer.derived import publish
from indexer.errors import ArchiveError, InputError, LibraryCorrupt, LibraryFull, LibraryTooNew
from indexer.lock import HOLDER, LOCK, locked
from indexer.repair import FOLDERS
from indexer.running import RUNNING
from indexer.schema import SCHEMA_VERSION
from indexer.settings import MEGABYTE
from indexer.whole import sync_folder

IMPORT = "footnote import"

OWN = frozenset({LOCK, HOLDER, FOLDERS, RUNNING, "service.json"})
"""What may be left of a library that is none any more."""

WITHIN = ".importing"
"""Where a library is made ready that is to lie in a folder which cannot be renamed."""

LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Imported:
    """What was unpacked: `moved` are the folders of notes that lie elsewhere here, `missing` those that are nowhere."""

    manifest: Manifest
    moved: Mapping[str, str]
    missing: tuple[str, ...]


def export_library(library: Path, file: Path, *, notes: bool = True, pdfs: bool = True) -> Manifest:
    """Pack the library in the folder `library` into `file`, as it is at one moment; it may be written meanwhile.

    Without `notes` only what it holds of fetched papers, without `pdfs` only what is known of them. A file that was
    exported before is replaced; another one raises InputError. Raises LibraryError.
    """
    require(library / CATALOGUE)
    if file.exists() and not is_archive(file):
        raise InputError(f"{file} is there, and is no exported library; name another file")
    parts = file.with_name(f".{file.name}.exporting")
    try:
        with _fresh(parts):
            whole, copy = parts / "whole.db", parts / CATALOGUE
            copy_all(library / CATALOGUE, whole)
            if notes:
                whole.replace(copy)
            else:
                copy_papers(whole, copy)
            with Catalogue.open(copy, write=False) as catalogue:
                about = _about(catalogue, notes=notes)
                members = [(CATALOGUE, copy), *_pdfs(catalogue, library)] if pdfs else [(CATALOGUE, copy)]
            manifest = pack(parts / "packed", about, members)
            (parts / "packed").replace(file)
            sync_folder(file.parent)
            return manifest
    except OSError as error:
        raise LibraryFull(f"cannot write {file} ({error.strerror}); free space there or name another file") from error


def import_library(file: Path, library: Path, *, replace: bool = False, notes: Sequence[str] = ()) -> Imported:
    """Unpack `file` into the folder `library`, where no library may be unless `replace` is set.

    All of the file is checked before anything is written, and the library is at its place whole or not at all. `notes`
    say where folders of notes lie here, as OLD=NEW, or just NEW where there is only one; those in the home of whoever
    packed it are looked for in this one. Raises ArchiveError, InputError, LibraryTooNew, LibraryLocked or LibraryFull.
    """
    with checked(file) as archive:
        about = archive.manifest.about
        _check_version(file, about)
        moved, missing = _places(about, notes)
        put_back(library)
        others = {one.name for one in library.iterdir()} - OWN - {WITHIN} if library.is_dir() else set()
        if CATALOGUE not in others and others:
            raise InputError(f"{library} holds other files, and no library; name another folder with --library")
        if CATALOGUE in others and not replace:
            raise InputError(
                f"a library is in {library}; put this one in its place with --replace, or name a --library"
            )
        library = library.resolve()  # a link to it stays one
        fixed = library.is_mount()  # as a volume of a container is
        if fixed and CATALOGUE in others:
            raise InputError(f"{library} is a mount point, and cannot be replaced at once; empty it, and import again")
        new = library / WITHIN if fixed else library.with_name(f".{library.name}.importing")
        try:
            library.parent.mkdir(parents=True, exist_ok=True)
            _check_room(archive, new.parent)
            with _fresh(new), ExitStack() as stack:
                if library.exists():
                    stack.enter_context(locked(library, IMPORT, wait=LOCK_SECONDS))
                _unpack(archive, new, moved)
                (_move_in if fixed else _take_place)(new, library)
        except OSError as error:
            raise LibraryFull(
                f"cannot write {library} ({error.strerror}); free space there or name another with --library"
            ) from error
    return Imported(archive.manifest, moved, missing)


def _check_room(archive: Archive, folder: Path) -> None:
    """Raise LibraryFull where a folder has no room for what an archive holds."""
    size = sum(member.size for member in archive.manifest.members.values())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise LibraryFull(
            f"cannot unpack {archive.file} in {folder}: that takes {size / MEGABYTE:,.1f} MB, and "
            f"{free / MEGABYTE:,.1f} MB are free; free space there or name another --library"
        )


def _about(catalogue: Catalogue, *, notes: bool) -> dict[str, Any]:
    """What the manifest says of a catalogue."""
    counts = catalogue.counts()
    return {
        "footnote": __version__,
        "schema": SCHEMA_VERSION,
        "model": catalogue.fingerprint,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "notes": notes,
        "home": str(Path.home()) if notes else "",
        "roots": catalogue.roots(),
        "documents": counts.documents,
        "failed": counts.failed,
        "passages": counts.passages,
        "questions": counts.questions,
    }


def _pdfs(catalogue: Catalogue, library: Path) -> Iterator[tuple[str, Path]]:
    """The files of fetched papers that are there, under their names in an archive."""
    for document in catalogue.documents():
        name = f"{PAPERS}/{document.file}"
        if document.fetched and NAME.fullmatch(name) and (path := library / name).is_file() and not path.is_symlink():
            yield name, path


def _check_version(file: Path, about: Mapping[str, Any]) -> None:
    schema, roots = about.get("schema"), about.get("roots")
    texts = [about.get("home"), *roots] if isinstance(roots, list) else [None]
    is_said = all(isinstance(about.get(name), int) for name in ("documents", "passages"))
    if not isinstance(schema, int) or not is_said or not all(isinstance(text, str) for text in texts):
        raise ArchiveError(f"{file} does not say what it holds in its {MANIFEST}; export it again")
    if schema > SCHEMA_VERSION:
        raise LibraryTooNew(
            f"{file} was written by a newer version of Footnote ({about.get('footnote')}, format {schema}; this one, "
            f"{__version__}, knows {SCHEMA_VERSION}); update Footnote"
        )


def _places(about: Mapping[str, Any], notes: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Where the folders of notes lie here: those that lie elsewhere, and those that are not to be found."""
    roots, said = list(about["roots"]), dict(_said(one, about["roots"]) for one in notes)
    moved: dict[str, str] = {}
    for root in roots:
        named = next((old for old in said if _is_within(root, old)), None)
        if named is not None:
            place = Path(said[named]) / PurePosixPath(root).relative_to(named)
            if not place.is_dir():
                raise InputError(f"{place} is no folder; say with --notes {root}=FOLDER where these notes lie")
        elif about["home"] and not Path(root).is_dir() and _is_within(root, about["home"]):
            place = Path.home() / PurePosixPath(root).relative_to(about["home"])
        else:
            continue
        if place.is_dir() and str(place.resolve()) != root:
            moved[root] = str(place.resolve())
    if len({moved.get(root, root) for root in roots}) < len(roots):
        raise InputError("two folders of notes would become one; say of each with --notes OLD=NEW where it lies")
    return moved, tuple(root for root in roots if not Path(moved.get(root, root)).is_dir())


def _said(text: str, roots: Sequence[str]) -> tuple[str, str]:
    """What a person says of where notes lie: the folder of then, and that of now. Raises InputError."""
    for at in (place for place, char in enumerate(text) if char == "="):
        if any(_is_within(root, text[:at].rstrip("/")) for root in roots):
            return text[:at].rstrip("/"), os.path.expanduser(text[at + 1 :])  # noqa: PTH111 - a Path loses nothing here
    if len(roots) == 1 and "=" not in text:
        return roots[0], os.path.expanduser(text)  # noqa: PTH111 - as above
    known = ", ".join(roots) or "none"
    raise InputError(f"{text!r} names no folder of that library (it has {known}); write --notes OLD=NEW")


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith(place + "/")


def _unpack(archive: Archive, new: Path, moved: Mapping[str, str]) -> None:
    """Make the library in the folder `new`, the stores that are derived included."""
    archive.unpack(new)
    path = new / CATALOGUE
    try:
        _check_ours(archive.file, path)  # before it is brought to this format: triggers would act then
        with Catalogue.open(path, write=True, held=True) as catalogue:
            if catalogue.roots() != archive.manifest.about["roots"]:
                raise _none_of_ours(archive.file)
            catalogue.move_roots(moved)
            publish(new, catalogue)
        with closing(connect(path, write=True, held=True)) as connection, translated(path):
            connection.execute(sql.WRITE_AHEAD)
    except LibraryCorrupt as error:
        raise ArchiveError(f"{archive.file} holds no catalogue that can be read; export it again") from error


def _check_ours(file: Path, path: Path) -> None:
    """Raise ArchiveError where a catalogue holds what acts by itself, or LibraryCorrupt where it is not sound."""
    with translated(path), closing(sqlite3.connect(path)) as connection:
        if connection.execute(sql.INTEGRITY).fetchall() != [("ok",)] or connection.execute(sql.STRANGE).fetchall():
            raise _none_of_ours(file)


def _none_of_ours(file: Path) -> ArchiveError:
    return ArchiveError(f"{file} holds no catalogue that Footnote has made; export it again")


def _take_place(new: Path, library: Path) -> None:
    """Put a library in the place of another, or where there is none."""
    sync_folder(new)
    before = aside(library)
    if library.exists():
        shutil.rmtree(before, ignore_errors=True)
        library.rename(before)  # whoever finds no library now, puts this one back: see `put_back`
    new.rename(library)
    sync_folder(library.parent)
    (before / CATALOGUE).unlink(missing_ok=True)  # first: what has none is not put back
    shutil.rmtree(before, ignore_errors=True)


def _move_in(new: Path, library: Path) -> None:
    """Put a library into a folder that has none: the catalogue last, without which nobody takes it for one."""
    for one in sorted(new.iterdir(), key=lambda one: one.name == CATALOGUE):
        one.replace(library / one.name)
    sync_folder(library)


@contextmanager
def _fresh(folder: Path) -> Iterator[None]:
    """An empty folder for this person alone, gone in the end unless it was renamed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
