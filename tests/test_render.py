from __future__ import annotations

import re
import time
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.locate import locate
from service.render import LARGEST, render, render_inline
from service.view import Budget, Links, Picture, Shown

SHARED = Path(__file__).resolve().parents[2] / "shared"


def nowhere(name: str) -> None:
    return None


def html(text: str, *, resolve=nowhere, cited=(), links=None, **options) -> str:
    rendered = render(text.split("\n"), links=links or Links(resolve), cited=cited, **options)
    assert rendered is not None
    return rendered.html.strip()


class Elements(HTMLParser):
    """All elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


FORBIDDEN = {
    *("base", "button", "embed", "form", "iframe", "img", "input", "link", "meta", "object", "script", "style", "svg"),
    "template",
}


def assert_harmless(page: str) -> None:
    for tag, attributes in Elements(page).found:
        assert tag not in FORBIDDEN
        assert not [
            name for name in attributes if name.startswith("on") or name in {"style", "src", "srcdoc", "action"}
        ]
        address = re.sub(r"[\x00-\x20]", "", unescape(attributes.get("href") or "")).lower()
        assert not address.startswith(("javascript:", "data:", "vbscript:"))


VECTORS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//e.org/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    '<img src="x" alt="<script>alert(1)</script>">',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<a href=' &#14; javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a onclick='alert(1)' onmouseover=alert(1)>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    '![x"onerror="alert(1)](y)',
    '[x](http://e.org "t\\" onmouseover=\\"alert(1)")',
    "[[x|<img src=x onerror=alert(1)>]]",
    "![[x.png|<script>alert(1)</script>]]",
    "$<script>alert(1)</script>$",
    "$$\n</code></pre><script>alert(1)</script>\n$$",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "> [!note]- <script>alert(1)</script>",
    "> [!<script>alert(1)</script>] x",
    "# <svg/onload=alert(1)>",
    "- [x] <body onload=alert(1)>",
    "| <style>*{}</style> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "[^1]\n\n[^1]: <script>alert(1)</script>",
    "x ^<script>alert(1)</script>",
    "<form action=https://e.org><input name=q><button>x</button></form>",
    "<style>body{display:none}</style><link rel=stylesheet href=//e.org/x.css>",
    "<base href=//e.org/><meta http-equiv=refresh content='0;url=//e.org'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<details open ontoggle=alert(1)>x</details>",
    "<template><script>alert(1)</script></template>",
    "<!--><script>alert(1)</script>-->",
]


@pytest.mark.parametrize("text", VECTORS)
def test_nothing_that_runs_survives(text):
    assert_harmless(html(text, cited=[(1, 1)]))
    assert_harmless(render_inline(text, resolve=nowhere))


@given(st.text(alphabet="<>/\"'=()[]!$`|#- \nabsriptonejv:&;%^*_", max_size=120))
def test_no_text_breaks_the_rendering(text):
    assert_harmless(html(text))
    assert_harmless(render_inline(text, resolve=nowhere))


def test_a_note_cannot_pose_as_the_page():
    page = html('<p id="L1" class="cited" role="alert" tabindex="0">x</p>\n\ny')
    assert '<p id="note-L1">x</p>' in page
    assert '<p id="L3">y</p>' in page


def test_blocks_carry_their_lines_and_the_cited_ones_a_class():
    text = "---\ntitle: x\n---\n# One\n\nfirst\nsecond\n\n- tight\n  - child\n\n| a |\n|---|\n| b |\n"
    page = html(text, cited=[(7, 10)])
    assert [name for _, attributes in Elements(page).found if (name := attributes.get("id"))] == [
        *("L4", "note-one", "L6", "L7", "L9", "L10", "L12", "L14")
    ]
    assert [
        attributes["id"] for _, attributes in Elements(page).found if "cited" in (attributes.get("class") or "")
    ] == [*("L6", "L9", "L10")]


def test_lines_of_code_are_marked_one_by_one():
    page = html("```py\na < b\n\nc\n```", cited=[(4, 4)])
    assert page == (
        '<pre id="L1"><code><span id="L2">a &lt; b\n</span><span id="L3">\n</span>'
        '<span id="L4" class="cited">c\n</span></code></pre>'
    )


@pytest.mark.parametrize("line", range(1, 10))
def test_the_first_cited_line_can_be_scrolled_to(line):
    page = html("para\n\n\n<div>\nraw\n</div>\n\n$$\nx\n$$", cited=[(line, line)])
    assert [attributes.get("id") for _, attributes in Elements(page).found].count(f"L{line}") == 1


def test_a_callout_a_task_and_a_bare_dash_look_as_they_were_meant():
    assert html("> [!warning]- Mind *this*\n> body") == (
        '<details class="callout warning">\n<summary id="L1" class="callout-title">Mind <em>this</em></summary>\n'
        '<p id="L2">body</p>\n</details>'
    )
    assert '<p id="L1" class="callout-title">Tip</p>' in html("> [!tip]\n> body")
    assert '<span role="img" aria-label="done" class="box done"></span>read' in html("- [x] read")
    assert "<h" not in html("1. question\n-\n")


def test_links_lead_to_notes_of_the_library():
    pages = {"ResNet": "/notes/4", "sub/a b.md": "/notes/5"}
    page = html(
        "[[ResNet#Skip connections|skips]] [x](sub/a%20b.md#Top) [y](gone.md) [[Gone]] [z](#top)", resolve=pages.get
    )
    assert '<a href="/notes/4#note-skip-connections" rel="noopener noreferrer">skips</a>' in page
    assert '<a href="/notes/5#note-top" rel="noopener noreferrer">x</a>' in page
    assert '<a rel="noopener noreferrer">y</a>' in page
    assert '<span class="missing">Gone</span>' in page
    assert '<a href="#note-top" rel="noopener noreferrer">z</a>' in page


def test_images_that_are_not_there_become_their_words():
    page = html('![alt](x.png) ![[plot.png]] <img alt="a &amp; b" src="y.png">\n\n![](https://e.org/far.png)')
    assert re.findall(r'class="image">(.*?)</span>', page) == [
        *("alt", "plot.png", "a &amp; b", '<a href="https://e.org/far.png" rel="noopener noreferrer">far.png</a>')
    ]


def test_formulas_are_drawn_where_they_stand():
    page = html("so $a < b$ holds and $$c$$, too\n\n$$\nx^2\n$$", cited=[(3, 5)])
    small = '<math data-tex="a &lt; b"><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>'
    assert (
        f'so {small} holds and <span class="whole"><math data-tex="c" display="block"><mi>c</mi></math>,</span> too'
        in page
    )
    raised = '<math data-tex="x^2" display="block"><msup><mi>x</mi><mn>2</mn></msup></math>'
    assert f'<div id="L3" class="display cited">{raised}</div>' in page
    assert render_inline(r"the root \(a < b\) of org", resolve=nowhere) == f"the root {small} of org"


def test_a_formula_that_cannot_be_drawn_is_shown_as_it_was_written():
    assert '<code class="math" data-tex="\\unknown &lt; b">$\\unknown &lt; b$</code>' in html(
        r"so $\unknown < b$ holds"
    )
    assert '<code class="math" data-tex="\\frac{a" data-display="block">$$\\frac{a$$</code>' in html(
        r"so $$\frac{a$$ holds"
    )
    shown = '<code class="math" data-tex="\\unknown" data-display="block">$$\n\\unknown\n$$</code>'
    assert f'<pre id="L1" class="math">{shown}</pre>' in html("$$\n\\unknown\n$$")


def test_a_formula_too_long_to_draw_is_shown_as_it_was_written():
    long = "x" * 2001
    assert html(f"${long}$") == f'<p id="L1"><code class="math">${long}$</code></p>'
    assert html(f"$$\n{long}\n$$") == (f'<pre id="L1" class="math"><code class="math">$$\n{long}\n$$</code></pre>')


def test_a_note_has_no_mathml_but_through_its_formulas():
    page = html('<math><mtext href="x">a</mtext></math>\n\nb <math><mi>c</mi></math> $d$')
    assert [tag for tag, _ in Elements(page).found if tag.startswith("m")] == ["math", "mi"]
    assert page.endswith('b  <math data-tex="d"><mi>d</mi></math></p>')


def test_a_wide_formula_scrolls_by_itself():
    wide = " + ".join("abcdefghijklm")
    assert '<span class="formula" tabindex="0"><math data-tex="a + b' in html(f"so ${wide}$")
    assert "tabindex" not in html("so $a + b$")


def test_a_heading_that_repeats_the_title_is_hidden_unless_it_is_cited():
    assert 'class="repeated"' in html("# Attention\n\nx", title="Attention")
    assert 'class="cited"' in html("# Attention\n\nx", title="Attention", cited=[(1, 1)])


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# Title\n\n## A\n\n#### B\n\n## C", ["h2", "h2", "h3", "h2"]),
        ("# Other\n\n### A\n\n###### B\n\n# C", ["h2", "h3", "h4", "h2"]),
        ("### A\n\n## B\n\n### C", ["h2", "h2", "h3"]),
        ("\n\n".join("#" * n + " x" for n in range(1, 7)), ["h2", "h3", "h4", "h5", "h6", "h6"]),
    ],
)
def test_no_level_of_heading_is_left_out(text, levels):
    assert [tag for tag, _ in Elements(html(text, title="Title")).found if re.fullmatch(r"h\d", tag)] == levels


def test_an_empty_cell_heads_nothing():
    page = html("|   | b |\n|---|--:|\n| a |   |")
    assert [tag for tag, _ in Elements(page).found if tag in {"td", "th"}] == ["td", "th", "td", "td"]
    assert page.count('class="right"') == 2


def test_a_link_to_a_part_of_a_note_is_named_as_a_reader_would():
    page = html("[[A#Part]] [[A#^id]] [[#Part]] [[A#Part|words]] [[A]]", resolve={"A": "/notes/1"}.get)
    assert re.findall(r">([^<]+)</a>", page) == ["A › Part", "A", "Part", "words", "A"]


def test_links_of_org_are_shown_as_their_words():
    assert render_inline("see [[id:8aaa][the box]] and [[https://e.org/x][far]]", resolve=nowhere) == (
        'see the box and <a href="https://e.org/x" rel="noopener noreferrer">far</a>'
    )
    assert "href" not in render_inline("[[javascript:alert(1)][x]]", resolve=nowhere)


def test_a_sentence_is_rendered_without_blocks():
    assert render_inline("- [ ] the **root** of `d`\n  and $k$", resolve=nowhere) == (
        'the <strong>root</strong> of <code>d</code> and <math data-tex="k"><mi>k</mi></math>'
    )


def test_the_row_of_a_table_loses_its_edges():
    assert render_inline("| one | `two` |", resolve=nowhere) == "one | <code>two</code>"


def test_what_is_too_large_or_too_long_to_render_is_left_to_the_source_view():
    assert render(["x" * 100] * (LARGEST // 100 + 1), links=Links()) is None
    assert render(["x" * 60_000], links=Links()) is None


def test_deep_lists_do_not_break():
    text = "\n".join("  " * n + "- x" for n in range(200))
    rendered = render(text.split("\n"), links=Links())
    assert rendered is None or rendered.html.count("<li>") >= 90


@pytest.mark.parametrize(
    ("passage", "quote", "marked"),
    [
        ("one two  three. four", "two three.", "two  three."),
        ("Use the big net now", "the **big** [net](http://e.org/page)", "the big net"),
        ("see [[A|b]] here", "[[A|b]] here", "[[A|b]] here"),
        ("of size $(d, e)$. So", "of size $(d, e)$.", "of size $(d, e)$."),
        ("call fork() and exec(). Two", "fork() and exec", "fork() and exec()."),
        ("one two", "three", None),
        ("one", "—", None),
    ],
)
def test_a_quote_is_found_in_its_passage(passage, quote, marked):
    found = locate(passage, quote)
    assert (found and found[1]) == marked
    assert found is None or "".join(found) == passage


@given(st.text(max_size=60), st.integers(0, 59), st.integers(1, 20))
def test_every_piece_with_a_letter_is_found(text, start, length):
    quote = text[start : start + length]
    found = locate(text, quote)
    assert (found is not None) == any(char.isalnum() for char in quote)


def test_real_notes_render_with_every_prose_line_reachable():
    if not SHARED.is_dir():
        pytest.skip("no real notes beside the project")
    for path in sorted((SHARED / "notes").glob("*.md")):
        lines = path.read_text(encoding="utf-8").split("\n")
        page = html("\n".join(lines))
        assert_harmless(page)
        ids = [attributes["id"] for _, attributes in Elements(page).found if "id" in attributes]
        numbered = [name for name in ids if re.fullmatch(r"L\d+", name or "")]
        assert len(numbered) == len(set(numbered))
        assert len(numbered) > sum(bool(line.strip()) for line in lines) * 0.8


def test_a_line_of_thousands_of_brackets_is_shown_as_it_is():
    text = "[[a]<" * 1000
    assert render_inline(text, resolve=lambda _: None) == "[[a]&lt;" * 1000


# ------------------------------------------------------------------------------------- what lies beside a note

PICTURES = {"img/a b.png": Picture("/files/1/img/a%20b.png", 800, 400), "c.svg": Picture("/files/1/c.svg")}


def images(text: str) -> list[dict[str, str | None]]:
    page = html(text, links=Links(picture=PICTURES.get))
    return [attributes for tag, attributes in Elements(page).found if tag == "img"]


def test_pictures_are_shown_as_large_as_the_note_says():
    assert images("![[img/a b.png|300]] ![a plot|200x50](img/a%20b.png) ![[c.svg]]") == [
        {
            "class": "picture", "src": "/files/1/img/a%20b.png", "alt": "a b.png", "width": "300", "height": "150",
            "loading": "lazy",
        },
        {
            "class": "picture", "src": "/files/1/img/a%20b.png", "alt": "a plot", "width": "200", "height": "50",
            "loading": "lazy",
        },
        {"class": "picture", "src": "/files/1/c.svg", "alt": "c.svg", "loading": "lazy"},
    ]  # fmt: skip
    (one,) = images('<p><img src="img/a b.png" width=80 alt="x | y"></p>')
    assert (one["alt"], one["width"], one["height"]) == ("x y", "80", "40")
    assert [one["class"] for one in images("![[c.svg|center]] ![[c.svg|a|right|40]]")] == [
        "picture center",
        "picture right",
    ]


@pytest.mark.parametrize(
    "text",
    [
        '!["onerror=alert(1) x="](c.svg)',
        '![[c.svg|"><script>alert(1)</script>]]',
        "<img src=c.svg alt='\" onerror=alert(1) \"'>",
        "<div><a title='\n\n$x$ ![[c.svg]]\n\n'>y</a></div>",
        "<p title=\"<img src='c.svg' alt='x'>\">y</p>",
        "<a href=\"<img src='c.svg'>\">y</a>",
    ],
)
def test_a_picture_brings_nothing_that_runs(text):
    for tag, attributes in Elements(html(text, links=Links(picture=PICTURES.get))).found:
        assert tag not in FORBIDDEN - {"img"}
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "img" or attributes["src"] == "/files/1/c.svg"


NOTES = {
    "A": "# A\n\n## One\n\nfirst $x$ ^one\n\n## Two\n\n![[B]]\n",
    "B": "# B\n\nhalf of it [[A#One]] [up](#b)\n\n![[C]]\n",
    "C": "deep\n\n![[D]]",
    "D": "deeper",
    "Loop": "round\n\n![[Loop]]",
    "": "![[#Part]]\n\n# Part\n\nmine",
}


def shown(name: str) -> Shown | None:
    if name == "paper.pdf":
        return Shown(9, "A paper", "/papers/9", Links())
    if name not in NOTES:
        return None
    number = list(NOTES).index(name) + 1
    return Shown(number, name or "Own", f"/notes/{number}", LINKS, NOTES[name].split("\n"))


LINKS = Links(page=lambda name: found.address if (found := shown(name)) else None, embed=shown)


def test_a_note_shows_the_part_of_another_that_it_names():
    page = html("before\n\n![[A#One]]\n\n![[A#^one]]", links=LINKS, number=99)
    assert re.findall(r'class="embed" aria-label="from (.*?)">', page) == ["A › One", "A"]
    assert re.findall(r'embed-source"><a href="(.*?)"', page) == ["/notes/1?lines=3-6#L3", "/notes/1?lines=5-5#L5"]
    assert page.count("first <math") == 2
    assert "Two" not in page
    assert [name for _, attributes in Elements(page).found if (name := attributes.get("id"))] == ["L1", "L3", "L5"]


def test_notes_are_shown_two_deep_and_never_inside_themselves():
    page = html("![[A]]", links=LINKS, number=99)
    assert re.findall(r'aria-label="from (\w+)"', page) == ["A", "B"]
    assert '<a href="/notes/3" rel="noopener noreferrer">C</a>' in page
    assert html("![[Loop]]", links=LINKS, number=99).count("round") == 1
    assert html("x\n\n![[A]]", links=LINKS, number=1).count('class="embed"') == 0


def test_a_note_may_show_another_part_of_itself():
    page = html(NOTES[""], links=LINKS, number=6)
    assert page.count("mine") == 2
    assert html("# Part\n\n![[#Part]]", links=LINKS, number=6).count('class="embed"') == 0


def test_only_so_many_notes_are_shown_inside_one():
    page = html("\n\n".join(["![[D]]"] * 60), links=LINKS, number=99)
    assert page.count('class="embed"') == Budget().embeds
    assert page.count('<a href="/notes/4" rel="noopener noreferrer">D</a>') == 60 - Budget().embeds


def test_a_note_named_in_running_text_is_linked_and_not_shown():
    assert html("see ![[D]] there", links=LINKS) == (
        '<p id="L1">see <a href="/notes/4" rel="noopener noreferrer">D</a> there</p>'
    )


def test_a_pdf_is_shown_as_its_page():
    page = html("![[paper.pdf#page=3]]\n\n[[paper.pdf#page=2|there]] [[paper.pdf]]", links=LINKS)
    assert '<img src="/api/papers/9/pages/3.png" alt="A paper, page 3" loading="lazy">' in page
    assert '<a href="/papers/9?page=2" rel="noopener noreferrer">there</a>' in page
    assert '<a href="/papers/9" rel="noopener noreferrer">paper.pdf</a>' in page


# ---------------------------------------------------------------------------------------- the marks of Obsidian


def test_other_marks_in_the_box_of_a_task():
    page = html("- [/] half\n- [-] not\n- [!] mind\n- [x] done")
    assert re.findall(r'aria-label="(.*?)" class="box (\w+)"', page) == [
        *(("half done", "half"), ("dropped", "dropped"), ("marked !", "marked"), ("done", "done"))
    ]
    assert "[/]" not in page


def test_comments_are_hidden_unless_they_are_cited():
    text = "a %%b%% c\n\n%%\nd\n%%\n\ne"
    assert html(text) == '<p id="L1">a  c</p>\n<p id="L7">e</p>'
    assert html(text, cited=[(4, 4)]).count('<div id="L3" class="comment cited">d</div>') == 1
    assert '<span class="comment">b</span>' in html(text, cited=[(1, 1)])


def test_several_places_are_cited_at_once():
    page = html("a\n\nb\n\nc\n\n<div>\nd\n</div>", cited=[(1, 1), (5, 5), (8, 8)])
    assert re.findall(r'<p id="(L\d)" class="cited">', page) == ["L1", "L5"]
    assert page.count('id="L8"') == 1


def test_the_outline_leads_to_every_heading_once():
    rendered = render("# T\n\n## A *b*\n\n#### C ^id\n\n## A *b*".split("\n"), links=Links(), title="T")
    assert rendered is not None
    assert [(one.depth, one.text, one.anchor) for one in rendered.headings] == [
        *((1, "A b", "note-a-b"), (2, "C", "note-c"), (1, "A b", "L7"))
    ]
    ids = [attributes.get("id") for _, attributes in Elements(rendered.html).found]
    assert [ids.count(one.anchor) for one in rendered.headings] == [1, 1, 1]


def test_code_has_the_colours_of_its_language_line_by_line():
    page = html('```py\nx = """a\nb"""\n```', cited=[(3, 3)])
    assert page == (
        '<pre id="L1"><code><span id="L2">x = <span class="tok-string">&quot;&quot;&quot;a</span>\n</span>'
        '<span id="L3" class="cited"><span class="tok-string">b&quot;&quot;&quot;</span>\n</span></code></pre>'
    )


def test_what_a_note_leaves_open_swallows_nothing_of_ours():
    page = html("<div><a title='\n\n$x$\n\n'>y</a></div>")
    assert "title" not in page
    assert "<math" not in page


@pytest.mark.parametrize("tag", ["textarea", "TITLE", "script", "style", "iframe", "plaintext", "template", "noscript"])
def test_a_tag_that_is_never_closed_swallows_nothing(tag):
    page = html(f"replaces any <{tag}> there\n\n<{tag}>\nx\n\n</{tag}>\n\n**after**")
    assert f"any &lt;{tag}&gt; there" in page
    assert "<strong>after</strong>" in page
    assert "<strong>after</strong>" in html(f"<div><{tag}></div>\n\n**after**")


def test_what_html_hides_stays_hidden():
    assert "hidden" not in html("<script>\nhidden\n</script>\n\n<style>hidden</style>")


def test_pictures_that_are_never_closed_take_no_time_that_squares():
    start = time.process_time()
    render(["<div>", *["<img " * 100] * 200], links=Links())
    assert time.process_time() - start < 1
