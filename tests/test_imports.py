"""What a command imports: nothing heavy before it is needed. Each runs in a process of its own, as a person's does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from desks import NOTES, settings_for
from stub_encoder import HashEncoder

from indexer.build import build
from service.present import answer_json
from service.types import Answer, Sentence

HEAVY = frozenset({
    "asyncio", "email", "faiss", "fastapi", "http", "httpx", "jinja2", "mcp", "nncf", "numpy", "openvino", "pathspec",
    "prometheus_client", "pydantic", "pypdf", "pypdfium2", "rapidfuzz", "sentence_transformers", "sklearn", "sqlite3",
    "starlette", "tantivy", "threadpoolctl", "tokenizers", "torch", "transformers", "urllib3", "uvicorn", "watchfiles",
})  # fmt: skip
"""Packages that take more than some milliseconds to import."""

RUN = """
import contextlib, io, json, os, sys
import service.cli
if {stubbed}:
    import indexer.encode
    from stub_encoder import HashEncoder
    indexer.encode.load_encoder = lambda *_, **__: HashEncoder()
with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
    code = service.cli.main({argv!r}, os.environ)
print(json.dumps([code, error.getvalue(), sorted(set(name.partition(".")[0] for name in sys.modules))]))
"""


def imported(*argv: str, stubbed: bool = False) -> tuple[int, set[str]]:
    """The exit code of a command, and the heavy packages that it imported."""
    script = RUN.format(argv=argv, stubbed=stubbed)
    path = [entry for entry in sys.path if entry]
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    code, _, names = json.loads(found.stdout)
    return code, HEAVY & set(names)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imports")
    settings = settings_for(folder)
    notes = folder / "notes"
    notes.mkdir()
    for name, text in NOTES.items():
        (notes / name).write_text(text, encoding="utf-8")
    build(settings.library, [notes], HashEncoder(), settings)
    return settings.library


def test_what_tells_of_an_interrupt_is_there_before_anything_is_imported():
    found = subprocess.run(
        [sys.executable, "-c", "import sys, service.cli; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    ours = {name for name in found.stdout.split() if name.startswith(("indexer.", "service."))}
    assert ours == {"indexer.errors", "indexer.visible", "service.cli"}


def test_help_imports_nothing_heavy():
    assert imported("--help") == (0, set())


def test_status_imports_the_stores_and_no_model(library):
    assert imported("status", "--library", str(library)) == (0, {"numpy", "sqlite3", "tantivy"})


def test_ask_imports_the_stores_what_the_model_runs_on_and_no_server(library):
    code, found = imported("ask", "What is dropout?", "--library", str(library), stubbed=True)
    assert code in (0, 1)
    assert found == {"faiss", "numpy", "openvino", "sqlite3", "tantivy", "threadpoolctl"}


def test_ask_through_a_service_imports_what_speaks_http(tmp_path):
    answer = Answer("What is dropout?", "unsupported", 0.1, (Sentence("Nothing.", ()),), (), 1.0)

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps(answer_json(answer)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (tmp_path / "service.json").write_text(json.dumps({"url": url, "pid": 0}))
        try:
            assert imported("ask", "What is dropout?", "--library", str(tmp_path)) == (1, {"email", "http"})
        finally:
            server.shutdown()
            thread.join()
