"""The commands as real processes, with the real model."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import termios
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from desks import write
from real_model import CACHE

BIN = Path(sys.executable).parent
QUESTION = "How many layers does GoogLeNet have?"
SECONDS = 100
"""More than anything here takes, on a machine that does something else as well."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environ(home):
    """A library over a small vault, made by a process of its own."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "FOOTNOTE_CACHE": str(CACHE),
        "FOOTNOTE_LIBRARY": str(home / "library"),
    }
    done = run(environ, "index", write(home / "notes"), "--no-papers")
    assert (done.returncode, done.stdout[:18]) == (0, "3 files (3 new), 9")
    return environ


def run(environ, *arguments, command="footnote", **options):
    return subprocess.run(
        [BIN / command, *arguments],
        env=environ,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
        **options,
    )


@contextmanager
def started(environ, *arguments, program=(BIN / "footnote",), **options):
    """A process that ends with the block, if it has not ended before."""
    process = subprocess.Popen(
        [*program, *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def served(environ, *arguments):
    """A service on a free port: its process and its address."""
    with started(environ, "serve", "--port", "0", *arguments) as process:
        line = process.stderr.readline()
        found = re.fullmatch(r"Footnote answers at (http://127\.0\.0\.1:\d+) — press Ctrl-C to stop\n", line)
        assert found, line + process.stderr.read()
        yield process, found[1]


def until(holds):
    """Wait until `holds()` is true, and return what it gives."""
    deadline = time.monotonic() + SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_a_service_answers_over_http_and_for_the_short_command(environ, home):
    with served(environ) as (process, address):
        with httpx.Client(base_url=address, timeout=SECONDS, trust_env=False) as client:
            answer = client.post("/api/ask", json={"question": QUESTION}).json()
        assert (answer["verdict"], answer["citations"][0]["file"]) == ("supported", "group.md")
        assert answer["citations"][0]["lines"] == [2, 4]
        alone = environ | {"FOOTNOTE_MODEL": "/no/model"}  # so that nothing can be answered without the service
        done = run(alone, *QUESTION.split(), "--json", command="ask")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["sentences"] == answer["sentences"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
    assert not (home / "library" / "service.json").exists()
    done = run(alone, QUESTION, command="ask")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "footnote: there is no folder /no/model; set FOOTNOTE_MODEL to a sentence-transformers model\n"
    )


def test_interrupting_a_service_that_watches_ends_it_in_order(environ, home):
    with served(environ, "--watch") as (process, address):
        assert process.stderr.readline() == f"Watching {home / 'notes'}; press Ctrl-C to stop\n"
        note = home / "notes" / "new.md"
        with httpx.Client(base_url=address, timeout=SECONDS, trust_env=False) as client:

            def found():
                note.write_text(f"# Zebras\n\nZebras have black and white stripes.\n\nSaved at {time.monotonic()}.\n")
                hits = client.get("/api/search", params={"q": "zebra stripes", "k": 1}).json()["hits"]
                return hits[0]["file"] == "new.md"

            until(found)
            note.unlink()
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        assert "Traceback" not in process.stderr.read()
    assert not (home / "library" / "service.json").exists()


@pytest.mark.parametrize("left", ["{", "[]", '{"url": "http://127.0.0.1:1", "pid": 1}'])
def test_a_stale_address_does_not_hinder(environ, home, left):
    address = home / "library" / "service.json"
    address.write_text(left)
    done = run(environ, QUESTION, "--json", "-k", "1", command="ask")
    address.unlink()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["citations"][0]["file"] == "group.md"


def test_a_service_on_another_machine_is_not_believed(environ, home):
    with socket.create_server(("127.0.0.2", 0)) as other:
        other.setblocking(False)
        address = home / "library" / "service.json"
        address.write_text(json.dumps({"url": f"http://127.0.0.2:{other.getsockname()[1]}", "pid": 1}))
        done = run(environ, QUESTION, command="ask")
        address.unlink()
        assert (done.returncode, done.stderr) == (0, "")
        with pytest.raises(BlockingIOError):
            other.accept()


@pytest.mark.parametrize("arguments", [["--version"], ["ask", "--help"], ["status", "--help"]])
def test_what_is_printed_before_the_end_gets_out(environ, arguments):
    done = subprocess.run([BIN / "footnote", *arguments], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0] in {"footnote", "usage:"}, done.stderr) == (0, True, "")


def test_watching_indexes_what_is_saved_and_ends_with_an_interrupt(environ, tmp_path):
    notes = write(tmp_path / "notes")
    mine = environ | {"FOOTNOTE_LIBRARY": str(tmp_path / "library")}
    with started(mine, "index", str(notes), "--watch") as process:
        assert process.stdout.readline().startswith("3 files (3 new)")
        assert process.stderr.readline() == f"Watching {notes}; press Ctrl-C to stop\n"

        def said():
            (notes / "new.md").write_text(f"# New\n\nSaved at {time.monotonic()}.\n")
            return select.select([process.stdout], [], [], 0.5)[0]

        until(said)
        assert process.stdout.readline().startswith("4 files (1 new, 3 unchanged)")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        assert process.stderr.read() in ("", "footnote: stopped; what was done is kept\n")  # idle, or within a run


A_FEW_AT_A_TIME = "from indexer import embedding; embedding.JOB_TEXTS = 16; from service.cli import run; run()"
"""A program that keeps what it has embedded more often: it can be stopped in time, however slow the machine is."""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_keeps_its_work_and_the_next_one_completes_it(environ, tmp_path, ending):
    count = 400
    write(
        tmp_path / "notes",
        {f"{n}.md": f"# Note {n}\n\nThe number {n} is {n % 7} modulo seven.\n" for n in range(count)},
    )
    library = tmp_path / "library"
    mine = environ | {"FOOTNOTE_LIBRARY": str(library)}

    def embedded():
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(f"file:{library}/catalogue.db?mode=ro", uri=True)) as db,
        ):
            return db.execute("SELECT count(*) FROM embeddings").fetchone()[0]

    few = (sys.executable, "-c", A_FEW_AT_A_TIME)
    with started(mine, "index", str(tmp_path / "notes"), program=few) as process:
        kept = until(embedded)
        process.send_signal(signal.SIGSTOP)
        second = run(mine, "index", tmp_path / "notes")
        assert (second.returncode, second.stdout) == (2, "")
        assert re.fullmatch(
            rf"footnote: the library {library} is being written by footnote index \(process {process.pid}, "
            r"since \d\d:\d\d\); wait for it or stop it\n",
            second.stderr,
        )
        process.send_signal(ending)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=SECONDS)
    if ending == signal.SIGINT:
        assert (process.returncode, out, err) == (130, "", "footnote: stopped; what was done is kept\n")
    else:
        assert (process.returncode, out) == (-9, "")
    report = json.loads(run(mine, "index", tmp_path / "notes", "--json").stdout)
    assert (report["new"], report["passages"], report["failures"]) == (count, count, [])
    assert 0 < report["embedded"] <= count - kept
    hits = json.loads(run(mine, "search", "The number 399", "--json", "-k", "1").stdout)["hits"]
    assert hits[0]["file"] == "399.md"


def test_a_reader_of_a_pipe_that_has_seen_enough_is_no_error(environ):
    with started(environ, "ask", "--batch", "-", stdin=subprocess.PIPE) as process:
        process.stdin.write(f"{QUESTION}\n" * 50)
        process.stdin.close()
        process.stdin = None
        assert json.loads(process.stdout.readline())["question"] == QUESTION
        process.stdout.close()
        process.stdout = None
        assert process.wait(SECONDS) == 0
        assert process.stderr.read() == ""


def test_an_output_that_is_full_is_an_error_of_one_line(environ):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [BIN / "footnote", "status"], env=environ, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "footnote: the output: No space left on device; free space there\n"


def without_codes(written):
    """What is left to be read of what a terminal was sent."""
    return re.sub(r"\033\[[\d;]*m|\033\]8;;.*?\033\\", "", written)


def on_terminal(environ, *arguments):
    """What a command writes on a terminal of 80 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(
        [BIN / "footnote", *arguments], env={"TERM": "xterm"} | environ, stdin=slave, stdout=slave, stderr=slave
    ) as process:
        os.close(slave)
        written = b""
        with suppress(OSError):  # Linux says so when nobody has the other side any more
            while piece := os.read(master, 65536):
                written += piece
        os.close(master)
    assert process.returncode == 0
    return written.decode().replace("\r\n", "\n")


