"""`footnote init`: find the notes, write down where they are, and offer to index them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.configuration import parsed, place, save, text_of, written
from indexer.errors import InputError
from indexer.variables import CONFIG

if TYPE_CHECKING:
    from indexer.settings import Settings
    from indexer.vaults import Vault

MOST_LISTED = 9

COMPILES = """
The first run compiles the embedding model (once, about 20 seconds).\
"""

READS = """
Some hundred passages a second are read. Notes are never modified.
"""

NOTHING_CHOSEN = "nothing was chosen; name the folder: footnote init FOLDER"

PAPERS = """\
Papers that the notes link are fetched from arXiv, one in three seconds, while
the notes can be asked already.
"""


def init(
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    *,
    notice: Callable[[str], None],
    index: Callable[[], int],
) -> int:
    """Choose folders, add them to the settings file, and `index` them if that is wanted; return its exit code.

    On a terminal the person is asked; elsewhere, or with `--yes`, what the command line says is done.
    Raises InputError where no folder is known or one cannot be used, and SettingsError where the file cannot be.
    """
    talks = not arguments.yes and sys.stdin.isatty() and sys.stderr.isatty()
    file = place(environ)
    before: dict[Path, str] = {}
    text = ""
    if file.exists():
        text = text_of(file)
        before = {Path(named).expanduser(): named for named in parsed(file, text).get("notes", ())}
    chosen = [_usable(path) for path in arguments.paths] or _chosen(list(before), environ, notice, talks=talks)
    indexes = not arguments.no_index and (arguments.yes or talks)
    if indexes:
        _check_notes([*before, *chosen], arguments.library, _settings(environ, file))
    added = [str(path) for path in chosen if path not in before]
    values: dict[str, object] = {"notes": [*before.values(), *added]}
    if arguments.library:
        values["library"] = str(arguments.library.expanduser().absolute())
    if added or arguments.library:
        save(file, written(text, values))
        notice(f"Wrote to {file}: the notes are in {', '.join([*before.values(), *added])}")
    else:
        notice(f"{file} names {', '.join(map(str, chosen))} already; nothing to write.")
    if not indexes:
        notice("Next: footnote index")
        return 0
    if _compiles(_settings(environ, file)):
        notice(COMPILES)
    notice(READS)
    if not arguments.no_papers:
        notice(PAPERS)
    if talks and not agreed("Index now?"):
        notice("Whenever you like: footnote index")
        return 0
    code = index()
    if code == 0:
        notice('\nAsk something: ask "…"   In the browser: footnote serve --watch --open')
    return code


def _chosen(
    before: Sequence[Path], environ: Mapping[str, str], notice: Callable[[str], None], *, talks: bool
) -> list[Path]:
    """The folders that were found, as far as they are wanted."""
    from indexer.vaults import vaults

    found = vaults(Path.home(), environ)[:MOST_LISTED]
    if not talks:
        if before or len(found) == 1:
            return list(before) or [found[0].path]
        names = ", ".join(str(vault.path) for vault in found)
        what = f"several folders may hold notes ({names})" if found else "no folder of notes was found"
        raise InputError(f"{what}; name one: footnote init FOLDER")
    if found:
        notice("These folders look like notes:\n")
        for n, vault in enumerate(found, 1):
            notice(_row(n, vault))
        notice("")
    else:
        notice("No vault of Obsidian, no graph of Logseq and no folder of org was found in the usual places.")
        notice("Enter alone leaves it at that.")
    return _answered(found, notice)


def _row(n: int, vault: Vault) -> str:
    try:
        shown = f"~{os.sep}{vault.path.relative_to(Path.home())}"
    except ValueError:
        shown = str(vault.path)
    return f"{n:>3}  {shown}  ({vault.tool}, {vault.notes:,} file{'s' if vault.notes != 1 else ''})"


def _answered(found: Sequence[Vault], notice: Callable[[str], None]) -> list[Path]:
    """Ask until the answer can be used."""
    question = "Which? Numbers, or the path of a folder [1]: " if found else "The path of the folder with your notes: "
    while True:
        said = _asked(question)
        if not said:
            if not found:
                raise InputError(NOTHING_CHOSEN)
            return [found[0].path]
        numbers = said.replace(",", " ").split()
        if numbers and all(number.isdecimal() and 1 <= int(number) <= len(found) for number in numbers):
            return [found[int(number) - 1].path for number in numbers]
        if found and numbers and all(number.isdecimal() for number in numbers):
            notice(f"Numbers go from 1 to {len(found)}.")
            continue
        try:
            return [_usable(Path(said.strip("'\"")))]
        except InputError as error:
            notice(str(error))


def _usable(path: Path) -> Path:
    """A folder, or a file, by its absolute path; raise InputError when it is not there."""
    found = path.expanduser().absolute()
    if not found.exists():
        raise InputError(f"{path} is not there; check the path, or connect the drive that it is on")
    return found


def _check_notes(folders: Sequence[Path], library: Path | None, settings: Settings) -> None:
    """Raise NothingToIndex where there would be nothing to index, before anything is written down."""
    from indexer.build import check_first

    check_first(library.expanduser() if library else settings.library, folders, settings)


def _settings(environ: Mapping[str, str], file: Path) -> Settings:
    """The settings as they are before this, though the file that is named for them may not be there yet."""
    from indexer.settings import Settings

    return Settings.from_environ(environ if file.exists() else {**environ, CONFIG: ""})


def _compiles(settings: Settings) -> bool:
    """Whether the model that is set is to be compiled yet."""
    from indexer.compile import folder_of
    from indexer.settings import DEFAULT_MODEL

    named = settings.model.removeprefix("sentence-transformers/")
    return named == DEFAULT_MODEL and not folder_of(settings.cache).exists()


def agreed(question: str) -> bool:
    """Ask a person for a yes, which Enter is too."""
    return _asked(f"{question} [Y/n] ").lower() in ("", "y", "yes")


def _asked(question: str) -> str:
    """What a person types; the end of the input stops the command."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise InputError(NOTHING_CHOSEN)
    return line.strip()
