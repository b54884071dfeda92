r"""Formulas as a line of text: $\frac{1}{\sqrt{d_k}}$ is 1/√dₖ.

Fractions, roots and scripts are written as Unicode writes them linearly (Sargent, Unicode Technical Note 28).
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from service.formulas import mathml

_FORMULA = re.compile(r"(?<![\\$\w])(\${1,2})(?![\s$])([^$]+?)(?<![\s\\])\1(?![$\w])")
"""A formula within a line, by the rules of Obsidian and Pandoc: no space inside of the marks, no digit after them."""

_RAISED = dict(
    zip(
        "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVW",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂ",
        strict=True,
    )
)
_LOWERED = dict(zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_UNSEEN = re.compile("[\u2061-\u2064\ufe00\ufe01]")
"""Invisible times, commas and the like, and what chooses between two forms of a letter."""

_AFTER_SIGN = re.compile(r"(?<=[-+−×·/√(\[{])\s+")
"""A space that the name of a function brings along."""

_APPLIED = re.compile("(?<=\\w)\u2061+\\s*")
"""What stands, unseen, between the name of a function and what it is applied to …"""

_OPENING = ("(", "[", "{", "|", "")
"""… and what may stand right after the name; all else is set apart."""


def with_formulas(markup: str) -> str:
    """A text with its formulas as a reader sees them; one that cannot be read stays as it is written."""
    return _FORMULA.sub(lambda match: formula_text(match[2]) or match[0], markup)


def formula_text(latex: str) -> str | None:
    """A formula in LaTeX as text; None where it cannot be read."""
    converted = mathml(latex, display=False)
    if converted is None:
        return None
    try:
        text = _text(ET.fromstring(converted))  # noqa: S314 - made here, of known elements
    except ET.ParseError:
        return None
    text = _APPLIED.sub(lambda mark: "" if text[mark.end() : mark.end() + 1] in _OPENING else " ", text)
    return " ".join(_AFTER_SIGN.sub("", _UNSEEN.sub("", text)).split())


def _text(element: ET.Element) -> str:
    parts = [_text(child) for child in element]
    text = (element.text or "") + "".join(parts)
    match element.tag, parts:
        case "mfrac", [over, under]:
            text = f"{_grouped(over)}/{_grouped(under)}"
        case "msqrt", _:
            text = f"√{_grouped(text)}"
        case "mroot", [base, degree]:
            text = f"{_script(degree, _RAISED, '^')}√{_grouped(base)}"
        case (("msub" | "munder"), [base, below]):
            named = len(base.strip()) > 1 and base.strip().isalpha()
            text = base.rstrip() + _script(below, _LOWERED, "_") + (" " if named else "")
        case "msup", [base, above]:
            text = base + _script(above, _RAISED, "^")
        case "mover", [base, above]:
            text = base + (_COMBINING.get(above) or _script(above, _RAISED, "^"))
        case (("msubsup" | "munderover"), [base, below, above]):
            text = base + _script(below, _LOWERED, "_") + _script(above, _RAISED, "^")
        case "mtr", _:
            text = ", ".join(parts)
        case "mtable", _:
            text = "; ".join(parts)
        case "mspace", _:
            text = " "
        case "mo", _ if text in _SPACED:
            text = f" {text} "
    return text


_SPACED = frozenset("=≠<>≤≥≈≡∼≃≅∝∈∉⊂⊆→←↔⇒⇔↦∧∨≪≫")
"""Signs that a reader wants air around."""

_COMBINING = {
    "^": "\u0302",
    "ˆ": "\u0302",
    "~": "\u0303",
    "˜": "\u0303",
    "¯": "\u0304",
    "‾": "\u0304",
    "→": "\u20d7",
    "˙": "\u0307",
    "\u20d7": "\u20d7",
}


def _grouped(text: str) -> str:
    """A text in brackets, if it is more than a name, a number or what stands in brackets already."""
    text = text.strip()
    return text if re.fullmatch(r"√?[\w.²³ᵀ₀-₉ₐ-ₜᵢ-ᵥ]+", text) else f"({text})"


def _script(text: str, signs: dict[str, str], mark: str) -> str:
    """A text above or below another: in the letters that Unicode has for that, if it has all of them."""
    text = "".join(text.split())
    if text and all(sign in signs for sign in text):
        return "".join(signs[sign] for sign in text)
    if text in ("′", "″", "*", "∗"):
        return text
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"
