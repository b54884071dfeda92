"""What a running service says of itself on stderr: a line for each event, for people or for programs.

No line holds the words of a question, or the text of a note.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from indexer.settings import Log
from indexer.visible import notice, visible

REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The id of the request that is being answered, in its context: it stands in every line that is written meanwhile."""

_log = logging.getLogger("footnote")


def configure(log: Log) -> None:
    """Have everything that is logged in this process, by libraries too, go to stderr.

    Of Footnote itself every event, unless it is off; of libraries only trouble.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log == "json" else _Text() if log == "text" else _Plain())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=log != "off")
    _log.setLevel(logging.WARNING if log == "off" else logging.INFO)


def event(name: str, **fields: object) -> None:
    """Log an event with what there is to know of it."""
    if _log.isEnabledFor(logging.INFO):
        _log.info(name, extra={"fields": fields})


def say(line: str) -> None:
    """Tell the person something: a line of its own, or an event where events are written."""
    if _log.isEnabledFor(logging.INFO):
        event("notice", said=line)
    else:
        notice(line)


class _Json(logging.Formatter):
    """An object a line: `time` (RFC 3339, UTC), `level`, `event`, and the fields of the event."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if request := REQUEST.get():
            said["request_id"] = request
        if not record.name.startswith("footnote"):
            said["logger"] = record.name
        said |= getattr(record, "fields", {})
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


class _Plain(logging.Formatter):
    """Just what is said."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


class _Text(logging.Formatter):
    """The same for a person: time, level, event, and what there is to know as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        shown = "".join(f" {name}={_shown(value)}" for name, value in fields.items())
        request = f" request_id={REQUEST.get()}" if REQUEST.get() else ""
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return visible(f"{_time(record)} {record.levelname.lower():7} {record.getMessage()}{request}{shown}{trace}")


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(char in text for char in ' "=\n') else text
