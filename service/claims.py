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
from service.words import NEGATIONS, is_number, negates, tokens_of

SHARED = 0.5
"""At least this share of a sentence's words stands in its quotes, what is known of them, or the question …"""

LEAST_QUOTED = 0.4
"""… and at least this share in the quotes themselves."""

LONGEST = 600
"""In characters."""

_COMMON = (
    "a about above after again all also although am an and any are as at be because been before being below "
    "between both but by can could did do does doing down during each either else ever few for from further had "
    "has have having he her here hers him his how however i if in into is it its itself just may me might more "
    "most much must my of off on once only or other our out over own per rather same shall she should since so "
    "some such than that the their them then there therefore these they this those through thus to too under "
    "until up upon us use used uses using very via was we were what when where whether which while who whom whose "
    "why will with within would yes yet you your"
).split()
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
_OPPOSITES = (
    "increase/decrease more/less more/fewer most/least greater/smaller large/small larger/smaller high/low "
    "higher/lower maximise/minimise maximize/minimize maximum/minimum max/min upper/lower faster/slower fast/slow "
    "before/after better/worse best/worst encoder/decoder forward/backward positive/negative always/never "
    "all/none every/no with/without add/remove add/subtract multiply/divide first/last first/second true/false "
    "same/different convex/concave source/target input/output global/local linear/nonlinear left/right row/column "
    "early/late earlier/later long/short longer/shorter wide/narrow deep/shallow deeper/shallower training/test "
    "reject/accept easy/hard easier/harder strong/weak stronger/weaker open/closed cheap/expensive rise/fall "
    "gain/lose win/lose begin/end start/end above/below over/under outperform/underperform all/some "
    "always/sometimes often/rarely must/may many/few"
).split()
_TURNING = ("un", "in", "im", "ir", "il", "dis", "non")


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
    for word in sorted(ours):
        others = set(_opposites().get(word, ())) | {prefix + word for prefix in _TURNING}
        others |= {word.removeprefix(prefix) for prefix in _TURNING if len(word) > len(prefix) + 3} - {word}
        if others & theirs:
            yield word


@cache
def _opposites() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in _OPPOSITES:
        one, other = stems(pair)
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found


@cache
def _common() -> frozenset[str]:
    return frozenset(stems(" ".join([*_COMMON, *NEGATIONS])))  # those are judged apart


def _stems(texts: Iterable[str]) -> set[str]:
    """The stems of the words of some texts; letters that stand alone are left out."""
    found = stems(" ".join(token for text in texts for token in tokens_of(text)))
    return {stem for stem in found if len(stem) > 1 or not stem.isascii()}
