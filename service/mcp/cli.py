"""`footnote mcp`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from indexer.beside import Beside
from indexer.cli import OK, add_library, settings_of
from indexer.settings import Settings
from indexer.visible import notice

if TYPE_CHECKING:
    from service.desk import Desk


def add_commands(commands: Any) -> None:
    """Add `mcp` to the parser's subcommands."""
    mcp = commands.add_parser("mcp", help="give a model tools to search, ask and read the library (MCP over stdio)")
    add_library(mcp)
    mcp.set_defaults(run=_mcp)


def _mcp(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(arguments, environ)
    opening = Opening(settings)
    from service.logs import configure
    from service.mcp.server import make_server
    from service.turns import Joined, Turns

    configure(settings.service.log)
    make_server(opening.desk, Turns(), Joined(lambda: opening.desk().questions())).run("stdio")
    return OK


class Opening:
    """Opens the desk while the client is greeted, and again for each call while that fails.

    So a client never waits for the model to be told what the tools are, and a library that is missing can be made
    meanwhile: the tools say how.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._opening: Beside[Desk] | None = Beside(self._open)

    def desk(self) -> Desk:
        """The open desk; raise LibraryError or ModelError while there is none."""
        with self._lock:
            opening = self._opening or Beside(self._open)
            self._opening = None
            desk = opening.result()
            self._opening = opening
            return desk

    def _open(self) -> Desk:
        from service.opening import open_desk

        return open_desk(self._settings, notice)
