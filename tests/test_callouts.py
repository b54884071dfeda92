from __future__ import annotations

import re

import pytest
from test_render import html

from service.callouts import KINDS


def test_obsidian_s_kinds_and_their_other_names():
    assert sorted(set(KINDS.values())) == sorted(
        "note abstract info todo tip success question warning failure danger bug example quote".split()
    )
    assert [KINDS[name] for name in ("tldr", "hint", "done", "faq", "attention", "missing", "error", "cite")] == (
        "abstract tip success question warning failure danger quote".split()
    )


@pytest.mark.parametrize(
    ("first", "frame", "title"),
    [
        ("[!note]", '<div class="callout note" role="note">', '<p id="L1" class="callout-title">Note</p>'),
        ("[!FAQ] Why?", '<div class="callout question" role="note">', '<p id="L1" class="callout-title">Why?</p>'),
        ("[!my-own]", '<div class="callout note" role="note">', '<p id="L1" class="callout-title">My own</p>'),
        ("[!bug]- x", '<details class="callout bug">', '<summary id="L1" class="callout-title">x</summary>'),
        (
            "[!tip]+",
            '<details class="callout tip" open="open">',
            '<summary id="L1" class="callout-title">Tip</summary>',
        ),
        ("[!tip|wide] *x*", '<div class="callout tip" role="note">', '<p id="L1" class="callout-title"><em>x</em></p>'),
    ],
)
def test_a_callout_has_its_frame_and_title(first, frame, title):
    page = html(f"> {first}\n> body\n>\n> more")
    end = "details" if "details" in frame else "div"
    assert page == f'{frame}\n{title}\n<p id="L2">body</p>\n<p id="L4">more</p>\n</{end}>'


def test_one_that_holds_a_cited_line_is_open():
    text = "> [!tip]- a\n> body\n\n> [!tip]- b\n> body"
    assert re.findall(r"<details[^>]*>", html(text, cited=[(5, 5)])) == [
        *('<details class="callout tip">', '<details class="callout tip" open="open">')
    ]


def test_callouts_stand_in_quotes_and_lists_and_each_other():
    page = html("- x\n  > [!note] a\n  > > [!tip] b\n  > > c\n\n> quote\n>\n> > [!bug] d\n> > e")
    assert re.findall(r"<(/?(?:div|blockquote))", page) == [
        *("div", "div", "/div", "/div", "blockquote", "div", "/div", "/blockquote")
    ]
    assert [page.count(f">{word}</p>") for word in "abcde"] == [1] * 5


def test_a_quote_that_only_looks_like_one_stays_a_quote():
    assert html("> [note] a") == '<blockquote>\n<p id="L1">[note] a</p>\n</blockquote>'
    assert html("> - [!note] a").startswith("<blockquote>\n<ul>")