def test_answers_on_a_terminal_fit_it_and_have_colour_unless_it_is_unwanted(environ):
    coloured = on_terminal(environ, "ask", QUESTION)
    assert "\033[1;38;5;64m✓ Answered\033[0m" in coloured
    address = re.search(r"\033\]8;;(.*?)\033\\group\.md:2-4\033\]8;;\033\\", coloured)
    assert address[1] == f"file://{socket.gethostname()}{environ['HOME']}/notes/group.md"
    plain = on_terminal(environ | {"NO_COLOR": "1"}, "ask", QUESTION)
    assert "\033[" not in plain
    assert without_codes(coloured) == without_codes(plain) == run(environ, "ask", QUESTION).stdout
    dumb = on_terminal(environ | {"TERM": "dumb"}, "ask", QUESTION)
    assert dumb == without_codes(plain)
    forced = run(environ | {"FORCE_COLOR": "1"}, "ask", QUESTION).stdout
    assert "\033[1;38;5;64m✓ Answered\033[0m" in forced
    assert "\033]8" not in forced
    assert max(len(line) for line in dumb.split("\n")) <= 80


def test_a_place_opens_in_the_editor_that_is_set_and_for_a_service_too(environ):
    mine = environ | {"FOOTNOTE_LINKS": "vscode"}
    expected = f"\033]8;;vscode://file{environ['HOME']}/notes/group.md:2\033\\group.md:2-4\033]8;;\033\\"
    assert expected in on_terminal(mine, "ask", QUESTION)
    with served(environ):
        assert expected in on_terminal(mine, "ask", QUESTION)
    assert "\033]8" not in on_terminal(mine | {"FOOTNOTE_LINKS": "none"}, "ask", QUESTION)


