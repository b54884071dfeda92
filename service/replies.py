"""What a chat model wrote → claims, each as soon as it is complete. Lenient: what they say is checked elsewhere.

The model is asked for one JSON object a line. Code fences, prose, thinking aloud, an array or an object around the
claims, pretty-printed JSON and the backslashes of TeX do not matter; what cannot be read is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

LONGEST_CLAIM = 8000
"""In characters of JSON; longer ones are passed over."""

MOST_QUOTES = 4
"""Further quotes of one claim are passed over."""

_DEEPEST = 16
_THINKING = re.compile(r"<(think|thinking|thought|reasoning|reflection)>", re.IGNORECASE)
_THOUGHT = re.compile(r"</(think|thinking|thought|reasoning|reflection)>", re.IGNORECASE)
_LONGEST_TAG = 13
_BACKSLASH = re.compile(
    r"\\\\"  # one that is escaped as it has to be
    r"|\\(?=[bfrt][A-Za-z]|n(?:abla|eq?|eg|ot|otin|u|i|mid)\b|u(?![0-9a-fA-F]{4})|[^\"\\/bfnrtu])"
)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a model says that a passage says. `passage` is the number that it gave, from 1, or None."""

    passage: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence in a model's words, and what it says to rest it on."""

    text: str
    quotes: tuple[Quote, ...]


def claims_in(pieces: Iterable[str]) -> Iterator[Claim]:
    """Read claims from a text that comes in pieces.

    Every object in it is tried as soon as it closes, whatever stands around it. A string ends with its line at the
    latest, so that one quotation mark too few costs no more than that line.
    """
    text, starts = "", list[int]()  # from the outermost object that is open, and where each of those open begins
    in_string = escaped = False
    for piece in _without_thinking(pieces):
        for character in piece:
            if starts:
                text += character
            if character == "\n" and in_string:
                text, starts, in_string, escaped = "", [], False, False
            elif escaped:
                escaped = False
            elif in_string:
                escaped, in_string = character == "\\", character != '"'
            elif character == '"':
                in_string = bool(starts)
            elif character == "{":
                text = text or character
                starts = [*starts, len(text) - 1][-_DEEPEST:]
            elif character == "}" and starts:
                start = starts.pop()
                if len(text) - start <= LONGEST_CLAIM and (claim := _claim(text[start:])):
                    yield claim
                if not starts:
                    text = ""
            if len(text) > 2 * LONGEST_CLAIM and starts:  # an object that never ends
                text, starts, in_string = "", [], False


def _without_thinking(pieces: Iterable[str]) -> Iterator[str]:
    """Leave out what a model thinks aloud between tags; hold back only what may be the beginning of one."""
    held, thinking = "", False
    for piece in pieces:
        held += piece
        while tag := (_THOUGHT if thinking else _THINKING).search(held):
            if not thinking:
                yield held[: tag.start()]
            held, thinking = held[tag.end() :], not thinking
        start = held.rfind("<", max(0, len(held) - _LONGEST_TAG))
        end = len(held) if start < 0 or ">" in held[start:] else start
        if not thinking:
            yield held[:end]
        held = held[end:]
    if not thinking:
        yield held


def _claim(text: str) -> Claim | None:
    """The claim that a JSON object is, or None."""
    try:
        found = json.loads(_BACKSLASH.sub(lambda _: "\\\\", text))
    except (ValueError, RecursionError):
        return None
    said, quotes = _either(found, "text", "sentence", "answer", "claim"), _either(found, "quotes", "citations", "quote")
    if not isinstance(said, str) or quotes is None:
        return None
    listed = quotes if isinstance(quotes, list) else [quotes]
    read = tuple(quote for one in listed[:MOST_QUOTES] if (quote := _quote(one, found)))
    return Claim(_scalar(said), read)


def _quote(found: Any, claim: dict[str, Any]) -> Quote | None:
    if isinstance(found, str):
        return Quote(_number(_either(claim, "passage", "source")), _scalar(found))
    text = _either(found, "quote", "text") if isinstance(found, dict) else None
    return Quote(_number(_either(found, "passage", "source", "n")), _scalar(text)) if isinstance(text, str) else None


def _either(found: dict[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if name in found), None)


def _number(found: Any) -> int | None:
    """The number that names a passage: 2, "2", "[2]", "passage 2"."""
    match = re.fullmatch(r"\D{0,12}(\d{1,4})\D?", str(found))
    return int(match[1]) if match else None


def _scalar(text: str) -> str:
    """A text without halves of surrogate pairs, which no encoding has."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
