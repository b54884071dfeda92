"""What is secret stays so: a service as a process, and everything that it writes, answers and shows of itself."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from desks import settings_for, write
from stub_encoder import HashEncoder

from indexer.build import build
from service import client

ADMIN = "canary-admin-0123456789-abc"
READ = "canary-reads-9876543210-abc"
KEY = "canary-chat-key"
ASKED = "canaryquestion"
LOOKS = ("/metrics", "/api/status", "/healthz", "/readyz", "/openapi.json", "/library", "/docs", "/nowhere")
CANARY = re.compile("canary", re.IGNORECASE)

RUN = """
import os, sys
import indexer.encode, service.cli, service.desk
from stub_encoder import HashEncoder
indexer.encode.load_encoder = service.desk.load_encoder = lambda *_, **__: HashEncoder()
raise SystemExit(service.cli.main(sys.argv[1:], os.environ))
"""


class Service:
    """A running `footnote serve`: where it answers, its process, and what it has written."""

    def __init__(self, settings, **environ) -> None:
        self.settings = settings
        path = os.pathsep.join([str(Path(__file__).parent), *(one for one in sys.path if one)])
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # as where images are wanted; it is handed down
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "serve", "--port", "0", "--log", "json"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": path,
                "FOOTNOTE_CONFIG": os.devnull,
                "FOOTNOTE_LIBRARY": str(settings.library),
                "FOOTNOTE_CACHE": str(settings.cache),
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        line = self.process.stderr.readline()
        assert "Footnote answers at" in line, line + self.process.stderr.read()
        self.address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        self.port = urlsplit(self.address).port

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        out, error = self.process.communicate(timeout=60)
        return out + error


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    settings = settings_for(folder)
    before = os.umask(0)
    try:
        build(settings.library, [Path(write(folder / "notes"))], HashEncoder(), settings)
    finally:
        os.umask(before)
    return settings


@pytest.fixture(scope="module")
def service(settings):
    environ = {"FOOTNOTE_TOKEN": ADMIN, "FOOTNOTE_READ_TOKEN": READ, "FOOTNOTE_CHAT_KEY": KEY}
    chat = {"FOOTNOTE_CHAT_URL": "http://127.0.0.1:9/v1", "FOOTNOTE_CHAT_MODEL": "none"}
    running = Service(settings, **environ, **chat)
    yield running
    running.process.kill()
    running.process.wait()
    for stream in (running.process.stdout, running.process.stderr):
        stream.close()


def test_the_library_is_for_its_owner_alone_whatever_the_umask(settings):
    assert stat.S_IMODE(settings.library.stat().st_mode) == 0o700


def test_it_listens_on_this_machine_alone(service):
    socket.create_connection(("127.0.0.1", service.port)).close()
    if sys.platform == "linux":  # where all of 127.0.0.0/8 is this machine, and any address would answer
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", service.port))


def test_commands_of_this_machine_are_let_in_and_learn_no_token(service, settings):
    file = settings.library / client.ADDRESS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not CANARY.search(file.read_text())
    assert client.ask(settings, "How many layers does GoogLeNet have?", k=1).citations
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {"ticket": "another"}))
    try:
        assert client.ask(settings, "How many layers does GoogLeNet have?", k=1) is None
    finally:
        file.write_text(json.dumps(told))


def test_an_address_in_the_request_line_is_no_way_around_the_door(service):
    """The absolute form of a target (RFC 9112, 3.2.2), with a name of its own."""
    for target in ("http://evil.example/api/status", "//healthz", "/healthz/../api/status", "/static/../api/status"):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        connection.request("GET", target)
        answer = connection.getresponse()
        assert answer.status in (401, 404, 421), target
        assert b"passages" not in answer.read()
        connection.close()


def test_nobody_believes_a_proxy_that_was_not_named(service):
    with httpx.Client(base_url=service.address, trust_env=False) as asking:
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "evil.example"}
        cookie = asking.post("/sign-in", data={"token": READ}, headers=headers).headers["set-cookie"]
        assert "secure" not in cookie.lower()


def test_a_proxy_that_was_named_is_believed(settings):
    running = Service(settings, FOOTNOTE_TOKEN=ADMIN, FOOTNOTE_PROXIES="127.0.0.0/8")
    try:
        with httpx.Client(base_url=running.address, trust_env=False) as asking:
            headers = {"x-forwarded-proto": "https"}
            cookie = asking.post("/sign-in", data={"token": ADMIN}, headers=headers).headers["set-cookie"]
            assert "secure" in cookie.lower()
    finally:
        running.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_list_of_processes_and_an_image_of_the_memory_tell_nothing(service):
    proc = Path("/proc") / str(service.process.pid)
    assert not CANARY.search((proc / "cmdline").read_text())
    assert re.search(r"^Max core file size +0 ", (proc / "limits").read_text(), re.MULTILINE)


def test_nothing_that_it_writes_or_answers_holds_a_secret(service):
    """The last test of the service: it ends it, and reads everything that it wrote."""
    said = []
    with httpx.Client(base_url=service.address, trust_env=False, timeout=60) as asking:
        for token in (ADMIN, READ, "canary-wrong-0123456789-abc", ""):
            headers = {"authorization": f"Bearer {token}"} if token else {}
            for path in (
                "/metrics",
                "/api/status",
                "/healthz",
                "/readyz",
                "/openapi.json",
                "/library",
                "/docs",
                "/nowhere",
            ):
                answer = asking.get(path, headers=headers)
                said += [answer.text, str(answer.headers)]
            asking.get("/", params={"q": ASKED}, headers=headers)
            asking.get("/api/search", params={"q": ASKED, "k": -1}, headers=headers)
            asking.get("/api/search", params={"q": f"after:{ASKED}"}, headers=headers)
            asking.get(f"/{ASKED}", headers=headers)
            asking.post("/api/ask", json={"question": ASKED, "writer": "chat"}, headers=headers)
            asking.post("/api/ask", json={"question": ASKED}, headers=headers)
            asking.post("/api/ask", content=f'{{"question": "{ASKED}', headers=headers)
            asking.post("/api/papers", json={"paper": ASKED}, headers=headers)
            said.append(asking.post("/sign-in", data={"token": token or "canary-wrong-token"}).text)
            said += [str(asking.get("/").headers), asking.get("/library").text]
            asking.cookies.clear()
    assert not CANARY.search("\n".join(said))
    written = service.stop()
    assert '"event": "request"' in written
    assert not CANARY.search(written)
    assert not (service.settings.library / client.ADDRESS_FILE).exists()
