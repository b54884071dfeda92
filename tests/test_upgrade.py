"""Libraries of earlier versions are brought to this one's format, whatever happens meanwhile; newer ones are left."""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from arxiv_server import ArxivServer, Paper
from chance import ALL, SEED
from fastapi.testclient import TestClient
from libraries import VERSIONS, bytes_of, contents, structure, unpacked
from samples import refuse_writers
from stub_encoder import HashEncoder

from indexer import __version__, sql
from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE, create
from indexer.errors import LibraryFull, LibraryLocked, LibraryTooNew
from indexer.library import Library, writing
from indexer.schema import MIGRATIONS, SCHEMA_VERSION
from indexer.settings import Settings
from service.app import create_app
from service.cli import main
from service.desk import Desk

pytestmark = pytest.mark.usefixtures("stub_model", "shared_reader")

OLDER = [version for version in VERSIONS if version < SCHEMA_VERSION]
WARM = Paper("On Warm Starts", "The drift of a warm start is bounded by the square root of its steps.")
GATES = Paper("Gates and Cells", "Gates decide what a cell keeps.", versions=2)
QUERIES = ("gate", "what grows with the number of steps", "warm start", "giraffe", "größer")
ANSWER = "because a closed gate passes no gradient back, and the cell would learn nothing from the past"


@pytest.fixture(scope="module")
def arxiv():
    with ArxivServer({"2101.00001": WARM, "2202.00002": GATES}) as server:
        yield server.environ()


@pytest.fixture
def environ(environ, arxiv):
    return environ | arxiv


@pytest.fixture
def told(environ, capsys):
    """What a command prints as JSON."""

    def run(*argv):
        assert main([*argv, "--json"], environ) in (0, 1)
        return json.loads(capsys.readouterr().out)

    return run


def hits(told):
    """What is found; what is equally near comes in the order of numbers that mean nothing."""
    return [sorted((-hit["score"], hit["title"], hit["quote"]) for hit in told("search", q)["hits"]) for q in QUERIES]


def everything(library, told):
    """All that it holds, and what is found in it; its full-text index may still count words of what has gone."""
    shutil.rmtree(library / "lexical")
    return contents(library / CATALOGUE) | {"hits": hits(told)}


