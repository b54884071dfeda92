"""The three stores of a library as one: snapshots to read, a lock to write, and repair.

    catalogue.db     the truth (indexer.catalogue)
    lexical/         derived from it (indexer.lexical)
    vectors.faiss, vectors.delta
                     derived from it (indexer.vectors): most of them, and what changed since
    map.bin          derived from it (indexer.map), never in the way of the others
    lock, lock.json  taken by the one process that writes, and who that is

Each derived store says which generation of the catalogue it belongs to. A snapshot holds all three at the same
generation. Where a derived store is behind, missing or damaged and nobody is writing, it is made again.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeAlias

from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE, put_back
from indexer.delta import beside
from indexer.derived import (
    LEXICAL,
    MAP,
    VECTORS,
    Notice,
    build_lexical,
    build_vectors,
    open_lexical,
    open_vectors,
    publish,
    quiet,
)
from indexer.errors import LibraryCorrupt, LibraryFull, LibraryLocked, LibraryMissing
from indexer.lexical import Lexical
from indexer.lock import is_locked, locked, unwritable
from indexer.upgrade import refuse_newer
from indexer.vectors import Vectors, to_gpu

__all__ = ["CATALOGUE", "Library", "Snapshot", "publish", "writing"]

WRITER_WAIT_SECONDS = 0.5  # a reader that looks whether somebody writes holds the lock for less
READER_WAIT_SECONDS = 10.0

AWAY_SECONDS = 30.0
"""A library that was taken away is read for so long from what is still open: another may be on its way."""

MOST_REPAIRS = 3

Stamps: TypeAlias = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation of a library: three stores that belong together and do not change.

    Where another library took the place of the one that was open, `generation` goes on from there, beyond that of the
    catalogue, so that none is seen twice; `edition` counts how often that happened.
    """

    generation: int
    catalogue: Catalogue
    lexical: Lexical
    vectors: Vectors
    edition: int = 0


@dataclass(slots=True)
class _Lease:
    """A snapshot, and how many are using it. One that is no longer current is closed by its last user."""

    snapshot: Snapshot
    users: int = 0


class Library:
    """A library open for reading: a context manager, and safe to share between threads."""

    def __init__(self, path: Path, probe: Catalogue, notice: Notice, *, gpu: bool) -> None:
        self.path = path
        self._notice = notice
        self._gpu = gpu
        self._probe = probe
        self._probed: tuple[int, ...] = ()
        self._served: Stamps = ()
        self._incomplete: Stamps = ()
        self._current: _Lease | None = None
        self._edition = 0
        self._past = 0
        self._latest = 0
        self._away_since: float | None = None
        self._counting = threading.Lock()
        self._refreshing = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, notice: Notice = quiet, gpu: bool = False) -> Self:
        """Open the library in the folder `path`, repairing its derived stores where needed, which `notice` hears of.

        With `gpu` vectors are searched there, if the installed faiss can; `notice` hears once when it cannot.
        Raises LibraryMissing, LibraryCorrupt, LibraryTooNew, LibraryFull or LibraryLocked.
        """
        library = cls(path, Catalogue.open(path / CATALOGUE, write=False), notice, gpu=gpu)
        try:
            with library.snapshot():
                return library
        except BaseException:
            library.close()
            raise

    def close(self) -> None:
        """Let go of all files; snapshots in use are closed when they are left."""
        with self._refreshing:
            self._swap(None)
            self._probe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Hold the newest complete generation; it stays as it is until the block ends.

        While a writer is between two generations this is the older one. So it is when the library was taken away, until
        another that lies there has something in it, or for AWAY_SECONDS. Raises as `open` does.
        """
        lease = self._lease()
        try:
            yield lease.snapshot
        finally:
            with self._counting:
                lease.users -= 1
                unused = lease.users == 0 and lease is not self._current
            if unused:
                lease.snapshot.catalogue.close()

    def _lease(self) -> _Lease:
        """Count a user of the current snapshot, which is brought up to date before by one thread at a time."""
        while True:
            current = self._current
            # Those who have something to serve do not wait for the thread that is renewing it.
            if self._refreshing.acquire(blocking=current is None):
                try:
                    self._renew()
                    self._away_since = None
                except LibraryMissing:
                    if not self._is_borne():
                        raise
                finally:
                    self._refreshing.release()
            with self._counting:
                if self._current is not None:
                    self._current.users += 1
                    return self._current

    def _is_borne(self) -> bool:
        """Whether what is open is still to be read, though there is no library any more; it is let go of if not."""
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since > AWAY_SECONDS:
            self._swap(None)
        return self._current is not None

    def _renew(self) -> None:
        """Bring the snapshot up to date; where that fails, once more with nothing held open.

        A library that is deleted while another process makes it anew may lose the files beside its catalogue in which
        processes tell each other what is written. SQLite shares them within a process as long as anything there has
        the catalogue open.
        """
        try:
            self._refresh()
        except (LibraryFull, LibraryCorrupt):
            self._swap(None)
            self._probe.close()
            self._probed = ()
            self._refresh()

    def _refresh(self) -> None:
        stamps = self._read_stamps()
        if self._current is not None and (
            stamps == self._served or (stamps == self._incomplete and is_locked(self.path))
        ):
            return
        # The stamps are older than the snapshot, so whatever is written meanwhile is seen the next time.
        before = None if self._current is None else self._current.snapshot
        another = bool(self._served) and stamps[0] != self._served[0]
        snapshot = _newest(self.path, None if another else before, notice=self._notice, wait=before is None)
        if snapshot is not None and another and not len(snapshot.vectors) and is_locked(self.path):
            snapshot.catalogue.close()  # it is being made, and holds nothing yet
            snapshot = None
        if snapshot is None:
            self._incomplete = stamps
        else:
            self._served = stamps
            if another or snapshot.generation + self._past < self._latest:
                self._edition += 1
                self._past = max(0, self._latest + 1 - snapshot.generation)
            self._latest = snapshot.generation + self._past
            snapshot = replace(snapshot, generation=self._latest, edition=self._edition)
            self._swap(_Lease(self._moved(snapshot)))

    def _moved(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with its vectors where they are to be searched."""
        if not self._gpu:
            return snapshot
        vectors = to_gpu(snapshot.vectors, self._notice)
        self._gpu = vectors.gpu is not None  # said once is enough
        return replace(snapshot, vectors=vectors)

    def _read_stamps(self) -> Stamps:
        """Read what differs once a generation was written, or something was lost; takes some microseconds."""
        identity = _stamp(self._probe.path)[:1]
        if identity != self._probed:  # another catalogue lies there now, or none, which opening it says
            probe = Catalogue.open(self._probe.path, write=False)
            self._probe.close()
            self._probe, self._probed = probe, identity
        vectors = self.path / VECTORS
        stores = (_stamp(self.path / LEXICAL / "meta.json"), _stamp(vectors), _stamp(beside(vectors)))
        return (identity, (self._probe.generation,), *stores)

    def _swap(self, lease: _Lease | None) -> None:
        with self._counting:
            old, self._current = self._current, lease
            unused = old is not None and old.users == 0
        if old is not None and unused:
            old.snapshot.catalogue.close()


