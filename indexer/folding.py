"""Text as full-text search reads it: one notation for what is written in several, and CJK cut into characters."""

from __future__ import annotations

import re
import unicodedata

_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρςστυφχψω",
        (
            *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
            *("nu", "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi"),
            *("psi", "omega"),
        ),
        strict=True,
    )
)
_SYMBOLS = {
    "ϵ": "epsilon",
    "ϕ": "phi",
    "∂": "partial",
    "∇": "nabla",
    "∞": "infty",
    "∑": "sum",
    "∏": "prod",
    "∫": "int",
    "√": "sqrt",
    "×": "times",
    "⋅": "cdot",
    "⊙": "odot",
    "⊕": "oplus",
    "⊗": "otimes",
    "≤": "leq",
    "≥": "geq",
    "≠": "neq",
    "≈": "approx",
    "∼": "sim",
    "→": "to",
    "‖": "norm",
    "∥": "norm",
}
_NAMES = str.maketrans(
    {
        **{symbol: f" {name} " for symbol, name in _SYMBOLS.items()},
        **{digit: f" {k} " for k, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")},
        **{digit: f" {k} " for k, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    }
)
_LATEX = (
    (re.compile(r"\\[lr]?Vert(?![A-Za-z])|\\\||\|\|"), " norm "),
    (
        re.compile(
            r"\\(?:math|text)[a-z]*(?![A-Za-z])|\\(?:left|right|operatorname|boldsymbol|bm|bigl?|bigr|displaystyle)(?![A-Za-z])"
        ),
        " ",
    ),
    (re.compile(r"\\(?:le|ge|ne)(?![A-Za-z])"), lambda found: f" {found[0][1:]}q "),
    (re.compile(r"\\var(epsilon|phi|theta|rho|sigma)(?![A-Za-z])"), r" \1 "),
)
_LETTER = re.compile(r"(?<![\u0370-\u03ff])[Α-ΡΣ-Ωα-ω](?![\u0370-\u03ff])")
"""A Greek letter alone: in a formula, not in a word."""

_CJK = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_PLAIN = re.compile(r"[ -[\]-{}~\n]*")
"""ASCII without backslash and bar: nothing is to be folded."""


def folded(text: str) -> str:
    r"""Write what is the same alike: `‖x‖₂`, `||x||_2` and `\lVert x\rVert_2`; ligatures, wide and bold letters.

    Greek letters and symbols become the names that LaTeX has for them. Chinese and Japanese, which have no spaces
    between words, get one around each character.
    """
    if _PLAIN.fullmatch(text):
        return text
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    text = unicodedata.normalize("NFKC", text.translate(_NAMES))
    text = _LETTER.sub(lambda found: f" {_GREEK[found[0].lower()]} ", text)
    return _CJK.sub(r" \1 ", text)
