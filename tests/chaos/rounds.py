"""Rounds of chaos: a vault is edited, a run over it is killed or let down by the disk, and its stores are damaged.

After each round `footnote status` works or says in a line what is wrong, a plain `footnote index` makes the library
whole, and embeds nothing that it could have kept. A catalogue that is large is gone through in parts, so that damage
may be met later: by a reader, who says so in a line, and then the next `footnote index` makes the library whole. Now
and then all rankings are compared with those of a library that is made anew.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from indexer import sweep
from indexer.connect import CATALOGUE
from tests.chaos.damage import damage
from tests.chaos.faults import FAIL, FULL, KILL, TEAR, Fault
from tests.chaos.steps import Done, Step, command, embedded, look, rank
from tests.chaos.vault import Vault

CLOCKS = (-400_000_000, -86_400, -3_600, 3_600, 86_400, 2_000_000_000)
"""By how many seconds a clock may be off."""

NEAR = 1e-6

LIVED = 0.1
"""By so much a score, which is about 3 for the best hits, may differ in a library in which something was taken out."""

FIRST = 10


class Broken(AssertionError):
    """A promise did not hold."""


class Rounds:
    """A vault, a library of it, and what was done to them. `tally` counts that by its kind.

    With `cache`, texts are embedded by the real model that was made ready there.
    """

    def __init__(self, folder: Path, seed: int, cache: Path | None = None) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.folder = folder
        self.vault = Vault(folder / "vault", self.chance)
        self.library = folder / "library"
        self.tally: Counter[str] = Counter()
        self.trail: list[str] = []
        self._changes = 100
        self._cache = cache
        self._environ = {"HOME": str(folder), "LANG": "C.UTF-8", "FOOTNOTE_LIBRARY": str(self.library)}
        if cache:
            self._environ["FOOTNOTE_CACHE"] = str(cache)
        self._clean(self._index(str(self.vault.folder)))

    def round(self) -> None:
        """Edit, hurt, look, repair, and look again. Raises Broken."""
        self.trail = []
        for _ in range(self.chance.randint(1, 4)):
            self._note(self.vault.edit())
        if self.chance.random() < 0.75:
            self._hurt()
        is_damaged = self.chance.random() < 0.6
        before = embedded(self.library)
        if is_damaged and (how := damage(self.library, self.chance)):
            self._note(how)
        self._says(self._step("status"))
        whole = embedded(self.library)
        done = self._index()
        self._clean(done)
        self._changes = max(done.changes, 20)
        report = done.json
        after = embedded(self.library)
        if after is None:
            if not self._is_large:
                raise Broken("the catalogue is damaged after a run")
            return self._whole()
        # What was lost with the damage is embedded again where the files still have it.
        known = whole if whole is not None else before if not is_damaged else None
        new = after - (known or set())
        if report["embedded"] > len(new):
            raise Broken(f"{report['embedded']} texts were embedded, {len(new)} are new or were lost")
        if known is None and before is not None:
            self.tally["embeddings lost with a catalogue"] += len(after & before) and report["embedded"]
        return self._whole()

    def compare(self) -> None:
        """Compare all rankings with those of a library made anew. Raises Broken.

        What was taken out still counts in the average length of a field until it is merged away, so that scores are
        within a bound of those; without it they are the same.
        """
        self._clean(self._index())
        lived = self._seen(rank(self.library, self._cache))
        shutil.rmtree(self.library / "lexical")
        ours = self._seen(rank(self.library, self._cache))
        fresh = self.folder / "fresh"
        environ = self._environ | {"FOOTNOTE_LIBRARY": str(fresh)}
        arguments = ("index", "--no-papers", "--json", str(self.vault.folder))
        act = command(environ, *arguments, real=self._cache is not None)
        self._clean(Step(fresh, act).wait())
        theirs = self._clean(Step(fresh, rank(fresh, self._cache)).wait()).json
        shutil.rmtree(fresh)
        differing(ours, theirs)
        differing(lived, theirs, near=LIVED)
        for query in {row[0] for row in ours}:
            first, other = ([row[2:] for row in rows if row[0] == query][:FIRST] for rows in (lived, ours))
            self.tally["first ten the same before the dead were taken out"] += first == other
        self.tally["rankings compared"] += len({row[0] for row in ours})

    def _hurt(self) -> None:
        """Have a run that does not end as it should, or not alone."""
        kind = self.chance.choice(("kill", "kill", "kill", "tear", "fail", "fail", "full", "clock", "two"))
        at = self.chance.randint(1, self._changes)
        number = self.chance.choice((errno.EIO, errno.ENOSPC))
        clock = self.chance.choice(CLOCKS)
        faults = {
            "kill": Fault(at, KILL),
            "tear": Fault(at, TEAR),
            "fail": Fault(at, FAIL, number),
            "full": Fault(at, FULL, errno.ENOSPC),
            "clock": Fault(clock=clock),
        }
        if kind == "two":
            return self._contest()
        done = self._index(fault=faults[kind])
        if done.code < 0:
            self._note("killed")
            if kind not in ("kill", "tear") or done.code != -9:
                raise Broken(f"a run with the fault {kind} ended with signal {-done.code}")
        elif kind in ("kill", "tear"):
            self._note("outlived")
        else:
            self._note(kind if done.code == 0 else f"{kind} said")
            self._says(done)
        return None

    def _contest(self) -> None:
        """Two runs at once: both end well, or one says who holds the lock."""
        steps = [self._begin("index", "--no-papers", "--json") for _ in range(2)]
        ends = [step.wait() for step in steps]
        for done in ends:
            self._says(done)
            if done.code and "is being written by" not in done.err:
                raise Broken(f"the second of two runs said: {done.err}")
        self._note("two, one told" if any(done.code for done in ends) else "two, one waited")

    def _index(self, *paths: str, fault: Fault | None = None) -> Done:
        return self._begin("index", "--no-papers", "--json", *paths, fault=fault).wait()

    def _step(self, *arguments: str) -> Done:
        return self._begin(*arguments).wait()

    def _begin(self, *arguments: str, fault: Fault | None = None) -> Step:
        return Step(self.library, command(self._environ, *arguments, real=self._cache is not None), fault)

    def _whole(self) -> None:
        """The library holds what the vault does, each store all of it. Raises Broken."""
        found = self._seen(look(self.library))
        seen = set(found["documents"]) | set(found["failed"])
        for file, digest in found["documents"].items():
            path = self.vault.folder / file
            if not path.is_file():
                raise Broken(f"a ghost: {file}")
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                raise Broken(f"{file} is not as it was read")
        missing = [file for file in self.vault.files() if str(file.relative_to(self.vault.folder)) not in seen]
        if missing:
            raise Broken(f"not in the library: {missing}")
        counts = {found[store] for store in ("passages", "lexical", "vectors", "vectors of passages", "codes")}
        if len(counts) > 1:
            raise Broken(f"the stores do not agree: {found}")

    def _seen(self, act: Callable[[], int]) -> Any:
        """What a look at the library finds, after one more run where it says that a large catalogue is damaged."""
        done = Step(self.library, act).wait()
        if done.code == 2 and "is damaged" in done.err and self._is_large:
            self._says(done)
            self._note("damage met later")
            self._clean(self._index())
            done = Step(self.library, act).wait()
        return self._clean(done).json

    @property
    def _is_large(self) -> bool:
        """Whether a run goes through a part of the catalogue only."""
        return (self.library / CATALOGUE).stat().st_size > sweep.SMALL

    def _clean(self, done: Done) -> Done:
        if done.code:
            raise Broken(f"it ended with {done.code}: {done.err}")
        return done

    def _says(self, done: Done) -> None:
        """It worked, or said in one line what is wrong. Raises Broken."""
        lines = [line for line in done.err.splitlines() if line.startswith("footnote: ")]
        if done.code not in (0, 2) or "Traceback" in done.err or len(lines) != (done.code == 2):
            raise Broken(f"it ended with {done.code} and said: {done.err}")

    def _note(self, what: str) -> None:
        self.trail.append(what)
        self.tally[re.sub(r"[\d_]+", " ", what).strip()] += 1


def differing(ours: list[list[object]], theirs: list[list[object]], near: float = NEAR) -> None:
    """Raise Broken where two lists of (query, score, text, place …) do not say the same: each hit is in both.

    Scores may be `near` each other, and hits that near to the last score of a query may be others. Of places with the
    same text, which are equally good, not all may be among those that are looked at: one may stand for another.
    """
    for query in {str(row[0]) for row in (*ours, *theirs)}:
        mine, other = (
            [(float(str(row[1])), str(row[2]), tuple(map(str, row[3:]))) for row in rows if row[0] == query]
            for rows in (ours, theirs)
        )
        if len(mine) != len(other):
            raise Broken(f"{query!r} finds {len(mine)} and {len(other)}")
        counts = [Counter(place for _, _, place in rows) for rows in (mine, other)]
        for n, (those, these) in enumerate(((mine, other), (other, mine))):
            scores = {place: score for score, _, place in these}
            twins = [(score, text) for score, text, place in these if place not in counts[n]]
            last = min(scores.values(), default=0.0)
            for score, text, place in those:
                if place not in scores:
                    twin = next((one for one in twins if one[1] == text and abs(one[0] - score) <= near), None)
                    if twin:
                        twins.remove(twin)
                    elif score > last + near:
                        raise Broken(f"{query!r} finds {place} with {score} in one of two, which ends with {last}")
                # a long line is several passages in one place, of which some may be behind the last
                elif counts[n][place] == counts[1 - n][place] == 1 and abs(scores[place] - score) > near:
                    raise Broken(f"{query!r} finds {place} with {score} and {scores[place]}")
