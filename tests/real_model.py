"""The compiled default model for the tests that need it: made once for each checkout."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from indexer.encode import load_encoder
from indexer.settings import Settings
from indexer.types import Encoder

CACHE = Path(
    os.environ.get("FOOTNOTE_TEST_CACHE") or Path(__file__).resolve().parents[1] / ".venv" / "footnote-test-cache"
)
SETTINGS = Settings(library=CACHE, cache=CACHE, device="cpu")


@cache
def real_encoder() -> Encoder:
    return load_encoder(SETTINGS, notice=print)
