"""The pages over the sample vault, judged by axe-core: WCAG 2.2 AA and axe's own best practices."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from browser import MARKS, opened, served, violations
from desks import put_paper, settings_for
from stub_encoder import HashEncoder
from wanting import desk_beside_arxiv

from indexer.build import build
from indexer.library import Library
from indexer.settings import ChatSettings
from service.app import create_app
from service.desk import Desk

pytestmark = MARKS

VAULT = Path(__file__).resolve().parents[1] / "data" / "notes"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a service over the sample vault and a paper, and the pages of its documents by file."""
    root = tmp_path_factory.mktemp("site")
    settings = replace(settings_for(root), chat=ChatSettings("http://127.0.0.1:9/v1", "Stub 8B"))
    shutil.copytree(VAULT, root / "notes")
    encoder = HashEncoder()
    build(settings.library, [root / "notes"], encoder, settings)
    put_paper(root)
    with (
        Desk(settings, Library.open(settings.library), encoder) as desk,
        served(create_app(settings, desk=desk)) as address,
    ):
        pages = {one.file: f"/{one.kind}s/{one.id}" for one in desk.documents()}
        yield address, pages


PAGES = {
    "/": "both",
    "/?q=kl+divergence+symmetric": "both",  # answered
    "/?q=gradient+clipping+norm": "light",  # in part
    "/?q=batch+norm+kind:note+tag:ml": "light",
    "/?q=kind:note": "light",
    "/?q=who+won+the+world+cup+in+1966": "both",  # not at all
    "/questions": "light",
    "/questions?show=all": "both",
    "/library": "light",
    "/library?q=batch+norm": "both",
    "/docs": "both",
    "training/Normalisation.md?lines=31-33": "both",
    "training/Normalisation.md?view=source&lines=31-33": "both",
    "training/optimisers.org": "light",
    "maths/Entropy and KL.md": "light",
    "Question dump.md": "light",
    "residual.pdf?sentences=2-4": "both",
    "residual.pdf?page=3": "light",
    "residual.pdf?page=3&zoom=200": "light",
}
"""What is looked at, and in which schemes: a page of each kind in both."""


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_to_complain_about(chromium, site, path):
    address, pages = site
    name, _, rest = path.partition("?")
    shown = path if path.startswith("/") else f"{pages[name]}?{rest}"
    with opened(chromium, address) as page:
        page.goto(shown)
        assert violations(page, dark=PAGES[path] == "both") == []


def test_axe_likes_the_page_that_says_what_went_wrong(chromium, site):
    page = chromium.new_page(base_url=site[0])
    page.goto("/nothing-here")
    assert violations(page) == []
    page.close()


def test_axe_likes_what_opens_on_the_page(chromium, site):
    address, pages = site
    with opened(chromium, address) as page:
        page.goto("/")
        page.locator("#q").press_sequentially("batch norm")
        page.locator(".glance .source").first.wait_for()
        assert violations(page) == []
        page.locator("[data-keys]").click()
        page.locator("#keys[open]").wait_for()
        assert violations(page) == []
        for name in ("training/Normalisation.md", "training/optimisers.org", "residual.pdf"):
            page.goto(f"/?q=batch+norm&open={pages[name]}")
            page.locator(".pane-body h1").wait_for()
            assert violations(page) == []


def test_axe_likes_the_pages_on_a_phone(chromium, site):
    with opened(chromium, site[0], viewport={"width": 320, "height": 700}) as page:
        for path in ("/", "/?q=batch+norm+kind:note", "/questions", "/library?q=batch+norm", "/docs"):
            page.goto(path)
            assert violations(page, dark=False) == [], path


def test_axe_likes_the_papers_that_may_answer(chromium, tmp_path):
    with (
        desk_beside_arxiv(tmp_path) as (desk, _),
        served(create_app(desk.settings, desk=desk)) as address,
        opened(chromium, address) as page,
    ):
        page.goto("/questions?show=unsupported")
        page.locator(".seek button").first.click()
        page.locator(".candidates li").first.wait_for()
        assert violations(page) == []
