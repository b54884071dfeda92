"""`footnote token`: make what lets into the service."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.cli import OK, add_config, configured, result
from indexer.errors import SettingsError
from indexer.visible import notice


def add_commands(commands: Any) -> None:
    """Add `token` to the parser's subcommands."""
    token = commands.add_parser("token", help="make a token, without which the service lets nobody in")
    token.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="where to write it (default: beside the settings file, which is made to name it)",
    )
    token.add_argument(
        "--read-only", action="store_true", help="one that lets ask, search and read, and change nothing"
    )
    token.add_argument("--new", action="store_true", help="make another where there is one; the old one ends")
    add_config(token)
    token.set_defaults(run=_token)


def _token(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write a token to a file, unless one is there, and print where it lies: never the token itself."""
    from indexer.configuration import place, save, text_of, written
    from service.credentials import make

    name = "read_token_file" if arguments.read_only else "token_file"
    settings = place(configured(arguments, environ))
    noted = not arguments.file
    if noted and settings.exists() and not settings.is_file():
        raise SettingsError(f"{settings} is no settings file to note a token in; name a file: footnote token FILE")
    file = arguments.file or settings.resolve().with_name(name.removesuffix("_file").replace("_", "-"))
    file = file.expanduser().absolute()
    if file.exists() and not arguments.new:
        notice("There is one already; --new makes another, and ends this one")
    else:
        make(file)
    if noted:
        text = text_of(settings, needed=False)
        if (changed := written(text, {name: str(file)})) != text:
            save(settings, changed)
        notice(f"From its next start on, `footnote serve` lets in who shows it ({settings} names it)")
    else:
        notice(f"To have the service want it: FOOTNOTE_{name.upper()}={file} footnote serve")
    notice("A browser asks for it; a program sends it as `Authorization: Bearer …`. It lies in:")
    result(str(file))
    return OK
