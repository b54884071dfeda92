"""Formulas as MathML, which browsers draw by themselves."""

from __future__ import annotations

import re
from functools import cache

import nh3
from math_core import LatexError, LatexToMathML

LONGEST = 2000
"""Formulas of more characters stay as they are written."""

MOST_MARKS = 200
"""So do those of more braces and commands: the converter needs up to 3 kB of the stack for each level of nesting, and a
thread has no more than 1 MB on some systems."""

MOST_OPENED = 12
"""And those of more opening brackets: for each that is never closed the converter reads what follows twice as often."""

WIDE = 20
"""A formula of more visible characters may be wider than a narrow page."""

_TAGS = frozenset(
    {
        *("math", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts", "mroot"),
        *("mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder"),
        "munderover",
    }
)
_ATTRIBUTES = {
    "*": {"class", "displaystyle", "scriptlevel"},
    "math": {"display"},
    "mfrac": {"linethickness"},
    "mi": {"mathvariant"},
    "mo": {
        "fence",
        "form",
        "largeop",
        "lspace",
        "maxsize",
        "minsize",
        "movablelimits",
        "rspace",
        "stretchy",
        "symmetric",
    },
    "mover": {"accent"},
    "mspace": {"width"},
    "munder": {"accentunder"},
    "munderover": {"accent", "accentunder"},
}
_OPENING = re.compile(
    r"[(\[⌈⌊⌜⌞⎰❲⟅⟦⟨⟪⟬⟮⦃⦅⦇⦉⦋⦍⦏⦑⦓⦕⦗⧘⧚⧼]|\\(?:\{|ulcorner|"
    r"l(?:Angle|Brace|Vert|ang|brace|brack|ceil|floor|group|langle|lbracket|lcorner|lparenthesis|moustache|paren|vert))"
)
_DEFINING = re.compile(r"\\(?:g?def|(?:new|renew|provide)command|let)(?![A-Za-z])")
_SIDE = re.compile(r'style="text-align: (left|right);[^"]*"')
_TAG = re.compile(r"<[^<>]*>")


def mathml(latex: str, *, display: bool) -> str | None:
    """Convert a formula in LaTeX to a safe `<math>` element; None where that cannot be done faithfully.

    With `display`, it is set as one that stands by itself. A formula has to make sense without others: one that refers
    to another, uses a command that the converter does not know, or defines one, stays as it is written.
    """
    if not latex.strip() or len(latex) > LONGEST or latex.count("{") + latex.count("\\") > MOST_MARKS:
        return None
    if len(_OPENING.findall(latex)) > MOST_OPENED or _DEFINING.search(latex):  # a command could hide brackets
        return None
    try:
        converted = _converter().convert_with_local_state(latex, displaystyle=display)
    except LatexError:
        return None
    if "<menclose" in converted or "<a " in converted:  # what browsers do not draw, what leads nowhere
        return None
    # styles of its own are not allowed on a page, so the sides of an aligned formula become classes
    return nh3.clean(_SIDE.sub(r'class="\1"', converted), tags=set(_TAGS), attributes=_ATTRIBUTES, link_rel=None)


def is_wide(formula: str) -> bool:
    """Whether a `<math>` element may need more room than a line of a narrow page."""
    return len(_TAG.sub("", formula)) > WIDE


@cache
def _converter() -> LatexToMathML:
    return LatexToMathML(fancy_error=False)
