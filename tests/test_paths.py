"""Whatever path, name or number is sent to the service, no file outside of its library's roots comes back."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
import shelf
from attacks import BETWEEN, DEVICES, UP, Raw, ways_in, ways_out
from browser import served
from chance import ALL, SEED
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Mount, Route
from stub_desk import StubDesk

from indexer.settings import Settings
from service.app import create_app

FEW = 4000 if ALL else 20
"""So many of the ways are tried, of some hundred thousand, where a route leads to no file."""

OUTSIDE, LEFT_OUT = b"canary-outside-the-root", b"canary-left-out-of-it"
OURS = (b"{% block", b"def create_app", b"SQLite format 3")
"""What stands in the templates, the code and the stores, and in no answer."""
SYSTEM = (b"root:x:0:0", b"PATH=")

PNG = b"\x89PNG\r\n\x1a\n"
INSIDE = b"canary-inside"
HIDDEN = (
    ".env",
    ".obsidian/x.png",
    ".git/config",
    ".h.png",
    "private/p.png",
    "node_modules/n.png",
    "library/catalogue.db",
)
LED = (
    "out.png",
    "way/secret.png",
    "chain/secret.png",
    "again.png",
    "sly.png",
    "loop.png",
    "pipe.png",
    "out.md",
    "way/secret.md",
)


USUAL = {"document_id": 1, "page": 1, "form": "csv", "paper_id": "2101.00001", "passage_id": 1, "file": "sub/shown.png"}
"""What stands in the parts of a path that are not attacked."""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    top = tmp_path_factory.mktemp("paths")
    outside, root = top / "outside", top / "vault"
    outside.mkdir()
    for name in ("secret.png", "secret.md", "secret.svg", "secret.pdf"):
        (outside / name).write_bytes({"png": PNG, "svg": b"<svg>"}.get(name[-3:], b"") + OUTSIDE)
    shutil.copytree(outside, top / "vault2")
    for name in HIDDEN:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(PNG + LEFT_OUT)
    (root / ".footnoteignore").write_text("private/\n")
    (root / "sub").mkdir()
    (root / "sub" / "shown.png").write_bytes(PNG + INSIDE)
    (root / "data.json").write_bytes(LEFT_OUT)
    for name in ("a.md", "led.md", "piped.md", "folded.md", "sub/b.md"):
        embeds = [f"![[{one}]] ![x](<{one}>) <img src='{one}'>\n" for one in (*HIDDEN, *LED, "../outside/secret.png")]
        text = f"# {name}\n\n{INSIDE.decode()}\n\n{''.join(embeds)}\n![[../outside/secret]] [[{outside}/secret.md]]\n"
        (root / name).write_text(text)
    (root / "2101.00001v2.pdf").write_bytes(shelf.bars_pdf())
    desk = StubDesk(root)
    desk.lit = lambda *_, **__: []  # there is no map
    desk.settings = Settings(library=root / "library", cache=root / "library")
    numbers = {one.file: one.id for one in desk.documents()}
    # what changes after it was indexed
    for name, target in (("led.md", outside / "secret.md"), ("2101.00001v2.pdf", outside / "secret.pdf")):
        (root / name).unlink()
        (root / name).symlink_to(target)
    (root / "piped.md").unlink()
    os.mkfifo(root / "piped.md")
    (root / "folded.md").unlink()
    (root / "folded.md").mkdir()
    for link, target in {
        "out.png": "../outside/secret.png", "way": outside, "chain": "way", "again.png": "chain/secret.png",
        "sly.png": ".h.png", "loop.png": "loop.png", "out.md": outside / "secret.md",
    }.items():  # fmt: skip
        (root / link).symlink_to(target)
    os.mkfifo(root / "pipe.png")
    (top / "link").symlink_to(root)  # the root itself may be one
    app = create_app(desk.settings, desk=desk)
    app.state.top, app.state.numbers = top, numbers
    return app


@pytest.fixture(scope="module")
def address(app):
    with served(app) as found:
        yield found


@pytest.fixture
def raw(address):
    connection = Raw(address)
    yield connection
    connection.close()


def attempts(top: Path) -> list[str]:
    """Every path that is tried."""
    targets = ("secret.png", "outside/secret.png", "outside/secret.md", "vault2/secret.svg", "etc/passwd", "app.py")
    names = (*HIDDEN, *LED, *DEVICES, "data.json", str(top / "outside/secret.png"), f"{top}/vault/.env", "etc/passwd")
    return [*ways_out(targets), *ways_in(names), "/" * 4000, "../" * 4000, "a" * 60_000, "%00", "%", "%2", "\x7f"]


def plain() -> list[str]:
    """The ways to what lies beside the root of the notes, and above the files of the pages: each way to write them."""
    written = [(up, between) for up in UP for between in BETWEEN]
    return [between.join((up, "outside", "secret.png")) for up, between in written] + [
        between.join((up, up, "app.py")) for up, between in written
    ]


def places(app) -> list[str]:
    """The address of every route, `{}` where something from outside goes: in each part of its path, in each query."""
    found = []
    for route in app.routes:
        if isinstance(route, Mount):
            found.append(f"{route.path}/{{}}")
        elif isinstance(route, APIRoute) and "GET" in route.methods:
            bare = re.sub(r":\w+}", "}", route.path)
            found += [bare.format(**{**USUAL, name: "{}"}) for name in route.param_convertors]
            asked = [route.dependant, *route.dependant.dependencies]
            for one in [query for dependant in asked for query in dependant.query_params]:
                model = one.field_info.annotation
                names = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else [one.alias]
                found += [f"{bare.format(**USUAL)}?{name}={{}}" for name in names]
    return found


def is_clean(said: bytes) -> bool:
    return not any(canary in said for canary in (OUTSIDE, LEFT_OUT, *OURS, *SYSTEM))


def test_a_canary_would_be_seen(raw, app):
    """What may be served is, by the same means."""
    number = app.state.numbers["a.md"]
    assert raw.ask(f"/files/{number}/sub/shown.png")[0] == 200
    assert INSIDE in raw.ask(f"/files/{number}/sub/%73hown.png")[1]
    assert INSIDE in raw.ask(f"/notes/{number}")[1]
    assert not is_clean(raw.ask("/static/page.js")[1] + OUTSIDE)


def test_every_route_that_takes_something_is_tried(app):
    tried = places(app)
    taking = {route.path for route in app.routes if isinstance(route, Route | APIRoute) and route.param_convertors}
    for path in taking:
        if "GET" in next(route for route in app.routes if getattr(route, "path", "") == path).methods:
            pattern = re.sub(r"\\{[^}]*}", "[^?]+", re.escape(path))
            assert any(re.fullmatch(pattern, place.partition("?")[0]) for place in tried), path
    assert {"/static/{}", "/files/1/{}", "/library/folder?folder={}"} <= set(tried)


@pytest.mark.timeout(3600)
def test_nothing_outside_is_served(raw, app):
    """Each plain way is tried at the routes that lead to files, and a sample of all of them, by chance, everywhere."""
    chance, everything, tried = random.Random(SEED), attempts(app.state.top), 0
    for place in places(app):
        leads = place.startswith(("/files/1/{}", "/static"))
        for path in everything if ALL and leads else chance.sample(everything, FEW) + plain() * leads:
            target = place.replace("{}", quote(path, safe="%") if "?" in place else path)
            status, said = raw.ask(target)
            assert is_clean(said), (SEED, target)
            assert status < 500, (SEED, target, said)
            tried += 1
    print(f"\n{tried:,} attempts at {len(places(app))} places, of {len(everything):,} ways (seed {SEED})")  # noqa: T201 - `make attacks` shows it
    assert tried > 60 * FEW


def test_what_links_lead_to_and_what_is_left_out_is_not_served(raw, app):
    for number in app.state.numbers.values():
        for file in (*HIDDEN, *LED, "data.json"):
            status, said = raw.ask(f"/files/{number}/{file}")
            assert (status, is_clean(said)) == (404, True), file


def test_what_took_the_place_of_a_document_is_not_served(raw, app):
    numbers = app.state.numbers
    for name in ("led.md", "piped.md", "folded.md"):
        for target in (
            f"/notes/{numbers[name]}",
            f"/notes/{numbers[name]}?view=source",
            f"/api/documents/{numbers[name]}",
        ):
            status, said = raw.ask(target)
            assert (status, is_clean(said)) == (404, True), target
    paper = numbers["2101.00001v2.pdf"]
    assert raw.ask(f"/api/papers/{paper}/pages/1.png")[0] == 404
    status, said = raw.ask(f"/papers/{paper}")
    assert (status, is_clean(said), b"cannot be drawn" in said or b"not under its root" in said) == (200, True, True)


@pytest.mark.parametrize("file", ["../outside/secret.md", "{}/outside/secret.md", "way/secret.md", "chain/secret.md"])
def test_what_a_damaged_catalogue_names_is_not_served(raw, app, file):
    number = app.state.numbers["folded.md"]
    app.state.desk.move(number, file.format(app.state.top))
    for target in ("/notes/{}", "/notes/{}?view=source", "/api/documents/{}"):
        status, said = raw.ask(target.format(number))
        assert (status, is_clean(said)) == (404, True), target
    app.state.desk.move(number, "folded.md")


def test_a_note_names_no_picture_that_it_may_not(raw, app):
    for name in ("a.md", "sub/b.md"):
        said = raw.ask(f"/notes/{app.state.numbers[name]}")[1]
        assert (b"<img" in said, is_clean(said)) == (False, True)


def test_bodies_and_tools_lead_nowhere_else(raw, app):
    chance, everything = random.Random(SEED), attempts(app.state.top)
    calls = [
        ("/api/ask", lambda path: {"question": f'canary path:"{path}"'}),
        ("/api/ask", lambda path: {"question": "canary", "filters": {"path": [path]}}),
        ("/api/papers", lambda path: {"paper": path}),
        ("/mcp", lambda path: tool("tools/call", name="read", arguments={"place": path})),
        ("/mcp", lambda path: tool("resources/read", uri=f"footnote://notes/{path}")),
        ("/mcp", lambda path: tool("resources/read", uri=f"footnote://papers/{path}/pages/1")),
    ]
    for address, body in calls:
        for path in chance.sample(everything, FEW):
            status, said = raw.ask(address, "POST", json.dumps(body(path)).encode())
            assert (is_clean(said), status < 500) == (True, True), (SEED, address, path)
    for place, told in (("a.md:3", INSIDE), ("led.md:3", b"links are not followed")):
        body = tool("tools/call", name="read", arguments={"place": place})
        said = raw.ask("/mcp", "POST", json.dumps(body).encode())[1]
        assert (told in said, is_clean(said)) == (True, True)


def tool(method, **params):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
