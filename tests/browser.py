"""What tests of the pages share: a served app, and a tab of a real browser that complains."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from fastapi import FastAPI

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")  # the first takes a third less time
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
REQUIRED = "FOOTNOTE_REQUIRE_BROWSER" in os.environ  # a missing browser then fails the tests instead of skipping them
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM and not REQUIRED, reason="no Chromium: apt-get install chromium"),
]
"""The `pytestmark` of a module that needs the browser."""


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an app on a free port of this machine; yield its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def opened(chromium: Browser, address: str, *, but: str | tuple[str, ...] = (), **options: Any) -> Iterator[Page]:
    """A tab that fails its test when it asks another host for anything, or the policy or a script complains.

    What holds the words `but`, or one of them, is no complaint.
    """
    context = chromium.new_context(base_url=address, reduced_motion="reduce", **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("request", lambda request: request.url.startswith(address) or complaints.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    allowed = (but,) if isinstance(but, str) else but
    complaints = [one for one in complaints if not any(words in one for words in allowed)]
    assert complaints == []


TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules whose outcome another scheme of colours changes."""
RUN_AXE = "([context, options]) => axe.run(context ?? document, options).then((found) => found.violations)"


def violations(page: Page, context: str | None = None, *, dark: bool = True) -> list[str]:
    """What axe-core finds on a page, or a part of it, in light and in dark: the rule, and where it is broken."""
    from axe_playwright_python.sync_playwright import Axe

    said = []
    page.evaluate(Axe().axe_script)
    schemes = {"light": {"type": "tag", "values": TAGS}, "dark": {"type": "rule", "values": COLOURS}}
    for scheme, rules in list(schemes.items())[: 1 + dark]:
        page.emulate_media(color_scheme=scheme)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        said += [
            f"{scheme} {one['id']}: {node['html'][:200]} {json.dumps(node['any'][:1])[:300]}"
            for one in page.evaluate(RUN_AXE, [context, options])
            for node in one["nodes"]
        ]
    return said
