"""Whether a sentence in a model's own words may stand on what it quotes. It is judged by its words alone.

A quote that is found proves that the passage says it, and not that the sentence does. So each number of the sentence,
with its unit, has to stand in the quotes or in the question, and so has each name (in German, each noun); it may not
deny what they do not, nor leave out that they do; it may not put the opposite in the place of a word, or a number with
what another one counts; and most of what it says has to be said there. A sentence that turns the sense with the same
words (`A beats B` for `B beats A`) passes: that is why its quotes are shown below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise

from indexer.lexical import stems
from service.vocabulary import NEGATIONS, STOP_WORDS, negates, opposites
from service.words import is_number, tokens_of

SHARED = 0.5
"""At least this share of a sentence's words stands in its quotes, what is known of them, or the question …"""

LEAST_QUOTED = 0.4
"""… and at least this share in the quotes themselves."""

LONGEST = 600
"""In characters."""

_AS_WORDS = "half twice double triple third quarter dozen".split()
_NUMBERS = {word: word for word in _AS_WORDS} | dict(
    zip(
        (
            "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
            "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion"
        ).split(),
        map(str, [*range(2, 20), *range(20, 100, 10), 100, 10**3, 10**6, 10**9]),
        strict=True,
    )
)
_UNITS = {
    written: unit
    for unit, names in {
        "%": "% percent",
        "°": "°",
        "‰": "‰",
        "ms": "ms millisecond milliseconds",
        "s": "s sec secs second seconds",
        "min": "min mins minute minutes",
        "h": "h hour hours",
        "day": "day days",
        "week": "week weeks",
        "year": "year years",
        "k": "k",
        "thousand": "thousand",
        "m": "m",
        "million": "million millions",
        "b": "b bn",
        "billion": "billion billions",
        "x": "x × times fold",
        "kb": "kb kib",
        "mb": "mb mib",
        "gb": "gb gib",
        "tb": "tb tib",
        "hz": "hz",
        "khz": "khz",
        "mhz": "mhz",
        "ghz": "ghz",
        "mm": "mm",
        "cm": "cm",
        "km": "km",
        "kg": "kg",
    }.items()
    for written in names.split()
}


def objection(
    text: str, question: str, quotes: Sequence[str], clauses: Sequence[str], known: Sequence[str]
) -> str | None:
    """What speaks against a sentence, in a few words; None where nothing does.

    `quotes` are the texts that are shown below it, `clauses` the parts of them that were quoted, `known` is what else
    the reader knows of where they stand (title, headings).
    """
    return next(_objections(text, question, quotes, clauses, known), None)


def _objections(
    text: str, question: str, quotes: Sequence[str], clauses: Sequence[str], known: Sequence[str]
) -> Iterator[str]:
    if len(text) > LONGEST:
        yield "too long"
        return
    said, asked = tokens_of(text), tokens_of(question)
    sources = [*map(tokens_of, quotes), asked]
    for number in _strange_numbers(said, sources):
        yield f"the number {number} is not in what it quotes"
    for number in _swapped_numbers(said, sources):
        yield f"the number {number} counts something else in what it quotes"
    denies, denied = any(map(negates, said)), any(negates(token) for clause in clauses for token in tokens_of(clause))
    if denies and not denied and not any(map(negates, asked)):
        yield "it denies what its quotes do not"
    if denied and not denies:
        yield "it leaves out that its quotes deny"
    own, theirs, given = _stems([text]), _stems(quotes), _stems([question])
    for word in _turned(own - theirs - given, theirs - own):
        yield f"it says {word}, and its quotes the opposite"
    everything = theirs | given | _stems(known)
    for name in _names(text):
        if not _stems([name]) <= everything:
            yield f"it names {name}, and its quotes do not"
    own -= _common()
    if not own:
        yield "it says nothing"
    if len(own & theirs) < LEAST_QUOTED * len(own):
        yield "its quotes speak of something else"
    if len(own & everything) < SHARED * len(own):
        yield "it says more than its quotes"


def _strange_numbers(said: Sequence[str], sources: Sequence[Sequence[str]]) -> Iterator[str]:
    """The numbers of a sentence that no source has with the same unit; `two` is 2."""
    known = {quantity for source in sources for quantity in _quantities(source)}
    for number, unit in _quantities(said):
        if (number, unit) not in known:
            yield f"{number} {unit}".rstrip()


def _swapped_numbers(said: Sequence[str], sources: Sequence[Sequence[str]]) -> Iterator[str]:
    """The numbers of a sentence before a word that follows only other numbers in the sources, and they other words."""
    known = {pair for source in sources for pair in _counted(source)}
    counts, things = {number for number, _ in known}, {thing for _, thing in known}
    for number, thing in _counted(said):
        if (number, thing) not in known and number in counts and thing in things:
            yield number


def _counted(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The numbers among some words, each with the stem of the word that follows it."""
    for token, after in pairwise(tokens):
        if (is_number(token) or token in _NUMBERS) and after.isalpha() and (stem := stems(after)):
            yield _NUMBERS.get(token, token), stem[0]


def _names(text: str) -> Iterator[str]:
    """The words that have a capital letter, of the first word one behind its beginning."""
    for n, word in enumerate(text.split()):
        letters = word.lstrip("\"'“‘([{")
        if any(map(str.isupper, letters if n else letters[1:])):
            yield letters.rstrip(".,;:!?\"'”’)]}")


def _quantities(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The numbers among some words, each with its unit, or with none."""
    before = ""
    for token, after in zip(tokens, [*tokens, ""][1:], strict=True):
        if is_number(token) or (token in _NUMBERS and not (token in _UNITS and is_number(before))):
            yield _NUMBERS.get(token, token), _UNITS.get(after, "")
        before = token


def _turned(ours: Iterable[str], theirs: set[str]) -> Iterator[str]:
    """The words of ours whose opposite is among theirs."""
    return (word for word in sorted(ours) if opposites(word) & theirs)


@cache
def _common() -> frozenset[str]:
    return frozenset(stems(" ".join(STOP_WORDS | NEGATIONS)))  # those are judged apart


def _stems(texts: Iterable[str]) -> set[str]:
    """The stems of the words of some texts; letters that stand alone are left out."""
    found = stems(" ".join(token for text in texts for token in tokens_of(text)))
    return {stem for stem in found if len(stem) > 1 or not stem.isascii()}
