from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_render import SHARED, assert_harmless

from service.orgmode import as_markdown, inline
from service.render import render
from service.view import Links


@pytest.mark.parametrize(
    ("org", "markdown"),
    [
        ("* One\n** TODO Two :a:b:\n*** DONE Three", "# One\n## ☐ Two\n### ☑ Three"),
        ("#+title: X\n# comment\ntext", "\n\ntext"),
        (":PROPERTIES:\n:ID: 1\n:END:\nx", "\n\n\nx"),
        ("- a\n  b\n  - c :: d\n    1) e\n       f", "- a\n  b\n  - <strong>c</strong> d\n    1) e\n       f"),
        ("+ [ ] a\n + [X] b\n + [-] c", "- [ ] a\n  - [x] b\n  - [/] c"),
        ("1. [@4] a", "4. a"),
        ("#+begin_src python :results x\n  ,* y\n#+end_src", "`````python\n  * y\n`````"),
        ("- a\n  #+begin_example\n  b\n  #+end_example", "- a\n  `````\n  b\n  `````"),
        ("#+begin_quote\na /b/\n- c\n#+end_quote\nd", "\n> a <em>b</em>\n> - c\n>\nd"),
        ("#+begin_comment\na\n#+end_comment", "\n\n"),
        ("\\begin{align}\na &= b\n\\end{align}", "$$\\begin{align}\na &= b\n\\end{align}$$"),
        ("\\[ a \\]", "$$ a $$"),
        ("\\[\na\n\\]", "$$\na\n$$"),
        ("| a | =b= |\n|---+---|\n| 1 | 2 |\n|---+---|", "| a | `b` |\n|---|---|\n| 1 | 2 |\n"),
        (": a\n: b", "`a`\\\n`b`"),
        ("-----", "***"),
        ("a[fn:1]\n\n[fn:1] b", "a[^1]\n\n[^1]: b"),
        ("#+caption: A /b/", "A <em>b</em>"),
    ],
)
def test_lines_of_org(org, markdown):
    assert [line.rstrip() for line in as_markdown(org.split("\n"))] == [line.rstrip() for line in markdown.split("\n")]


@pytest.mark.parametrize(
    ("org", "markdown"),
    [
        ("*a* /b/ _c_ +d+ =e= ~f`~", "<strong>a</strong> <em>b</em> <u>c</u> <del>d</del> `e` `` f` ``"),
        ("a_b * c [d] <e> #f $5", r"a\_b \* c \[d\] \<e\> \#f \$5"),
        (r"\(x_1\) $y$ \[z\] $$w$$", "$x_1$ $y$ $$z$$ $$w$$"),
        ("*a\nb* c", "<strong>a\nb</strong> c"),
        ("$a\n+ b$ c", "$a\n+ b$ c"),
        ("[[https://e.org][a\nb]] c", "[a b](<https://e.org>)\n c"),
        ("[[file:dir/x.org::*Part][y]] [[id:7][A note]]", "[[dir/x#Part|y]] [[A note|A note]]"),
        ("[[*Part]] [[doi:1/2]]", "[[#Part|Part]] [doi:1/2](<https://doi.org/1/2>)"),
        ("[[./img/p.png]] [[data:image/png;base64,AA]]", "![](<./img/p.png>) "),
        ("https://e.org/a_b,", "<https://e.org/a_b>,"),
    ],
)
def test_inline_markup_of_org(org, markdown):
    assert inline(org) == markdown


PIECES = st.sampled_from(
    ["* ", "** TODO ", "- ", "  - ", "1. ", "| a | b |\n", "|---+---|\n", "#+begin_src py\n", "#+end_src\n",
     "#+begin_quote\n", "#+end_quote\n", ":PROPERTIES:\n", ":END:\n", "\\begin{x}\n", "\\end{x}\n", "\\[", "\\]", "$$",
     "[[a][b]]", "[fn:1] ", ": x\n", "\n", "\n\n", "*b*", "=c=", "-----\n", "<script>", "word ", "~~~\n", "```\n", "\0"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_every_line_stays_where_it_is_and_nothing_runs(text):
    lines = text.replace("\0", "").split("\n")
    markdown = as_markdown(lines)
    assert len(markdown) == len(lines)
    rendered = render(markdown, links=Links())
    if rendered is not None:
        assert_harmless(rendered.html)


def test_real_files_keep_their_lines():
    if not SHARED.is_dir():
        pytest.skip("no real notes beside the project")
    files = sorted((SHARED / "vaults").rglob("*.org"))
    assert len(files) > 50
    for path in files[::4]:
        lines = path.read_text(encoding="utf-8").split("\n")
        markdown = as_markdown(lines)
        assert len(markdown) == len(lines)
        rendered = render(markdown, links=Links())
        assert rendered is not None
        assert_harmless(rendered.html)


def test_a_link_whose_address_goes_over_lines_keeps_every_line_in_its_place():
    """It is written twice where it has no other words."""
    made = as_markdown(["a [[https://a.example/b", "c]] d", "e"])
    assert made == ["a [https://a.example/b c](<https://a.example/b c>)", " d", "e"]
