import json
import os
import shutil
import socket
import threading
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from arxiv_server import ArxivServer, Paper
from desks import settings_for, write
from stub_encoder import HashEncoder

from indexer import __version__
from indexer.build import build
from indexer.errors import FetchError, LibraryCorrupt
from indexer.settings import ChatSettings, ServiceSettings, Settings, TerminalSettings
from service import checks
from service.cli import main
from service.doctor import Finding, examined, finding_text, findings_json, is_well, last_row
from service.terminal import Style

WELL, NOTE, BROKEN = Finding("a", "well", "good"), Finding("b", "note", "so so", "do it"), Finding("c", "broken", "bad")


def test_findings_are_told_with_a_mark_and_what_to_do():
    assert finding_text(WELL, Style()) == "✓ a         good"
    assert finding_text(NOTE, Style()) == "! b         so so\n            → do it"
    assert finding_text(BROKEN, Style(colour=True)).startswith("\033[1;38;5;167m✗\033[0m c ")
    long = finding_text(replace(NOTE, says="word " * 30, remedy="step " * 30), Style(width=40)).split("\n")
    assert max(map(len, long)) <= 40
    assert [last_row(found) for found in ([WELL], [WELL, NOTE], [WELL, BROKEN])] == [
        "All is well.",
        "All is well, with 1 to look at.",
        "1 of 2 broken: follow the arrows.",
    ]
    assert (is_well([WELL, NOTE]), is_well([BROKEN])) == (True, False)
    assert findings_json([NOTE])["findings"] == [{"about": "b", "state": "note", "says": "so so", "remedy": "do it"}]


def test_what_a_check_raises_is_what_it_found():
    def corrupt():
        yield WELL
        raise LibraryCorrupt("it is damaged; it really is; delete it")

    def wrong():
        raise RuntimeError("oh")

    assert list(examined([("x", corrupt), ("y", wrong), ("z", lambda: iter([NOTE]))])) == [
        WELL,
        Finding("x", "broken", "it is damaged; it really is", "delete it"),
        Finding("y", "broken", "could not be looked at (RuntimeError('oh'))", "report this with the output"),
        NOTE,
    ]


@pytest.fixture
def indexed(tmp_path):
    settings = settings_for(tmp_path)
    encoder = HashEncoder()
    encoder.fingerprint = "hash-1"
    build(settings.library, [write(tmp_path / "notes")], encoder, settings)
    return settings


def library(settings):
    return [(one.state, one.says, one.remedy) for one in checks._library(settings)]


def test_a_library_that_is_not_there_is_no_fault(tmp_path):
    assert library(settings_for(tmp_path)) == [
        ("note", f"none at {tmp_path / 'library'} yet", "footnote init finds your notes and makes it")
    ]


def test_a_library_of_another_model_is_broken(indexed):
    assert library(indexed)[:2] == [
        ("well", f"{indexed.library}: 3 documents, 9 passages", ""),
        (
            "broken",
            "it was made with the model hash-1, and the settings name all-MiniLM-L6-v2 or other prompts",
            "footnote index, or set FOOTNOTE_MODEL and the prompts back",
        ),
    ]


def test_a_library_whose_stores_are_behind_and_one_whose_notes_changed(indexed, tmp_path):
    mine = replace(indexed, model="hash")
    (tmp_path / "notes" / "adam.md").write_text("changed")
    assert library(mine)[1:] == [
        (
            "note",
            "1 changed or are gone since they were indexed, like adam.md",
            "footnote index, or let footnote serve --watch do it",
        )
    ]
    shutil.rmtree(indexed.library / "lexical")
    assert library(mine)[1:] == [
        ("note", "lexical is not in step with the catalogue", "nothing to do: the next question has them made again")
    ]
    assert not (indexed.library / "lexical").exists()  # looking repairs nothing


def test_a_damaged_library_is_found_and_the_rest_is_looked_at(indexed, environ, capsys):
    for leftover in indexed.library.glob("catalogue.db*"):
        leftover.unlink()
    (indexed.library / "catalogue.db").write_bytes(b"not a database at all, but as long as one" * 50)
    assert main(["doctor", "--json", "--library", str(indexed.library)], environ) == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["well"]
    broken = [one for one in found["findings"] if one["state"] == "broken"]
    assert [one["about"] for one in broken] == ["library"]
    assert broken[0]["remedy"] == f"repair it with: footnote index --library {indexed.library}"
    assert found["findings"][-1]["about"] == "terminal"


