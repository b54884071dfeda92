"""Folders → the files in them that are notes, and files → Sources."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from indexer.errors import InputError, SourceError
from indexer.parsing import PDF, SUFFIXES
from indexer.parsing.text import decode
from indexer.rooted import NOT_A_FILE, opened_itself
from indexer.types import Source

if TYPE_CHECKING:
    from pathspec.pattern import RegexPattern

IGNORE_FILES = (".gitignore", ".footnoteignore")
"""Files with patterns of what to leave out; where they disagree, the later one decides."""

IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__"})
"""Folders that never hold notes, besides the hidden ones (`.git`, `.obsidian`, `.trash`, …)."""

NOT_FOLLOWED = "a link to what is outside of this folder, or left out in it; to have that too, index it by its own path"
"""What is said of a link that leads to nothing which is found by its own name."""

_MOST_RULES = 1_000_000
"""An ignore file of more bytes is none."""

_ATTEMPTS = 3

_Rules: TypeAlias = "tuple[tuple[str, tuple[RegexPattern, ...]], ...]"
"""The ignore rules above a place, outermost first: a folder (with `/` at its end, "" for the root), its patterns."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was found: `file` is its path relative to `root` with `/` between the parts, as on disk.

    `size` is in bytes, `mtime_ns` the time of the last change in nanoseconds, `ctime_ns` that of the last change of
    anything about the file, which nobody can set.
    """

    root: Path
    file: str
    size: int
    mtime_ns: int
    ctime_ns: int = field(default=0, compare=False)

    @property
    def place(self) -> str:
        """The absolute path of the file, quicker made than a Path."""
        return f"{self.root}/{self.file}"


def discover(
    root: Path,
    *,
    on_problem: Callable[[str, str], None],
    suffixes: Collection[str] = SUFFIXES,
    only: Collection[str] | None = None,
) -> Iterator[Found]:
    """Find the notes under `root`, or `root` itself if it is a file; raise InputError when it cannot be looked at.

    A folder's files come first, then those of its folders, each in the order of their names. Links are not followed:
    what they lead to under `root` is found by its own name, and nothing else is to be found. What is hidden, or named
    in an ignore file (with git's rules), is left out; a folder whose ignore file cannot be read is not looked into, as
    it may hold what a person wants left out. `on_problem(file, reason)` hears of what cannot be read, and of links that
    lead elsewhere (`NOT_FOLLOWED`), and the walk goes on. `only` names the files to look for, relative to a
    folder `root` as in `Found`.
    """
    place = root.expanduser()
    try:
        status = place.stat()
    except FileNotFoundError:
        raise InputError(f"{root} is not there; check the path, or connect the drive that it is on") from None
    except OSError as error:
        raise InputError(f"{root}: {_reason(error)}") from None
    if stat.S_ISDIR(status.st_mode):
        return _Walk(place.resolve(), on_problem, suffixes, None if only is None else _ways(only)).run()
    place = place.resolve()
    if _suffix(place.name) not in suffixes:
        return iter(())
    return iter([Found(place.parent, place.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)])


def read(found: Found, *, max_bytes: int) -> Source:
    """Read a file once and whole; raise SourceError, whose text is a reason without the file's name."""
    try:
        for _ in range(_ATTEMPTS):
            if source := _read_once(found, max_bytes):
                return source
    except OSError as error:
        raise SourceError(_reason(error)) from error
    raise SourceError(f"changed while it was read, {_ATTEMPTS} times; index again when nothing writes it")


def is_left_out(root: Path, file: str, *, ignore_files: Sequence[str] = IGNORE_FILES) -> bool:
    """Whether a file under `root`, by its path from there, is hidden or named in one of the `ignore_files`.

    A file that is not a note is judged as a note would be.
    """
    parts = PurePosixPath(file).parts
    if any(part.startswith(".") or part in IGNORED_FOLDERS for part in parts):
        return True
    rules: _Rules = ()
    for depth, _ in enumerate(parts, 1):
        folder = "".join(f"{part}/" for part in parts[: depth - 1])
        rules = (*rules, (folder, tuple(_ignored_in(root / folder, ignore_files))))
        if _is_ignored(rules, "/".join(parts[:depth]), is_folder=depth < len(parts)):
            return True
    return False


def _ignored_in(folder: Path, ignore_files: Sequence[str]) -> Iterator[RegexPattern]:
    for name in ignore_files:
        if os.path.lexists(folder / name):
            yield from _rules_in(folder, name)


def _rules_in(folder: Path, name: str) -> Iterator[RegexPattern]:
    """Yield the rules of an ignore file; raise SourceError when it cannot be read."""
    return _parsed(decode(read(Found(folder, name, 0, 0), max_bytes=_MOST_RULES).data, name))


def _read_once(found: Found, max_bytes: int) -> Source | None:
    """Read the file; None when it changed meanwhile."""
    read_at = time.time()
    with opened_itself(str(found.root), found.file) as (descriptor, before, _):
        if before.st_size > max_bytes:
            limit = "FOOTNOTE_MAX_PAPER_BYTES" if _suffix(found.file) == PDF else "FOOTNOTE_MAX_FILE_BYTES"
            raise SourceError(f"{before.st_size:,} bytes, over the limit of {max_bytes:,}; split it, or raise {limit}")
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
            data = file.read()
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        return None
    return Source(found.root, found.file, data, hashlib.sha256(data).hexdigest(), after.st_mtime_ns, read_at)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk. `only` are the files and folders that it may look at, None for all."""

    root: Path
    on_problem: Callable[[str, str], None]
    suffixes: Collection[str]
    only: Collection[str] | None = None

    def run(self) -> Iterator[Found]:
        pending: list[tuple[str, _Rules]] = [("", ())]  # folders, with `/` at the end, "" for the root
        while pending:
            folder, rules = pending.pop()
            entries = self._entries(folder)
            patterns = self._patterns(folder, entries)
            if patterns is None:
                continue
            rules = (*rules, (folder, patterns))
            inner: list[tuple[str, _Rules]] = []
            for entry in entries:
                file = folder + entry.name
                if self.only is not None and file not in self.only:
                    continue
                status = self._status(entry, folder, rules)
                if status is None:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    inner.append((f"{file}/", rules))
                else:
                    yield Found(self.root, file, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            pending += reversed(inner)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.on_problem(folder.rstrip("/") or ".", _reason(error))
            return []

    def _status(self, entry: os.DirEntry[str], folder: str, rules: _Rules) -> os.stat_result | None:
        """Look at an entry; None unless it is a folder to walk or a note to read."""
        file, is_note = folder + entry.name, _suffix(entry.name) in self.suffixes
        hidden = entry.name.startswith(".") or entry.name in IGNORED_FOLDERS
        if hidden or not (is_note or entry.is_symlink() or entry.is_dir()):
            return None
        try:
            status = entry.stat()
            is_folder = stat.S_ISDIR(status.st_mode)
            problem = None if is_folder or stat.S_ISREG(status.st_mode) else NOT_A_FILE
        except OSError as error:
            status, is_folder = None, False
            problem = "a broken link; remove or repair it" if entry.is_symlink() else _reason(error)
        if not (is_folder or is_note) or _is_ignored(rules, file, is_folder=is_folder):
            return None
        if status and _is_link(entry):
            if self._is_found_itself(file, is_folder=is_folder):
                return None
            problem = NOT_FOLLOWED
        if _printable(file) != file:
            problem = "its name is not valid UTF-8; rename it"
        if problem:
            self.on_problem(_printable(file), problem)
        return None if problem else status

    def _is_found_itself(self, link: str, *, is_folder: bool) -> bool:
        """Whether what a link leads to is met on this walk by its own name."""
        target = (self.root / link).resolve()
        if not target.is_relative_to(self.root):
            return False
        seen = is_folder or _suffix(target.name) in self.suffixes
        try:
            return seen and not is_left_out(self.root, target.relative_to(self.root).as_posix())
        except SourceError:  # the rules there cannot be read, which is said where they are
            return True

    def _patterns(self, folder: str, entries: Sequence[os.DirEntry[str]]) -> tuple[RegexPattern, ...] | None:
        """The rules in a folder; None where there are some that cannot be read."""
        present = {entry.name for entry in entries}
        patterns: list[RegexPattern] = []
        for name in IGNORE_FILES:
            if name in present:
                try:
                    patterns += _rules_in(self.root / folder, name)
                except SourceError as error:
                    said = f"left out, because its {name}, which says what else to leave out, cannot be read: {error}"
                    self.on_problem(folder.rstrip("/") or ".", said)
                    return None
        return tuple(patterns)


def _ways(files: Iterable[str]) -> set[str]:
    """Files, and the folders that lead to them."""
    return {str(place) for file in files for place in (PurePosixPath(file), *PurePosixPath(file).parents)}


def _parsed(text: str) -> Iterator[RegexPattern]:
    """Yield the patterns of an ignore file; what is no pattern is passed over, as git does."""
    from pathspec import GitIgnoreSpec

    for line in text.split("\n"):
        try:
            yield from GitIgnoreSpec.from_lines([line]).patterns
        except ValueError:
            continue


def _is_ignored(rules: _Rules, file: str, *, is_folder: bool) -> bool:
    """Whether the last pattern that matches, in the innermost folder that has one, leaves the file out.

    The folders above it are known not to be left out, or the walk would not be here.
    """
    for folder, patterns in reversed(rules):
        for pattern in reversed(patterns):
            if _matches(pattern, file[len(folder) :], is_folder=is_folder):
                return bool(pattern.include)
    return False


def _matches(pattern: RegexPattern, path: str, *, is_folder: bool) -> bool:
    """Whether a pattern names this path itself; pathspec also says yes when it names a folder above it."""
    if pattern.regex is None:
        return False
    if str(pattern.pattern).rstrip().endswith("/**"):  # all that is in a folder, but not the folder
        return pattern.regex.search(path) is not None
    whole = f"{path}/" if is_folder else path
    return any(match.end() == len(whole) for match in pattern.regex.finditer(whole))


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Whether a name leads elsewhere: a symbolic link, or what Windows calls a junction (told apart since 3.12)."""
    return entry.is_symlink() or bool(getattr(entry, "is_junction", bool)())


def _suffix(name: str) -> str:
    dot = name.rfind(".")  # for every file: as fast as it gets
    return name[dot:].lower() if dot > 0 else ""


def _printable(file: str) -> str:
    return file if file.isascii() else file.encode(errors="surrogateescape").decode(errors="replace")


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "vanished while it was being indexed; index again"
    if isinstance(error, PermissionError):
        return "permission denied; make it readable and index again"
    return f"cannot be read ({error.strerror}); check the disk and index again"
