"""The board of questions and the papers that may answer one, in a real browser."""

from __future__ import annotations

import re

import pytest
from arxiv_server import status
from browser import MARKS, opened, served, violations
from wanting import MACHINE, desk_beside_arxiv, settle

from service.app import create_app

pytestmark = MARKS

MANY = "".join(f"- [ ] What is the thing number {n}?\n" for n in range(130))
NOTES = {
    "a.md": "## Question dump\n- [ ] What is a Boltzmann machine?\n- [ ] How many layers does GoogLeNet have?\n"
    "### Later\n- [ ] why?\n",
    "group.md": "# Group\n\n1. how many layers in GoogLeNet ?\n- 22-layers deep model\n",
    "long.md": f"## Questions\n{MANY}",
}
OVERLAP = """
() => {
  const boxes = [...document.querySelectorAll(".item")].map((item) => item.getBoundingClientRect());
  return boxes.some((a, i) => boxes.slice(i + 1).some(
    (b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1
  ));
}
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with (
        desk_beside_arxiv(tmp_path_factory.mktemp("board"), NOTES) as (desk, server),
        served(app := create_app(desk.settings, desk=desk)) as address,
    ):
        yield address, server, app.state.runs


@pytest.fixture
def server(board):
    board[1].heal()
    return board[1]


@pytest.fixture
def tab(chromium, board):
    with opened(chromium, board[0]) as page:
        yield page


def test_the_board_has_a_card_for_each_question_by_section(tab):
    tab.goto("/questions")
    headings = tab.locator(".group h2").all_inner_texts()
    assert headings == ["Question dump", "Later", "Questions"]
    assert tab.locator(".group").first.locator(".count").first.inner_text() == "2, 1 answered"
    assert tab.locator("[data-hit]").count() == 60
    card = tab.locator("#item-1-3")
    assert card.locator(".text").inner_text() == "How many layers does GoogLeNet have?"
    assert card.locator("[data-hit] a, a").first.get_attribute("href").startswith("/notes/2")
    assert not card.locator("blockquote").is_visible()
    card.locator("summary").click()
    assert card.locator("blockquote mark").inner_text().endswith("- 22-layers deep model")
    assert card.locator("figcaption a").inner_text() == "group.md:3-4"
    assert card.locator(".meta a").first.get_attribute("href") == "/notes/1?lines=3#L3"


def test_the_board_has_as_many_columns_as_there_is_room_for(tab):
    tab.goto("/questions")
    columns = "() => new Set([...document.querySelectorAll('.item')].map((i) => Math.round(i.offsetLeft))).size"
    for width, most in ((320, 1), (800, 1), (1280, 3), (2560, 5)):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert 1 <= tab.evaluate(columns) <= most
        assert (tab.evaluate(columns) > 1) == (width >= 1024)
        assert not tab.evaluate(OVERLAP)


def test_a_long_dump_comes_page_by_page(tab):
    tab.goto("/questions?show=open")
    tab.locator("nav.contents a", has_text="Questions").click()
    tab.get_by_role("link", name="Further").click()
    tab.wait_for_url("**/questions?show=open&page=2")
    assert tab.locator(".group h2").inner_text() == "Questions continued"
    tab.goto("/questions?page=99")
    assert tab.locator(".pages span").inner_text() == "Page 3 of 3"
    texts = tab.locator(".item .text").all_inner_texts()
    assert (len(texts), texts[-1]) == (13, "What is the thing number 129?")


def test_nothing_is_sent_before_the_button_is_pressed_and_then_just_the_words_it_names(tab, server):
    before = len(server.requests)
    tab.goto("/questions")
    card = tab.locator("#item-1-2")
    assert card.locator(".seek small").inner_text() == "arXiv is sent boltzmann machine"
    assert tab.locator("#item-1-5 .seek").count() == 0  # nothing to look for in it
    assert len(server.requests) == before
    card.get_by_role("button", name="Search arXiv").click()
    card.locator(".candidates h2:focus").wait_for()
    assert server.searches() == ["all:boltzmann AND all:machine", "all:boltzmann OR all:machine"]
    first = card.locator(".candidates li").first
    assert first.locator("h3").inner_text() == MACHINE.title
    assert first.locator(".by").inner_text() == "Ada Example, Bo Example, Cy Example and 1 more · 2017 · 2101.00001"
    assert first.locator(".said").inner_text() == "A Boltzmann machine has hidden units."
    first.get_by_role("button", name="Add to the library").click()
    first.get_by_role("link", name="In your library").wait_for()
    first.get_by_role("link", name="In your library").click()
    tab.wait_for_url("**/papers/*")
    assert tab.locator("h1").inner_text() == MACHINE.title
    tab.goto("/questions")
    card.get_by_role("button", name="Search arXiv").click()
    first.get_by_role("link", name="In your library").wait_for()  # known by now


def test_without_a_network_the_page_stays_whole(tab, server):
    server.fail("/api/query", status(403), times=None)
    tab.goto("/questions")
    card = tab.locator("#item-1-2")
    tab.route("**/questions/papers", lambda route: route.fulfill(response=route.fetch(), status=200))
    card.get_by_role("button", name="Search arXiv").click()
    card.get_by_role("alert").wait_for()
    assert "look whether the network is there, then search again." in card.get_by_role("alert").inner_text()
    server.heal()
    card.get_by_role("button", name="Search again").click()
    card.locator(".candidates li").first.wait_for()
    assert card.get_by_role("alert").count() == 0


def test_papers_are_searched_and_added_without_scripts(chromium, board, server):
    context = chromium.new_context(base_url=board[0], java_script_enabled=False)
    page = context.new_page()
    page.goto("/questions?show=unsupported")
    page.locator("#item-1-2").get_by_role("button", name="Search arXiv").click()
    page.wait_for_url("**/questions/papers")
    assert page.locator("h1").inner_text() == "What is a Boltzmann machine?"
    page.locator("li", has_text="The machine that sorts").get_by_role("button").click()
    page.wait_for_url("**/library#papers")
    assert page.locator(".papers", has_text=re.compile("2101.00002|The machine that sorts")).count() == 1
    settle(board[2])
    server.fail("/api/query", status(403))
    page.goto("/questions?show=unsupported")
    page.locator("#item-1-2").get_by_role("button", name="Search arXiv").click()
    assert "search again" in page.get_by_role("alert").inner_text()
    context.close()


def test_the_board_is_accessible(tab):
    tab.goto("/questions")
    tab.locator("#item-1-2").get_by_role("button", name="Search arXiv").click()
    tab.locator("#item-1-2 .candidates li").first.wait_for()
    tab.locator("#item-1-3 summary").click()
    for width in (320, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        assert violations(tab) == []
    small = """() => [...document.querySelectorAll("main :is(button, summary, a.place, .meta a)")].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width && (box.width < 24 || box.height < 24);
    }).map((one) => one.outerHTML)"""
    assert tab.evaluate(small) == []
