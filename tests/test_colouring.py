from __future__ import annotations

import re
from html import unescape
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.colouring import LONGEST, LONGEST_LINE, coloured


def test_words_get_the_class_of_what_they_are():
    assert coloured("def f():  # y\n    return 'a'", "python") == [
        '<span class="tok-keyword">def</span> <span class="tok-name">f</span>():  <span class="tok-comment"># y</span>',
        '    <span class="tok-keyword">return</span> <span class="tok-string">&#x27;a&#x27;</span>',
    ]
    assert coloured("-a\n+b\n", "Diff") == [
        '<span class="tok-meta">-a</span>',
        '<span class="tok-string">+b</span>',
        "",
    ]


@pytest.mark.parametrize("language", ["python", "js", "html", "tex", "bash", "json", "c++", "yaml", "sql", "rust"])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_what_is_shown_is_what_is_written(language, code):
    lines = coloured(code, language)
    if lines is not None:
        assert unescape(re.sub(r"</?span[^>]*>", "", "\n".join(lines))) == code
        assert all(line.count("<span") == line.count("</span>") for line in lines)


def test_what_is_unknown_or_too_long_has_no_colours():
    assert coloured("x", "") is coloured("x", "no-such-language") is None
    assert coloured("x" * (LONGEST + 1), "python") is None
    assert coloured("x" * (LONGEST_LINE + 1), "python") is None


def test_languages_that_nobody_knows_are_refused_at_once():
    coloured("x", "python")
    before = perf_counter()
    for n in range(1000):
        assert coloured("x", f"no-{n}") is None
    assert perf_counter() - before < 1
