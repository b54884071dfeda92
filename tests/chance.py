"""How much the tests try that cannot try everything in seconds, and which part of it.

It is another part every day, and the same one all day long. Failures name the seed: with `FOOTNOTE_SEED=N make test`
that part is tried again, as continuous integration always does. `FOOTNOTE_ATTACKS=all` tries everything.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

ALL = "FOOTNOTE_ATTACKS" in os.environ
SEED = int(os.environ.get("FOOTNOTE_SEED") or datetime.now(UTC).date().toordinal())
