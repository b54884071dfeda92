"""The questions of a batch: one a line, as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from indexer.errors import InputError


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a batch, the id that it came with, and its filters as they are written in JSON."""

    text: str
    identifier: str | int | None
    filters: object = field(default_factory=dict)


def parsed(line: str) -> Asked:
    """A line of a batch: text as it is, or JSON with `question` (or `query`) and, maybe, `id` and `filters`."""
    if line.startswith("{"):
        try:
            data = json.loads(line)
        except ValueError:
            return Asked(line, None)
        question = str(data.get("question") or data.get("query") or "")
        return Asked(question, data.get("id"), data.get("filters") or {})
    return Asked(line, None)


def lines(name: str) -> Iterator[str]:
    """The lines of a file, or of stdin where its name is -, without empty ones; raise InputError."""
    try:
        with open(0 if name == "-" else name, encoding="utf-8", closefd=name != "-") as file:
            for line in file:
                if line.strip():
                    yield line.strip()
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}; name a file with one question a line, or - for stdin") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
