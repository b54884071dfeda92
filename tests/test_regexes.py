"""No regular expression of the project takes time that grows with the square of a text, or worse."""

from __future__ import annotations

import re

import pytest
from regexes import ROOT, Used, slow, used

from indexer.parsing.html import html_text

EXAMPLES = {
    r"""f'^# {name} = .*$'""": r"(?m)^# model = .*$",
    r'''f"""^[ \\t]*[\\[\\"']*{re.escape(name)}[\\"'\\]]*[ \\t]*(?:=|$|\\.)"""''': (
        r"""(?m)^[ \t]*[\[\"']*model[\"'\]]*[ \t]*(?:=|$|\.)"""
    ),
    r"""f'\\b{re.escape(term)}\\b'.replace('\\ ', '\\s+')""": r"\bbatch\s+norm\b",
    r"""f'(?<!\\w){spaced}(?!\\w)'""": r"(?<!\w)batch\s+norm(?!\w)",
    r"""f'["“]\\s*{re.escape(filter_.value)}\\s*["”]'""": r'["“]\s*moving\ average\s*["”]',
    r"""f'{mark}(\\d+);([.,;:!?)]?)'""": r"0123456789abcdef(\d+);([.,;:!?)]?)",
    r"""before + '\\s+'.join(map(re.escape, wanted.split())) + after""": r"(?<!\w)moving\s+average(?!\w)",
    "found": r"\bmoving\s+average\b|\bAdam\b",
    r"""'\\b' + '\\W+'.join(map(re.escape, words))""": r"\bmoving\W+average",
}
"""What is made of what only a run knows: the code that makes it, and a pattern that it makes."""

INSIDE = {"indexer.parsing.html._MARKUP": html_text}
"""Patterns that are never given more than the function that uses them lets through."""

ROOMS = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ("indexer", "service")
    for path in ROOT.glob(f"{package}/*")
    if path.suffix == ".py" or (path / "__init__.py").exists()
)
"""Where patterns may come from: the modules, and the packages, of both packages."""


@pytest.fixture(scope="module")
def patterns():
    return used(EXAMPLES)


def room(use: Used) -> str:
    """Where a pattern comes from: `indexer.parsing.html._MARKUP` and `indexer/parsing/html.py:7`: indexer/parsing."""
    return "/".join(re.split(r"[./]", use.origin)[:2])


def test_all_patterns_are_known(patterns):
    found, unknown = patterns
    assert [(call.file, call.line, call.written) for call in unknown] == []
    assert len(found) > 200
    assert {room(use) for use in found} <= {one.removesuffix(".py") for one in ROOMS}


@pytest.mark.parametrize("name", ROOMS)
def test_a_pattern_takes_linear_time(patterns, name):
    here = [use for use in patterns[0] if room(use) == name.removesuffix(".py")]
    assert {use.origin: said for use in here if (said := slow(use, through=INSIDE.get(use.origin)))} == {}


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(?:a+)+$", "match"),  # every way to part the letters
        (r"(?:a|a)*b", "match"),
        (r"(?:\w|\da)+!", "fullmatch"),
        (r"^\|\s*(.*?)\s*\|$", "search"),  # the cube
        (r"\s+$", "search"),  # the square: a search from every space
        (r"<[^>]*>", "search"),
        (r"\w+://", "search"),
        (r"^.*,.*,.*,.*,.*,.*x", "match"),
    ],
)
def test_what_takes_longer_is_found(pattern, method):
    assert slow(Used(re.compile(pattern), "here", frozenset({method}))) is not None


# ---------------------------------------------------------------------------------------------------- JavaScript


JAVASCRIPT = re.compile(r"(?<=[(=:,\s!])/(?![/*])((?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)/[gimsuy]*(?=[.;,)\s])")
"""An expression in a script, as far as ours go: behind an opening bracket or a sign."""


def scripts() -> list[tuple[str, str]]:
    return [
        (path.name, expression)
        for path in sorted((ROOT / "service" / "page" / "static").glob("*.js"))
        for line in path.read_text(encoding="utf-8").splitlines()
        for expression in JAVASCRIPT.findall(line.split(" // ")[0])
        if expression.strip() == expression  # else two signs of division
    ]


def test_the_scripts_of_the_pages_hold_no_slow_pattern():
    found = scripts()
    assert len(found) > 5
    for file, expression in found:  # of what Python reads otherwise, these have nothing
        use = Used(re.compile(expression, re.MULTILINE), file, frozenset({"search"}))
        assert (file, expression, slow(use)) == (file, expression, None)


def test_scripts_make_no_pattern_of_text():
    made = [path.name for path in (ROOT / "service" / "page" / "static").glob("*.js") if "RegExp" in path.read_text()]
    assert made == []
