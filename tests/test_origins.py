"""Pages elsewhere that the person lets call the service: one origin by name, and no other."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from stub_desk import StubDesk

from indexer.settings import Settings
from service.app import create_app

OBSIDIAN = "app://obsidian.md"


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "a.md").write_text("# Norm\n\nLayer norm works per token.\n")
    return StubDesk(tmp_path / "vault")


@pytest.fixture
def settings(tmp_path):
    return Settings(library=tmp_path / "library", cache=tmp_path / "cache")


@pytest.fixture
def named(desk, settings):
    """A client of a service whose person has named another origin."""
    service = replace(settings.service, origins=(OBSIDIAN,))
    return TestClient(create_app(replace(settings, service=service), desk=desk))


def test_a_page_of_an_origin_that_was_named_may_ask(named):
    headers = {"Origin": OBSIDIAN, "Sec-Fetch-Site": "cross-site"}
    preflight = named.options(
        "/api/ask",
        headers=headers | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"},
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == OBSIDIAN
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    asked = named.post("/api/ask", json={"question": "What is dropout?"}, headers=headers)
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, OBSIDIAN)
    assert "access-control-allow-credentials" not in asked.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "app://obsidian.md.evil.example", "null"])
def test_any_other_origin_may_not(named, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in named.options("/api/ask", headers=headers).headers
    assert "access-control-allow-origin" not in named.get("/api/status", headers={"Origin": origin}).headers
    refused = named.post("/api/ask", json={"question": "What is dropout?"}, headers={"Origin": origin})
    assert refused.status_code == 403


def test_no_other_origin_is_let_in_unless_it_is_named(desk, settings):
    client = TestClient(create_app(settings, desk=desk))
    assert "access-control-allow-origin" not in client.get("/api/status", headers={"Origin": OBSIDIAN}).headers
