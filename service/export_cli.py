"""`footnote export` and `footnote import`, and the forms that `ask` and `questions` share with the first."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.cli import OK, add_library, result, settings_of
from indexer.errors import InputError
from indexer.settings import MEGABYTE
from indexer.visible import notice, visible

if TYPE_CHECKING:
    from indexer.archive import Manifest
    from service.exports import Form

PRINTED = frozenset({"papers", "questions"})
"""What is printed for other programs; anything else is the name of a file."""


def add_commands(commands: Any) -> None:
    """Add `export` and `import` to the parser's subcommands."""
    export = commands.add_parser(
        "export", help="write the library into one file, or its papers or questions for other programs"
    )
    export.add_argument(
        "what",
        metavar="FILE|papers|questions",
        help="the file that gets the whole library; or print the papers, or the question dumps with answers",
    )
    form = export.add_mutually_exclusive_group()
    add_forms(form)
    form.add_argument("--markdown", action="store_const", dest="form", const="md", help="write Markdown")
    export.add_argument(
        "--without-notes", action="store_true", help="into FILE only what the library holds of papers it has fetched"
    )
    export.add_argument("--without-pdfs", action="store_true", help="into FILE no PDFs, only what is known of them")
    add_library(export)
    export.set_defaults(run=_export, form=None)
    unpack = commands.add_parser("import", help="unpack a library that footnote export has written")
    unpack.add_argument("file", type=Path, metavar="FILE", help="what footnote export has written")
    unpack.add_argument("--replace", action="store_true", help="put it in the place of the library that is there")
    unpack.add_argument(
        "--notes",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="where a folder of notes lies here; just NEW where there is one (default: as there, else in your home)",
    )
    add_library(unpack)
    unpack.set_defaults(run=_import)


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
    if arguments.what not in PRINTED:
        return _pack(arguments, environ)
    if arguments.without_notes or arguments.without_pdfs:
        raise InputError(
            "--without-notes and --without-pdfs are for a library in a file; footnote export FILE writes one"
        )
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


def _pack(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from indexer.moving import export_library

    file = Path(arguments.what).expanduser()
    if "." not in file.name and file.name == arguments.what:  # a slip rather than a file
        raise InputError(f"{file} is neither papers nor questions; for a file of that name write ./{file}")
    if arguments.form:
        raise InputError("a library in a file has a form of its own; leave --csv, --bibtex and --markdown away")
    library = settings_of(arguments, environ).library
    manifest = export_library(library, file, notes=not arguments.without_notes, pdfs=not arguments.without_pdfs)
    result(f"{file}: {_held(manifest)}, {file.stat().st_size / MEGABYTE:,.1f} MB")
    if arguments.without_notes:
        notice("No note is in it, and nothing that was made of one")
    return OK


def _import(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from indexer.moving import import_library

    library = settings_of(arguments, environ).library
    done = import_library(arguments.file.expanduser(), library, replace=arguments.replace, notes=arguments.notes)
    result(f"{library}: {_held(done.manifest)}")
    for old, new in done.moved.items():
        notice(f"The notes of {old} are now those of {new}")
    for root in done.missing:
        again = f"footnote import {arguments.file} --replace --notes {root}=FOLDER"
        notice(f"The notes of {root} are not here, and can be searched, but not opened; say where they lie: {again}")
    if roots := [done.moved.get(root, root) for root in done.manifest.about["roots"]]:  # the file may name any folder
        notice(f"Bring it up to date with footnote index, which reads {', '.join(roots)}")
    return OK


def _held(manifest: Manifest) -> str:
    """What is in an archive, for a person."""
    about = manifest.about
    pdfs = sum(name.endswith(".pdf") for name in manifest.members)
    return f"{about['documents']:,} documents with {about['passages']:,} passages, {pdfs:,} PDFs of papers"
