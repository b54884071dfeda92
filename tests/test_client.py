import json
import socket
import threading
from dataclasses import replace

import pytest
import shelf
import uvicorn
from browser import served as browser_served
from stub_desk import StubDesk

from indexer.settings import Settings
from indexer.types import Box
from service.access import Access
from service.app import create_app
from service.client import SET_ONE, announced, ask, listens_everywhere, url_here
from service.credentials import Tokens
from service.present import answer_json, answer_of
from service.types import Answer, Citation, Related, Sentence

NOTE = Citation(
    1, "note", "a.md", None, None, "A", ("Top",), (1, 2), None, None, "said", "it is said", 1.0, "/notes/1", stale=True,
    related=(Related("paper of this note", shelf.TITLE, None, None, "2101.00001", "/papers/2"),),
)  # fmt: skip
PAPER = Citation(
    2, "paper", None, "2101.00001", "v2", shelf.TITLE, (), None, (1, 2), (Box(1, 0.5, 1.0, 2.0, 3.0),), "said", "said",
    1.0, "/papers/2?page=1&sentences=2-2#quote", stale=False,
    related=(Related("your note on this paper", "A", "a.md", (3, 3), None, "/notes/1?lines=3-3#L3"),),
)  # fmt: skip


@pytest.fixture
def served(tmp_path):
    """A service with a chat model, and its desk; the address is left where `ask` looks for it."""
    (tmp_path / "a.md").write_text("Batch norm keeps the activations in range.\n")
    desk, settings = StubDesk(tmp_path), Settings(tmp_path, tmp_path)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings, desk=desk), log_config=None, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    with announced(tmp_path, *listening.getsockname()):
        yield desk, settings
    server.should_exit = True
    thread.join()
    listening.close()


def test_what_a_model_writes_comes_through_a_service_while_it_is_written(served):
    desk, settings = served
    heard, more = [], threading.Event()

    def worded(answer):
        for n in (1, 2):
            yield replace(answer, sentences=(Sentence("Said.", (1,)),) * n, writer="chat")
            assert more.wait(20)

    def partly(answer):
        heard.append(len(answer.sentences))
        more.set()

    desk.writes = worded
    answer = ask(settings, "batch norm activations", k=2, writer="chat", partly=partly)
    assert heard == [1, 2]
    assert (answer.writer, len(answer.sentences), answer.citations[0].file) == ("chat", 2, "a.md")
    assert ask(settings, "batch norm activations", k=2) == desk.ask("batch norm activations", k=2)


def test_without_a_whole_answer_the_service_has_given_none(served):
    desk, settings = served
    heard = []
    assert ask(settings, "batch norm activations", k=2, writer="chat") is None  # it has no chat model

    def broken(answer):
        yield replace(answer, writer="chat")
        raise RuntimeError("the end of it")

    desk.writes = broken
    assert ask(settings, "batch norm activations", k=2, writer="chat", partly=heard.append) is None
    assert len(heard) == 1


def test_an_answer_comes_back_from_a_service_as_it_was():
    answer = Answer("?", "partial", 0.5, (Sentence("said", (1, 2)),), (NOTE, PAPER), 1.5)
    assert answer_of(json.loads(json.dumps(answer_json(answer)))) == answer


def test_a_service_that_is_named_and_gives_no_answer_says_why(tmp_path):
    (tmp_path / "a.md").write_text("Batch norm keeps the activations in range.\n")
    token, heard = "Ab3dEf6hIj9kLm2nOp5qRs8tUv", []
    access = Access(Tokens(admin=token))
    with browser_served(create_app(Settings(tmp_path, tmp_path), desk=StubDesk(tmp_path), access=access)) as url:
        named = {"FOOTNOTE_LIBRARY": str(tmp_path), "FOOTNOTE_CACHE": str(tmp_path), "FOOTNOTE_URL": url}
        for more in ({}, {"FOOTNOTE_TOKEN": token[::-1]}):
            assert ask(Settings.from_environ(named | more), "batch norm", k=1, notice=heard.append) is None
        assert ask(Settings.from_environ(named | {"FOOTNOTE_TOKEN": token}), "batch norm", k=1, notice=heard.append)
    assert ask(Settings.from_environ(named), "batch norm", k=1, notice=heard.append) is None
    assert heard == [
        f"{url} wants a token; {SET_ONE}",
        f"{url} does not take this token; {SET_ONE}",
        f"{url} does not answer; start footnote serve there, or set FOOTNOTE_URL to where it is",
    ]
    assert ask(Settings(tmp_path, tmp_path), "batch norm", k=1, notice=heard.append) is None  # none is known
    assert len(heard) == 3


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("laptop", "http://laptop:8000"),
    ],
)
def test_an_address_that_means_all_is_no_address_to_go_to(host, url):
    assert url_here(host, 8000) == url
    assert listens_everywhere(host) == (url == "http://127.0.0.1:8000")
