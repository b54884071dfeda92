"""Notes and papers in a real browser, as they are read."""

from __future__ import annotations

import re

import pytest
import shelf
from browser import MARKS, opened, served, violations
from PIL import Image
from stub_desk import StubDesk
from test_style import contrast

from indexer.settings import Settings
from service.app import create_app

pytestmark = MARKS

FILLER = "\n\n".join(f"Paragraph {n} of no importance, and $x_{{{n}}}$." for n in range(40))
NOTE = f"""# Training

So $a < b$ and $\\vec v$, which is $\\operatorname{{KL}}(p\\,\\|\\,q)$, but $\\no$.

And $\\frac{{{"a + " * 20}b}}{{2}}$ is long.

$$
\\newcommand{{\\loss}}{{\\mathcal L}}
$$

$$
\\loss = \\underbrace{{x}}_{{\\text{{what}}}} \\xrightarrow{{\\text{{some way}}}} \\colorbox{{yellow}}{{$y$}}
$$

## First part

- [ ] open
- [/] half

> [!warning]- Folded
> inside

![[plot.png|200]] ![box](img/box.svg) ![[gone.png]] ![](https://example.org/far.png)

![[Other#Part]]

{FILLER}

## Second part

```python
class Cited: # here
    x = "string", 1
```

## Third part

{FILLER}
"""
OTHER = "# Other\n\n## Part\n\nShown from the other note, $y^2$.\n\n## Rest\n\nnot shown\n"
PAPER = "/papers/3?page=1&sentences=2-2#quote"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("vault")
    (root / "img").mkdir()
    (root / ".obsidian").mkdir()
    (root / "Training.md").write_text(NOTE)
    (root / "Other.md").write_text(OTHER)
    Image.new("RGB", (400, 100), "#23683a").save(root / "img" / "plot.png")
    (root / "img" / "box.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>parent.document.title="owned"</script>'
        '<rect width="40" height="20" fill="red"/></svg>'
    )
    (root / "2101.00001v2.pdf").write_bytes(shelf.bars_pdf())
    with served(create_app(Settings(library=root / "library", cache=root / "cache"), desk=StubDesk(root))) as found:
        yield found


@pytest.fixture
def tab(chromium, address):
    with opened(chromium, address) as page:
        yield page


LINE = NOTE.split("\n").index("class Cited: # here") + 1
CITED = f"/notes/2?lines=3-3,{LINE}-{LINE + 1}#L{LINE}"


def drawn(tab):
    tab.wait_for_selector("math[data-tex]", state="detached")
    tab.evaluate("document.fonts.ready.then(() => undefined)")


def test_formulas_are_drawn_with_fonts_from_here(tab):
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto("/notes/2")
    drawn(tab)
    assert any(url.endswith("/static/katex/fonts/KaTeX_Math-Italic.woff2") for url in asked)
    assert tab.evaluate("document.fonts.check('16px KaTeX_Math')")
    tab.set_viewport_size({"width": 320, "height": 800})
    tab.goto("/notes/2")
    drawn(tab)
    assert tab.locator(".katex-base.long").count() == 1  # the frame of a part that is wider than a phone
    assert tab.evaluate("document.documentElement.scrollWidth") == 320
    assert tab.locator("code.math").all_inner_texts() == ["$\\no$"]
    assert tab.locator("#L11 .katex-html").inner_text().startswith("L")  # what the formula above has defined
    assert tab.locator("#L11 .katex-mathml math").count() == 1  # what is read aloud
    assert tab.locator("[aria-hidden] [aria-hidden]").count() == 0
    assert (
        tab.evaluate("document.querySelector('.katex svg').style.width") != ""
    )  # a style that the policy lets through
    assert tab.locator(".embed [data-tex='y^2']").count() == 1


def test_what_is_copied_holds_the_latex(tab):
    tab.goto("/notes/2")
    drawn(tab)
    copied = tab.evaluate(
        """() => {
          const range = document.createRange();
          range.setStart(document.querySelector("#L3").firstChild, 0);
          range.setEndAfter(document.querySelector("#L11"));
          getSelection().addRange(range);
          const clipboardData = new DataTransfer();
          const event = new ClipboardEvent("copy", { clipboardData, bubbles: true, cancelable: true });
          document.querySelector("#L3").dispatchEvent(event);
          return [event.defaultPrevented, event.clipboardData.getData("text/plain")];
        }"""
    )
    assert copied[0]
    first, *_, last = copied[1].strip().split("\n")
    assert first == "So $a < b$ and $\\vec v$, which is $\\operatorname{KL}(p\\,\\|\\,q)$, but $\\no$."
    assert last.startswith("$$\\loss = ")
    assert last.endswith("$y$}$$")


