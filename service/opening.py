"""The desk of a process that has just been started: its model is loaded while the rest is imported and opened."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from indexer.beside import Beside
from indexer.connect import CATALOGUE, require
from indexer.settings import Settings

if TYPE_CHECKING:
    from service.desk import Desk


def open_desk(settings: Settings, notice: Callable[[str], None]) -> Desk:
    """Open the library and the models that the settings name; raise LibraryError or ModelError."""
    require(settings.library / CATALOGUE)  # without a library no model is needed
    # numpy starts a thread a core for products, which then wait in a loop for the first of them, and hold up the rest
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()
    try:
        from indexer.encode import import_runtime, load_encoder

        import_runtime(settings)
        model = Beside(lambda: load_encoder(settings, asking=True, notice=notice))
        from service.desk import Desk

        return Desk.open(settings, notice=notice, model=model.result)
    finally:
        gc.freeze()  # all that was made here stays: to look through it would take longer than an answer
        gc.enable()
