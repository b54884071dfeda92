"""The pages in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import shelf
from browser import MARKS, opened, served
from PIL import Image
from stub_desk import StubDesk

from indexer.settings import ChatSettings, Settings
from service.app import create_app
from service.types import Answer, Sentence

pytestmark = MARKS

FILLER = "\n\n".join(f"Paragraph {n} about nothing in particular." for n in range(80))
LONG = f"""# Long note

{FILLER}

- Residual connections carry the gradient.

| a | b |
|---|---|
| {"wide " * 60} | y |

{FILLER}
"""
UNBROKEN = f"""# {"Endless" * 20}

An unbroken thing {"w" * 500} `{"c" * 300}` ${"m" * 300}$

```py
{"y" * 500}
```

$$
{"z" * 500}
$$

> [!note] {"t" * 300}

|{"column|" * 30}
|{"---|" * 30}
|{"cells of a wide table|" * 30}

- [x] {"why" * 100}
"""
EVIL = """# Evil

<img src=x onerror="document.title='owned'">
<script>document.title='owned'</script>

[x](javascript:alert(1))
"""
READING = "# Reading\n\n- https://arxiv.org/abs/2101.00001 takes the input along\n"
DUMP = "# Question dump\n\n- [ ] Why residual connections?\n- [ ] Where do quasars come from?\n"


NARROW = {"width": 1000, "height": 720}
"""A window with no room for a second column, where links lead to pages of their own."""

MORE = threading.Event()
"""What the chat model waits for after its first sentence."""


def worded(answer: Answer) -> Iterator[Answer]:
    texts = ("Connections <b>carry</b> it.", "So it does not vanish.")
    for n in (1, 2):
        sentences = tuple(Sentence(text, (1,)) for text in texts[:n])
        yield replace(answer, sentences=sentences, citations=answer.citations[:n], writer="chat")
        assert MORE.wait(20)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("vault")
    for name, text in (("dump.md", DUMP), ("evil.md", EVIL), ("long.md", LONG), ("w" * 120 + ".md", UNBROKEN)):
        (root / name).write_text(text)
    (root / "zz.md").write_text(READING)
    (root / "2101.00001v2.pdf").write_bytes(shelf.bars_pdf())
    chat = ChatSettings("http://127.0.0.1:9/v1", "Stub 8B")
    desk = StubDesk(root)
    desk.writes = worded
    app = create_app(Settings(library=root / "library", cache=root / "cache", chat=chat), desk=desk)
    with served(app) as found:
        yield found


@pytest.fixture
def tab(chromium, address):
    with opened(chromium, address) as page:
        yield page


def in_view(tab, selector):
    top, bottom, height = tab.evaluate(
        "s => { const r = document.querySelector(s).getBoundingClientRect(); return [r.top, r.bottom, innerHeight] }",
        selector,
    )
    return top >= 0 and bottom <= height


def test_asking_by_keyboard_ends_at_the_cited_line(tab):
    tab.set_viewport_size(NARROW)
    tab.goto("/questions")
    tab.keyboard.press("/")
    tab.wait_for_url("**/")
    tab.wait_for_selector("#q:focus")  # the page puts the cursor there, some time after it is loaded
    tab.keyboard.type("residual connections gradient")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("text=answer this")
    cite = tab.locator("a.cite").first
    cite.focus()
    tab.keyboard.press("Enter")
    assert in_view(tab, "#source-1")
    tab.locator("#source-1 .place a").press("Enter")
    tab.wait_for_url("**/notes/3?lines=163-163#L163")
    assert tab.locator(".cited").inner_text() == "Residual connections carry the gradient."
    assert in_view(tab, ".cited")


def test_a_chat_model_words_the_answer_sentence_by_sentence(tab):
    MORE.clear()
    tab.set_viewport_size(NARROW)
    tab.goto("/")
    tab.wait_for_selector("#q:focus")  # the page puts the cursor there, some time after it is loaded
    tab.keyboard.type("residual connections gradient")
    tab.get_by_label("Let Stub 8B word the answer").check()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/?q=residual+connections+gradient&writer=chat")
    tab.locator(".answer > p").filter(has_text="Connections <b>carry</b> it.").wait_for()
    assert tab.inner_text("#wording") == "Stub 8B is wording the answer …"
    assert tab.locator(".source").count() == 1
    MORE.set()
    tab.wait_for_selector("#wording:text('Worded by Stub 8B; each sentence rests on the quotes below it.')")
    assert "carry</b> it. So it does not vanish." in tab.inner_text(".answer > p")
    assert tab.get_by_label("Let Stub 8B word the answer").is_checked()
    tab.locator("a.cite").first.press("Enter")
    assert in_view(tab, "#source-1")


def test_where_the_model_fails_the_quotes_stay(tab):
    tab.route("**/wording", lambda route: route.fulfill(content_type="text/event-stream", body=": gone\n\n"))
    tab.goto("/?q=residual+connections+gradient&writer=chat")
    tab.wait_for_selector("#wording:text('could not be asked (it broke off)')")
    assert tab.inner_text(".answer > p").startswith("Residual connections carry the gradient.")


def test_a_link_to_lines_shows_them_at_once(chromium, address):
    context = chromium.new_context(base_url=address)  # with the motion that the browser has by default
    page = context.new_page()
    for view in ("", "&view=source"):
        page.goto(f"/notes/3?lines=163-163{view}#L163")
        assert in_view(page, ".cited")
    context.close()


def test_a_page_that_waits_shows_itself_when_the_library_is_ready(tab):
    waiting = '<link rel="icon" href="data:,"><script type="module" src="/static/page.js"></script><p id="waiting"></p>'
    tab.route("**/library", lambda route: route.fulfill(content_type="text/html", body=waiting), times=1)
    tab.clock.install()
    tab.goto("/library")
    tab.clock.run_for(2000)
    tab.wait_for_selector("h1:text('Library')")


def test_slash_selects_the_question_and_types_into_it(tab):
    tab.goto("/?q=residual")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "q"
    tab.keyboard.type("a/b")
    assert tab.input_value("#q") == "a/b"


def test_the_skip_link_comes_first(tab):
    tab.goto("/library")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"


def test_everything_works_without_scripts(chromium, address):
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.fill("#q", "residual connections gradient")
    page.press("#q", "Enter")
    page.wait_for_selector("#source-1")
    page.click("#source-1 .place a")
    page.wait_for_selector(".cited")
    page.click("text=Source")
    assert page.locator("#L163.cited code").inner_text() == "- Residual connections carry the gradient."
    page.goto("/questions")
    page.click("text=Not answered")
    page.wait_for_url("**show=unsupported")
    assert page.locator(".item .text").all_inner_texts() == ["Where do quasars come from?"]
    context.close()


def test_a_note_runs_nothing(tab):
    tab.goto("/notes/2")
    tab.wait_for_load_state("networkidle")
    assert tab.title() == "Evil · Footnote"
    assert tab.locator("main script, main img, main a[href^=javascript]").count() == 0


# ------------------------------------------------------------------------------------------------------ papers

EVERY_MARK = """
() => [...document.querySelectorAll(".marks rect")].map((rect) => {
  const mark = rect.getBoundingClientRect(), sheet = rect.closest(".sheet").getBoundingClientRect();
  return [mark.left - sheet.left, mark.top - sheet.top, mark.width, mark.height];
})
"""


def drawn(tab):
    """The first page as it is shown, marks and all: (height, width) from black, 0, to white, 1."""
    tab.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth)")
    shot = Image.open(BytesIO(tab.locator(".sheet").first.screenshot())).convert("L")
    return np.asarray(shot, dtype=float) / 255


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_marks_cover_just_the_words_that_are_quoted(tab, width, scheme):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    tab.goto("/papers/6?page=1&sentences=2-2#quote")
    picture, marks = drawn(tab), tab.evaluate(EVERY_MARK)
    scale = picture.shape[1] / 612
    assert [tuple(round(edge / scale) for edge in mark) for mark in marks] == [
        (310, 82, 230, 10),
        (72, 102, 128, 10),
    ]
    for left, top, across, down in marks:
        rows, columns = slice(round(top) + 2, round(top + down) - 2), slice(round(left) + 2, round(left + across) - 2)
        assert picture[rows, columns].max() < 0.3
        assert picture[rows, round(left) - 4].min() > 0.5
        assert picture[rows, round(left + across) + 3].min() > 0.5


def test_a_mark_is_seen_on_white_paper(tab):
    tab.goto("/papers/6?page=1&sentences=2-2#quote")
    left, top, across, down = tab.evaluate(EVERY_MARK)[0]
    tab.evaluate("document.querySelectorAll('.sheet img').forEach((image) => { image.style.opacity = 0 })")
    shot = Image.open(BytesIO(tab.locator(".sheet").first.screenshot())).convert("RGB")
    inside = shot.getpixel((round(left + across / 2), round(top + down / 2)))
    outside = shot.getpixel((round(left + across / 2), round(top) - 8))
    assert outside == (255, 255, 255)
    assert inside[2] < 160 < inside[0]


def test_a_link_to_a_quote_opens_with_its_mark_in_view(tab):
    for width in (360, 1280):
        tab.set_viewport_size({"width": width, "height": 600})
        for sentences, marks in (("2-2", 2), ("4-4", 2), ("3-3", 1)):
            tab.goto("/library")
            tab.goto(f"/papers/6?page=1&sentences={sentences}#quote")
            assert tab.locator(".marks rect").count() == marks
            assert in_view(tab, ".marks rect")


def test_from_an_answer_to_the_page_and_through_the_paper(tab):
    tab.set_viewport_size(NARROW)
    tab.goto("/?q=stacks+gradient+alive+deep")
    tab.locator("#source-1 .place a").press("Enter")
    tab.wait_for_url("**/papers/6?page=1&sentences=2-2#quote")
    assert tab.locator(".quoted mark").inner_text() == shelf.KEEPS
    tab.keyboard.press("ArrowRight")
    tab.wait_for_url("**/papers/6?page=2")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_url("**/papers/6?page=3")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_url("**/papers/6?page=2")
    tab.fill("input[name=page]", "1")
    tab.press("input[name=page]", "ArrowLeft")  # moves in the field, and turns nothing
    tab.press("input[name=page]", "Enter")
    tab.wait_for_url("**/papers/6?page=1")
    tab.click("text=The text of page 1")
    assert tab.locator(".written .passage").first.inner_text() == f"{shelf.ADDS} {shelf.KEEPS}"
    tab.click("text=Reading, line 3")
    tab.wait_for_url("**/notes/5?lines=3-3#L3")
    tab.click("text=Residual Stacks")
    tab.wait_for_url("**/papers/6")


def test_a_paper_is_read_without_scripts(chromium, address):
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/papers/6?page=1&sentences=4-4#quote")
    assert page.locator(".sheet img").count() == page.locator(".marks").count() == 2
    page.click("[rel=next]")
    page.wait_for_url("**/papers/6?page=3")
    page.fill("input[name=page]", "2")
    page.click("text=Go")
    page.wait_for_url("**/papers/6?page=2")
    page.click("text=The text of page 2")
    assert shelf.CAPTION in page.locator(".written").inner_text()
    context.close()


PATHS = [
    *("/", "/?q=residual+gradient", "/questions", "/notes/3", "/notes/3?view=source", "/library", "/docs"),
    *("/papers/6?sentences=4-4", "/papers/6?page=3"),
    *("/?q=residual+kind:note+tag:ml", "/?q=kind:note"),
]
UNBROKEN_PATHS = [
    "/?q=unbroken+thing",
    f"/?q={'m' * 400}",
    f"/?q=thing+tag:{'m' * 400}",
    "/questions?show=all",
    "/notes/4?lines=3-6",
    "/notes/4?view=source",
]


WIDEST = """
() => Math.max(0, ...[...document.querySelectorAll("main :is(p, blockquote, dd)")].map(
  (text) => text.clientWidth / parseFloat(getComputedStyle(document.body).fontSize)
))
"""
"""The widest text, in em: more than 41 are too long to read."""
REPEATED = """
() => [...document.querySelectorAll("[id]")].map((element) => element.id).filter((id, i, all) => all.indexOf(id) !== i)
"""
SMALL = """
() => [
  ...document.querySelectorAll(".cite, .filters a, .top nav a, .turn a, .copy summary, .elsewhere a, button, input"),
].filter((element) => {
  const box = element.getBoundingClientRect();
  return element.checkVisibility() && (box.width < 24 || box.height < 24);
}).map((element) => element.outerHTML)
"""


@pytest.mark.parametrize("path", PATHS + UNBROKEN_PATHS)
def test_a_page_has_one_heading_and_fits_every_window(tab, path):
    tab.goto(path)
    assert tab.locator("h1").count() == 1
    assert tab.evaluate(REPEATED) == []
    for width in (320, 1280, 3840):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(WIDEST) <= 41
        assert tab.evaluate(SMALL) == []


def test_a_paragraph_runs_the_way_its_first_letter_does(tab):
    tab.goto("/?q=residual+gradient")
    side = """() => {
      const line = document.querySelector(".answer p"), words = document.createRange();
      line.textContent = "שלום residual.";
      words.selectNodeContents(line);
      return Math.round(words.getBoundingClientRect().right - line.getBoundingClientRect().right);
    }"""
    assert tab.evaluate(side) == 0
    tab.fill("#q", "שלום")
    assert tab.evaluate("getComputedStyle(document.querySelector('#q')).direction") == "rtl"


def test_what_narrows_a_search_is_folded_beside_an_answer(tab):
    tab.goto("/")
    assert tab.get_by_text("kind:paper").is_visible()
    tab.goto("/?q=residual+gradient")
    assert not tab.get_by_text("kind:paper").is_visible()
    tab.get_by_text("Narrow it").click()
    assert tab.get_by_text("kind:paper").is_visible()


def test_filters_are_removed_one_by_one_without_scripts(chromium, address):
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/?q=residual+gradient+tag:ml+kind:paper")
    page.get_by_role("link", name="Remove the filter kind:paper").click()
    assert page.locator("#q").input_value() == "tag:ml residual gradient"
    page.get_by_role("link", name="Remove the filter tag:ml").click()
    assert (page.locator("#q").input_value(), page.get_by_label("Remove the filter").count()) == (
        *("residual gradient", 0),
    )
    assert page.locator("h1").inner_text() == "residual gradient"
    context.close()