def test_without_scripts_a_note_is_whole(chromium, address):
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(CITED)
    assert page.locator("#L3 math").count() == 3
    assert page.locator("#L3 code.math").inner_text() == "$\\no$"
    assert page.locator(".copy-path:visible").count() == 0
    page.click("summary:text('Folded')")
    assert page.locator(".callout p").last.is_visible()
    page.goto(PAPER)
    page.click("[aria-label=Larger]")
    page.wait_for_url("**zoom=125**")
    assert page.locator(".sheet").first.evaluate("e => e.offsetWidth / e.parentElement.clientWidth") == pytest.approx(
        1.25, abs=0.01
    )
    page.click("[rel=next]")
    page.wait_for_url("**/papers/3?page=2&zoom=125")
    context.close()


COLOURS = """
() => [...document.querySelectorAll(".cited [class^=tok-], .cited, .callout-title, .contents a")].map((element) => {
  const grounds = [];
  for (let one = element; one; one = one.parentElement) grounds.push(getComputedStyle(one).backgroundColor);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const painted = (colours) => {
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)].map((channel) => channel / 255);
  };
  const ground = painted(grounds.reverse());
  return [element.className, painted([getComputedStyle(element).color]), ground];
})
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_cited_and_coloured_can_be_read(tab, scheme):
    tab.emulate_media(color_scheme=scheme)
    tab.goto(CITED)
    seen = {name: contrast(ink, ground) for name, ink, ground in tab.evaluate(COLOURS)}
    assert {"cited", "tok-keyword", "tok-name", "tok-string", "tok-number", "tok-comment", "callout-title"} <= set(seen)
    assert {name: ratio for name, ratio in seen.items() if ratio < 4.5} == {}
    marked, plain = tab.evaluate(
        "['.cited', 'body'].map((s) => getComputedStyle(document.querySelector(s)).backgroundColor)"
    )
    assert marked != plain


def test_pictures_and_other_notes_are_shown_inside(tab):
    tab.goto("/notes/2")
    tab.wait_for_load_state("networkidle")
    sizes = tab.evaluate("[...document.images].map((i) => [i.alt, i.naturalWidth, i.width, i.height])")
    assert sizes == [["plot.png", 400, 200, 50], ["box", 40, 40, 20]]
    assert tab.title() == "Training · Footnote"
    assert tab.locator(".image").all_inner_texts() == ["gone.png", "far.png"]
    embed = tab.locator(".embed")
    assert "Shown from the other note" in embed.inner_text()
    assert "not shown" not in embed.inner_text()
    embed.locator("a").first.click()
    tab.wait_for_url("**/notes/1?lines=3-6#L3")
    assert tab.locator(".cited").count() == 2


def test_a_picture_by_itself_runs_nothing(tab):
    answer = tab.request.get("/files/2/img/box.svg")
    headers = answer.headers
    assert headers["content-type"] == "image/svg+xml"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    again = tab.request.get("/files/2/img/box.svg", headers={"If-None-Match": headers["etag"]})
    assert (again.status, again.body()) == (304, b"")
    for path in ("Training.md", "..%2Fx.png", "%2Fetc%2Fpasswd", ".obsidian/x.png"):
        assert tab.request.get(f"/files/2/{path}").status == 404
    assert tab.request.get("/files/3/img/box.svg").status == 404


def test_the_note_opens_at_its_cited_lines_and_the_outline_follows(tab):
    for width, beside in ((1600, True), (1000, False)):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto("/notes/1")
        tab.goto(CITED)
        drawn(tab)
        tab.wait_for_selector(".contents [aria-current]:text('Second part')", state="attached")
        top = tab.evaluate(f"document.querySelector('#L{LINE}').getBoundingClientRect().top")
        assert 0 <= top < 700
        assert tab.locator(".contents a").first.is_visible() == beside
    assert tab.locator(".jump").all_inner_texts() == ["Lines 3", f"{LINE}–{LINE + 1}"]
    tab.locator(".jump").first.click()
    from playwright.sync_api import expect

    expect(tab.locator("#L3")).to_be_in_viewport()


def test_where_else_a_note_can_be_opened(chromium, address):
    with opened(chromium, address, permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.goto(CITED)
        links = {link.inner_text(): link.get_attribute("href") for link in tab.locator(".elsewhere a").all()}
        assert re.fullmatch(r"obsidian://open\?path=%2F.*%2FTraining\.md", links["Obsidian"])
        assert re.fullmatch(r"vscode://file/.*/Training\.md:3", links["VS Code"])
        tab.click("text=Copy path")
        assert tab.inner_text(".copy-path") == "Copied"
        assert tab.evaluate("navigator.clipboard.readText()").endswith("/Training.md")
        tab.goto(PAPER)
        links = {link.inner_text(): link.get_attribute("href") for link in tab.locator(".elsewhere a").all()}
        assert links["arXiv"] == "https://arxiv.org/abs/2101.00001v2"
        assert links["PDF, page 1"] == "https://arxiv.org/pdf/2101.00001v2#page=1"


def test_a_page_of_a_paper_is_zoomed_by_keys_and_moved(tab):
    pictures = []
    tab.on("request", lambda request: pictures.append(request.url) if "width=" in request.url else None)
    tab.goto(PAPER)
    width = "document.querySelector('.sheet').offsetWidth"
    fits = tab.evaluate(width)
    for key, share in (("+", 1.25), ("+", 1.5), ("=", 2), ("-", 1.5), ("0", 1), ("+", 1.25), ("+", 1.5), ("+", 2)):
        tab.keyboard.press(key)
        assert tab.evaluate(width) / fits == pytest.approx(share, abs=0.01)
    assert tab.inner_text(".zoom output") == "200 %"
    tab.wait_for_load_state("networkidle")
    assert pictures[-1].endswith("width=3000") or pictures[-1].endswith("width=2000")
    frame, mark = tab.locator(".frame").bounding_box(), tab.locator(".marks rect").first.bounding_box()
    assert frame["x"] <= mark["x"] <= frame["x"] + frame["width"]
    assert frame["y"] <= mark["y"] <= frame["y"] + frame["height"]
    at = "(() => { const f = document.querySelector('.frame'); return [f.scrollLeft, f.scrollTop] })()"
    left, top = tab.evaluate(at)
    tab.mouse.move(frame["x"] + 300, frame["y"] + 300)
    tab.mouse.down()
    tab.mouse.move(frame["x"] + 250, frame["y"] + 260)
    tab.mouse.up()
    assert tab.evaluate(at) == [left + 50, top + 40]
    tab.keyboard.press("ArrowRight")
    assert tab.url.endswith(PAPER)
    tab.click("[rel=next]")
    tab.wait_for_url("**/papers/3?page=2&zoom=200")
    assert tab.inner_text(".zoom output") == "200 %"
    tab.fill("input[name=page]", "1")
    tab.press("input[name=page]", "-")
    assert tab.inner_text(".zoom output") == "200 %"


def test_axe_finds_nothing(tab):
    for path in (CITED, CITED.replace("#", "&view=source#"), PAPER, PAPER.replace("#", "&zoom=200#")):
        tab.goto(path)
        if path == CITED:
            drawn(tab)
        assert violations(tab) == [], path


def test_a_note_in_a_narrow_column_stays_in_it(tab):
    tab.set_viewport_size({"width": 1600, "height": 800})
    tab.goto("/notes/1")
    tab.evaluate(
        """async (path) => {
          const { parsed } = await import("/static/markup.js");
          const page = parsed(await (await fetch(path)).text());
          const pane = document.createElement("div");
          pane.id = "pane";
          pane.style.width = "22rem";
          pane.append(...page.querySelector("main").children);
          document.querySelector("main").replaceChildren(pane);
          (await import("/static/reading.js")).enhance(pane);
        }""",
        CITED,
    )
    tab.wait_for_selector("#pane .katex")
    assert tab.locator("#pane .contents a").first.is_hidden()
    tab.click("#pane .contents summary")
    assert tab.locator("#pane .contents a").first.is_visible()
    assert tab.evaluate(
        "document.querySelector('#pane').scrollWidth <= document.querySelector('#pane').clientWidth + 8"
    )
