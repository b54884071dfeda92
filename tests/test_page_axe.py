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


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?q=kl+divergence+symmetric",  # answered
        "/?q=gradient+clipping+norm",  # in part
        "/?q=batch+norm+kind:note+tag:ml",
        "/?q=kind:note",
        "/?q=who+won+the+world+cup+in+1966",  # not at all
        "/questions",
        "/questions?show=all",
        "/library",
        "/library?q=batch+norm",
        "/docs",
        "training/Normalisation.md?lines=31-33",
        "training/Normalisation.md?view=source&lines=31-33",
        "training/optimisers.org",
        "maths/Entropy and KL.md",
        "Question dump.md",
        "residual.pdf?sentences=2-4",
        "residual.pdf?page=3",
        "residual.pdf?page=3&zoom=200",
    ],
)
def test_axe_finds_nothing_to_complain_about(chromium, site, path):
    address, pages = site
    name, _, rest = path.partition("?")
    path = path if path.startswith("/") else f"{pages[name]}?{rest}"
    with opened(chromium, address) as page:
        page.goto(path)
        assert violations(page) == []


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


@pytest.mark.parametrize("path", ["/", "/?q=batch+norm+kind:note", "/questions", "/library?q=batch+norm", "/docs"])
def test_axe_likes_the_pages_on_a_phone(chromium, site, path):
    with opened(chromium, site[0], viewport={"width": 320, "height": 700}) as page:
        page.goto(path)
        assert violations(page) == []


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
