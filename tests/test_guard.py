from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect
from stub_desk import StubDesk

from indexer.settings import ServiceSettings, Settings
from service.app import create_app
from service.guard import MAX_ADDRESS_BYTES, MOST_AT_ONCE, Guard

OURS = "http://testserver"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guard")
    (folder / "vault").mkdir()
    (folder / "vault" / "a.md").write_text("# Norm\n\nLayer norm works per token.\n")
    settings = Settings(library=folder / "library", cache=folder / "cache")
    with TestClient(create_app(settings, desk=StubDesk(folder / "vault"))) as client:
        yield client


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


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "EVIL.example:8000", "evil.example.", "localhost.", "127.0.0.1.", "127.0.0.1.evil.example",
        "127.1", "0x7f.0.0.1", "[::1", "::1", "[::1].evil.example", "[evil.example]", "evil.example]", "[v1.fe80::a]",
        "127.0.0.1:80:80", "127.0.0.1:x", "127.0.0.1:", "user@127.0.0.1", "evil.example@127.0.0.1", "127.0.0.1/x",
        "127.0.0.1, evil.example", "a b", "evil%2eexample", "localhost\\@evil.example", ".localhost", "é",
        "localhost.evil.example", "a..localhost",
    ],
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused_however_it_is_written(client, host):
    for path in ("/", "/healthz", "/static/page.js", "/nowhere"):
        assert client.get(path, headers={"host": host.encode()}).status_code == 421, path
    assert client.post("/api/ask", json={"question": "x"}, headers={"host": host.encode()}).status_code == 421


@pytest.mark.parametrize("host", ["LOCALHOST:1", "[::1]", "[::1]:8000", "[::ffff:127.0.0.1]:8000", "10.0.0.1", "NOTES"])
def test_our_names_are_ours_in_any_case(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_two_hosts_are_none(client):
    for hosts in (("testserver", "evil.example"), ("evil.example", "testserver"), ("testserver", "testserver")):
        assert client.get("/healthz", headers=[("host", one) for one in hosts]).status_code == 421


def test_a_name_that_the_person_gave_is_ours(tmp_path):
    settings = Settings(tmp_path / "library", tmp_path / "cache", service=ServiceSettings(hosts=("notes.example",)))
    client = TestClient(create_app(settings, desk=StubDesk(tmp_path)))
    assert client.get("/healthz", headers={"host": "notes.example"}).status_code == 200
    assert client.get("/healthz", headers={"host": "x.notes.example"}).status_code == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("mode", "dest"),
    [("no-cors", "image"), ("no-cors", "script"), ("cors", "empty"), ("navigate", "iframe"), ("navigate", "object")],
)
def test_another_site_loads_nothing_into_its_pages(client, site, mode, dest):
    """So it can neither see how long an answer takes, nor keep the machine busy."""
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    for method in ("GET", "HEAD"):
        assert client.request(method, "/?q=layer+norm", headers=headers).status_code == 403
    ours = headers | {"sec-fetch-site": "same-origin"}
    assert client.get("/?q=layer+norm", headers=ours).status_code == 200


def test_an_origin_that_the_person_named_may_load(tmp_path):
    settings = Settings(
        tmp_path / "library", tmp_path / "cache", service=ServiceSettings(origins=("app://obsidian.md",))
    )
    client = TestClient(create_app(settings, desk=StubDesk(tmp_path)))
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
    assert client.get("/api/status", headers=headers | {"origin": "app://obsidian.md"}).status_code == 200
    for origin in ("app://obsidian.md.evil", "APP://obsidian.md", "null"):
        assert client.get("/api/status", headers=headers | {"origin": origin}).status_code == 403


def test_a_page_on_the_internet_is_not_told_that_it_may_reach_this_machine(tmp_path):
    asked = {"access-control-request-method": "GET", "access-control-request-private-network": "true"}
    for origins in ((), ("https://notes.example",)):
        settings = Settings(tmp_path / "library", tmp_path / "cache", service=ServiceSettings(origins=origins))
        client = TestClient(create_app(settings, desk=StubDesk(tmp_path)))
        for origin in ("https://evil.example", "https://notes.example"):
            answered = client.options("/api/status", headers=asked | {"origin": origin})
            assert "access-control-allow-private-network" not in answered.headers
            assert answered.status_code in (400, 405)


