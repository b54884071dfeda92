"""Notes that are edited, renamed, removed and made while somebody reads them, and what each held at which time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from random import Random

NOTES = (".md", ".markdown", ".txt", ".org")
WORDS = "a step of the gradient makes each layer forget how the last batch was scaled by its norm and why".split()


@dataclass(frozen=True, slots=True)
class Version:
    """What a file held, None where it was not there; the time when it began to be written, and when it was."""

    begun: float
    done: float
    text: str | None


class Edited:
    """A folder of notes that changes only through this object, one change at a time."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder = folder
        self.changes = 0
        self._random = random
        self._lock = threading.Lock()
        self._versions = {
            str(path.relative_to(folder)): [Version(0, 0, path.read_text())]
            for path in sorted(folder.rglob("*"))
            if path.suffix in NOTES
        }

    def change(self) -> str:
        """Change something; say what."""
        here = [file for file, versions in self._versions.items() if versions[-1].text is not None]
        file, self.changes = self._random.choice(here), self.changes + 1
        text = self._versions[file][-1].text
        what = self._random.choice(["edit"] * 6 + ["rename", "remove", "make"])
        match what:
            case "edit":
                self._put(file, self._edited(text))
            case "rename":
                to = f"{Path(file).parent}/renamed {self.changes}.md".removeprefix("./")
                self._put(to, text)
                self._put(file, None)
            case "remove" if len(here) > 10:
                self._put(file, None)
            case _:
                self._put(f"made {self.changes}.md", f"# Made {self.changes}\n\n{self._sentence()}\n")
        return what

    def held(self, file: str, lines: tuple[int, int], quote: str, since: float, until: float) -> bool:
        """Whether those lines held the quote, white space folded, at some moment of that time."""
        for text in self._between(file, since, until):
            inner = text.splitlines()[lines[0] - 1 : lines[1]] if text else []
            if " ".join(quote.split()) in " ".join(" ".join(inner).split()):
                return True
        return False

    def _between(self, file: str, since: float, until: float) -> Iterator[str | None]:
        with self._lock:
            versions = list(self._versions.get(file, ()))
        ends = [after.done for after in versions[1:]]
        for version, end in zip(versions, [*ends, inf], strict=False):
            if version.begun <= until and end >= since:
                yield version.text

    def _put(self, file: str, text: str | None) -> None:
        """Write a file as editors do, whole."""
        path = self.folder / file
        with self._lock:
            self._versions.setdefault(file, []).append(Version(time.monotonic(), inf, text))
        if text is None:
            path.unlink()
        else:
            beside = path.with_name(".being-written")
            beside.write_text(text)
            beside.replace(path)
        with self._lock:
            self._versions[file][-1] = replace(self._versions[file][-1], done=time.monotonic())

    def _edited(self, text: str) -> str:
        lines = text.split("\n")
        at = self._random.randrange(len(lines))
        match self._random.choice(("insert", "replace", "delete")):
            case "insert":
                lines[at:at] = ["", self._sentence(), ""]
            case "replace":
                lines[at] = self._sentence()
            case _:
                del lines[at : at + self._random.randint(1, 4)]
        return "\n".join(lines)

    def _sentence(self) -> str:
        return f"{' '.join(self._random.choices(WORDS, k=12)).capitalize()} {self.changes}."
