"""`make pictures`: the pictures in docs/pictures, taken of the real thing over the sample vault.

`python -m tests.bench.pictures [FOLDER]` takes them into another folder, of every page and in both colour schemes.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.asking import served
from tests.bench.commands import FOOTNOTE, ROOT, index
from tests.browser import ARGUMENTS, CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURES = ROOT / "docs" / "pictures"
QUESTION = "is there any reason to pick layer norm over batch norm for small batches"
READ = ".cited"
"""What is marked in a note that is read."""
TYPED = "how does LoRA get away with so few weights -k 3"
COLUMNS, ROWS = 80, 60
WINDOW = {"width": 1360, "height": 850}
FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
"""What rich has a drawing load from another host."""


@dataclass(frozen=True, slots=True)
class View:
    """A page as it is shown: its name, its address, and the link on it that is followed first, if any."""

    name: str
    address: str
    follow: str = ""


SHOWN = (
    View("ask", f"/?q={QUESTION.replace(' ', '+')}", ".source .place a"),
    View("questions", "/questions"),
    View("library", "/library"),
)
"""What docs/pictures has, in the light scheme."""

LOOKED_AT = (
    *SHOWN,
    View("start", "/"),
    View("answer", SHOWN[0].address),
    View("unanswered", "/?q=who+won+the+world+cup"),
    View("note", "/notes/1"),
    View("docs", "/docs"),
)


def take(page: Page, view: View, file: Path) -> None:
    """Go to a page, do what a person would, and take a picture of the window."""
    page.goto(view.address, wait_until="networkidle")
    if view.follow:
        page.locator(view.follow).first.click()
        page.locator(READ).first.wait_for()
    page.screenshot(path=file)


def pages(library: Path, folder: Path, *, everything: bool) -> Iterator[Path]:
    """Take pictures of the pages; yield their files."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running, served(library) as (host, _):
        browser = running.chromium.launch(executable_path=CHROMIUM or "chromium", args=ARGUMENTS)
        for scheme in ("light", "dark") if everything else ("light",):
            for width in (WINDOW["width"], 320) if everything else (WINDOW["width"],):
                context = browser.new_context(
                    base_url=f"http://{host}", color_scheme=scheme, viewport=WINDOW | {"width": width}
                )
                for view in LOOKED_AT if everything else SHOWN:
                    suffix = f"-{scheme}-{width}" if everything else ""
                    file = folder / f"{view.name}{suffix}.png"
                    take(context.new_page(), view, file)
                    yield file
                context.close()
        browser.close()


def printed(*command: str | Path, library: Path) -> str:
    """What a command prints on a terminal of 80 columns, with its colours."""
    master, slave = pty.openpty()
    os.set_blocking(master, True)
    environ = os.environ | {"COLUMNS": str(COLUMNS), "LINES": str(ROWS), "TERM": "xterm-256color"}
    environ |= {"FOOTNOTE_LIBRARY": str(library)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=slave, stderr=slave, stdin=slave):
        os.close(slave)
        out = b""
        try:
            while part := os.read(master, 65536):
                out += part
        except OSError:  # how a terminal says that nobody writes to it any more
            pass
    os.close(master)
    return out.decode().replace("\r\n", "\n")


def terminal(library: Path, folder: Path, *, everything: bool) -> Iterator[Path]:
    """Draw what `ask` prints; yield the files."""
    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI
    from rich.text import Text

    said = printed(FOOTNOTE, "ask", *TYPED.split(), library=library)
    text = Text.from_ansi(f"$ ask {TYPED}\n{said}")
    for scheme in ("light", "dark") if everything else ("dark",):
        console = Console(record=True, width=COLUMNS, file=StringIO())
        console.print(text, soft_wrap=True)
        file = folder / f"terminal{'-' + scheme if everything else ''}.svg"
        theme = DEFAULT_TERMINAL_THEME if scheme == "light" else DIMMED_MONOKAI
        console.save_svg(str(file), title="ask", theme=theme, code_format=FONTS.sub("", CONSOLE_SVG_FORMAT))
        yield file


def main(argv: list[str]) -> None:
    folder, everything = (Path(argv[0]), True) if argv else (PICTURES, False)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        library = Path(temporary)
        index(library, ROOT / "data" / "notes")
        for take_all in (pages, terminal):
            for file in take_all(library, folder, everything=everything):
                sys.stdout.write(f"{file} {file.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
