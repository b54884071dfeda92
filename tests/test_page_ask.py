"""Asking in a real browser: what is shown while typing, the answer in its place, reading beside it, and by keys."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import shelf
from browser import MARKS, opened, served
from stub_desk import StubDesk

from indexer.settings import Settings
from service.app import create_app

pytestmark = MARKS

FILLER = "\n\n".join(f"Paragraph {n} about nothing in particular." for n in range(60))
LONG = f"# Long note\n\n{FILLER}\n\n- Residual connections carry the gradient.\n\n{FILLER}\n\nSee [[other]].\n"
OTHER = "---\ntags: [deep]\n---\n# Other\n\nGradient clipping keeps the steps small.\n"
DUMP = "# Question dump\n\n- [ ] Why residual connections?\n- [ ] Where do quasars come from?\n"
QUESTION = "residual connections gradient"
ANSWERED = "/?q=residual+connections+gradient"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("vault")
    for name, text in (("dump.md", DUMP), ("long.md", LONG), ("other.md", OTHER)):
        (root / name).write_text(text)
    (root / "2101.00001v2.pdf").write_bytes(shelf.bars_pdf())
    app = create_app(Settings(library=root / "library", cache=root / "cache"), desk=StubDesk(root))
    with served(app) as found:
        yield found


@pytest.fixture
def tab(chromium, address):
    with opened(chromium, address) as page:
        yield page


@contextmanager
def stays(tab):
    """The page is never left meanwhile."""
    tab.evaluate("window.stays = true")
    yield
    assert tab.evaluate("window.stays")


def focused(tab):
    return tab.evaluate("(({ id, tagName, className }) => id || className || tagName)(document.activeElement)")


def type_(tab, text):
    tab.wait_for_selector("#q:focus")
    tab.keyboard.type(text)


def test_while_typing_the_nearest_passages_are_shown_and_enter_asks(chromium, address):
    with opened(chromium, address, but="status of 400") as tab:
        tab.goto("/")
        with stays(tab):
            type_(tab, "residual grad")
            tab.wait_for_selector(".glance .source")
            assert tab.locator(".glance .source .met").first.inner_text() == "Residual"
            assert (focused(tab), tab.input_value("#q"), tab.url.endswith("/")) == ("q", "residual grad", True)
            tab.wait_for_selector("#heard:text('near. Enter asks.')", state="attached")
            tab.keyboard.press("Enter")
            tab.wait_for_selector("#verdict")
            assert (tab.url.rpartition("/")[2], tab.title()) == ("?q=residual+grad", "residual grad · Footnote")
            assert (tab.locator(".glance").count(), tab.locator("h1").count(), focused(tab)) == (0, 1, "H1")
            assert tab.inner_text("#heard") == tab.inner_text("#verdict")
            tab.fill("#q", "clipping steps")
            tab.wait_for_selector(".glance .source >> text=other.md")
            tab.fill("#q", "")  # an empty box leads back to the beginning
            tab.wait_for_selector("h1:text('What do your notes say?')")
            tab.fill("#q", "after:20")  # a filter that is half written is no error yet
            tab.wait_for_selector("#found .empty:text('after:20 is no date')")
            tab.keyboard.press("Enter")
            tab.wait_for_selector("#trouble:text('after:20 is no date')")
            assert tab.get_attribute("#q", "aria-invalid") == ""


def test_what_is_outdated_is_not_shown(tab):
    held = []
    tab.route("**/near?q=residual", lambda route: held.append(route))  # noqa: PLW0108 - the method itself cannot be given to Playwright
    tab.goto("/")
    with tab.expect_request("**/near?q=residual"):
        type_(tab, "residual")
    with tab.expect_event("requestfailed", lambda request: request.url.endswith("near?q=residual")):
        tab.fill("#q", "clipping steps")  # ends the request that is held
    tab.wait_for_selector(".glance .source >> text=other.md")
    held[0].fulfill(content_type="text/html", body='<div id="found"><p id="stale">stale</p></div>')
    assert tab.locator("#stale").count() == 0
    assert tab.locator(".glance .source >> text=other.md").count() == 1


def test_an_answer_that_cannot_be_fetched_is_gone_to(chromium, address):
    with opened(chromium, address, but="ERR_FAILED") as tab:
        tab.goto("/")
        tab.route("**/?q=*", lambda route: route.abort(), times=1)
        type_(tab, QUESTION)
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#verdict")
        assert tab.url.endswith(ANSWERED)


def test_back_and_forward_show_each_answer_again(tab):
    tab.goto("/")
    with stays(tab):
        type_(tab, QUESTION)
        tab.keyboard.press("Enter")
        tab.wait_for_selector("h1:text('residual connections')")
        tab.fill("#q", "clipping steps small")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("h1:text('clipping')")
        tab.evaluate("history.back()")
        tab.wait_for_selector("h1:text('residual connections')")
        assert (tab.input_value("#q"), tab.url.rpartition("/")[2]) == (QUESTION, ANSWERED[1:])
        tab.evaluate("history.back()")
        tab.wait_for_selector("h1:text('What do your notes say?')")
        assert (tab.input_value("#q"), tab.title()) == ("", "Footnote")
        tab.evaluate("history.go(2)")
        tab.wait_for_selector("h1:text('clipping')")


def test_filters_are_added_with_one_press(tab):
    tab.goto("/")
    with stays(tab):
        type_(tab, "residual gradient")  # typed, and not asked yet
        tab.wait_for_selector(".glance")
        tab.get_by_text("Narrow it").click()
        tab.get_by_role("link", name="Only kind:note, 3 documents").click()
        tab.wait_for_selector("h1:text('residual gradient')")
        assert tab.input_value("#q") == "kind:note residual gradient"
        assert tab.locator(".source .place").all_inner_texts() == ["long.md:123", "other.md:6"]
        tab.get_by_role("link", name="Remove the filter kind:note").click()
        tab.wait_for_selector(".source >> text=2101.00001")
        assert tab.input_value("#q") == "residual gradient"


def test_reading_beside_the_answer(tab):
    tab.goto(ANSWERED)
    assert tab.locator("#pane").is_hidden()
    with stays(tab):
        tab.locator("a.cite").first.click()
        tab.wait_for_selector("#pane .cited")
        assert tab.inner_text("#pane .cited") == "Residual connections carry the gradient."
        assert tab.evaluate("""() => {
          const at = document.querySelector(".cited").getBoundingClientRect();
          const pane = document.querySelector(".pane-body").getBoundingClientRect();
          return pane.top <= at.top && at.bottom <= pane.bottom && scrollY === 0;
        }""")
        assert focused(tab) == "pane-body"
        assert tab.url.endswith(ANSWERED + "&open=/notes/2%3Flines%3D123-123%23L123")
        assert tab.locator(".source[aria-current=true]").get_attribute("id") == "source-1"
        tab.locator("#pane >> text=other").click()  # a link to another note stays in the pane
        tab.wait_for_selector("#pane h1:text('Other')")
        tab.locator(".source >> text=2101.00001v2").first.click()
        tab.wait_for_selector("#pane .quoted mark")
        tab.keyboard.press("ArrowRight")
        tab.wait_for_selector("#pane #p3")
        tab.fill("#pane input[name=page]", "1")
        tab.press("#pane input[name=page]", "Enter")
        tab.wait_for_selector("#pane #p1")
        assert tab.url.endswith(ANSWERED + "&open=/papers/4%3Fpage%3D1")
        tab.locator(".pane-body").focus()
        tab.keyboard.press("Escape")
        assert tab.locator("#pane").is_hidden()
        assert (focused(tab), tab.url.endswith(ANSWERED)) == ("source-2", True)
        tab.evaluate("history.go(-4)")  # to the note that was opened second
        tab.wait_for_selector("#pane h1:text('Other')")
        tab.evaluate("history.go(-2)")
        tab.wait_for_selector("#pane", state="hidden")
    tab.goto(ANSWERED + "&open=/notes/2%3Flines%3D123-123%23L123")  # as another person opens it
    tab.wait_for_selector("#pane .cited")
    tab.get_by_role("button", name="Close").click()
    assert tab.url.endswith(ANSWERED)
    for elsewhere in ("//127.0.0.1:9/notes/1", "/library", "https://example.org/notes/1", "javascript:alert(1)"):
        tab.goto(f"{ANSWERED}&open={elsewhere}")
        assert tab.locator("#pane").is_hidden()


def test_where_there_is_no_room_links_lead_to_pages(tab):
    tab.set_viewport_size({"width": 800, "height": 700})
    tab.goto(ANSWERED)
    tab.locator("#source-1 .place a").click()
    tab.wait_for_url("**/notes/2?lines=123-123#L123")


def test_keys_walk_the_hits_and_open_them(tab):
    tab.goto(ANSWERED)
    for key, at in (("j", "source-1"), ("j", "source-2"), ("k", "source-1"), ("k", "source-1")):
        tab.keyboard.press(key)
        assert focused(tab) == at
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#pane .cited")
    tab.keyboard.press("j")
    assert focused(tab) == "source-2"
    tab.keyboard.press("Escape")
    assert (tab.locator("#pane").is_hidden(), focused(tab)) == (True, "source-1")
    tab.keyboard.press("?")
    assert tab.locator("dialog").is_visible()
    tab.keyboard.press("j")  # is the dialog's own
    tab.keyboard.press("Escape")
    assert (tab.locator("dialog").is_hidden(), focused(tab)) == (True, "source-1")
    tab.get_by_role("button", name="Keys").click()
    tab.get_by_label("Use single keys").uncheck()
    tab.get_by_role("button", name="Close").click()
    tab.reload()
    tab.keyboard.press("j")
    tab.keyboard.press("?")
    assert (focused(tab), tab.locator("dialog").is_hidden()) == ("BODY", True)
    tab.get_by_role("button", name="Keys").click()
    tab.get_by_label("Use single keys").check()
    tab.get_by_role("button", name="Close").click()
    tab.keyboard.press("/")
    tab.keyboard.type("jk?o")
    assert tab.input_value("#q") == "jk?o"
    tab.locator("#source-1, .glance .source").first.focus()
    tab.keyboard.press("o")
    tab.wait_for_url("**/notes/2?lines=*")
    for page, name in (("/questions", "item-1-3"), ("/library", "")):
        tab.goto(page)
        tab.keyboard.press("j")
        assert tab.evaluate("document.activeElement.matches('[data-hit]')")
        assert tab.evaluate("document.activeElement.id") == name


def test_a_number_lights_its_source(tab):
    tab.goto(ANSWERED)
    tab.locator("a.cite").nth(1).hover()
    assert tab.locator(".source.lit").get_attribute("id") == "source-2"
    tab.locator("a.cite").first.focus()
    assert tab.locator(".source.lit").get_attribute("id") == "source-1"
    tab.locator("#source-2 h3").hover()
    assert tab.locator(".cite.lit").inner_text() == "2"
    tab.locator("h1").hover()
    assert tab.locator(".lit").count() == 0


def test_the_answer_is_copied_as_markdown(chromium, address):
    with opened(chromium, address, permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.goto(ANSWERED)
        tab.get_by_text("Copy as Markdown").click()
        tab.wait_for_selector("summary:text('Copied')")
        copied = tab.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("### residual connections gradient\n\n*Answered*, 100% sure\n\n- Residual connections")
        assert "\n1. [long.md:123](long.md#L123), Long note" in copied
        assert tab.locator(".copy textarea").is_hidden()
        tab.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')) }")
        tab.locator(".copy summary").click()
        tab.locator(".copy textarea").wait_for()
        assert tab.evaluate("getSelection().toString()").strip() == copied.strip()


def test_the_last_questions_are_offered_as_long_as_the_person_wants(tab):
    sent = []
    tab.on("request", lambda request: sent.append((request.url, request.post_data)))
    tab.goto("/")
    assert tab.locator("#recent").is_hidden()
    for question in ("clipping steps", QUESTION, "clipping steps"):
        tab.goto(f"/?q={question.replace(' ', '+')}")
    tab.goto("/")
    assert tab.locator("#recent li").all_inner_texts() == ["clipping steps", QUESTION]
    assert "Kept in this browser only." in tab.inner_text("#recent")
    del sent[:]
    with stays(tab):
        tab.locator("#recent li a").nth(1).click()
        tab.wait_for_selector("h1:text('residual')")
    assert [one for one in sent if "favicon" not in one[0]] == [(tab.url, None)]
    tab.goto("/")
    tab.get_by_role("button", name="Forget them").click()
    assert tab.locator("#recent").is_hidden()
    tab.goto(ANSWERED)
    tab.goto("/")
    tab.get_by_role("button", name="Keep none").click()
    assert (tab.locator("#recent li").count(), tab.inner_text(".kept span")) == (0, "Questions are not kept.")
    tab.goto(ANSWERED)
    tab.goto("/")
    assert tab.locator("#recent li").count() == 0
    tab.get_by_role("button", name="Keep them in this browser").click()
    tab.goto(ANSWERED)
    tab.goto("/")
    assert tab.locator("#recent li").all_inner_texts() == [QUESTION]
    assert tab.evaluate("Object.keys(localStorage)") == ["footnote.questions"]


def test_without_scripts_all_is_there(chromium, address):
    with opened(chromium, address, java_script_enabled=False) as tab:
        tab.goto("/")
        tab.get_by_role("link", name="Only kind:note, 3 documents").click()
        assert tab.locator("h1").inner_text() == "The newest that match"
        tab.goto(ANSWERED)
        assert tab.locator(".why .has").first.inner_text() == "residual"
        tab.get_by_text("What that means").click()
        assert "100% is how likely it is that your library answers this" in tab.inner_text(".sure p")
        tab.get_by_text("Copy as Markdown").click()
        assert tab.input_value(".copy textarea").startswith("### residual connections gradient\n")
        tab.locator("a.cite").first.click()
        assert tab.url.endswith("#source-1")
        tab.locator("#source-1 .place a").click()
        tab.wait_for_url("**/notes/2?lines=123-123#L123")


def test_the_pane_uses_the_room_that_there_is(tab):
    tab.goto(ANSWERED + "&open=/papers/4%3Fpage%3D1")
    tab.wait_for_selector("#pane .sheet img")
    for width, height in ((320, 700), (1024, 700), (1280, 800), (3840, 2000)):
        tab.set_viewport_size({"width": width, "height": height})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        pane = tab.locator("#pane").bounding_box()
        answer = tab.locator(".asking").bounding_box()
        assert pane["height"] <= height
        if width < 1024:
            assert (pane["x"], pane["y"], pane["width"]) == (0, 0, width)
        else:
            assert answer["x"] + answer["width"] < pane["x"]
            assert pane["width"] >= answer["width"]


def test_formulas_are_drawn_where_there_are_some(chromium, tmp_path, address):
    text = "The step size over the norm is $\\eta_t$, which cost $5 and then $6."
    (tmp_path / "step.md").write_text(f"# Step size\n\n{text}\n")
    app = create_app(Settings(library=tmp_path / "library", cache=tmp_path / "cache"), desk=StubDesk(tmp_path))
    with served(app) as own, opened(chromium, own) as tab:
        tab.goto("/?q=step+size+norm")
        tab.locator(".source .katex").first.wait_for()
        assert tab.locator(".answer .katex").first.get_attribute("data-tex") == "\\eta_t"
        drawn = tab.locator(".source .passage").first.locator(".katex")
        assert (drawn.count(), drawn.get_attribute("data-tex")) == (1, "\\eta_t")
        assert "cost $5 and then $6" in tab.locator(".source .passage").first.inner_text()
    with opened(chromium, address) as tab:
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(ANSWERED, wait_until="networkidle")
        assert not [url for url in asked if "katex" in url or "typeset" in url or "reading" in url]