def test_what_a_repair_has_left_is_named(indexed):
    kept = indexed.library / "catalogue.db.damaged"
    kept.write_bytes(bytes(2_000_000))
    says = "catalogue.db.damaged, 2 MB, is left from a repair"
    assert library(indexed)[1] == ("note", says, f"when all is well: rm {kept}*")


def test_settings_that_cannot_be_read_are_found_and_slips_named(environ, capsys):
    mine = environ | {"FOOTNOTE_CHAT_MODL": "m", "FOOTNOTE_DEVICE": "tpu", "FOOTNOTE_ZZZZZZ": "1"}
    assert main(["doctor", "--json"], mine) == 2
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(one["state"], one["says"], one["remedy"]) for one in found if one["about"] == "settings"] == [
        ("note", "FOOTNOTE_CHAT_MODL is no setting, and does nothing", "did you mean FOOTNOTE_CHAT_MODEL?"),
        ("note", "FOOTNOTE_ZZZZZZ is no setting, and does nothing", "take it out of the environment"),
        ("broken", "FOOTNOTE_DEVICE is 'tpu'", "set it to auto, cpu or cuda"),
    ]


@pytest.mark.skipif(os.name != "posix", reason="there are no modes here")
def test_a_key_that_others_can_read_is_named(environ, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('chat_key = "sk"\n')
    file.chmod(0o644)
    mine = environ | {"FOOTNOTE_CONFIG": str(file)}
    assert list(checks._settings(mine))[-1].remedy == f"chmod 600 {file}"
    file.chmod(0o600)
    assert [one.state for one in checks._settings(mine)] == ["well"]


@pytest.mark.skipif(os.name != "posix", reason="there are no modes here")
def test_a_library_that_others_can_read_is_named(indexed):
    said = "others on this machine can read what it holds of the notes"
    mode = indexed.library.stat().st_mode
    indexed.library.chmod(0o755)
    try:
        assert (said, f"chmod 700 {indexed.library}") in [(one.says, one.remedy) for one in checks._library(indexed)]
    finally:
        indexed.library.chmod(mode)
    assert said not in [one.says for one in checks._library(indexed)]


def test_what_lets_into_the_service_is_told_and_no_token(tmp_path):
    def told(**service):
        settings = Settings(tmp_path / "library", tmp_path / "cache", service=ServiceSettings(**service))
        ((_, check),) = [one for one in checks.checks({}, settings, online=False) if one[0] == "access"]
        return [(one.state, one.says) for one in examined([("access", check)])]

    token = "canary-0123456789-abcdefghij"
    assert told() == [("well", "the service lets in whoever is on this machine; footnote token changes that")]
    assert told(token=token, read_token=token[::-1]) == [("well", "the service wants a token (to do all and to look)")]
    assert told(proxies=("127.0.0.1/32",))[0][0] == "note"
    (tmp_path / "token").write_text(token)
    (tmp_path / "token").chmod(0o644)
    assert told(token_file=str(tmp_path / "token"))[0][0] == "broken"


def test_a_whole_machine_is_well_and_says_so(indexed, environ, capsys):
    assert main(["doctor", "--library", str(indexed.library)], environ | {"FOOTNOTE_MODEL": "hash"}) in (0, 2)
    rows = capsys.readouterr().out.split("\n")
    about = {row.split()[1] for row in rows if row[:1] in "✓!✗" and row.strip()}
    assert {"versions", "processor", "settings", "model", "library", "disk", "service", "network"} <= about


@pytest.mark.parametrize(
    ("flags", "machine", "state", "says"),
    [
        ("fpu sse4_2 avx2 avx512f avx512_vnni amx_int8", "x86_64", "well", "AVX2, AVX-512, VNNI, AMX"),
        ("fpu avx2", "x86_64", "well", "AVX2; with VNNI, eight bits would be about twice as fast"),
        ("fpu sse4_2", "x86_64", "note", "without AVX2: embedding is slow"),
        ("fp asimd", "aarch64", "well", "aarch64, "),
    ],
)
def test_a_processor_is_known_by_what_it_can(tmp_path, flags, machine, state, says):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    (found,) = checks._processor(tmp_path / "cpuinfo", machine)
    assert found.state == state
    assert says in found.says


def test_a_full_disk_is_found(tmp_path, monkeypatch):
    for free, state in ((10, "broken"), (500_000_000, "note"), (5_000_000_000, "well")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert {one.state for one in checks._disk(settings_for(tmp_path))} == {state}


def test_notes_that_are_not_there_are_broken(tmp_path):
    found = list(checks._notes(replace(settings_for(tmp_path), notes=(tmp_path, tmp_path / "gone"))))
    assert [one.state for one in found] == ["well", "broken"]


def test_versions_are_compared_with_what_footnote_asks_for(monkeypatch):
    (found,) = checks._versions()
    assert found.state == "well"
    monkeypatch.setattr(checks.metadata, "requires", lambda _: ["numpy<1", "no-such-package>=1", "x; extra == 'gpu'"])
    (found,) = checks._versions()
    assert found.state == "broken"
    assert found.says.endswith(", not <1; no-such-package is missing")


class Alive(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    with HTTPServer(("127.0.0.1", 0), Alive) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_service_is_known_by_its_version(indexed, service):
    def left(**fields):
        (indexed.library / "service.json").write_text(json.dumps({"url": service, "pid": 0} | fields))
        (found,) = checks._service(indexed)
        return found

    assert left(version=__version__) == Finding("service", "well", f"runs at {service}; ask uses it")
    assert left().remedy == left(version="9.9").remedy == "stop it, and start it again: footnote serve"


def test_a_service_that_is_named_and_not_there_is_told(indexed, service):
    named = replace(indexed, terminal=TerminalSettings(url=service))
    assert [one.state for one in checks._service(named)] == ["well"]
    with closing(socket.create_server(("127.0.0.1", 0))) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    (found,) = checks._service(replace(indexed, terminal=TerminalSettings(url=url)))
    assert (found.state, found.says) == ("note", f"nothing answers at {url}")


def test_the_port_is_looked_at(indexed, monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        monkeypatch.setattr(checks, "PORT", taken.getsockname()[1])
        assert [one.remedy for one in checks._service(indexed)] == ["footnote serve --port 0 takes a free one"]
    assert [one.state for one in checks._service(indexed)] == ["well"]


def test_the_network_is_tried_on_request_only(indexed):
    (found,) = checks._network(indexed, {}, online=False)
    assert (found.state, found.says[:9]) == ("well", "not tried")
    proxied = list(checks._network(indexed, {"https_proxy": "http://p"}, online=False))
    assert proxied[0].says == "https_proxy is set, and not used: papers are fetched directly"


def test_arxiv_is_asked_once_and_what_it_says_is_told(indexed):
    with ArxivServer({checks.ASKED: Paper("Attention Is All You Need")}) as server:
        mine = replace(indexed, papers=server.settings())
        assert list(checks._network(mine, {}, online=True)) == [Finding("network", "well", "127.0.0.1 answers")]
        assert server.ids_asked() == [[checks.ASKED]]
        server.papers.clear()
        (found,) = checks._network(mine, {}, online=True)
        assert (found.state, found.remedy) == ("note", "check FOOTNOTE_ARXIV_API")


def test_a_network_without_arxiv_is_broken(indexed, monkeypatch):
    def refuse(*_):
        raise FetchError("the connection broke", again=True)

    monkeypatch.setattr("indexer.metadata.look_up", refuse)
    (found,) = checks._network(indexed, {}, online=True)
    assert (found.state, found.says) == ("broken", "export.arxiv.org cannot be asked: the connection broke")
    assert found.remedy.startswith("connect to the internet, or set FOOTNOTE_ARXIV_API")


def test_half_of_a_chat_model_is_told(indexed):
    assert list(checks._chat(indexed)) == []
    (found,) = checks._chat(replace(indexed, chat=ChatSettings(url="http://h/v1")))
    assert found.remedy == "set FOOTNOTE_CHAT_MODEL as well"
    (found,) = checks._chat(replace(indexed, chat=ChatSettings(url="http://h:1/v1", model="m")))
    assert found.says == "m at h:1, asked with --writer chat only"