def test_progress_on_a_terminal_is_one_line_that_goes_away(environ, tmp_path):
    notes = write(tmp_path / "notes", {f"{n}.md": f"Note {n} is about {n} apples.\n" for n in range(400)})
    written = on_terminal(environ, "index", str(notes), "--library", str(tmp_path / "library"))
    assert "Embedding" in written
    bar, _, rest = written.rpartition("\033[2K")
    assert re.fullmatch(r"400 files \(400 new\), 400 passages, 400 embedded, \d+\.\d s\n", rest)
    rows = re.split(r"\r|\n", re.sub(r"\033\[[\d;?]*[A-Za-z]", "", bar))
    assert max(map(len, rows)) <= 80
    said = {re.split("[━╸╺]", row)[0].strip() for row in rows if row.strip()}
    assert "Embedding" in said <= {"Looking for notes", "Reading", "Embedding"}
    assert "400/400 files, 400 passages" in bar


def test_any_locale_gets_an_answer(environ, tmp_path):
    mine = environ | {"FOOTNOTE_LIBRARY": str(tmp_path / "library")}
    write(tmp_path / "notes", {"u.md": "# Überanpassung\n\nÜberanpassung heißt: auswendig gelernt statt begriffen.\n"})
    assert run(mine, "index", tmp_path / "notes").returncode == 0
    question = "Was heißt Überanpassung?"
    for locale in (
        {"LANG": "C", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ):
        done = run(mine | locale, "ask", question)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("?beranpassung hei?t: auswendig gelernt statt begriffen. [1]\n")
        done = run(mine | locale, "ask", "--json", "-", input=question)
        assert json.loads(done.stdout)["question"] == question
