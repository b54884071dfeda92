"""Lines → text: hyphens at line ends, spaces, the rows of tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from indexer.parsing.pdf.glyphs import Integers
from indexer.parsing.pdf.lines import JOINED, Line


class Vocabulary:
    """The words of a document, to decide whether a hyphen at the end of a line belongs to the word."""

    def __init__(self, pages: Sequence[Sequence[Line]]) -> None:
        text = "\n".join([line.text for lines in pages for line in lines]).lower()
        self._words: Counter[str] = Counter()
        for k, part in enumerate(parts := text.split("-\n")):  # what a line end cuts in two says nothing
            self._words.update(part.split()[k > 0 : -1 if k + 1 < len(parts) else None])
        for token, count in list(self._words.items()):
            if not token.isalpha():
                for word in _WORDS.findall(token):
                    if word != token:
                        self._words[word] += count

    def keeps_hyphen(self, before: str, after: str) -> bool:
        """Whether `before-` and `after` are joined by a hyphen, as seen elsewhere in the document."""
        first, second = before.lower(), after.lower()
        together, apart = self._seen(first + second), self._seen(f"{first}-{second}")
        if together or apart:
            return apart > together
        if not second[0].isalpha() or not first[-1].isalpha() or after[0].isupper() or before.isupper():
            return True
        head, tail = first.rpartition("-")[2], second.partition("-")[0]
        known = self._words[head] > 0 and self._words[tail] > 0
        if "-" in first or "-" in second:  # state-of-the-art: what has one hyphen may have more
            return known
        return known and len(first) > 2 and len(second) > 2 and first not in _PREFIXES

    def _seen(self, word: str) -> int:
        """How often a word occurs, in any of its forms: outperforms tells about outperform."""
        return self._words[word] or sum([self._words[word + ending] for ending in _ENDINGS])


_ENDINGS = ("s", "d", "ed", "es", "er", "ers", "ing", "ly", "ies", "al", "ity")
_WORDS = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_LAST = re.compile(r"/?(?<![^\W_])(?<![^\W_]-)([^\W_]+(?:-[^\W_]+)*)-$")
_FIRST = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_PREFIXES = frozenset((
    "out", "over", "under", "for", "not", "any", "can", "be", "up", "in", "on", "inter", "with", "there", "some",
    "every", "back", "how", "what", "non", "semi",
))  # fmt: skip


def joined(lines: Sequence[Line], vocabulary: Vocabulary) -> tuple[str, Integers]:
    """Lines as one text, and the places of its characters, -1 for joined spaces."""
    parts: list[str] = []
    index: list[Integers] = []
    for k, line in enumerate(lines):
        text, places = line.text, line.index
        if "\t" in text:
            text = text.replace("\t", " ")
        if k + 1 == len(lines) or text[-1] in "—–/" or _unspaced(text[-1], lines[k + 1].text[0]):
            parts.append(text)
            index.append(places)
        elif text[-1] == "-" and (broken := _LAST.search(text)):
            after = _FIRST.match(lines[k + 1].text)
            if after and "/" not in broken[0] and not vocabulary.keeps_hyphen(broken[1], after[0]):
                text, places = text[:-1], places[:-1]
            parts.append(text)
            index.append(places)
        else:
            parts += (text, " ")
            index += (places, JOINED)
    return "".join(parts), np.concatenate(index)


def _unspaced(last: str, first: str) -> bool:
    """Whether two characters are of Chinese or Japanese, which have no spaces."""
    return all("\u2e80" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef" for char in (last, first))


def rows(lines: Sequence[Line]) -> tuple[str, Integers]:
    """The lines of a table, one row for what stands at one height, and the places of its characters."""
    parts: list[str] = []
    index: list[Integers] = []
    base: float | None = None
    for line in sorted(lines, key=lambda line: (-round(line.base), line.x0)):
        if base is not None:
            parts.append("\t" if abs(line.base - base) < 0.35 * line.size else "\n")
            index.append(JOINED)
        base = line.base
        parts.append(line.text)
        index.append(line.index)
    return "".join(parts), np.concatenate(index)
