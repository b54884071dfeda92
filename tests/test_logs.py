"""What a service writes to stderr while it runs."""

import json
import logging
import re
import unicodedata
from datetime import datetime, timedelta

import desks
import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.logs import REQUEST, configure, event, say

SECRET = "zanzibar quasar"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with desks.open_desk(tmp_path_factory.mktemp("logs")) as desk:
        yield desk


@pytest.fixture
def lines(capsys):
    """Configure the log; give what was written since."""
    root, own = logging.getLogger(), logging.getLogger("footnote")
    before = root.handlers[:], root.level, own.level

    def written() -> list[str]:
        return capsys.readouterr().err.splitlines()

    def start(log: str):
        configure(log)
        return written

    yield start
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])
    logging.captureWarnings(capture=False)


def test_a_request_is_an_object_of_its_own(lines, desk):
    written = lines("json")
    client = TestClient(create_app(desk.settings, desk=desk))
    response = client.get("/api/documents/1?secret=1")
    (line,) = written()
    said = json.loads(line)
    assert list(said) == ["time", "level", "event", "request_id", "method", "route", "status", "ms"]
    assert abs(datetime.fromisoformat(said["time"]) - datetime.now().astimezone()) < timedelta(minutes=1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["time"])
    assert (said["level"], said["event"], said["method"]) == ("info", "request", "GET")
    assert (said["route"], said["status"]) == ("/api/documents/{document_id}", 200)
    assert 0 < said["ms"] < 60_000
    assert said["request_id"] == response.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", said["request_id"])


@pytest.mark.parametrize(("given", "kept"), [("a-1_B", True), ("a b", False), ('"', False), ("x" * 65, False)])
def test_an_id_that_is_given_is_kept_where_it_is_one(desk, given, kept):
    client = TestClient(create_app(desk.settings, desk=desk))
    response = client.get("/healthz", headers={"X-Request-ID": given})
    assert (response.headers["x-request-id"] == given) is kept


def test_no_line_holds_the_words_of_a_question(lines, desk, monkeypatch):
    written = lines("json")
    client = TestClient(create_app(desk.settings, desk=desk), raise_server_exceptions=False)
    client.post("/api/ask", json={"question": SECRET})
    client.get("/", params={"q": SECRET})
    client.get("/api/search", params={"q": f"after:never {SECRET}"})
    client.post("/api/ask", json={"question": SECRET, "k": 1000})

    def fail(*_args, **_options):
        raise ValueError("of another kind")

    monkeypatch.setattr(desk, "search", fail)
    client.get("/api/search", params={"q": SECRET})
    said = written()
    assert [json.loads(line).get("status") for line in said] == [200, 200, 400, 422, None, 500]
    assert not any("zanzibar" in line for line in said)


def test_trouble_in_a_request_carries_its_id_and_its_traceback(lines, desk, monkeypatch):
    written = lines("json")
    client = TestClient(create_app(desk.settings, desk=desk), raise_server_exceptions=False)
    monkeypatch.setattr(desk, "status", lambda: 1 / 0)
    client.get("/api/status", headers={"X-Request-ID": "mine"})
    trouble, request = map(json.loads, written())
    assert (trouble["level"], trouble["event"]) == ("error", "GET /api/status failed")
    assert trouble["exception"].endswith("ZeroDivisionError: division by zero")
    assert trouble["request_id"] == request["request_id"] == "mine"
    assert request["status"] == 500


def test_text_says_the_same_for_people(lines):
    written = lines("text")
    token = REQUEST.set("abc")
    event("request", route="/x", said='two "words"', empty="")
    REQUEST.reset(token)
    (line,) = written()
    assert re.fullmatch(r'\S+Z info    request request_id=abc route=/x said="two \\"words\\"" empty=""', line)


@pytest.mark.parametrize("log", ["off", "text"])
def test_no_line_commands_the_terminal(lines, log):
    written = lines(log)
    logging.getLogger("footnote").warning("\x1b[2J of %s", "\x9b1m.md")
    say("\x1b]0;x\x07.md could not be read")
    assert "␛[2J of �1m.md" in (said := "\n".join(written()))
    assert not any(unicodedata.category(char) == "Cc" for char in said.replace("\n", ""))


def test_lines_of_libraries_go_the_same_way(lines):
    written = lines("json")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").info("chatter")
    (line,) = written()
    assert json.loads(line) | {"time": ""} == {
        "time": "", "level": "warning", "event": "Invalid HTTP request received.", "logger": "uvicorn.error",
    }  # fmt: skip


def test_off_is_quiet_but_for_trouble(lines):
    written = lines("off")
    event("request", route="/x")
    say("3 files (1 new)")
    logging.getLogger("footnote").warning("the disk is full; free space there")
    assert written() == ["3 files (1 new)", "the disk is full; free space there"]


def test_what_a_person_is_told_is_an_event_among_events(lines):
    written = lines("json")
    say("3 files (1 new)")
    (line,) = written()
    assert json.loads(line)["event"] == "notice"
    assert json.loads(line)["said"] == "3 files (1 new)"


def test_a_line_is_one_line_whatever_it_says(lines):
    written = lines("json")
    event("request", route="two\nlines  ", error=ValueError("x"))
    (line,) = written()
    assert json.loads(line)["route"] == "two\nlines  "
    assert json.loads(line)["error"] == "x"