@contextmanager
def writing(path: Path, command: str, *, notice: Notice = quiet) -> Iterator[Catalogue]:
    """Be the one writer of the library in the folder `path`, which is made where there is none.

    Gives its catalogue, open for writing, the derived stores in step with it. Follow each change with `publish`: until
    then readers that are open serve what was before, and no new one gets in. `command` is what a second writer is told.
    Where the library is deleted meanwhile, or another takes its place, no change is made any more: LibraryMissing.
    Raises LibraryLocked, LibraryCorrupt, LibraryTooNew or LibraryFull too.
    """
    put_back(path)
    refuse_newer(path / CATALOGUE)  # before anything is made beside it
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)  # the notes of a person are in it
    except OSError as error:
        raise unwritable(path, error) from error
    with locked(path, command, wait=WRITER_WAIT_SECONDS) as check_held:
        if not (path / CATALOGUE).exists():  # the stores of a lost catalogue might claim the same generation
            shutil.rmtree(path / LEXICAL, ignore_errors=True)
            (path / VECTORS).unlink(missing_ok=True)
            beside(path / VECTORS).unlink(missing_ok=True)
            (path / MAP).unlink(missing_ok=True)
            notice = quiet
        with Catalogue.open(path / CATALOGUE, write=True, held=True) as catalogue:
            catalogue.check_held = check_held
            publish(path, catalogue, notice=notice)
            yield catalogue


def _newest(path: Path, before: Snapshot | None, *, notice: Notice, wait: bool) -> Snapshot | None:
    """Open the newest generation, repaired where nobody is writing it; None, without `wait`, while somebody is.

    What has not changed since `before` is shared with it. Another library may take the place of this one at any moment:
    what does not fit together then is looked at again.
    """
    deadline, repairs = time.monotonic() + READER_WAIT_SECONDS, 0
    while (snapshot := _load(path, before)) is None:
        try:
            with locked(path, "repair", wait=0.05 if wait else 0):
                with Catalogue.open(path / CATALOGUE, write=False, held=True) as catalogue:
                    publish(path, catalogue, notice=notice, thorough=True)
                if (snapshot := _load(path, before)) is not None:
                    return snapshot
            repairs += 1
            if repairs == MOST_REPAIRS:
                raise LibraryCorrupt(
                    f"{path} was repaired {repairs} times and is not whole yet: another process changes it, or the "
                    "disk does not keep what is written; try again, and look after the disk if that does not help"
                )
        except LibraryLocked:
            if not wait:
                return None
            if time.monotonic() > deadline:
                raise
        except LibraryFull as error:
            notice(f"{error}; until then parts of the library are made in memory")
            return _load_into_memory(path)
    return snapshot


def _load(path: Path, before: Snapshot | None) -> Snapshot | None:
    """Open all three stores if they are at one generation; what has not changed since `before` is shared with it."""
    with ExitStack() as stack:
        catalogue = stack.enter_context(Catalogue.open(path / CATALOGUE, write=False))
        catalogue.hold()
        lexical = open_lexical(path, catalogue)
        vectors = None if lexical is None else open_vectors(path, catalogue, before.vectors if before else None)
        if lexical is None or vectors is None:
            return None
        stack.pop_all()
        return Snapshot(catalogue.generation, catalogue, lexical, vectors)


def _load_into_memory(path: Path) -> Snapshot:
    """Open a library whose derived stores are not in step and cannot be written."""
    with ExitStack() as stack:
        catalogue = stack.enter_context(Catalogue.open(path / CATALOGUE, write=False))
        catalogue.hold()
        lexical = open_lexical(path, catalogue)
        vectors = open_vectors(path, catalogue)
        snapshot = Snapshot(
            catalogue.generation,
            catalogue,
            build_lexical(catalogue) if lexical is None else lexical,
            build_vectors(catalogue) if vectors is None else vectors,
        )
        stack.pop_all()
        return snapshot


def _stamp(path: Path) -> tuple[int, ...]:
    """Read what differs after a file was replaced or written; empty when there is none."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns, status.st_size)
