from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from stub_desk import StubDesk

from indexer.settings import Settings
from service.app import create_app

OURS = "http://testserver"


@pytest.fixture
def client(tmp_path):
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "a.md").write_text("# Norm\n\nLayer norm works per token.\n")
    settings = Settings(library=tmp_path / "library", cache=tmp_path / "cache")
    return TestClient(create_app(settings, desk=StubDesk(tmp_path / "vault")))


def asked(client, headers, method="POST", path="/api/ask"):
    return client.request(method, path, json={"question": "layer norm per token"}, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"{OURS}:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": OURS},
        {"sec-fetch-site": "something new"},
    ],
)
def test_another_site_presses_no_button(client, headers):
    refused = asked(client, headers)
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert refused.json()["detail"] == "another site asks for this; do it from the pages of this service"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": OURS},
        {"origin": "https://testserver"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "none"},
    ],
)
def test_our_pages_and_programs_may(client, headers):
    assert asked(client, headers).json()["verdict"] == "supported"


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "MADE-UP"])
def test_every_method_that_may_change_something_is_guarded(client, method):
    for path in ("/questions/seen?state=x", "/papers/add", "/library/look", "/api/papers/1706.03762", "/static/x"):
        assert asked(client, {"origin": "https://evil.example"}, method, path).status_code == 403


def test_a_link_on_another_site_may_lead_here(client):
    assert client.get("/library", headers={"sec-fetch-site": "cross-site"}).status_code == 200
