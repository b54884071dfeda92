from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markup import NOTES
from test_render import html

from service.render import render_inline


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("==a==", "<mark>a</mark>"),
        ("x==a b== y", "x<mark>a b</mark> y"),
        ("==a *b* `c==d`==", "<mark>a <em>b</em> <code>c==d</code></mark>"),
        ("== a ==", "== a =="),
        ("==a ==b==", "==a <mark>b</mark>"),
        ("==" * 3 + "a", "======a"),
        ("a == b and c == d", "a == b and c == d"),
        ("`==a==`", "<code>==a==</code>"),
        ("==a", "==a"),
        ("====", "===="),
        ("==" + "a" * 3000 + "==", "==" + "a" * 3000 + "=="),
        ("a %%b%% c", "a  c"),
        ("100%% of it", "100 of it"),
        ("`%%a%%`", "<code>%%a%%</code>"),
    ],
)
def test_in_a_line(text, inside):
    assert html(text) == f'<p id="L1">{inside}</p>'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("%%\na\n\nb\n%%\nc", '<p id="L6">c</p>'),
        ("x\n%% a\nb %%\nc", '<p id="L1">x</p>\n<p id="L4">c</p>'),
        ("> %%\n> a\n> %%\n> b", '<blockquote>\n<p id="L4">b</p>\n</blockquote>'),
        ("%%\nnever closed", '<p id="L1"><span id="L2"></span>never closed</p>'),
    ],
)
def test_over_lines(text, left):
    page = html(text)
    assert "".join(page.split("\n")) == "".join(left.split("\n")) or page == left


@given(NOTES, st.text("=% a\n", max_size=60))
def test_no_note_breaks_them(note, marks):
    assert "<script" not in html(note + marks)


def test_marks_that_are_only_opened_end_somewhere():
    for text in ("==a " * 900, "==a==b" * 900, "%%a " * 901):
        assert html(text).startswith('<p id="L1">')
        assert render_inline(text, resolve=lambda _: None)
