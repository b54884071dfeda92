"""Watching folders: what is saved there is looked at, by itself where that is enough."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TypeAlias

from indexer.discover import IGNORE_FILES, IGNORED_FOLDERS
from indexer.errors import FootnoteError
from indexer.parsing import SUFFIXES

FIRST_LOOK_MS = 300
"""A watcher that has heard of no change for so long looks for those it missed while it started."""

QUIET_MS, LONGEST_MS = 20, 200
"""What changed is looked at when nothing more changed for so long, or kept changing for the longer time."""

WATCHED_PAPERS = 4
"""A watcher looks for changes of the notes again after so many papers."""

MOST_FILES = 100
"""When more files than these changed at once, everything is looked at."""

LOOK_AGAIN_SECONDS = 600.0
"""So often everything is looked at for no reason: a system may lose changes, and tells none of a network drive."""

TRY_AGAIN_SECONDS = 5.0
"""After an error, everything is looked at again after so long."""

Look: TypeAlias = Callable[[Collection[Path] | None], bool]
"""Looks at some places, or at everything, and says whether it has left something to do."""


def watch(
    roots: Sequence[Path], look: Look, *, library: Path, notice: Callable[[str], None], stop: Event | None = None
) -> bool:
    """Call `look` for everything once, and whenever something under the roots changes for that, until interrupted.

    What changes in the folder `library`, which may lie under a root, is our own doing and does not count. The first
    look finds what changed before anybody watched; one that says that it left something to do is followed by another.
    An interrupt, or `stop`, is the way to end it, and no error. Returns whether no look was cut short.
    """
    notice(f"Watching {', '.join(str(root) for root in roots)}; press Ctrl-C to stop")
    everything_at, said, busy = 0.0, "", False
    try:
        for paths in _changes(roots, library.resolve(), stop):
            now = time.monotonic()
            only = changed(paths) if paths is not None and now < everything_at else None
            if only is not None and not only:
                continue
            busy = True
            try:
                if look(only):
                    everything_at = 0.0
                elif only is None:
                    everything_at = now + LOOK_AGAIN_SECONDS
                said = ""
            except FootnoteError as error:  # say so, once, and stay
                everything_at = now + TRY_AGAIN_SECONDS
                if said != (said := str(error)):
                    notice(f"footnote: {said}")
            busy = False
    except KeyboardInterrupt:
        pass
    return not busy


def _changes(roots: Sequence[Path], ours: Path, stop: Event | None) -> Iterator[list[Path] | None]:
    """Yield what changed under the roots, but for what is ours, and nothing now and then; None when it cannot be told.

    A root that is not there, or that was replaced by another of its name, is watched from when it is there.
    """
    import watchfiles

    def counts(_: watchfiles.Change, path: str) -> bool:
        is_ours = Path(os.path.realpath(path)).is_relative_to(ours)
        return not is_ours and any(_is_looked_at(Path(path), root) for root in watched)

    while stop is None or not stop.is_set():
        watched = _there(roots)
        if not watched:
            time.sleep(FIRST_LOOK_MS / 1000)
            yield []
            continue
        is_first = True
        with suppress(FileNotFoundError):  # gone since we looked
            for changes in watchfiles.watch(
                *watched,
                watch_filter=counts,
                step=QUIET_MS,
                debounce=LONGEST_MS,
                rust_timeout=FIRST_LOOK_MS,
                yield_on_timeout=True,
                stop_event=stop,
            ):
                if _there(roots) != watched:
                    break
                yield None if is_first else [Path(path) for _, path in changes]
                is_first = False
            else:
                return


def _is_looked_at(place: Path, root: Path) -> bool:
    """Whether `discover` would look at a place under a root, or at what it says."""
    below = place.relative_to(root).parts if place.is_relative_to(root) else ()
    return place.is_relative_to(root) and not any(
        part in IGNORED_FOLDERS or (part.startswith(".") and part not in IGNORE_FILES) for part in below
    )


def _there(roots: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """Which file or folder each root is now, of those that are there."""
    found = {}
    for root in roots:
        with suppress(OSError):
            status = root.stat()
            found[root.resolve()] = status.st_dev, status.st_ino
    return found


def changed(paths: Iterable[Path]) -> list[Path] | None:
    """The places to look at where these absolute paths changed: notes, and what is gone; None for everything.

    Everything, where there may be more to it than these: new folders, links, rules of what to ignore, many, or what we
    may not look at.
    """
    places = sorted(set(paths))
    if len(places) > MOST_FILES or any(map(_may_be_more, places)):
        return None
    return [place for place in places if place.suffix.lower() in SUFFIXES or not place.exists()]


def _may_be_more(place: Path) -> bool:
    """Whether what changed at a place may tell of changes at others."""
    if place.name in IGNORE_FILES:
        return True
    with suppress(OSError):
        return place.is_symlink() or place.is_dir() or place.parent.resolve() != place.parent
    return True
