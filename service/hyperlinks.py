"""What the places of an answer lead to when they are clicked in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from socket import gethostname
from urllib.parse import quote

from indexer.errors import LibraryError
from indexer.settings import Settings
from indexer.variables import EDITORS
from indexer.whereabouts import paths_of
from service.types import Citation, Related

_ID = re.compile(r"/(?:notes|papers)/(\d+)")

FILE = EDITORS["file"]


def addresses(
    settings: Settings, places: Iterable[Citation | Related], service: str | None = None
) -> Callable[[Citation | Related], str]:
    """Make the function that gives the address of any of these places.

    A note leads to its line in the program that the settings name, and a PDF to its page where a `service` shows it
    with the quote marked, else to the file. What lies nowhere here, or in another library, leads to arXiv or nowhere.
    """
    form = EDITORS.get(settings.terminal.links, settings.terminal.links)
    if not form:
        return lambda _: ""
    numbers = {place.link: int(found[1]) for place in places if (found := _ID.match(place.link))}
    lying: dict[int, tuple[Path, str | None]] = {}
    with suppress(LibraryError):  # it was there for the answer; without it there are fewer links
        lying = paths_of(settings.library, set(numbers.values()))

    def address(place: Citation | Related) -> str:
        path, file = lying.get(numbers.get(place.link, 0), (None, None))
        is_pdf = isinstance(place, Citation) and place.kind == "paper"
        if path and file == place.file and not is_pdf:
            return filled(form, path, place.lines[0] if place.lines else 1)
        if service and place.link.startswith("/"):
            return service.rstrip("/") + place.link
        if path and file == place.file and path.suffix.lower() == ".pdf":
            return filled(FILE, path, 1)
        return f"https://arxiv.org/abs/{quote(place.paper)}" if place.paper else ""

    return address


def filled(form: str, path: Path, line: int) -> str:
    """An address for a line of a file. Nothing in the name of a file can end it, or reach the terminal."""
    shown = quote(path.as_posix().encode(errors="surrogateescape"))
    return form.format(path=shown if shown.startswith("/") else f"/{shown}", line=line, host=quote(gethostname()))
