"""Papers searched, added and removed, and runs begun, over HTTP."""

from __future__ import annotations

import asyncio
import json
from threading import Event

import pytest
from arxiv_server import status
from fastapi.testclient import TestClient
from wanting import MACHINE, desk_beside_arxiv, settle

from indexer import build
from indexer.library import writing
from indexer.running import RUNNING
from service.app import create_app
from service.serve import _watch


@pytest.fixture
def beside(tmp_path):
    with desk_beside_arxiv(tmp_path) as both:
        yield both


@pytest.fixture
def client(beside):
    desk, _ = beside
    with TestClient(create_app(desk.settings, desk=desk)) as client:
        yield client


@pytest.fixture
def server(beside):
    return beside[1]


def events(response):
    found = [dict(line.split(": ", 1) for line in part.split("\n")) for part in response.text.strip().split("\n\n")]
    return [(one["event"], json.loads(one["data"])) for one in found]


def test_papers_that_may_answer_are_searched_and_say_what_was_sent(client, server):
    found = client.post("/api/papers/search", json={"question": "What is a *Boltzmann* machine?", "most": 1}).json()
    assert (found["question"], found["words"]) == ("What is a *Boltzmann* machine?", ["boltzmann", "machine"])
    (paper,) = found["papers"]
    assert {name: paper[name] for name in ("paper", "version", "title", "published", "sentence", "link", "state")} == {
        "paper": "2101.00001",
        "version": "v2",
        "title": MACHINE.title,
        "published": "2017-06-12",
        "sentence": "A Boltzmann machine has hidden units.",
        "link": "https://arxiv.org/abs/2101.00001",
        "state": None,
    }
    assert paper["authors"] == list(MACHINE.authors)
    assert server.searches()[0] == "all:boltzmann AND all:machine"


def test_a_search_that_cannot_be_made_is_a_problem_with_a_remedy(client, server):
    server.fail("/api/query", status(403))
    refused = client.post("/api/papers/search", json={"question": "Boltzmann machine"})
    assert (refused.status_code, refused.headers["content-type"]) == (502, "application/problem+json")
    assert refused.json()["detail"].endswith("; look whether the network is there, then search again")
    assert client.post("/api/papers/search", json={"question": "why?"}).status_code == 422
    assert client.post("/api/papers/search", json={"question": " "}).status_code == 422


def test_a_paper_is_added_fetched_found_and_removed(client, server):
    answer = client.post("/api/papers", json={"paper": "https://arxiv.org/abs/2101.00001"})
    assert (answer.status_code, answer.json()["paper"], answer.json()["added"]) == (202, "2101.00001", True)
    settle(client.app.state.runs)
    paper = client.get("/api/papers/2101.00001").json()
    assert (paper["state"], paper["waiting"], paper["version"], paper["title"]) == (
        *("fetched", False, "v2"),
        MACHINE.title,
    )
    assert client.get(paper["link"]).status_code == 200
    assert client.get("/api/search", params={"q": "hidden units keep"}).json()["hits"][0]["paper"] == "2101.00001"
    listed = client.get("/api/papers").json()["papers"]
    assert {one["paper"]: (one["state"], one["added"]) for one in listed} == {
        "2101.00001": ("fetched", True),
        "2101.00009": ("pending", False),
    }
    assert "/pdf/2101.00009" not in server.paths()  # only what was asked for
    assert client.delete("/api/papers/2101.00001").status_code == 204
    settle(client.app.state.runs)
    assert client.get("/api/papers/2101.00001").status_code == 404
    assert client.delete("/api/papers/2101.00009").json()["detail"] == (
        "2101.00009 was not added by hand; notes name it, and it stays as long as they do"
    )


def test_what_names_no_paper_is_refused(client):
    assert client.post("/api/papers", json={"paper": "boltzmann"}).status_code == 400
    assert client.get("/api/papers/boltzmann").status_code == 400
    assert client.get("/api/papers/2101.00002").status_code == 404


def test_what_cannot_be_fetched_says_why(client, server):
    server.fail("/pdf/2101.00001v2", status(404))
    client.post("/api/papers", json={"paper": "2101.00001"})
    settle(client.app.state.runs)
    paper = client.get("/api/papers/2101.00001").json()
    assert (paper["state"], paper["waiting"], paper["reason"]) == ("failed", False, "127.0.0.1 has no such file (404)")