def test_a_library_of_every_format_before_this_one_is_kept():
    """Before the format is raised, a library of it is kept: tests/fixtures/libraries/README.md says how."""
    assert set(range(1, SCHEMA_VERSION)) <= set(VERSIONS)
    assert set(MIGRATIONS) == set(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_library_of_an_earlier_version_becomes_what_a_new_one_would_be(version, tmp_path, told, environ, capsys):
    library = unpacked(version, tmp_path)
    status = told("status")
    assert (status["questions"], [file for file, _ in status["failures"]]) == (4, ["broken.md"])
    answer = told("ask", "Why does a gate start open?")
    assert (answer["sentences"][0]["text"], answer["citations"][0]["lines"]) == (ANSWER, [11, 12])
    assert {item["changed"] for item in told("questions")["questions"]} == {"same"}
    known = {row[1] for row in contents(library / CATALOGUE)["embeddings"]}
    report = told("index")
    now = {row[1] for row in contents(library / CATALOGUE)["embeddings"]}
    assert (report["files"], report["new"], report["embedded"]) == (4, 0, len(now - known))
    assert report["embedded"] == (1 if version == 1 else 0)  # the paper that the first format did not know
    assert {item["changed"] for item in told("questions")["questions"]} == {"same"}
    assert main(["add", "2202.00002"], environ) == 0
    capsys.readouterr()
    found = everything(library, told)
    environ["FOOTNOTE_LIBRARY"] = str(tmp_path / "new")
    told("index", str(tmp_path / "notes"))
    assert main(["add", "2202.00002"], environ) == 0
    capsys.readouterr()
    new = everything(tmp_path / "new", told)
    assert [name for name in new if found[name] != new[name]] == []


@pytest.mark.parametrize("version", OLDER)
def test_the_structure_is_that_of_a_new_catalogue(version, tmp_path):
    library = unpacked(version, tmp_path)
    Catalogue.open(library / CATALOGUE, write=False).close()
    create(tmp_path / "new.db")
    assert structure(library / CATALOGUE) == structure(tmp_path / "new.db")
    with closing(sqlite3.connect(library / CATALOGUE)) as connection:
        assert connection.execute(sql.USER_VERSION).fetchone() == (SCHEMA_VERSION,)
        assert connection.execute(sql.META, ("footnote",)).fetchone() == (__version__,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


KILLED = """
import os, shutil, signal, sqlite3, sys
from pathlib import Path
from indexer.connect import CATALOGUE, connect

library, work = Path(sys.argv[1]), Path(sys.argv[2])
really = sqlite3.connect
for ahead in range(int(sys.argv[3]), 10_000, int(sys.argv[4])):
    copy = work / str(ahead)
    copy.mkdir()
    shutil.copy(library / CATALOGUE, copy)
    if not (child := os.fork()):
        left = [ahead]

        def step(*_):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def watched(*arguments, **options):
            connection = really(*arguments, **options)
            connection.set_trace_callback(step)  # before each statement
            connection.set_progress_handler(step, 2000)  # and in the middle of the longer ones
            return connection

        sqlite3.connect = watched
        connect(copy / CATALOGUE, write=False).close()
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(ahead)
        break
"""


@pytest.mark.parametrize("version", OLDER)
def test_a_process_that_is_killed_at_any_statement_leaves_a_whole_library(version, tmp_path):
    """Each copy holds what a migration that was not disturbed makes, once it is opened again.

    `make attacks` tries every statement, and otherwise it is one of a few, as chance has it.
    """
    every = 1 if ALL else 6
    begin = random.Random(SEED).randrange(every)
    library = unpacked(version, tmp_path)
    (tmp_path / "killed").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, library, tmp_path / "killed", str(begin), str(every)],
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    kills = int(done.stdout)
    assert kills > len(MIGRATIONS[version].split(";")), SEED
    seen = set()
    Catalogue.open(library / CATALOGUE, write=False).close()
    wanted = structure(library / CATALOGUE), whole(library / CATALOGUE)
    for copy in (tmp_path / "killed").iterdir():
        with closing(sqlite3.connect(copy / CATALOGUE)) as connection:
            seen |= set(connection.execute(sql.USER_VERSION).fetchall())
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        Catalogue.open(copy / CATALOGUE, write=False).close()
        assert (structure(copy / CATALOGUE), whole(copy / CATALOGUE)) == wanted, SEED
    assert seen == {(version,), (SCHEMA_VERSION,)}


def whole(catalogue):
    """Every row of every table."""
    with closing(sqlite3.connect(catalogue)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}


def test_processes_that_open_it_at_once_make_one_of_it(tmp_path):
    library = unpacked(OLDER[0], tmp_path)
    opened = "import sys; from pathlib import Path; from indexer.connect import connect; sys.stdin.read(1); "
    opened += "connect(Path(sys.argv[1]), write=False).execute('SELECT count(*) FROM added_papers').fetchall()"
    command = [sys.executable, "-c", opened, library / CATALOGUE]
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    processes = [
        subprocess.Popen(command, env=path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    with ThreadPoolExecutor(len(processes)) as pool:
        said = list(pool.map(lambda process: process.communicate("x")[1], processes))
    assert ([process.returncode for process in processes], said) == ([0] * 4, [""] * 4)
    create(tmp_path / "new.db")
    assert structure(library / CATALOGUE) == structure(tmp_path / "new.db")


SHARED = 32_768
"""So large is the file that SQLite needs beside a catalogue even to read it."""


@contextmanager
def no_file_over(size):
    """The system lets no file of this process grow beyond a size, as a full disk would not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_where_the_disk_is_full_it_says_so_and_the_library_stays(tmp_path):
    library = unpacked(1, tmp_path)
    before = contents_of_first(library)
    for size in (0, 5000, 40_000, 60_000):
        said = r"is of an older version of Footnote and stays so .*free space" if size > SHARED else "free space"
        with no_file_over(size), pytest.raises(LibraryFull, match=said):
            Catalogue.open(library / CATALOGUE, write=False)
        assert contents_of_first(library) == before
    Catalogue.open(library / CATALOGUE, write=False).close()


def contents_of_first(library):
    with closing(sqlite3.connect(f"file:{library / CATALOGUE}?mode=ro", uri=True)) as connection:
        return (*connection.execute(sql.USER_VERSION), list(connection.iterdump()))


def test_where_nothing_can_be_written_it_says_what_to_do(tmp_path, monkeypatch, environ, capsys):
    library = unpacked(2, tmp_path)
    before = bytes_of(library)
    refuse_writers(monkeypatch)
    for command in (["status"], ["ask", "gates"]):
        assert main(command, environ) == 2
        assert capsys.readouterr().err == (
            f"footnote: {library}/catalogue.db is of an older version of Footnote and stays so (format 2, this one "
            f"needs {SCHEMA_VERSION}): it cannot be written (attempt to write a readonly database); free space "
            "there or make it writable\n"
        )
    assert {name: data for name, data in bytes_of(library).items() if name != "lock"} == before


def test_nobody_changes_the_format_under_a_process_that_writes(tmp_path, monkeypatch):
    library = unpacked(3, tmp_path)
    monkeypatch.setattr("indexer.upgrade.UPGRADE_SECONDS", 0.05)
    before = (library / CATALOGUE).read_bytes()
    from indexer.lock import locked

    with locked(library, "footnote index", wait=0), pytest.raises(LibraryLocked, match="by footnote index "):
        Library.open(library)
    assert (library / CATALOGUE).read_bytes() == before
    with writing(library, "footnote index") as catalogue:
        assert [paper.state for paper in catalogue.papers()] == ["fetched"]


def newer(library, by="9.9"):
    """Make it one that a version to come has made."""
    with closing(sqlite3.connect(library / CATALOGUE, isolation_level=None, timeout=0)) as connection:
        connection.executescript("CREATE TABLE IF NOT EXISTS novelties (x)")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('footnote', ?)", (by,))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.execute(sql.CHECKPOINT)  # as far as readers let it


def test_a_newer_library_is_refused_by_every_command_and_not_a_byte_is_touched(tmp_path, environ, capsys):
    library = unpacked(VERSIONS[-1], tmp_path)
    assert main(["index", str(tmp_path / "notes")], environ) == 0
    newer(library)
    killed = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
    killed += "c.execute('INSERT INTO novelties VALUES (1)'); os._exit(0)"
    subprocess.run([sys.executable, "-c", killed, library / CATALOGUE], check=True)
    assert (library / f"{CATALOGUE}-wal").stat().st_size  # which whoever opens and closes it would empty
    for left in ("lock", "lock.json"):
        (library / left).unlink(missing_ok=True)
    before = bytes_of(library)
    capsys.readouterr()
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"id": "1", "question": "gates", "kind": "fact", "gold": []}\n')
    reason = (
        f"footnote: {library}/catalogue.db was made by a newer version of Footnote (9.9, format "
        f"{SCHEMA_VERSION + 1}; this one, {__version__}, knows {SCHEMA_VERSION}); update Footnote and start "
        "it again, or use another library folder\n"
    )
    for command in (
        ["status"],
        ["ask", "gates"],
        ["search", "gates"],
        ["questions"],
        ["index"],
        ["index", str(tmp_path / "notes")],
        ["index", "--no-papers", "--json"],
        ["add", "2202.00002"],
        ["remove", "2202.00002"],
        ["serve", "--port", "0"],
        ["export", "papers"],
        ["export", "questions"],
        ["bench", "quality", str(gold)],
    ):
        code, captured = main(command, environ), capsys.readouterr()
        assert (code, captured.out, captured.err) == (2, "", reason), command
        assert bytes_of(library) == before, command
    assert main(["doctor"], environ) == 2
    assert "newer version of Footnote (9.9" in " ".join(capsys.readouterr().out.split())
    assert bytes_of(library) == before


def test_what_a_newer_version_has_written_is_whole_though_the_file_does_not_say_so_yet(tmp_path):
    """Its format stands in the log alone, because the process was killed before it was moved over."""
    library = unpacked(VERSIONS[-1], tmp_path)
    writer = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute(sys.argv[2]); "
    command = f"PRAGMA user_version = {SCHEMA_VERSION + 1}"
    subprocess.run([sys.executable, "-c", f"{writer} os._exit(0)", library / CATALOGUE, command], check=True)
    assert (library / f"{CATALOGUE}-wal").stat().st_size
    before = whole(library / CATALOGUE)
    for _ in range(2):
        with pytest.raises(LibraryTooNew, match="newer version"):
            Catalogue.open(library / CATALOGUE, write=False)
    assert whole(library / CATALOGUE) == before


def test_a_service_says_so_when_a_newer_version_takes_its_library_over(tmp_path):
    library = unpacked(VERSIONS[-1], tmp_path)
    settings = Settings(library, tmp_path / "cache")
    with Desk(settings, Library.open(library), HashEncoder()) as desk:
        client = TestClient(create_app(settings, desk=desk), raise_server_exceptions=False)
        ask = {"question": "Why does a gate start open?"}
        assert client.post("/api/ask", json=ask).json()["sentences"][0]["text"] == ANSWER
        newer(library)
        assert client.post("/api/ask", json=ask).status_code == 200  # it goes on with what it has
        with closing(sqlite3.connect(library / CATALOGUE, isolation_level=None)) as connection:
            connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
            before = list(connection.iterdump())
        for _ in range(2):
            for said in (client.post("/api/ask", json=ask), client.get("/api/questions"), client.get("/api/status")):
                assert (said.status_code, said.headers["content-type"]) == (503, "application/problem+json")
                assert "update Footnote and start it again" in said.json()["detail"]
        with closing(sqlite3.connect(library / CATALOGUE)) as connection:
            assert list(connection.iterdump()) == before


def test_what_is_derived_is_made_again_where_a_newer_version_made_it(tmp_path, told):
    library = unpacked(VERSIONS[-1], tmp_path)
    before = everything(library, told)["hits"]
    for name, magic in (("vectors.delta", b"FNDELT99"), ("vectors.faiss", b"FNVECT99"), ("map.bin", b"FNMAP999")):
        file = library / name
        assert file.read_bytes()[:5] == magic[:5]
        file.write_bytes(magic + file.read_bytes()[8:])
        assert hits(told) == before
    meta = library / "lexical" / "meta.json"
    fields = json.loads(meta.read_text())
    fields["schema"].append(dict(fields["schema"][-1], name="novelty"))
    meta.write_text(json.dumps(fields))
    assert hits(told) == before
    assert "novelty" not in meta.read_text()
    fields = json.loads(meta.read_text())
    (title,) = (field for field in fields["schema"] if field["name"] == "title")
    title["options"]["indexing"]["tokenizer"] = "raw"
    meta.write_text(json.dumps(fields))
    assert hits(told) == before
    assert '"raw"' in meta.read_text()  # of the short names, as it should be
    for name, text in (
        (
            "running.json",
            '{"format": 9, "command": "index", "pid": 1, "stage": "rest", "done": 1, "total": 2}',
        ),
        ("service.json", '{"format": 9, "addresses": ["http://127.0.0.1:9"]}'),
        ("lock.json", '["another"]'),
    ):
        (library / name).write_text(text)
        assert hits(told) == before
        assert told("status")["questions"] == 4
