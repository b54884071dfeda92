"""The library in a real browser: its folders, its papers, and what is being indexed."""

from __future__ import annotations

import json

import pytest
from browser import MARKS, opened, served, violations
from wanting import MACHINE, desk_beside_arxiv, settle

from indexer.library import writing
from indexer.running import RUNNING
from service.app import create_app

pytestmark = MARKS

MANY = {f"big/{n:03}.md": f"# Note {n}\n\nThe text of note {n}.\n" for n in range(120)}
NOTES = MANY | {
    "top.md": "# Top\n\nIt lies at the top.\n",
    "big/old/deep.md": "# Deep down\n\nIt lies deep down.\n",
    "small/list.md": "# List\n\n- https://arxiv.org/abs/2101.00009 is for later\n",
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    with desk_beside_arxiv(tmp_path_factory.mktemp("shelf"), NOTES) as (desk, _):
        app = create_app(desk.settings, desk=desk)
        with served(app) as address:
            yield address, desk, app


@pytest.fixture
def tab(chromium, shelf):
    with opened(chromium, shelf[0]) as page:
        yield page


def names(tab):
    return tab.locator(".files .shelf li[data-hit] > a").all_inner_texts()


def test_a_large_library_lists_a_folder_when_it_is_opened(tab):
    tab.goto("/library")
    assert (names(tab), tab.locator(".closed").all_inner_texts()) == (
        ["Top"],
        ["big 121\ndocuments", "small 1\ndocument"],
    )
    tab.get_by_role("link", name="big 121").press("Enter")
    tab.locator("summary:focus", has_text="big").wait_for()
    assert (len(names(tab)), names(tab)[:2]) == (101, ["Note 0", "Note 1"])
    tab.get_by_role("link", name="20 more").click()
    tab.get_by_role("link", name="Note 119").wait_for()
    assert len(names(tab)) == 121
    tab.get_by_role("link", name="old 1").click()
    tab.get_by_role("link", name="Deep down").wait_for()
    assert tab.url.endswith("/library")


def test_folders_and_names_work_without_scripts(chromium, shelf):
    context = chromium.new_context(base_url=shelf[0], java_script_enabled=False)
    page = context.new_page()
    page.goto("/library")
    page.get_by_role("link", name="big 121").click()
    page.get_by_role("link", name="old 1").click()
    assert "Deep down" in names(page)
    page.get_by_role("link", name="20 more").click()
    assert names(page)[:2] == ["Note 100", "Note 101"]
    page.fill("#name", "BIG 11")
    page.press("#name", "Enter")
    assert page.locator("#named .count").first.inner_text().startswith("11 names have BIG 11.")
    assert page.locator("#named li > a").all_inner_texts()[:2] == ["Note 11", "Note 110"]
    page.fill("#paper", "no paper")
    page.get_by_role("button", name="Add", exact=True).click()
    assert page.get_by_role("alert").inner_text().startswith("'no paper' names no paper; give an arXiv id")
    assert page.input_value("#paper") == "no paper"
    context.close()


def test_names_are_found_as_they_are_typed(tab):
    tab.goto("/library")
    tab.locator("#name").press_sequentially("deep")
    tab.locator("#named a", has_text="Deep down").wait_for()
    assert tab.locator("#name").input_value() == "deep"
    assert tab.url.endswith("/library?name=deep")


def test_a_paper_is_added_by_hand_and_removed(tab, shelf):
    tab.goto("/library")
    tab.fill("#paper", "arXiv:2101.00001")
    tab.press("#paper", "Enter")
    tab.locator(".papers h3", has_text="In the library").wait_for()
    line = tab.locator(".papers li", has_text=MACHINE.title)
    assert line.locator(".place").inner_text() == "2101.00001v2"
    settle(shelf[2].state.runs)
    line.get_by_role("button", name=f"Remove {MACHINE.title}").click()
    line.wait_for(state="detached")
    assert tab.locator(".papers li").count() == 1


def test_what_another_process_indexes_is_shown_as_it_goes_on(tab, shelf):
    library = shelf[1].settings.library
    tab.goto("/library")
    assert not tab.locator("#run").is_visible()
    run = {"command": "footnote index", "pid": 7, "stage": "read", "done": 10, "total": 40, "embedded": 2500}
    with writing(library, "another"):
        (library / RUNNING).write_text(json.dumps(run | {"expected": 10000, "pace": 125.0, "left": 60.2}))
        tab.locator("#run", has_text="Reading").wait_for()
        assert tab.locator("#run .counts").inner_text() == ("10 of 40 files, 2,500 passages, 125 a second, 1:00 left")
        assert tab.locator("progress").evaluate("(bar) => bar.value / bar.max") == 0.25
        assert not tab.get_by_role("button", name="Look for changes now").is_visible()
        (library / RUNNING).write_text(json.dumps(run | {"stage": "fetch", "done": 3}))
        tab.locator("#run", has_text="Fetching papers 3 of 40 papers").wait_for()
    tab.get_by_role("button", name="Look for changes now").wait_for()


def test_a_press_looks_for_changes_and_shows_what_came(tab, shelf):
    root = shelf[1].settings.library.parent / "notes"
    tab.goto("/library")
    before = int(tab.locator(".figures dd").first.inner_text())
    (root / "fresh.md").write_text("# Fresh\n\nIt came just now.\n")
    tab.get_by_role("button", name="Look for changes now").click()
    tab.locator(".last", has_text="1 new").wait_for()
    tab.locator(".figures dd", has_text=str(before + 1)).first.wait_for()


def test_what_comes_into_an_empty_library_is_shown_without_a_press(chromium, tmp_path):
    with desk_beside_arxiv(tmp_path, {"gone.md": "# Gone\n\nIt goes.\n"}) as (desk, _):
        note = desk.settings.library.parent / "notes" / "gone.md"
        note.unlink()
        app = create_app(desk.settings, desk=desk)
        with served(app) as address, opened(chromium, address) as page:
            page.goto("/library")
            page.get_by_role("button", name="Look for changes now").click()
            page.locator(".last", has_text="1 removed").wait_for()
            page.goto("/library")
            page.locator(".empty").wait_for()
            note.write_text("# Back\n\nIt came back.\n")
            page.get_by_role("button", name="Look for changes now").click()
            page.locator(".files li", has_text="Back").wait_for()


def test_the_library_is_accessible(tab):
    tab.goto("/library?shelf=0&folder=big/old&name=note")
    for width in (320, 1280, 2560):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(tab) == []
    small = """() => [...document.querySelectorAll("main :is(button, input, summary, .closed)")].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width && (box.width < 24 || box.height < 24);
    }).map((one) => one.outerHTML)"""
    assert tab.evaluate(small) == []
