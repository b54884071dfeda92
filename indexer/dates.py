"""Dates as people write them → `2024-05-13`, or as much of that as they say: `2024-05`, `2024`.

Written so, dates compare as texts: a month is before its days, and a year before its months.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import PurePosixPath

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR = r"(?:1[5-9]|20|21)\d\d"
_NUMBERS = re.compile(
    rf"""(?<!\d) (?P<year>{_YEAR})
    (?: (?P<sep>[-/.]) (?P<month>\d\d?) (?: (?P=sep) (?P<day>\d\d?) )?
      | (?P<packed>\d{{4}}) (?:\d{{4}}(?:\d\d)?)? )?  # with the time of day, as in PDFs
    (?!\d)""",
    re.VERBOSE,
)
_DAY = r"(?:(\d{1,2})(?:st|nd|rd|th)?"
_WORDS = re.compile(
    rf"\b{_DAY}\s+(?:of\s+)?)?({'|'.join(_MONTHS)})[a-z]*\.?,?\s+{_DAY},?\s+)?({_YEAR})\b", re.IGNORECASE
)
_NAMED = re.compile(rf"(?<!\d)({_YEAR}-\d\d-\d\d)(?!\d)|^({_YEAR}\d{{4}})(?:\d{{4}}(?:\d\d)?)?(?!\d)")


def read_date(value: object) -> str | None:
    """Read what a file states as its date: a date of YAML, ISO, org, PDF, or English; None where it is no date.

    Of `4/5/2024` nobody knows which is the month; it is no date.
    """
    if isinstance(value, date):  # a datetime is one too
        return value.strftime("%Y-%m-%d") if value.year >= 1000 else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    if match := _WORDS.search(text):
        before, name, after, year = match.groups()
        return _joined(year, str(_MONTHS.index(name.lower()) + 1), before or after)
    if match := _NUMBERS.search(text):
        packed = match["packed"]
        month, day = (packed[:2], packed[2:]) if packed else (match["month"], match["day"])
        return _joined(match["year"], month, day)
    return None


def date_in_name(file: str) -> str | None:
    """Read the day in the name of a file, as daily notes have it: `2024-05-13.md`, `20240513101500-adam.org`."""
    match = _NAMED.search(PurePosixPath(file).stem)
    return read_date(match[1] or match[2]) if match else None


def _joined(year: str, month: str | None, day: str | None) -> str | None:
    parts = [int(part) for part in (year, month, day) if part]
    try:
        date(*parts, *[1] * (3 - len(parts)))
    except ValueError:
        return None
    return "-".join((year, *(f"{part:02}" for part in parts[1:])))
