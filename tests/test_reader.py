from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from hashlib import sha256
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import stub_parsers
from reportlab.pdfgen.canvas import Canvas

import indexer
from indexer.errors import SourceError
from indexer.parsing import draw
from indexer.reader import Reader
from indexer.rooted import Rooted
from indexer.settings import PaperSettings
from indexer.types import Source

SETTINGS = PaperSettings(read_seconds=20, read_bytes=400_000_000)
NEEDED = "needed more than 400 MB of memory"
STOPPED = "was not read: reading was stopped; index again"


def source(order: str) -> Source:
    data = order.encode()
    return Source(Path("/papers"), f"{order[:20]}.pdf", data, sha256(data).hexdigest(), 7)


def reader(settings=SETTINGS, parse=stub_parsers.parse, **options):
    return Reader(settings, parse=parse, **options)


def outcomes(reading, *orders):
    """For each file the text that was read, or the reason why none was."""
    found = list(reading.read_many(source(order) for order in orders))
    assert [one.data.decode() for one, _ in found] == list(orders)
    return [str(read) if isinstance(read, SourceError) else read.blocks[0].text for _, read in found]


def processes(reading):
    return {worker._process.pid for worker in reading._living}


@pytest.fixture
def fifo(tmp_path):
    """A file that ends, for who reads it, when the process that wrote to it does."""
    os.mkfifo(path := tmp_path / "fifo")
    return path


@pytest.fixture
def pdf(tmp_path):
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=(300, 400), invariant=1)
    canvas.rect(30, 40, 100, 50, fill=1)
    canvas.save()
    return path


def test_documents_come_whole_with_the_source_that_was_given():
    given = source("words in a file")
    with reader() as reading:
        [(taken, document)] = reading.read_many([given])
    expected = stub_parsers.parse(given)
    assert taken is given
    assert document.source is given
    assert document == expected
    np.testing.assert_array_equal(document.blocks[0].places, expected.blocks[0].places)


def test_files_come_in_the_order_given_whoever_is_done_first():
    orders = [f"{n}" for n in range(40)]
    with reader(workers=2) as reading:
        assert outcomes(reading, *orders) == orders
        assert len(processes(reading)) == 2


def test_a_bad_file_costs_itself_alone():
    with reader(workers=2) as reading:
        assert outcomes(
            reading,
            "one",
            "kill SIGSEGV",
            "two",
            "refuse its 3 pages hold no text",
            "raise /Kids",
            "allocate",
            "kill SIGABRT",
            "three",
            "kill SIGKILL",
            "four",
        ) == [
            "one",
            "crashed the PDF library (SIGSEGV); it is probably damaged: open it and save it anew",
            "two",
            "its 3 pages hold no text",
            "confused the PDF reader (KeyError: '/Kids'); it is probably damaged: open it and save it anew",
            f"{NEEDED} and was given up; raise FOOTNOTE_PDF_BYTES to give it more",
            f"{NEEDED}, or crashed the PDF library (SIGABRT); raise FOOTNOTE_PDF_BYTES to give it more",
            "three",
            "was not read: the system killed the process for it (SIGKILL), most likely for want of memory; free some",
            "four",
        ]


def test_a_file_that_takes_too_long_is_given_up():
    with reader(replace(SETTINGS, read_seconds=0.5), workers=2) as reading:
        assert outcomes(reading, "one", "loop", "two", "hold /dev/null", "three") == [
            "one",
            reason := "took longer than 0.5 s and was given up; raise FOOTNOTE_PDF_SECONDS to give it more",
            "two",
            reason,
            "three",
        ]


def test_a_process_that_an_earlier_file_spoilt_costs_the_next_one_nothing():
    with reader(workers=1) as reading:
        assert outcomes(reading, "spoil", "one") == ["spoil", "one"]


def test_a_process_that_keeps_much_memory_is_replaced():
    with reader(replace(SETTINGS, read_bytes=100_000_000), workers=1) as reading:
        assert outcomes(reading, "one") == ["one"]
        first = processes(reading)
        assert outcomes(reading, "two") == ["two"]
        assert len(processes(reading) | first) == 2
    with reader(workers=1) as reading:
        assert outcomes(reading, "one") == ["one"]
        first = processes(reading)
        assert outcomes(reading, "two") == ["two"]
        assert processes(reading) == first


def test_what_a_library_prints_goes_nowhere(capfd):
    with reader(parse=stub_parsers.parse_loudly) as reading:
        assert outcomes(reading, "one", "two") == ["0", "0"]
    assert capfd.readouterr() == ("", "")


def test_no_process_is_started_before_it_is_needed():
    with reader() as reading:
        assert processes(reading) == set()


def test_no_more_files_are_held_than_are_read_ahead():
    asked = count()
    endless = (source(f"{next(asked)}") for _ in count())
    with reader(workers=2) as reading:
        texts = [read.blocks[0].text for (_, read), _ in zip(reading.read_many(endless), range(10), strict=False)]
    assert texts == [f"{n}" for n in range(10)]
    assert next(asked) <= 10 + 2 * 2 + 2


def test_few_large_files_are_held_at_once(monkeypatch):
    monkeypatch.setattr("indexer.reader.AHEAD_BYTES", 5)
    asked = count()
    with reader(workers=2) as reading:
        next(reading.read_many(source(f"{next(asked)} word") for _ in count()))
    assert next(asked) == 1


