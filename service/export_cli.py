"""`footnote export`, and the forms that `ask` and `questions` share with it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from indexer.cli import OK, add_library, notice, settings_of
from indexer.visible import visible

if TYPE_CHECKING:
    from service.exports import Form


def add_commands(commands: Any) -> None:
    """Add `export` to the parser's subcommands."""
    export = commands.add_parser("export", help="write the papers of the library, or its questions, for other programs")
    export.add_argument("what", choices=("papers", "questions"), help="the papers, or the question dumps with answers")
    form = export.add_mutually_exclusive_group()
    add_forms(form)
    form.add_argument("--markdown", action="store_const", dest="form", const="md", help="write Markdown")
    add_library(export)
    export.set_defaults(run=_export, form=None)


def add_forms(group: Any) -> None:
    """Add `--csv` and `--bibtex`."""
    group.add_argument("--csv", action="store_const", dest="form", const="csv", help="write a table (CSV)")
    group.add_argument("--bibtex", action="store_const", dest="form", const="bib", help="write the papers as BibTeX")


def write(text: str) -> None:
    """Write a text that is a file: its line ends stay as they are, and elsewhere than on a terminal all else too."""
    if sys.stdout.isatty():
        sys.stdout.write(visible(text.replace("\r\n", "\n")))
    elif hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
    else:
        sys.stdout.write(text)


def _export(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.exports import questions_as, works_as, works_in

    settings = settings_of(arguments, environ)
    held = works_in(settings.library)
    if arguments.what == "papers":
        form: Form = arguments.form or "bib"
        if not held:
            notice("The library has no paper yet; footnote index fetches those that notes name, footnote add others")
        write(works_as(form, held))
        return OK
    from service import ledger

    items = ledger.known(settings, whole=True)
    if items is None:
        from service.opening import open_desk

        with open_desk(settings, notice) as desk:
            items = desk.questions()
    write(questions_as(arguments.form or "csv", items, held))
    return OK
