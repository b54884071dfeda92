"""A vault of notes that somebody edits at random, in all the ways in which files change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

WORDS = (
    "gradient moving average square root bias correction layer dropout kernel attention token embedding query passage "
    "zebra river migration crater season harvest bread oven yeast flour salt copper engine piston valve torque night "
    "harbour lantern signal tide winter theorem lemma proof bound entropy channel code noise prior posterior sample"
).split()

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1")


class Vault:
    """The folder, and the ways to change it. Each change returns what it was."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder = folder
        self.chance = chance
        self.made = 0
        folder.mkdir(parents=True)
        for _ in range(12):
            self.write()

    def edit(self) -> str:
        """Change something."""
        ways: list[Callable[[], object]] = [
            self.write,
            self.write,
            self.change,
            self.change,
            self.change,
            self.rename,
            self.remove,
            self.move_folder,
            self.encode_anew,
            self.turn_line_ends,
            self.touch,
            self.change_in_secret,
            self.link,
            self.copy,
            self.long_line,
            self.break_file,
        ]
        way = self.chance.choice(ways)
        way()
        return way.__name__

    def write(self) -> None:
        """Write a new note."""
        self.made += 1
        folder = self.folder / self.chance.choice((".", ".", "lists", "lists/deep", "Zoë"))
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"note {self.made}{self.chance.choice(('.md', '.md', '.md', '.org', '.txt'))}"
        file.write_text(self.text(), encoding="utf-8")

    def change(self) -> None:
        """Put a paragraph into a note, or take one out."""
        file = self.some()
        parts = file.read_bytes().split(b"\n\n")
        if len(parts) > 2 and self.chance.random() < 0.4:
            del parts[self.chance.randrange(1, len(parts))]
        else:
            parts.insert(self.chance.randint(1, len(parts)), self.sentence().encode())
        file.write_bytes(b"\n\n".join(parts))

    def rename(self) -> None:
        """Give a note another name."""
        self.made += 1
        file = self.some()
        file.rename(file.with_name(f"renamed {self.made}{file.suffix}"))

    def remove(self) -> None:
        """Delete a note, if many are left."""
        if len(self.files()) > 8:
            self.some().unlink()

    def move_folder(self) -> None:
        """Give a folder another name."""
        folders = sorted(path for path in self.folder.rglob("*") if path.is_dir())
        if folders:
            self.made += 1
            folder = self.chance.choice(folders)
            folder.rename(folder.with_name(f"folder {self.made}"))

    def encode_anew(self) -> None:
        """Write a note in another encoding."""
        file = self.some()
        file.write_bytes(self.text().encode(self.chance.choice(ENCODINGS), errors="replace"))

    def turn_line_ends(self) -> None:
        """Write a note with the line ends of Windows."""
        file = self.some()
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def touch(self) -> None:
        """Set the time of a note back, or forward."""
        seconds = self.chance.choice((0, 1, 86_400 * 365, 2_000_000_000, 4_000_000_000))
        os.utime(self.some(), (seconds, seconds))

    def change_in_secret(self) -> None:
        """Change a note so that its size and time stay as they were."""
        file = self.some()
        before, data = file.stat(), file.read_bytes()
        old, new = self.chance.sample([word for word in WORDS if len(word) == 6], 2)
        file.write_bytes(data.replace(old.encode(), new.encode()))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def link(self) -> None:
        """Make a symbolic link, to a note or to nothing."""
        self.made += 1
        target = self.some() if self.chance.random() < 0.6 else self.folder / "gone.md"
        (self.folder / f"link {self.made}.md").symlink_to(target)

    def copy(self) -> None:
        """Copy a note: its texts are there twice then."""
        self.made += 1
        shutil.copy(self.some(), self.folder / f"copy {self.made}.md")

    def long_line(self) -> None:
        """Put a line of thousands of words into a note."""
        with self.some().open("ab") as file:
            file.write(b"\n\n" + " ".join(self.chance.choices(WORDS, k=3000)).encode() + b"\n")

    def break_file(self) -> None:
        """Make what cannot be read as a note: bytes that are no text, or a folder that is called like one."""
        self.made += 1
        file = self.folder / f"broken {self.made}.md"
        if self.chance.random() < 0.5:
            file.write_bytes(bytes(self.chance.randrange(256) for _ in range(200)))
        else:
            file.mkdir()

    def files(self) -> list[Path]:
        """The notes, links left out."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())

    def some(self) -> Path:
        """One of them."""
        return self.chance.choice(self.files())

    def text(self) -> str:
        """A note of a few sections, at times a dump of questions."""
        parts = [f"# {' '.join(self.chance.sample(WORDS, 2)).title()}"]
        for _ in range(self.chance.randint(1, 3)):
            parts += [f"## {self.chance.choice(WORDS).title()}", self.sentence(), self.sentence()]
        if self.chance.random() < 0.2:
            parts.append(
                "### Question Dump:\n" + "\n".join(f"- [ ] What is {word}?" for word in self.chance.sample(WORDS, 3))
            )
        return "\n\n".join(parts) + "\n"

    def sentence(self) -> str:
        """A few sentences."""
        return " ".join(
            " ".join(self.chance.choices(WORDS, k=self.chance.randint(6, 14))).capitalize() + "." for _ in range(3)
        )
