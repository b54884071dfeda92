"""The desk of a process that has just been started: its model is loaded while the rest is imported and opened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from indexer.connect import CATALOGUE, require
from indexer.settings import Settings

if TYPE_CHECKING:
    from service.ask import Desk


def open_desk(settings: Settings, notice: Callable[[str], None]) -> Desk:
    """Open the library and the models that the settings name; raise LibraryError or ModelError."""
    require(settings.library / CATALOGUE)  # without a library no model is needed
    from indexer.encode import load_encoder  # here, and with it numpy: two threads do not import the same

    with ThreadPoolExecutor(1) as beside:
        model = beside.submit(load_encoder, settings, asking=True, notice=notice)
        from service.ask import Desk

        return Desk.open(settings, notice=notice, model=model.result)
