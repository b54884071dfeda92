r"""What a person writes into a question to narrow the search, and back.

    tag:ml  tag:#ml/nlp      notes with the tag, or with one below it
    path:papers/  path:"my notes"  path:*.org
                             files with this in their path below the folder that was indexed; with * or ?, all of it
    kind:note  kind:paper
    after:2024  before:2024-05
                             made on the first day of the year or month, or on the day, or later; made before it
    "moving average"         passages that hold just these words, in any case

A minus before any of them takes away what it would let through; `-adam` takes away the passages that hold the word in
any form. All have to hold.

A filter stands alone between white space. What only looks like one is left as words: a minus without two letters after
it (`-1`, `-O2`, `-std=c++20`), another name (`x:y`). A backslash has a filter taken as words: `\-Wall`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, TypeAlias, get_args

from indexer.errors import FilterError

FilterName: TypeAlias = Literal["tag", "path", "kind", "after", "before", "phrase", "word"]

_END = ".,;:!?)"
"""What may close a sentence behind a filter."""

_FILTER = re.compile(
    rf"""(?<!\S) (?P<escape>\\*) (?P<minus>-?)
    (?: (?P<name>tag|path|kind|after|before) : (?:"(?P<quoted>[^"]+)"[{_END}]* | (?P<bare>[^\s"]+)) (?!\S)
      | "(?P<phrase>[^"]+)" | “(?P<curly>[^"“”]+)”
      | (?<=-) (?P<word>[^\W\d_]{{2}}[\w'’-]*) [{_END}]* (?!\S) )""",
    re.VERBOSE | re.IGNORECASE,
)
_BARE = re.compile(rf'[^\s"]*[^\s"{_END}]')
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}")


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that passages have to be or to hold or, `without`, not. A word is only ever taken away."""

    name: FilterName
    value: str
    without: bool = False

    def __str__(self) -> str:
        """As it is written."""
        minus = "-" if self.without else ""
        if self.name == "phrase":
            return f'{minus}"{self.value}"'
        if self.name == "word":
            return f"{minus}{self.value}"
        return f"{minus}{self.name}:" + (self.value if _BARE.fullmatch(self.value) else f'"{self.value}"')


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked for: the words to look for, and what narrows the search; phrases are in both.

    `text` has no white space but single spaces. `str` of a inquiry is what a person would write for it.
    """

    text: str
    filters: tuple[Filter, ...] = ()

    @property
    def phrases(self) -> frozenset[str]:
        """The phrases that passages have to hold."""
        return frozenset(one.value for one in self.filters if one.name == "phrase" and not one.without)

    def __str__(self) -> str:
        """The filters, then the words, with a backslash where they look like a filter and are none."""
        apart = [str(one) for one in self.filters if one.name != "phrase" or one.without]
        return " ".join([*apart, _FILTER.sub(self._as_written, self.text)]).strip()

    def _as_written(self, found: re.Match[str]) -> str:
        phrase = found["phrase"] or found["curly"]
        active = phrase and not found["escape"] and not found["minus"] and phrase.strip() in self.phrases
        return found[0] if active else f"\\{found[0]}"

    def narrowed(self, filters: Iterable[Filter]) -> Inquiry:
        """The same with further filters."""
        added = [one for one in filters if one not in self.filters]
        phrases = [str(one) for one in added if one.name == "phrase" and not one.without]
        return Inquiry(" ".join([*phrases, self.text]).strip(), (*self.filters, *added))

    def dropped(self, filter_: Filter) -> Inquiry:
        """The same without one of its filters; the words of a phrase stay."""
        text = self.text
        if filter_.name == "phrase" and not filter_.without:
            text = re.sub(rf'["“]\s*{re.escape(filter_.value)}\s*["”]', lambda _: filter_.value, text)
        return Inquiry(text, tuple(one for one in self.filters if one != filter_))


def parse(question: str) -> Inquiry:
    """Tell the filters in a question from its words; raise FilterError where one has a value that it cannot have."""
    filters: dict[Filter, None] = {}

    def take(found: re.Match[str]) -> str:
        if found["escape"]:
            return found[0][1:]
        one = _read(found)
        if one is None:
            return found[0]
        filters[one] = None
        return found[0] if one.name == "phrase" and not one.without else ""

    text = " ".join(_FILTER.sub(take, " ".join(question.split())).split())
    return Inquiry(text, tuple(filters))


def as_words(text: str) -> str:
    """Write a text so that nothing in it is taken for a filter."""
    return str(Inquiry(" ".join(text.split())))


def make(name: FilterName, value: str, *, without: bool = False) -> Filter:
    """Make a filter of its parts; raise FilterError for a value that it cannot have."""
    made = Filter(name, " ".join(value.split()), without)
    if made.name not in ("phrase", "word"):
        made = replace(made, value=_checked(made.name, made.value))
    if parse(str(made)).filters != (made,):
        raise FilterError(f"{name}: {value!r} cannot be looked for; write letters or digits, and no quotation marks")
    return made


def read_filters(given: object, *, without: bool = False) -> tuple[Filter, ...]:
    """Make filters of JSON: a text or a list of texts by name, what is taken away under `without`; raise FilterError.

    `{"tag": ["ml"], "kind": "note", "phrase": "moving average", "without": {"word": "adam"}}`
    """
    if not isinstance(given, Mapping):
        raise FilterError(f"filters is {given!r}; write an object whose names are those of filters")
    filters: list[Filter] = []
    for name, value in given.items():
        if name == "without" and not without:
            filters += read_filters(value, without=True)
        elif name not in get_args(FilterName):
            raise FilterError(f"filters: {name!r} is none; known are {', '.join(get_args(FilterName))} and without")
        else:
            values = [value] if isinstance(value, str) else value
            if not isinstance(values, Sequence) or not all(isinstance(one, str) for one in values):
                raise FilterError(f"filters: {name} is {value!r}; write a text or a list of texts")
            filters += [make(name, one, without=without) for one in values]
    return tuple(filters)


def _read(found: re.Match[str]) -> Filter | None:
    """The filter that was found; None where it says nothing, and is words."""
    without = bool(found["minus"])
    if found["word"]:
        return Filter("word", found["word"], without)
    if phrase := (found["phrase"] or found["curly"]):
        return Filter("phrase", phrase.strip(), without) if any(map(str.isalnum, phrase)) else None
    value = found["quoted"] or found["bare"].rstrip(_END)
    name: FilterName = found["name"].lower()  # type: ignore[assignment]  # the pattern knows no others
    try:
        return Filter(name, _checked(name, value.strip()), without) if value else None
    except FilterError as error:
        raise FilterError(f"{error}; \\{found[0]} looks for these words") from None


def _checked(name: FilterName, value: str) -> str:
    if name in ("after", "before"):
        return _day(name, value)
    if name == "kind":
        value = value.lower()
        if value not in ("note", "paper"):
            raise FilterError(f"kind:{value} is no kind; write kind:note or kind:paper")
    if name == "tag":
        value = value.strip("#/ ")
    if not value:
        raise FilterError(f"{name}: names nothing; write a {name} after it")
    return value


def _day(name: FilterName, value: str) -> str:
    """A day, a month or a year that there is."""
    if _DATE.fullmatch(value):
        with suppress(ValueError):
            date.fromisoformat(value + "-01-01"[len(value) - 4 :])
            return value
    raise FilterError(f"{name}:{value} is no date; write {name}:2024, {name}:2024-05 or {name}:2024-05-13")
