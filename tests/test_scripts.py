"""Nothing that stands in notes, papers, questions and answers runs as a script: tried in a real browser.

First what the sanitiser lets through, on a page without any policy that would help it. Then the pages of the service,
with their policy, which must have nothing to refuse, and with the browser told to pass over it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from itertools import product
from urllib.parse import quote

import pytest
import shelf
from browser import MARKS, opened, served
from chance import ALL, SEED
from scripts import MARKDOWN, ORG, SCRIPTS, handlers, numbered
from stub_desk import StubDesk

from indexer.settings import ChatSettings, Settings
from service.app import create_app
from service.orgmode import as_markdown
from service.render import render, render_inline
from service.types import Sentence
from service.view import Links, Picture

pytestmark = MARKS

FEW = 300
"""So many pairs of a script and a place are tried, of some eighty thousand, besides each script in the first place."""
AT_ONCE = 4000
"""So many pieces stand on one page."""

NOTES = "https://notes.example/"
OWN = (NOTES, "about:blank", "about:srcdoc")
TELLS = "window.ran = (n) => { console.log(`ran ${n}`); return n; };"
LOOK = """
([root, types]) => {
  const tags = new Set(), attributes = new Set(), schemes = new Set();
  for (const element of document.querySelectorAll(`${root}, ${root} *`)) {
    tags.add(element.localName);
    for (const { name } of element.attributes) attributes.add(name);
    if (element.hasAttribute("href")) schemes.add(URL.parse(element.href, location.href)?.protocol ?? "none");
    for (const type of types) element.dispatchEvent(new Event(type, { bubbles: false }));
  }
  return [[...tags], [...attributes], [...schemes]];
}
"""
EVENTS = """
() => {
  const names = new Set();
  const kinds = ["p", "body", "img", "video", "input", "form"].map((name) => document.createElement(name));
  for (const one of [window, document, ...kinds, document.createElementNS("http://www.w3.org/2000/svg", "svg")])
    for (const name in one) if (name.startsWith("on")) names.add(name);
  return [...names];
}
"""
TAGS = frozenset(
    {
        *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "figcaption"),
        *("figure", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q"),
        *("s", "section", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead"),
        *("tr", "u", "ul"),
        *("math", "mfrac", "mi", "mn", "mo", "mover", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup"),
        *("mtable", "mtd", "mtext", "mtr", "munder", "munderover", "mpadded", "mphantom", "mroot"),
    }
)
ATTRIBUTES = frozenset(
    {
        *("alt", "aria-label", "class", "colspan", "data-display", "data-tex", "display", "displaystyle", "fence"),
        *("form", "height", "href", "id", "largeop", "linethickness", "loading", "lspace", "mathvariant", "maxsize"),
        *("minsize", "movablelimits", "open", "rel", "role", "rowspan", "rspace", "scriptlevel", "src", "start"),
        *("stretchy", "symmetric", "tabindex", "title", "width", "accent", "accentunder"),
    }
)
LINKS = Links(
    page=lambda target: "/notes/1" if target in ("note", "") else None,
    picture=lambda target: Picture("/files/1/a.png", 30, 20) if target == "a.png" else None,
)


@contextmanager
def watched(chromium) -> Iterator[tuple]:
    """A tab without any policy, and what ran in it, what it asked of others, and where it went."""
    context = chromium.new_context()
    context.add_init_script(TELLS)
    page, heard, shown = context.new_page(), [], [""]

    def answer(route):
        url = route.request.url
        if url.startswith(NOTES):
            is_page = url == NOTES
            route.fulfill(content_type="text/html; charset=utf-8" if is_page else "image/png", body=shown[0] * is_page)
        else:
            heard.append(url)
            route.abort()

    def hear(message):
        if message.text.startswith("ran "):
            heard.append(message.text)

    page.route("**/*", answer)
    page.on("console", hear)
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("popup", lambda popup: heard.append(popup.url))
    page.on(
        "framenavigated", lambda frame: frame.url in (NOTES, "about:blank", "about:srcdoc") or heard.append(frame.url)
    )

    def show(html: str) -> None:
        shown[0] = f"<!DOCTYPE html><meta charset=utf-8><link rel=icon href=data:,><title>x</title>{html}"
        page.goto(NOTES, wait_until="load")

    yield page, show, heard
    context.close()


def pieces(texts: list[str]) -> Iterator[str]:
    """What the sanitiser makes of each text in one place, and of a sample, by chance, of them in all the others."""
    places = {**MARKDOWN, **ORG, "sentence": None}
    pairs = list(product(places, texts))
    for place, text in pairs if ALL else pairs[: len(texts)] + random.Random(SEED).sample(pairs[len(texts) :], FEW):
        if place == "sentence":
            yield render_inline(text, resolve=LINKS.page)
            continue
        lines = places[place](text.replace("\0", "")).split("\n")  # a file with NULs is no text, and not read
        made = render(as_markdown(lines) if place in ORG else lines, links=LINKS, number=1)
        headings = "".join(f"<p>{escape(one.text)}</p>" for one in made.headings)  # as the template does
        yield f"{made.html}{headings}"


@pytest.mark.timeout(3600)
def test_the_sanitiser_alone_lets_nothing_run(chromium):
    with watched(chromium) as (page, show, heard):
        show("")
        names = page.evaluate(EVENTS)
        assert len(names) > 100
        texts = numbered([*SCRIPTS, *handlers(names)])
        made, count = list(pieces(texts)), 0
        for start in range(0, len(made), AT_ONCE):
            part = made[start : start + AT_ONCE]
            show("".join(f"<article>{one}</article>" for one in part))
            count += page.locator("body > article").count()
            tags, attributes, schemes = page.evaluate(
                LOOK, ["article > *", ["error", "load", "focus", "mouseover", "toggle"]]
            )
            assert heard == [], SEED
            assert set(tags) <= TAGS, SEED
            assert set(attributes) <= ATTRIBUTES, SEED
            assert set(schemes) <= {"http:", "https:", "mailto:", "none"}, SEED
        assert count == len(made), "what one piece left open has swallowed another"
    told = f"{len(texts):,} scripts in {len(MARKDOWN) + len(ORG) + 1} places: {len(made):,} pieces (seed {SEED})"
    print(f"\n{told}")  # noqa: T201 - `make attacks` shows it


def test_the_scripts_would_run(chromium):
    """The same texts in the same tab, but not sanitised: else the other tests would show nothing."""
    texts = numbered([text for text in SCRIPTS if "javascript:" not in text and "clobber" not in text])[:130]
    with watched(chromium) as (page, show, heard):
        show("".join(f"<iframe srcdoc='{escape(text)}'></iframe>" for text in texts))
        for frame in page.frames[1:]:
            frame.evaluate(LOOK, ["body", ["click", "focus", "pointerover"]])
        ran = {one for one in heard if one.startswith("ran ")}
        print(f"\n{len(ran)} of {len(texts)} ran unsanitised")  # noqa: T201 - `make attacks` shows it
        assert len(ran) > 50
        assert any(one.startswith("https://elsewhere.example/") for one in heard)


# --------------------------------------------------------------------------------------------------- the service


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    chance, root = random.Random(SEED), tmp_path_factory.mktemp("scripts")
    texts = numbered(SCRIPTS)

    def some(places, count: int) -> Iterable[str]:
        for place in [place for place in places if place != "front matter"]:
            yield from (f"{places[place](text)}\n" for text in chance.sample(texts, count))

    for name, places in (("a", MARKDOWN), ("b", MARKDOWN)):
        front = (
            f'title: {" ".join(chance.choice(texts).split())}\ntags: ["<img src=x onerror=ran(1)>", x]\naliases: [y]'
        )
        (root / f"{name}.md").write_text(f"---\n{front}\n---\n\n{''.join(some(places, 3))}", "utf-8")
    (root / "c.org").write_text("".join(some(ORG, 5)), "utf-8")
    (root / "d.txt").write_text("\n\n".join(texts), "utf-8")
    for file in (
        "<img src=x onerror=ran(2)>.md",
        "'\"><svg onload=ran(3)>.md",
        "javascript:ran(4).md",
        "{{7*7}}&lt;b.md",
    ):
        (root / file).write_text(f"# {file}\n\nWords that answer the question about gradients {file}.\n")
    items = [f"- [ ] gradients {' '.join(text.split())}?" for text in chance.sample(texts, 40)]
    (root / "q.md").write_text("# Question dump\n\n" + "\n".join(items) + "\n", "utf-8")
    answers = [f"gradients flow {' '.join(text.split())} on" for text in chance.sample(texts, 60)]
    (root / "r.md").write_text("# Gradients <img src=x onerror=ran(5)>\n\n" + "\n\n".join(answers) + "\n", "utf-8")
    (root / "s.md").write_text("# S\n\n![[r]]\n\n![[a#x]]\n\n" + "".join(f"[[{one.name}]]\n" for one in root.iterdir()))
    (root / "2101.00001v2.pdf").write_bytes(shelf.bars_pdf())
    (root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n<script>ran(6)</script>")
    (root / "b.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='ran(7)'><script>ran(8)</script></svg>")
    (root / "c.svg").write_text(
        "<?xml version='1.0'?><!-- x --><svg xmlns='http://www.w3.org/2000/svg' xmlns:h='http://www.w3.org/1999/xhtml'>"
        "<foreignObject><h:img src='x' onerror='ran(9)'/><h:script>ran(10)</h:script></foreignObject></svg>"
    )
    desk = StubDesk(root)
    evil = "<img src=x onerror=ran(11)>\"'><script>ran(12)</script>{{7*7}}"
    desk.papers = tuple(
        replace(one, title=evil, authors=(evil, "javascript:ran(13)"), abstract=evil, reason=evil, key=one.key)
        for one in desk.papers
    )
    desk.writes = lambda answer: iter(
        [replace(answer, sentences=tuple(Sentence(text, (1,)) for text in texts[:200]), writer="chat", notice=evil)]
    )
    chat = ChatSettings("http://127.0.0.1:9/v1", "<img src=x onerror=ran(14)>")
    app = create_app(Settings(library=root / "library", cache=root / "cache", chat=chat), desk=desk)
    app.state.numbers = {one.file: one.id for one in desk.documents()}
    with served(app) as found:
        yield found, app.state.numbers


@pytest.mark.parametrize("policy", ["with the policy", "without"])
@pytest.mark.timeout(3600)
def test_no_page_runs_what_it_shows(chromium, address, policy):
    address, numbers = address
    chance = random.Random(SEED)
    asked = [quote(f"gradients {text}", safe="") for text in chance.sample(numbered(SCRIPTS), 6)]
    evil = quote("<img src=x onerror=ran(15)>'\"><script>ran(16)</script>")
    paths = [
        *(f"/{'papers' if file.endswith('.pdf') else 'notes'}/{number}" for file, number in numbers.items()),
        *(f"/notes/{numbers[file]}?view=source" for file in ("a.md", "d.txt")),
        *(f"/?q={one}" for one in asked),
        *(f"/?q=gradients%20flow&writer=chat&open=/notes/{numbers['r.md']}", "/?q=x&open=javascript:ran(17)"),
        *(f"/near?q={asked[0]}", "/questions?show=all", "/library", f"/library?name={evil}", f"/library?became={evil}"),
        *(f"/library?q={evil}&shelf=0&folder={evil}", f"/notes/{evil}", f"/{evil}", f"/notes/1?view={evil}", "/docs"),
        *(f"/papers/{numbers['2101.00001v2.pdf']}?sentences={evil}", f"/questions?show={evil}"),
    ]
    missing = "Failed to load resource"  # pages that are not there, and pictures, say so in the console too
    if not ALL:
        paths = chance.sample(paths, len(paths) // 3)
    busy = {f"/notes/{numbers[file]}" for file in ("a.md", "c.org", "s.md")} | {
        path for path in paths if "writer" in path
    }
    with opened(chromium, address, but=missing, bypass_csp=policy == "without") as tab:
        tab.add_init_script(TELLS)
        tab.add_init_script(
            "try { localStorage['footnote.questions'] = JSON.stringify(['<img src=x onerror=ran(18)>']) } catch {}"
        )
        tab.on("dialog", lambda dialog: pytest.fail(dialog.message))
        for path in paths:
            tab.goto(path)
            if path in busy:  # with formulas, or a model's words that come later
                tab.wait_for_load_state("networkidle")
            assert tab.url.startswith(f"{address}/"), (SEED, path)
            _, attributes, schemes = tab.evaluate(
                LOOK, ["main", ["error", "load", "mouseover", "focus", "animationstart"]]
            )
            assert not [name for name in attributes if name.startswith("on")], (SEED, path)
            assert set(schemes) <= {"http:", "https:", "mailto:", "vscode:"}, (SEED, path)
            assert "49" not in tab.title(), path  # templates are no templates' text


def test_a_picture_that_is_opened_by_itself_runs_nothing(chromium, address):
    """An SVG is a page of its own; its policy puts it into a sandbox, where no script runs."""
    address, numbers = address
    context = chromium.new_context(base_url=address)
    context.add_init_script(TELLS)
    tab, heard = context.new_page(), []
    tab.on("console", lambda message: heard.append(message.text))
    for file, kind in (("b.svg", "image/svg+xml"), ("c.svg", "image/svg+xml"), ("a.png", "image/png")):
        headers = tab.goto(f"/files/{numbers['a.md']}/{file}").headers
        assert (headers["content-type"], headers["x-content-type-options"]) == (kind, "nosniff")
        assert headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    context.close()
    assert not [one for one in heard if one.startswith("ran ")]


MAKING = (
    "document.body.innerHTML = '<b>x</b>'",
    "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
    "document.createElement('script').text = 'ran(19)'",
    "trustedTypes.createPolicy('footnote', { createHTML: (text) => text })",
    "trustedTypes.createPolicy('another', { createHTML: (text) => text })",
)


def test_no_code_but_one_makes_elements_of_text(chromium, address):
    context = chromium.new_context(base_url=address[0])
    tab = context.new_page()
    tab.goto("/library")
    tab.evaluate("import('/static/markup.js')")
    for code in MAKING:
        refused = tab.evaluate(f"() => {{ try {{ {code}; return false }} catch (error) {{ return error.name }} }}")
        assert refused == "TypeError", code
    context.close()
