"""Who is let into the service, and to what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from stub_desk import StubDesk

from indexer.errors import LibraryMissing
from indexer.settings import ServiceSettings, Settings
from service.access import COOKIE, MOST_WRONG, Access, need_of
from service.app import create_app
from service.credentials import Tokens

ADMIN = "admin-0123456789-abcdefghij"
READ = "reads-0123456789-abcdefghij"
ORIGIN = "app://obsidian.md"
PAGE = {"accept": "text/html"}
DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture
def app(tmp_path):
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "a.md").write_text("# Norm\n\nLayer norm works per token.\n\n- [ ] what is layer norm\n")
    settings = Settings(
        library=tmp_path / "library", cache=tmp_path / "cache", service=ServiceSettings(origins=(ORIGIN,))
    )
    return create_app(settings, desk=StubDesk(tmp_path / "vault"), access=Access(Tokens(ADMIN, READ)))


@pytest.fixture
def client(app):
    return TestClient(app, follow_redirects=False)


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def signed_in(client, token):
    client.post("/sign-in", data={"token": token})
    assert COOKIE in client.cookies
    return client


def routes(app):
    """Each method and path that is served, as requests have it, mounted ones too."""
    for route in app.routes:
        path = re.sub(r"\{[^}]*\}", "1", getattr(route, "path", ""))
        for method in sorted(getattr(route, "methods", None) or {"GET"}):
            yield method, (f"{path}/page.js" if path == "/static" else path)


# ------------------------------------------------------------------------------------------------- every route


@pytest.fixture
def done(monkeypatch):
    """What was changed, fetched or begun, in place of doing it."""
    from service import changing
    from service.runs import Runs

    found = []
    monkeypatch.setattr(changing.adding, "add", lambda *_: found.append("add"))
    monkeypatch.setattr(changing.adding, "remove", lambda *_: found.append("remove"))
    monkeypatch.setattr(changing.elsewhere, "look", lambda *_: found.append("arXiv"))
    monkeypatch.setattr(Runs, "look", lambda *_: found.append("look"))
    monkeypatch.setattr(Runs, "gather", lambda *_: found.append("gather"))
    return found


def test_no_route_is_served_without_what_it_needs(app, done):
    """Walks the app itself: a route that is new is looked at too."""
    asked = list(routes(app))
    assert len(asked) > 40
    client = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
    for method, path in asked:
        need = need_of(method, path)
        statuses = [
            client.request(method, path, headers=one, data={"token": READ}).status_code
            for one in ({}, bearer(READ), bearer(ADMIN))
        ]
        let_in = [status not in (401, 403) for status in statuses]
        assert let_in == {"nothing": [True] * 3, "read": [False, True, True], "admin": [False, False, True]}[need], path
        assert statuses[0] == 401 or need == "nothing", path
        assert statuses[1] == 403 or need != "admin", path
        client.cookies.clear()


def test_open_without_a_token_is_what_tells_nothing(app):
    served = {path for method, path in routes(app) if need_of(method, path) == "nothing"}
    assert served == {"/healthz", "/readyz", "/sign-in", "/sign-out", "/static/page.js"}


def test_the_page_on_http_lists_what_needs_which(app):
    text = (DOCS / "http.md").read_text(encoding="utf-8")
    for need in ("nothing", "read", "admin"):
        operations = {
            f"{method} {path}"
            for path, item in app.openapi()["paths"].items()
            for method, path in [(one.upper(), path) for one in item]
            if need_of(method, path) == need
        }
        row = re.search(rf"^\| {need} \|(.*)\|$", text, re.MULTILINE)
        assert row, need
        shown = set(re.findall(r"`((?:GET|POST|DELETE) [^`]+)`", row[1]))
        assert shown - {"GET /sign-in", "POST /sign-in", "POST /sign-out", "POST /mcp"} == operations, need


def test_openapi_says_what_each_operation_needs(app, tmp_path):
    api = app.openapi()
    assert api["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, item in api["paths"].items():
        for method, operation in item.items():
            need = need_of(method.upper(), path)
            assert operation["security"] == ([] if need == "nothing" else [{"token": [need]}])
    settings = Settings(library=tmp_path / "library", cache=tmp_path / "cache")
    without = create_app(settings, desk=StubDesk(tmp_path / "vault")).openapi()
    assert "securitySchemes" not in without["components"]


def test_no_look_changes_anything(app, done):
    """Links, pictures and whatever loads pages ahead ask with GET: nothing may come of it."""
    client = TestClient(app, raise_server_exceptions=False)
    asked = {"q": "layer norm", "question": "layer norm", "paper": "1706.03762", "writer": "chat", "papers": "new"}
    app.state.desk.writes = lambda answer: done.append("chat") or iter([answer])
    for _, path in routes(app):
        client.get(path, params=asked, headers=bearer(ADMIN))
    assert (done, app.state.desk.seen) == ([], [])


# ----------------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    "value", ["Bearer nonsense", "Bearer ", "Bearer", f"Basic {ADMIN}", ADMIN, f"Token {ADMIN}", f"Bearer {ADMIN} x"]
)
def test_what_is_no_token_is_answered_with_what_to_send(client, value):
    refused = client.get("/api/status", headers={"authorization": value})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="Footnote"'
    assert refused.headers["content-type"] == "application/problem+json"
    assert ADMIN not in refused.text


def test_the_scheme_is_read_in_any_case(client):
    assert client.get("/api/status", headers={"authorization": f"bearer {READ}"}).status_code == 200


def test_a_token_in_the_address_is_none(client):
    for name in ("token", "access_token", "key"):
        assert client.get("/api/status", params={name: ADMIN}).status_code == 401


def test_a_chat_models_words_cost_and_are_not_for_who_may_look(client, app):
    app.state.desk.writes = lambda answer: iter([answer])
    question = {"question": "layer norm per token"}
    for path in ("/api/ask", "/api/ask/stream", "/wording"):
        words = question | {"writer": "chat"}
        assert client.post(path, json=words, headers=bearer(READ)).status_code == 403, path
        assert client.post(path, json=words, headers=bearer(ADMIN)).status_code == 200, path
        assert client.post(path, json=question, headers=bearer(READ)).status_code == 200, path


def test_wrong_tokens_come_to_an_end_and_the_right_one_goes_in(client):
    wrong = [client.get("/api/status", headers=bearer(f"guess-{n}")).status_code for n in range(MOST_WRONG + 3)]
    assert wrong == [401] * MOST_WRONG + [429] * 3
    refused = client.get("/api/status", headers=bearer("guess"))
    assert 0 < int(refused.headers["retry-after"]) <= 61
    assert client.post("/sign-in", data={"token": "guess"}).status_code == 429
    assert client.get("/api/status", headers=bearer(ADMIN)).status_code == 200
    assert client.post("/sign-in", data={"token": READ}).status_code == 303


def test_until_the_library_is_open_only_who_may_look_hears_why(client, app):
    app.state.desk, app.state.trouble = None, LibraryMissing("there is no library at /home/somebody; index")
    assert "somebody" not in client.get("/readyz").text
    assert client.get("/readyz").status_code == 503
    assert "somebody" in client.get("/readyz", headers=bearer(READ)).text


def test_who_is_not_let_in_learns_nothing_of_what_is_there(client):
    there, not_there = (client.get(path).json() for path in ("/api/documents/1", "/api/documents/999"))
    assert {**there, "instance": ""} == {**not_there, "instance": ""}
    for path in ("/openapi.json", "/docs", "/metrics", "/", "/nowhere"):
        assert client.get(path).status_code == 401
        assert "Norm" not in client.get(path, headers=PAGE).text


def test_a_plugin_asks_with_a_token_of_its_own(client):
    preflight = client.options(
        "/api/ask",
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        },
    )
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    refused = client.get("/api/status", headers={"origin": ORIGIN})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)


def test_models_show_one_too(client):
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    assert client.post("/mcp", json=call, headers=accept).status_code == 401


# --------------------------------------------------------------------------------------------------- browsers


def test_a_page_asks_for_a_token_and_leads_on_to_what_was_wanted(client):
    asked = client.get("/?q=layer+norm", headers=PAGE)
    assert (asked.status_code, asked.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert '<form class="sign-in" action="/sign-in" method="post">' in asked.text
    onward = re.search(r'name="next" value="([^"]*)"', asked.text)[1]
    entered = client.post("/sign-in", data={"token": f" {READ}\n", "next": onward})
    assert (entered.status_code, entered.headers["location"]) == (303, "/?q=layer+norm")
    assert "Layer norm works per token" in client.get("/?q=layer+norm", headers=PAGE).text


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_is_not_the_token(client):
    cookie = client.post("/sign-in", data={"token": ADMIN}).headers["set-cookie"]
    value, *rest = cookie.split("; ")
    assert {one.lower() for one in rest} >= {"httponly", "samesite=strict", "path=/", "max-age=604800"}
    assert "secure" not in cookie.lower()
    assert "domain" not in cookie.lower()
    assert ADMIN not in value
    assert value.startswith(f"{COOKIE}=admin.")


def test_over_tls_the_cookie_goes_over_tls_only(app):
    client = TestClient(app, base_url="https://testserver", follow_redirects=False)
    assert "secure" in client.post("/sign-in", data={"token": ADMIN}).headers["set-cookie"].lower().split("; ")
    assert "secure" in client.post("/sign-out").headers["set-cookie"].lower().split("; ")


def test_a_wrong_token_is_said_and_not_shown_again(client):
    refused = client.post("/sign-in", data={"token": "guess-guess-guess", "next": "/library"})
    assert refused.status_code == 401
    assert "That is not a token of this service." in refused.text
    assert 'value="/library"' in refused.text
    assert "guess" not in refused.text
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "onward",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "", "/\t/evil.example"],
)
def test_signing_in_leads_nowhere_else(client, onward):
    assert client.post("/sign-in", data={"token": READ, "next": onward}).headers["location"] == "/"


def test_signing_out_ends_it(client):
    signed_in(client, ADMIN)
    page = client.get("/", headers=PAGE).text
    assert '<form action="/sign-out" method="post">' in page
    left = client.post("/sign-out")
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert left.headers["clear-site-data"] == '"cache", "storage"'
    assert COOKIE not in client.cookies
    assert client.get("/", headers=PAGE).status_code == 401


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}])
def test_another_site_does_nothing_with_a_cookie_that_comes_along(client, headers):
    signed_in(client, ADMIN)
    for path in ("/papers/add", "/library/look", "/sign-out", "/sign-in", "/api/indexing"):
        assert client.post(path, data={"paper": "1706.03762"}, headers=headers).status_code == 403
    assert client.delete("/api/papers/1706.03762", headers=headers).status_code == 403


def test_an_origin_that_was_named_does_nothing_with_it_either(client, done):
    """A page on another port of this host: the browser has the cookie for it too."""
    signed_in(client, ADMIN)
    there = {"origin": ORIGIN, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}
    assert client.post("/api/indexing", json={}, headers=there).status_code == 401
    assert done == []
    assert client.post("/api/indexing", json={}, headers=there | bearer(ADMIN)).status_code == 202
    assert client.post("/api/indexing", json={}, headers={"origin": "http://testserver"}).status_code == 202
    assert done == ["look", "look"]


def test_who_may_look_is_offered_nothing_that_changes_anything(client):
    signed_in(client, READ)
    pages = {path: client.get(path, headers=PAGE) for path in ("/", "/questions", "/library", "/?q=layer+norm")}
    for path, page in pages.items():
        assert page.status_code == 200, path
        posted = set(re.findall(r'<form[^>]*action="([^"]*)"[^>]*method="post"', page.text))
        assert {one for one in posted if one != "/library/look"} <= {"/sign-out"}, path  # which has no button then
    assert "Look for changes now" not in pages["/library"].text
    signed_in(client, ADMIN)
    assert "Look for changes now" in client.get("/library", headers=PAGE).text


def test_without_tokens_nobody_is_asked_for_one(tmp_path):
    settings = Settings(library=tmp_path / "library", cache=tmp_path / "cache")
    client = TestClient(create_app(settings, desk=StubDesk(tmp_path)))
    assert client.get("/api/status").status_code == 200
    assert client.get("/api/status", headers=bearer("anything")).status_code == 200
    assert "Sign out" not in client.get("/", headers=PAGE).text
