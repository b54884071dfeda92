"""The words that mean something by themselves: stop words, negations, opposites.

English, and the plainest negations of German, French and Spanish.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from indexer.lexical import stems

STOP_WORDS = frozenset(
    """
    a about above after again all also although am among an and any are as at be because been before being below
    between both but by can could define describe did do does doing done down during each either else ever every
    explain few for from further get gets give given got had has have having he her here hers him his how however i
    if in into is it its itself just like lot many may me mean means might mine more most much must my need needs no
    nor not now of off on once one ones only or other our out over own per rather shall she should since so some
    such take taken tell than that the their them then there therefore these they this those through thus to too
    under until up upon us use used uses using very via was we were what when where whether which while who whom
    whose why will with within without would yes yet you your
    """.split()
)
"""Words that name nothing: whether a passage has them says little, and no name begins or ends with one."""

ARTICLES = frozenset(("a", "an", "the"))

NEGATIONS = frozenset(
    """
    barely cannot except fail failed failing fails hardly lack lacked lacking lacks neither never no nobody none nor
    not nothing nowhere unable without
    kein keine keinem keinen keiner keines nicht nie niemals ohne
    jamais pas sans
    nunca
    """.split()
)
"""Words that turn the sense of what stands beside them."""

ANTONYMS = """
    above/below absence/presence accept/reject active/passive add/remove add/subtract after/before all/none all/some
    allow/prevent allow/prohibit always/never always/sometimes backward/forward begin/end benefit/drawback
    best/worst better/worse bottom/top cause/prevent cheap/expensive close/open closed/open cold/hot column/row
    common/rare complex/simple concave/convex continuous/discrete create/destroy decoder/encoder decrease/increase
    deep/shallow deeper/shallower dense/sparse deterministic/stochastic different/same different/similar
    difficult/easy divide/multiply earlier/later earliest/latest early/late easier/harder east/west eastern/western
    easy/hard enable/prevent end/start every/no exclude/include explicit/implicit export/import external/internal
    fail/succeed fall/rise false/true fast/slow faster/slower female/male few/many fewer/more first/last
    first/second formal/informal gain/lose gain/loss global/local greater/smaller harm/help high/low higher/lower
    highest/lowest impossible/possible improve/worsen increase/reduce input/output inside/outside large/small
    larger/smaller largest/smallest least/most left/right less/more likely/unlikely long/short longer/shorter
    lose/win lower/raise lower/upper major/minor majority/minority man/woman max/min maximise/minimise
    maximize/minimize maximum/minimum may/must men/women narrow/wide negative/positive new/old north/south
    northern/southern often/rarely old/young oppose/support outperform/underperform over/under poor/rich
    primary/secondary private/public rural/urban source/target strength/weakness strong/weak stronger/weaker
    test/training thick/thin unusual/usual with/without
"""
"""Pairs of words that mean the opposite, but for those that differ by one of TURNING."""

TURNING = ("un", "in", "im", "ir", "il", "dis", "non")
"""Beginnings that turn the sense of a word …"""

SHORTEST_TURNED = 4
"""… of at least so many letters: a unit is not the opposite of it."""

_CONTRACTED = re.compile(
    r"(?:do|does|did|is|are|was|were|has|have|had|wo|would|ca|could|sha|should|must|need|might|ai)nt"
)


def negates(token: str) -> bool:
    """Whether one of `words.tokens_of` turns the sense."""
    return token in NEGATIONS or token in ("¬", "≠") or bool(_CONTRACTED.fullmatch(token))


@lru_cache(maxsize=4096)
def opposites(stem: str) -> frozenset[str]:
    """The stems of the words that mean the opposite of a word."""
    found = set(_antonyms().get(stem, ()))
    if len(stem) >= SHORTEST_TURNED:
        found |= {prefix + stem for prefix in TURNING}
    bare = {stem.removeprefix(prefix) for prefix in TURNING} - {stem}
    return frozenset(found | {word for word in bare if len(word) >= SHORTEST_TURNED})


@cache
def _antonyms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pair in ANTONYMS.split():
        one, other = stems(pair)
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return found