def test_there_are_no_websockets(client):
    for path in ("/", "/api/ask", "/mcp"):
        with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect(path):
            pytest.fail("it was opened")
        assert caught.value.code == 1008  # by the guard: nothing below was asked


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "DEBUG"])
def test_a_method_that_tells_what_came_is_not_answered(client, method):
    answered = client.request(method, "/", headers={"cookie": "footnote=canary", "authorization": "Bearer canary"})
    assert answered.status_code == 405
    assert "canary" not in answered.text


def test_no_page_stands_in_a_frame(client):
    for path in ("/", "/library", "/docs", "/sign-in", "/nowhere"):
        assert "frame-ancestors 'none'" in client.get(path).headers["content-security-policy"]


def test_an_address_has_a_limit(client):
    assert client.get("/api/search", params={"q": "norm " * 1000}).status_code == 200
    refused = client.get("/api/search", params={"q": "n" * MAX_ADDRESS_BYTES})
    assert (refused.status_code, refused.headers["content-type"]) == (414, "application/problem+json")
    assert "POST /api/ask takes long questions" in refused.json()["detail"]


def test_headers_have_a_limit(client):
    refused = client.get("/api/status", headers=[(f"X-{n}", "x") for n in range(101)])
    assert (refused.status_code, refused.json()["title"]) == (431, "Request Header Fields Too Large")


@pytest.mark.parametrize("path", ["/api/ask", "/mcp", "/api/papers"])
@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        "[" * 200_000 + "]" * 200_000,
        '{"question":' * 50_000 + "1" + "}" * 50_000,
        '{"question": "a", "k": ' + "9" * 100_000 + "}",
        '{"question": "\\ud800", "k": NaN}',
    ],
)
def test_json_of_any_depth_is_the_callers_mistake(client, path, body):
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    assert 400 <= client.post(path, content=body, headers=headers).status_code < 500


@pytest.mark.parametrize(
    "filters",
    [{"tag": ["x"] * 51}, {"without": {"word": ["ab"] * 51}}, {"phrase": "x" * 1001}, {"path": ["x" * 1001]}],
)
def test_filters_have_limits(client, filters):
    assert client.post("/api/ask", json={"question": "norm", "filters": filters}).status_code == 422


def test_who_comes_when_too_much_is_asked_for_is_told_to_come_again_but_for_who_looks_after_the_service(tmp_path):
    settings = Settings(library=tmp_path / "library", cache=tmp_path / "cache")
    app = create_app(settings, desk=StubDesk(tmp_path))
    client = TestClient(app)
    assert client.get("/api/status").status_code == 200
    guard = app.middleware_stack
    while not isinstance(guard, Guard):
        guard = guard.app
    assert guard.at_once == 0
    guard.at_once = MOST_AT_ONCE
    refused = client.get("/api/status")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    guard.at_once -= 1
    assert client.get("/api/status").status_code == 200


def test_whoever_went_away_is_no_error_of_ours(tmp_path, caplog):
    app = create_app(Settings(library=tmp_path / "library", cache=tmp_path / "cache"), desk=StubDesk(tmp_path))

    @app.get("/gone")
    def gone() -> None:
        raise ClientDisconnect

    client = TestClient(app)
    with pytest.raises(AssertionError):  # the test client wants an answer
        client.get("/gone")
    assert caplog.records == []
    assert 'footnote_requests_total{method="GET",route="/gone",status="499"} 1.0' in client.get("/metrics").text


def test_what_offers_to_try_again_leads_nowhere_else(client, monkeypatch):
    monkeypatch.setattr("service.guard.MOST_AT_ONCE", 0)
    for path, again in (("//evil.example/x", "/"), ("/?q=layer+norm", "/?q=layer+norm")):
        page = client.get(f"http://testserver{path}", headers={"accept": "text/html"})
        assert (page.status_code, f'<a href="{again}">Try again</a>' in page.text) == (503, True), path
