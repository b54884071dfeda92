"""All that is fuzzed, by name."""

from __future__ import annotations

from tests.fuzz import notes, papers, small
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {**notes.TARGETS, **papers.TARGETS, **small.TARGETS}
