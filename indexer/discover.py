"""Folders → the files in them that are notes, and files → Sources."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from indexer.errors import InputError, SourceError
from indexer.parsing import PDF, SUFFIXES
from indexer.types import Source

if TYPE_CHECKING:
    from pathspec.pattern import RegexPattern

IGNORE_FILES = (".gitignore", ".footnoteignore")
"""Files with patterns of what to leave out; where they disagree, the later one decides."""

IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__"})
"""Folders that never hold notes, besides the hidden ones (`.git`, `.obsidian`, `.trash`, …)."""

_ATTEMPTS = 3
_NOT_A_FILE = "a folder, pipe or device, not a file; remove it or rename it"

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

    A folder's files come first, then those of its folders, each in the order of their names. Links are followed
    last, and only to what was not found by its own name. What is hidden, or named in an ignore file (with git's
    rules), is left out. `on_problem(file, reason)` hears of what cannot be read, and the walk goes on. `only` names the
    files to look for, relative to a folder `root` as in `Found`; none of them may be a link, or lie behind one.
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
    if _suffix(place.name) not in suffixes:
        return iter(())
    return iter([Found(place.parent.resolve(), place.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)])


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
        with suppress(FileNotFoundError):
            yield from _parsed((folder / name).read_text("utf-8-sig", "replace"))


def _read_once(found: Found, max_bytes: int) -> Source | None:
    """Read the file; None when it changed meanwhile."""
    # a pipe must not make us wait for its writer, nor a terminal become ours
    read_at = time.time()
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(found.root / found.file, flags)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise SourceError(_NOT_A_FILE)
        if before.st_size > max_bytes:
            limit = "FOOTNOTE_MAX_PAPER_BYTES" if _suffix(found.file) == PDF else "FOOTNOTE_MAX_FILE_BYTES"
            raise SourceError(f"{before.st_size:,} bytes, over the limit of {max_bytes:,}; split it, or raise {limit}")
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
            data = file.read()
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        return None
    return Source(found.root, found.file, data, hashlib.sha256(data).hexdigest(), after.st_mtime_ns, read_at)


@dataclass(slots=True)
class _Walk:
    """One walk: which folders and files it has met, and the links it has put off.

    `only` are the files and folders that it may look at, None for all.
    """

    root: Path
    on_problem: Callable[[str, str], None]
    suffixes: Collection[str]
    only: Collection[str] | None = None
    folders: set[tuple[int, int]] = field(default_factory=set)
    files: set[tuple[int, int]] = field(default_factory=set)
    links: deque[tuple[str, os.stat_result, _Rules]] = field(default_factory=deque)

    def run(self) -> Iterator[Found]:
        self.folders.update(_identity(parent.stat()) for parent in self.root.parents)  # a link up there is a loop
        yield from self._tree("", self.root.stat(), ())
        while self.links:
            file, status, rules = self.links.popleft()
            if stat.S_ISDIR(status.st_mode):
                yield from self._tree(f"{file}/", status, rules, linked=True)
            elif _identity(status) not in self.files:
                yield self._found(file, status)

    def _tree(self, top: str, status: os.stat_result, rules: _Rules, *, linked: bool = False) -> Iterator[Found]:
        """Walk a folder, `linked` if by a link; `top` is its path with `/` at the end, "" for the root."""
        pending = [(top, status, rules)]
        while pending:
            folder, status, rules = pending.pop()
            if _identity(status) in self.folders:
                continue
            self.folders.add(_identity(status))
            entries = self._entries(folder)
            rules = (*rules, (folder, self._patterns(folder, entries)))
            inner = []
            for entry in entries:
                file = folder + entry.name
                if self.only is not None and file not in self.only:
                    continue
                status_of = self._status(entry, folder, rules)
                if status_of is None:
                    continue
                if entry.is_symlink():
                    self.links.append((file, status_of, rules))
                elif stat.S_ISDIR(status_of.st_mode):
                    inner.append((f"{file}/", status_of, rules))
                elif not (linked and _identity(status_of) in self.files):
                    yield self._found(file, status_of)
            pending += reversed(inner)

    def _found(self, file: str, status: os.stat_result) -> Found:
        self.files.add(_identity(status))
        return Found(self.root, file, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.on_problem(folder.rstrip("/") or ".", _reason(error))
            return []

    def _status(self, entry: os.DirEntry[str], folder: str, rules: _Rules) -> os.stat_result | None:
        """Look at an entry (or what it links to); None unless it is a folder to walk or a note to read."""
        file, is_note = folder + entry.name, _suffix(entry.name) in self.suffixes
        hidden = entry.name.startswith(".") or entry.name in IGNORED_FOLDERS
        if hidden or not (is_note or entry.is_symlink() or entry.is_dir()):
            return None
        try:
            status = entry.stat()
            is_folder = stat.S_ISDIR(status.st_mode)
            problem = None if is_folder or stat.S_ISREG(status.st_mode) else _NOT_A_FILE
        except OSError as error:
            status, is_folder = None, False
            problem = "a broken link; remove or repair it" if entry.is_symlink() else _reason(error)
        if not (is_folder or is_note) or _is_ignored(rules, file, is_folder=is_folder):
            return None
        if _printable(file) != file:
            problem = "its name is not valid UTF-8; rename it"
        if problem:
            self.on_problem(_printable(file), problem)
        return None if problem else status

    def _patterns(self, folder: str, entries: Sequence[os.DirEntry[str]]) -> tuple[RegexPattern, ...]:
        present = {entry.name for entry in entries}
        patterns: list[RegexPattern] = []
        for name in IGNORE_FILES:
            if name in present:
                try:
                    patterns += _parsed((self.root / folder / name).read_text("utf-8-sig", "replace"))
                except OSError as error:
                    self.on_problem(folder + name, _reason(error))
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


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


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
