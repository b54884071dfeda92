"""Folders on this machine that look like somebody's notes: Obsidian's vaults, Logseq's graphs, folders of org."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from indexer.discover import IGNORED_FOLDERS
from indexer.parsing import PDF, SUFFIXES

Tool: TypeAlias = Literal["Obsidian", "Logseq", "org", "notes"]

REGISTRIES = (
    ".config/obsidian",
    ".var/app/md.obsidian.Obsidian/config/obsidian",
    "snap/obsidian/current/.config/obsidian",
    "Library/Application Support/obsidian",
    "AppData/Roaming/obsidian",
)
"""Where, below the person's home, Obsidian keeps the list of its vaults, on each system."""

PLACES = (
    ".",
    "Documents",
    "Desktop",
    "Notes",
    "Obsidian",
    "Dropbox",
    "OneDrive",
    "Google Drive",
    "Nextcloud",
    "Sync",
    "iCloudDrive",
    "iCloudDrive/iCloud~md~obsidian",
    "Library/Mobile Documents/iCloud~md~obsidian/Documents",
    "Library/Mobile Documents/com~apple~CloudDocs",
)
"""Where, below the person's home, people keep their notes."""

DEPTH = 2
"""So many folders below these it is looked, …"""

SECONDS = 3.0
"""… for so long at most: a folder may lie on a slow drive."""

MOST_NOTES = 100_000
"""Notes are counted so far."""

_ORG = frozenset({"org", "org-roam", "orgfiles", "roam"})
_NOTES = frozenset({"notes", "notebook", "zettelkasten", "zettel", "wiki", "second brain", "vault"})


@dataclass(frozen=True, slots=True)
class Vault:
    """A folder of notes, the program that it looks made for, and how many files are there to be read."""

    path: Path
    tool: Tool
    notes: int


def vaults(home: Path, environ: Mapping[str, str]) -> list[Vault]:
    """Find folders of notes below a home: first what Obsidian had open last, then what lies in usual places.

    Those without notes are left out, and so are those inside of others.
    """
    until = time.monotonic() + SECONDS
    found: dict[Path, Tool] = {}
    for path, tool in [*((one, "Obsidian") for one in _registered(home, environ)), *_lying(home, environ, until)]:
        with suppress(OSError):
            place = path.resolve()
            if not any(place.is_relative_to(other) for other in found):
                found.setdefault(place, tool)
    counted = [Vault(path, tool, count(path, until)) for path, tool in found.items()]
    return [vault for vault in counted if vault.notes]


def count(folder: Path, until: float = float("inf")) -> int:
    """Count the files under a folder that may be notes; as far as one gets until a time of the monotonic clock."""
    notes = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in IGNORED_FOLDERS]
        notes += sum(os.path.splitext(name)[1].lower() in SUFFIXES - {PDF} for name in files)  # noqa: PTH122 - many
        if notes > MOST_NOTES or time.monotonic() > until:
            break
    return notes


def _registered(home: Path, environ: Mapping[str, str]) -> list[Path]:
    """The vaults that Obsidian knows, that which was opened last first."""
    folders = [home / registry for registry in REGISTRIES]
    for variable in ("XDG_CONFIG_HOME", "APPDATA"):
        if environ.get(variable):
            folders.insert(0, Path(environ[variable], "obsidian"))
    opened: dict[Path, float] = {}
    for folder in folders:
        with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):  # Obsidian's own, and not promised
            data = json.loads((folder / "obsidian.json").read_text(encoding="utf-8"))
            for vault in data["vaults"].values():
                opened[Path(vault["path"])] = float(vault.get("ts", 0))
    return [path for path in sorted(opened, key=opened.__getitem__, reverse=True) if path.is_dir()]


def _lying(home: Path, environ: Mapping[str, str], until: float) -> Iterator[tuple[Path, Tool]]:
    places = [home / place for place in PLACES]
    places += [Path(environ[name]) for name in ("OneDrive", "OneDriveConsumer") if environ.get(name)]
    with suppress(OSError):
        places += sorted((home / "Library/CloudStorage").iterdir())
    likely: list[tuple[Path, Tool]] = []
    for place in dict.fromkeys(places):
        for folder in _folders(place, DEPTH, until):
            if tool := _tool(folder):
                if tool in ("Obsidian", "Logseq"):
                    yield folder, tool
                elif folder != home:
                    likely.append((folder, tool))
    yield from likely  # what only its name speaks for comes last


def _folders(place: Path, depth: int, until: float) -> Iterator[Path]:
    """A folder and those below it, the nearest first, without hidden ones."""
    level: Iterable[Path] = [place]
    for _ in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            if time.monotonic() > until:
                return
            with suppress(OSError), os.scandir(folder) as entries:
                yield folder
                below += sorted(
                    Path(entry.path)
                    for entry in entries
                    if not entry.name.startswith(".") and entry.name not in IGNORED_FOLDERS and entry.is_dir()
                )
        level = below


def _tool(folder: Path) -> Tool | None:
    """The program whose marks a folder has; else what its name says."""
    with suppress(OSError):
        if (folder / ".obsidian").is_dir():
            return "Obsidian"
        if (folder / "logseq" / "config.edn").is_file():
            return "Logseq"
        name = folder.name.lower()
        if name in _ORG and any(folder.glob("*.org")):
            return "org"
        if name in _NOTES:
            return "notes"
    return None
