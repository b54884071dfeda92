"""Bytes → text → lines, whatever encoding and line ends a file has."""

from __future__ import annotations

import codecs
from pathlib import PurePosixPath

from indexer.errors import SourceError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(code for code in (*range(32), 127) if chr(code) not in "\t\n\v\f\r\x1b")
_NOT_ASCII = bytes(range(128, 256))
_LEGACY = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp932", "euc_jp", "gb18030", "big5", "euc_kr",
)  # fmt: skip
"""The encodings that notes from before UTF-8 have, likeliest first: that decides between equally good guesses."""

_SAMPLE = 100_000


def decode(data: bytes, name: str) -> str:
    """Turn the bytes of a file into text without NULs; the byte order mark goes, line ends stay.

    Reads UTF-8 (with a few stray bytes as U+FFFD), UTF-16 and UTF-32 with a mark, UTF-16 without one, and guesses
    the older encodings. Raises SourceError when the bytes are no text; `name` is the file's.
    """
    text = _decoded(data.removeprefix(codecs.BOM_UTF8))
    if text is None:
        suffix = PurePosixPath(name).suffix
        kind = f", or rename it if it is no {suffix} file" if suffix else ""
        raise SourceError(f"binary data, not text; remove it{kind}")
    return text


def lines_of(text: str) -> list[str]:
    r"""Split a text into its lines, without their ends, which are `\n`, `\r\n` or `\r` and nothing else."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _decoded(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _wide(data[len(mark) :], encoding)
    if b"\0" in data:
        unmarked = _unmarked_utf16(data)
        return _wide(data, unmarked) if unmarked else None
    controls = len(data) - len(data.translate(None, _CONTROLS))
    if controls > max(8, len(data) // 32):
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _mended(data)


def _wide(data: bytes, encoding: str) -> str | None:
    """Decode UTF-16 or UTF-32; None when what comes out is no text."""
    text = data.decode(encoding, "replace")
    sample = text[:_SAMPLE]
    strange = sum(char == "\ufffd" or not (char.isprintable() or char.isspace()) for char in sample)
    return None if "\0" in text or strange * 10 > len(sample) else text


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without a mark is known by its NULs: many, and all but a few in the same half of each pair."""
    first, second = data[::2].count(0), data[1::2].count(0)
    if max(first, second) * 16 < len(data):
        return None
    if second > 4 * first:
        return "utf-16-le"
    return "utf-16-be" if first > 4 * second else None


def _mended(data: bytes) -> str | None:
    """UTF-8 with stray bytes, when at most a tenth of what is not ASCII is broken; else the best guess."""
    text = data.decode(errors="replace")
    broken = text.count("\ufffd") - data.count("\ufffd".encode())
    not_ascii = len(text) - len(data.translate(None, _NOT_ASCII))
    return text if broken * 10 <= not_ascii else _guessed(data)


def _guessed(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    matches = from_bytes(telling[:_SAMPLE], cp_isolation=list(_LEGACY))
    if not matches:
        return None
    # the measures are rough: between near equals, the likelier encoding wins
    best = min(matches, key=lambda m: (round(m.chaos, 1), -round(m.coherence, 1), _LEGACY.index(m.encoding)))
    return data.decode(best.encoding, "replace")
