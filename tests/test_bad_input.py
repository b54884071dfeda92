"""What bad input gets: one line that says why, exit code 2 where nothing could be done, and all the rest indexed."""

from __future__ import annotations

import codecs
import json
import os
import re
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest
from desks import write
from stub_encoder import HashEncoder

from indexer import __version__
from indexer.discover import NOT_FOLLOWED
from indexer.lock import locked
from service.cli import main

pytestmark = pytest.mark.usefixtures("stub_model")

GOOD = "# Good\n\nResidual connections carry the gradient.\n"
QUESTION = "What carries the gradient?"


@pytest.fixture
def notes(tmp_path):
    return write(tmp_path / "notes", {"good.md": GOOD})


@pytest.fixture
def told(environ, capsys):
    """Run a command; give its exit code and what it said on stdout and stderr."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments], environ)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def report(told):
    """Index; give the report, and what was said on stderr."""

    def run(*paths):
        code, out, err = told("index", *paths, "--json")
        assert code == 0
        return json.loads(out), err

    return run


def cites(told, question=QUESTION):
    """The nearest place, which also an answer of "not answered" names."""
    code, out, err = told("ask", question, "--json", "-k", "1")
    assert (code in {0, 1}, err) == (True, "")
    return [(citation["file"], citation["lines"]) for citation in json.loads(out)["citations"]]


# ---------------------------------------------------------------------------------------------------- paths


def test_an_empty_folder(told, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = told("index", tmp_path / "empty")
    assert (code, out) == (2, "")
    assert err.startswith(
        f"footnote: {tmp_path}/empty: no notes there (.md, .markdown, .txt, .org, .pdf); name a folder"
    )


def test_a_path_that_is_not_there(told, report, notes, tmp_path):
    reason = f"{tmp_path}/gone is not there; check the path, or connect the drive that it is on\n"
    assert told("index", tmp_path / "gone") == (2, "", f"footnote: {reason}")
    done, err = report(notes, tmp_path / "gone")
    assert (done["new"], err) == (1, reason)


def test_links_that_lead_round_in_a_circle(report, notes):
    (notes / "inner").mkdir()
    (notes / "inner" / "up").symlink_to(notes)
    (notes / "self.md").symlink_to(notes / "self.md")
    done, err = report(notes)
    assert done["new"] == 1
    assert err == f"{notes}/self.md: a broken link; remove or repair it\n"


def test_a_link_out_of_the_folder_is_not_followed(report, told, notes, tmp_path):
    """And what was indexed at its place once is not kept."""
    (notes / "away.md").write_text("# Away\n\nQuokkas smile.\n")
    assert report(notes)[0]["new"] == 2
    (notes / "away.md").rename(tmp_path / "away.md")
    (notes / "away.md").symlink_to(tmp_path / "away.md")
    done, err = report(notes)
    assert (done["removed"], done["unchanged"]) == (1, 1)
    assert err == f"{notes}/away.md: {NOT_FOLLOWED}\n"
    assert "away.md" not in told("search", "Quokkas")[1]


def test_odd_names(told, report, notes):
    long = "n" * 250 + ".md"
    (notes / long).write_text("# Long\n\nZebras have stripes.\n")
    Path(os.fsdecode(os.fsencode(notes) + b"/caf\xe9.md")).write_text("lost")
    os.mkfifo(notes / "pipe.md")
    done, err = report(notes)
    assert done["new"] == 2
    assert err.split("\n") == [
        f"{notes}/caf\ufffd.md: its name is not valid UTF-8; rename it",
        f"{notes}/pipe.md: a folder, pipe or device, not a file; remove it or rename it",
        "",
    ]
    assert cites(told, "Do zebras have stripes?") == [(long, [3, 3])]


# --------------------------------------------------------------------------------------------------- content


def failing(report, told, notes, reason):
    """The good note is indexed, the bad one named with its reason, on stderr and in the status."""
    done, err = report(notes)
    assert (done["new"], done["failures"]) == (1, [["bad.md", reason]])
    assert err == f"bad.md: {reason}\n"
    code, out, err = told("status", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["failures"] == [["bad.md", reason]]
    assert f"Failed    1\n  bad.md: {reason}\n" in told("status")[1]
    assert cites(told) == [("good.md", [3, 3])]


def test_no_permission(report, told, notes, monkeypatch):
    (notes / "bad.md").write_text("secret")
    really = os.open

    def refuse(path, *arguments, **options):  # root may read everything
        if str(path).endswith("bad.md"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    failing(report, told, notes, "permission denied; make it readable and index again")


def test_binary_data(report, told, notes):
    (notes / "bad.md").write_bytes(bytes(range(256)) * 40)
    failing(report, told, notes, "binary data, not text; remove it, or rename it if it is no .md file")


def test_a_note_of_50_mb(report, told, notes):
    with (notes / "bad.md").open("wb") as file:
        file.truncate(50_000_000)
    reason = "50,000,000 bytes, over the limit of 10,000,000; split it, or raise FOOTNOTE_MAX_FILE_BYTES"
    failing(report, told, notes, reason)


def test_a_file_that_never_rests(report, told, notes, monkeypatch):
    (notes / "bad.md").write_text("again\n")
    really, sizes = os.fstat, iter(range(100, 1000))

    def restless(descriptor):
        found = really(descriptor)
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "bad.md":
            os.utime(descriptor, ns=(0, next(sizes)))
        return found

    monkeypatch.setattr(os, "fstat", restless)
    failing(report, told, notes, "changed while it was read, 3 times; index again when nothing writes it")


def test_a_file_that_vanishes(report, told, notes, monkeypatch):
    bad = notes / "bad.md"
    bad.write_text("gone soon\n")
    really = os.open

    def late(path, *arguments, **options):
        if path == str(bad):
            bad.unlink()
        return really(path, *arguments, **options)

    monkeypatch.setattr(os, "open", late)
    failing(report, told, notes, "vanished while it was being indexed; index again")


@pytest.mark.parametrize(
    "data",
    [
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        codecs.BOM_UTF8 + GOOD.encode(),
        codecs.BOM_UTF16_LE + GOOD.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + GOOD.encode("utf-16-be"),
        GOOD.encode() + b"\n## Other\n\nA stray byte \xff among \xc3\xbc\xc3\xa4\xc3\xb6 many good ones.\n",
        GOOD.replace("#", "# \x0b\x0c").encode(),
    ],
)
def test_text_of_any_kind_is_cited_at_its_line(report, told, notes, data):
    (notes / "good.md").write_bytes(data)
    done, err = report(notes)
    assert (done["new"], err) == (1, "")
    assert cites(told) == [("good.md", [3, 3])]


def test_a_line_of_1_mb_and_200_nested_lists(report, told, notes):
    (notes / "line.md").write_text("word " * 200_000)
    (notes / "lists.md").write_text("".join(f"{'  ' * n}- level {n}\n" for n in range(200)))
    done, err = report(notes)
    assert (done["new"], done["failures"], err) == (3, [], "")
    assert cites(told) == [("good.md", [3, 3])]


# --------------------------------------------------------------------------------------------------- library


@pytest.fixture
def library(report, notes, tmp_path):
    report(notes)
    return tmp_path / "library"


def test_a_library_that_is_missing(told, tmp_path):
    reason = f"footnote: no library at {tmp_path}/library; make one with: footnote index FOLDER, or footnote init\n"
    for command in (["ask", "x"], ["search", "x"], ["questions"], ["status"], ["serve", "--port", "0"]):
        assert told(*command) == (2, "", reason)


def test_a_file_where_the_library_should_be(told, notes, tmp_path):
    (tmp_path / "library").write_text("a file\n")
    reason = f"cannot make the folder {tmp_path}/library, a file is in the way; move it, or choose another --library"
    assert told("index", notes) == (2, "", f"footnote: {reason}\n")
    assert (tmp_path / "library").read_text() == "a file\n"


def test_a_library_that_is_locked_can_be_read(library, told, notes):
    with locked(library, "footnote index", wait=0):
        code, out, err = told("index", notes)
        assert cites(told) == [("good.md", [3, 3])]
    assert (code, out) == (2, "")
    assert re.fullmatch(
        rf"footnote: the library {library} is being written by footnote index "
        rf"\(process {os.getpid()}, since \d\d:\d\d\); wait for it or stop it\n",
        err,
    )


def test_a_catalogue_cut_in_half(library, told, notes):
    catalogue = library / "catalogue.db"
    with sqlite3.connect(catalogue) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    catalogue.write_bytes(catalogue.read_bytes()[: catalogue.stat().st_size // 2])
    reason = f"{catalogue} is damaged; repair it with: footnote index --library {library}"
    for command in (["ask", "x"], ["status"]):
        assert told(*command) == (2, "", f"footnote: {reason}\n")
    code, out, err = told("index")
    assert (code, out[:17]) == (0, "1 file (1 new), 1")
    assert err.startswith(f"{catalogue} was damaged and is made anew of what was whole in it (")
    assert err.count("\n") == 1
    assert cites(told) == [("good.md", [3, 3])]


@pytest.mark.parametrize("store", ["vectors.faiss", "lexical/meta.json"])
def test_a_derived_store_that_is_cut_is_made_again(library, told, store):
    (library / store).write_bytes((library / store).read_bytes()[:-20])
    code, out, err = told("search", QUESTION)
    assert (code, out.split("\n")[0]) == (0, "  [1] good.md:3")
    part = library / store.split("/")[0]
    assert err == f"making {part} again from the catalogue: it was missing, damaged or out of date\n"
    assert cites(told) == [("good.md", [3, 3])]


def test_a_library_of_a_newer_version_is_left_as_it_is(library, told, notes):
    catalogue = library / "catalogue.db"
    connection = sqlite3.connect(catalogue)
    (known,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("PRAGMA user_version = 999")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = catalogue.read_bytes()
    reason = (
        f"footnote: {catalogue} was made by a newer version of Footnote ({__version__}, format 999; this one, "
        f"{__version__}, knows {known}); update Footnote and start it again, or use another library folder\n"
    )
    for command in (["ask", "x"], ["status"], ["index", notes]):
        assert told(*command) == (2, "", reason)
    assert catalogue.read_bytes() == before


def test_a_full_disk(library, report, told, notes, monkeypatch):
    """SQLite is given no room to grow; the next run with room completes what this one could not."""
    import indexer.connect

    write(notes, {f"{n}.md": f"# Note {n}\n\nZebra {n} has {n} stripes. {'x ' * 200}\n" for n in range(40)})
    really = indexer.connect._checked

    def cramped(*arguments, **options):
        connection = really(*arguments, **options)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(indexer.connect, "_checked", cramped)
    reason = f"cannot write {library}/catalogue.db (database or disk is full); free space there or make it writable"
    assert told("index", notes) == (2, "", f"footnote: {reason}\n")
    assert cites(told) == [("good.md", [3, 3])]
    monkeypatch.undo()
    for name in ("indexer.encode.load_encoder", "service.desk.load_encoder"):
        monkeypatch.setattr(name, lambda *_, **__: HashEncoder())
    done, err = report(notes)
    assert (done["new"], done["unchanged"], done["failures"], err) == (40, 1, [], "")
    assert cites(told, "How many stripes has Zebra 7?")[0][0] == "7.md"


def test_a_library_whose_folder_is_deleted(library, told):
    shutil.rmtree(library)
    assert told("status") == (
        2,
        "",
        f"footnote: no library at {library}; make one with: footnote index FOLDER, or footnote init\n",
    )


# ------------------------------------------------------------------------------------------ questions and ports


@pytest.mark.parametrize("command", ["ask", "search"])
def test_questions_that_cannot_be_asked(library, told, command):
    empty = "footnote: the question is empty; write what you want to know\n"
    assert told(command, "") == told(command, " \n\t ") == (2, "", empty)
    reason = "footnote: the question has 100,000 characters; at most 10,000 are read\n"
    assert told(command, "x" * 100_000) == (2, "", reason)


@pytest.mark.parametrize("question", ["the of and", "🦓🦓🦓", "?!", "-- ; DROP", "AND OR NOT", '"', "a:b^2 [", "\0"])
def test_questions_that_nothing_answers(library, told, question):
    code, out, err = told("ask", "--json", "--", question)
    assert (code, json.loads(out)["verdict"], err) == (1, "unsupported", "")
    assert told("search", "--", question)[0] in {0, 1}


def test_where_there_is_nothing_to_read_no_model_is_made_ready(told, tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.encode.load_encoder", lambda *_, **__: pytest.fail("a model was loaded"))
    (tmp_path / "empty").mkdir()
    code, _, err = told("index", tmp_path / "empty")
    assert (code, err.startswith(f"footnote: {tmp_path / 'empty'}: no notes there")) == (2, True)
    code, _, err = told("index")
    assert (code, err.startswith("footnote: no folder of notes is known yet; name one: footnote index")) == (2, True)
    assert told("index", tmp_path / "nowhere")[2].startswith(f"footnote: {tmp_path / 'nowhere'} is not there; ")


def test_a_port_in_use(library, told):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reason = f"cannot listen on 127.0.0.1:{port} (Address already in use); choose another with --port or --host"
        assert told("serve", "--port", port) == (2, "", f"footnote: {reason}\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["fly"], "'fly' is no command; see: footnote --help"),
        (["ask", "-k", "x", "y"], "argument -k: x is not a number from 1 to 200; see: footnote ask --help"),
        (["serve", "--port", "99999"], "argument --port: 99999 is not a number from 0 to 65535; see: .+"),
        (["index", "--fast"], "unrecognized arguments: --fast; see: footnote index --help"),
        (["ask", "rates", "-adam"], "unrecognized arguments: -adam; a question that takes .+ quotes; see: .+"),
        (["ask", "--limit", "3", "x"], "unrecognized arguments: --limit; see: footnote ask --help"),
        (["completion"], r"the following arguments are required: shell \(bash, zsh, fish\); see: .+"),
        (["bench"], "the following arguments are required: COMMAND; see: footnote bench --help"),
    ],
)  # fmt: skip
def test_a_command_line_that_is_wrong_is_told_in_one_line(told, arguments, reason):
    code, out, err = told(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(f"footnote: {reason}\n", err)