def test_a_process_that_cannot_start_is_said_so(monkeypatch, tmp_path, capfd):
    (tmp_path / "indexer.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with reader() as reading:
        assert outcomes(reading, "one") == [
            "was not read: the process for it did not start; free memory and index again"
        ]
    assert "ModuleNotFoundError" in capfd.readouterr().err
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with reader() as reading:
        assert outcomes(reading, "one") == [
            "was not read: no process could be started (No such file or directory); end others and index again",
        ]


def test_closing_stops_what_is_read_at_once(fifo):
    found = []
    reading = reader(workers=1)
    thread = threading.Thread(target=lambda: found.extend(outcomes(reading, f"hang {fifo}", "one")))
    thread.start()
    with fifo.open() as stream:
        assert {int(stream.readline())} == processes(reading)
        start = time.monotonic()
        reading.close()
        assert time.monotonic() - start < 5
        assert stream.read() == ""
    thread.join()
    assert found == [STOPPED, STOPPED]
    assert processes(reading) == set()
    reading.close()
    with pytest.raises(SourceError, match=STOPPED):
        reading.geometry(Rooted("/", "a.pdf"), 1)


def rooted(file):
    return Rooted(str(file.parent), file.name)


def test_pages_are_drawn_and_measured_as_in_this_process(pdf):
    with reader() as reading:
        assert reading.draw(rooted(pdf), 1, width=150) == draw.draw(pdf.read_bytes(), 1, width=150)
        assert reading.geometry(rooted(pdf), 1) == draw.geometry(pdf.read_bytes(), 1)
        with pytest.raises(SourceError, match=r"^there is no page 2; it has 1$"):
            reading.draw(rooted(pdf), 2)
        with pytest.raises(SourceError, match="No such file or directory"):
            reading.geometry(rooted(pdf.with_name("b.pdf")), 1)


def test_a_program_that_has_pages_drawn_does_not_load_pdfium(pdf):
    code = f"""
import sys
from indexer.reader import Reader
from indexer.rooted import Rooted
file = Rooted({str(pdf.parent)!r}, {pdf.name!r})
with Reader() as reading:
    print(reading.geometry(file, 1).width, len(reading.draw(file, 1)) > 100)
print("pypdfium2" in sys.modules, "PIL" in sys.modules)
"""
    assert program("-c", code).communicate() == ("300.0 True\nFalse False\n", "")


def test_many_threads_may_ask(pdf):
    with reader(workers=2) as reading:
        drawn = []
        file = rooted(pdf)
        threads = [threading.Thread(target=lambda: drawn.append(reading.draw(file, 1, width=20))) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert outcomes(reading, "one", "two") == ["one", "two"]
        for thread in threads:
            thread.join()
        assert len(processes(reading)) <= 2
    assert drawn == [draw.draw(pdf.read_bytes(), 1, width=20)] * 8


PROGRAM = """
import sys
from stub_parsers import parse
from test_reader import source
from indexer.reader import Reader
from indexer.settings import PaperSettings

print("main", flush=True)
try:
    with Reader(PaperSettings(read_seconds=float(sys.argv[1])), parse=parse) as reading:
        for _, read in reading.read_many(map(source, sys.argv[2:])):
            print(read.blocks[0].text, flush=True)
except KeyboardInterrupt:
    print("interrupted")
"""


def program(*arguments, **options):
    """Another program that reads files, without a guard around what it does when it is imported."""
    folders = (Path(__file__).parent, Path(indexer.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.mark.parametrize("way", ["script", "module", "command", "stdin"])
def test_any_program_may_read(way, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    arguments = {"script": ["program.py"], "module": ["-m", "program"], "command": ["-c", PROGRAM], "stdin": ["-"]}
    process = program(*arguments[way], "20", "one", "two", cwd=tmp_path, stdin=subprocess.PIPE)
    assert process.communicate(PROGRAM if way == "stdin" else None) == ("main\none\ntwo\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("order", ["hang", "hold"])
def test_the_processes_end_with_a_program_that_is_killed(order, fifo):
    with program("-c", PROGRAM, "1", f"{order} {fifo}") as process, fifo.open() as stream:
        assert int(stream.readline()) != process.pid
        process.kill()
        assert stream.read() == ""  # nobody writes to it any more
        assert process.communicate() == ("main\n", "")


def test_an_interrupt_is_for_the_program_that_reads(fifo):
    with program("-c", PROGRAM, "20", f"hang {fifo}") as process, fifo.open() as stream:
        stream.readline()
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate() == ("main\ninterrupted\n", "")
        assert stream.read() == ""


IN_BACKGROUND = """
import sys, threading
from stub_parsers import parse
from test_reader import source
from indexer.reader import Reader
from indexer.settings import PaperSettings

reading = Reader(PaperSettings(read_seconds=1000), parse=parse)
threading.Thread(target=lambda: list(reading.read_many([source(sys.argv[1])])), daemon=True).start()
sys.stdin.readline()
"""


def test_a_file_that_is_read_in_the_background_does_not_keep_a_program_from_ending(fifo):
    with program("-c", IN_BACKGROUND, f"hang {fifo}", stdin=subprocess.PIPE) as process, fifo.open() as stream:
        stream.readline()
        assert process.communicate("end\n", timeout=20) == ("", "")
        assert stream.read() == ""