def test_a_paper_waits_while_another_process_writes(client, beside, monkeypatch):
    monkeypatch.setattr("service.runs.AGAIN_SECONDS", 0.01)
    library = beside[0].settings.library
    with writing(library, "another"):
        assert client.post("/api/papers", json={"paper": "2101.00001"}).json()["waiting"] is True
        assert client.get("/api/indexing").json()["busy"] is True
    settle(client.app.state.runs)
    assert client.get("/api/papers/2101.00001").json()["state"] == "fetched"


def test_changes_are_looked_for_when_asked_to(client, beside, server, tmp_path):
    before = client.get("/api/indexing").json()
    assert (before["busy"], before["running"], before["last"]) == (False, None, None)
    (tmp_path / "notes" / "new.md").write_text("# New\n\nA new note.\n")
    assert client.post("/api/indexing").status_code == 202
    settle(client.app.state.runs)
    after = client.get("/api/indexing").json()
    assert (after["busy"], after["generation"] > before["generation"]) == (False, True)
    assert after["last"]["said"].startswith("4 files (1 new, 3 unchanged)")
    assert server.requests == []
    client.post("/api/indexing", json={"papers": "new"})
    settle(client.app.state.runs)
    assert server.ids_asked()[0] == ["2101.00009"]
    assert "absent" in str(client.get("/api/papers").json())


def test_runs_are_counted(client):
    def count(outcome):
        return client.app.state.figures.registry.get_sample_value("footnote_index_runs_total", {"outcome": outcome})

    def run(**asked):
        client.post(**asked)
        settle(client.app.state.runs)
        return count("changed"), count("unchanged"), count("failed")

    assert run(url="/api/papers", json={"paper": "2101.00001"}) == (1, 0, 0)
    assert run(url="/api/indexing", json={}) == (1, 1, 0)
    lock = client.app.state.settings.library / "lock"
    lock.unlink(missing_ok=True)
    (lock / "full").mkdir(parents=True)
    assert run(url="/api/indexing", json={})[2] == 1
    figures = client.app.state.figures.registry
    assert figures.get_sample_value("footnote_index_run_seconds_count") == 3


def test_a_run_that_fails_says_so(client, monkeypatch, caplog):
    for error in (OSError("what the disk said"), KeyError("x")):
        monkeypatch.setattr("indexer.build.build", lambda *_, error=error, **__: (_ for _ in ()).throw(error))
        client.post("/api/indexing", json={})
        settle(client.app.state.runs)
        assert client.get("/api/indexing").json()["last"] | {"at": 0} == {
            "said": "an error in Footnote itself; the log of the service says more",
            "failed": True,
            "at": 0,
        }
    assert "what the disk said" in caplog.text


def test_whoever_wants_to_write_too_is_told_what_the_service_does(client, beside, monkeypatch):
    said, once = [], build.build

    def spy(library, *arguments, **options):
        return once(library, *arguments, **options, progress=lambda _: said.append(json.loads(holder.read_text())))

    desk, state = beside[0], client.app.state
    holder = desk.settings.library / "lock.json"
    monkeypatch.setattr(build, "build", spy)
    client.post("/api/indexing", json={})
    settle(state.runs)
    assert {one["command"] for one in said} == {"footnote serve"}
    said.clear()
    monkeypatch.setattr("service.serve.watch", lambda _roots, look, **_: look(None))
    _watch(desk.settings, desk, [], "known", state.runs, state.figures, Event())
    assert {one["command"] for one in said} == {"footnote serve --watch"}


def test_progress_of_another_process_is_told_until_it_ends(client, beside, monkeypatch):
    library = beside[0].settings.library
    left = {"command": "footnote index", "pid": 7, "stage": "read", "done": 1, "total": 4, "embedded": 10}
    done, sleep = iter((2, 3)), asyncio.sleep

    async def go_on(_: float) -> None:
        """The other process goes on, and ends."""
        if number := next(done, None):
            (library / RUNNING).write_text(json.dumps(left | {"done": number}))
        else:
            (library / RUNNING).unlink()
        await sleep(0)

    monkeypatch.setattr("service.changing.asyncio.sleep", go_on)
    with writing(library, "another"):
        (library / RUNNING).write_text(json.dumps(left))
        told = events(client.get("/api/progress"))
    assert [(event, (data["running"] or {}).get("done")) for event, data in told] == [
        ("progress", 1),
        ("progress", 2),
        ("progress", 3),
        ("idle", None),
    ]
    assert told[0][1]["running"] | left == told[0][1]["running"]
    (event, data), *rest = events(client.get("/api/progress"))
    assert (event, data["busy"], rest) == ("idle", False, [])
