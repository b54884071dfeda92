"""Signing in and out in a real browser."""

from __future__ import annotations

import pytest
from browser import MARKS, opened, served, violations
from stub_desk import StubDesk

from indexer.settings import Settings
from service.access import COOKIE, Access
from service.app import create_app
from service.credentials import Tokens

pytestmark = MARKS

ADMIN = "admin-0123456789-abcdefghij"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signing")
    (folder / "a.md").write_text("# Norm\n\nLayer norm works per token.\n")
    settings = Settings(library=folder / "library", cache=folder / "cache")
    with served(create_app(settings, desk=StubDesk(folder), access=Access(Tokens(ADMIN)))) as address:
        yield address


def test_a_person_signs_in_reads_and_signs_out(chromium, address):
    with opened(chromium, address, but=("status of 401", "Clear-Site-Data")) as page:
        page.goto("/?q=layer+norm")
        assert page.title() == "Sign in · Footnote"
        assert page.evaluate("document.activeElement.id") == "token"
        assert violations(page) == []
        page.keyboard.type("not-the-token-of-this-service")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert page.get_by_role("alert").inner_text() == "That is not a token of this service."
        assert page.get_by_label("Token").input_value() == ""
        page.get_by_label("Token").fill(ADMIN)
        page.keyboard.press("Enter")
        page.get_by_text("Layer norm works per token.").first.wait_for()
        assert page.url == f"{address}/?q=layer+norm"
        (cookie,) = page.context.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (COOKIE, True, "Strict", "/")
        assert ADMIN not in cookie["value"]
        assert page.evaluate("document.cookie") == ""
        page.get_by_label("Ask").or_(page.locator("#q")).first.fill("works per token")  # scripts are let in as well
        page.locator("#found").get_by_text("Layer norm works per token.").first.wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{address}/sign-in")
        assert page.context.cookies() == []
        page.go_back()
        page.get_by_label("Token").wait_for()
        assert "Layer norm" not in page.locator("main").inner_text()


def test_a_link_on_another_site_leads_to_a_page_that_leads_on(chromium, address):
    elsewhere = address.replace("127.0.0.1", "localhost")
    with opened(chromium, "http://", but="status of 401") as page:
        page.goto(f"{address}/sign-in")
        page.get_by_label("Token").fill(ADMIN)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/")
        page.goto(f"{elsewhere}/sign-in")
        page.evaluate("address => location.assign(address)", f"{address}/?q=layer+norm")
        page.get_by_role("link", name="Go on").click()
        page.get_by_text("Layer norm works per token.").first.wait_for()
