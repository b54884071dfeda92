"""What lets a shell complete `footnote` and `ask`: a script made from their parsers."""

from __future__ import annotations

import argparse
from typing import Literal

import shtab

HOW = {
    "bash": "# footnote completion bash > ~/.local/share/bash-completion/completions/footnote\n"
    "# and for the short form, in the same folder: ln -s footnote ask",
    "zsh": '# eval "$(footnote completion zsh)" in ~/.zshrc, after compinit',
    "fish": "# footnote completion fish > ~/.config/fish/completions/footnote.fish\n"
    "# and for the short form, in the same folder: ln -s footnote.fish ask.fish",
}
"""How to have each of them read it: said at its top."""

PATHS = frozenset({"--config", "--batch", "paths", "gold", "what", "file"})
FOLDERS = frozenset({"--library", "folder"})


def script(shell: Literal["bash", "zsh", "fish"], *parsers: argparse.ArgumentParser) -> str:
    """The script for a shell; paths are completed where they are asked for."""
    pieces = [HOW[shell]]
    for parser in parsers:
        _name_paths(parser)
        pieces.append(shtab.complete(parser, shell))
    return "\n".join(pieces)


def _name_paths(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:  # noqa: SLF001 - argparse names them in no other way
        names = {action.dest, *action.option_strings}
        if names & PATHS:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # which is how shtab wants to be told
        elif names & FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        for below in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
            _name_paths(below)
