"""Watching folders: what is saved there is looked at, by itself where that is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from threading import Event
from typing import TypeAlias

from indexer.discover import IGNORE_FILES
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
    import watchfiles

    notice(f"Watching {', '.join(str(root) for root in roots)}; press Ctrl-C to stop")
    ours, usual = library.resolve(), watchfiles.DefaultFilter()
    looks = watchfiles.watch(
        *(root.resolve() for root in roots),
        watch_filter=lambda change, path: usual(change, path) and not Path(path).resolve().is_relative_to(ours),
        step=QUIET_MS,
        debounce=LONGEST_MS,
        rust_timeout=FIRST_LOOK_MS,
        yield_on_timeout=True,
        stop_event=stop,
    )
    everything_at, said, busy = 0.0, "", False
    try:
        for changes in looks:
            now = time.monotonic()
            only = changed(Path(path) for _, path in changes) if now < everything_at else None
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


def changed(paths: Iterable[Path]) -> list[Path] | None:
    """The places to look at where these absolute paths changed: notes, and what is gone; None for everything.

    Everything, where there may be more to it than these: new folders, links, rules of what to ignore, or many.
    """
    places = sorted(set(paths))
    notes = []
    for place in places[: MOST_FILES + 1]:
        if place.name in IGNORE_FILES or place.is_symlink() or place.is_dir() or place.parent.resolve() != place.parent:
            return None
        if place.suffix.lower() in SUFFIXES or not place.exists():
            notes.append(place)
    return notes if len(places) <= MOST_FILES else None
