"""A library in one file: what is in it, what is not, and what becomes of it on the way."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import desks
import pytest
from arxiv_server import ArxivServer, Paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from libraries import bytes_of, contents
from pdfs import paper_pdf
from stub_encoder import HashEncoder

from indexer import archive
from indexer.archive import MANIFEST, checked, pack
from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE, with_seals
from indexer.errors import ArchiveError, InputError, LibraryLocked, LibraryTooNew
from indexer.library import Library, writing
from indexer.lock import locked
from indexer.moving import _places, export_library, import_library
from indexer.schema import SCHEMA_VERSION
from indexer.settings import Settings
from service.cli import main
from service.desk import Desk

pytestmark = pytest.mark.usefixtures("stub_model")

DRIFT = "The drift of a warm start is bounded by the square root of the number of steps."
WARM = Paper("On Warm Starts", "In short.", pdf=paper_pdf("On Warm Starts", [["# 1 Introduction", DRIFT]]))
GATES = Paper("Gates and Cells", pdf=paper_pdf("Gates and Cells", [["Gates decide what a cell keeps."]]))
NOTES = desks.NOTES | {
    "reading.md": "# Reading\n\nA zebra taught me this: https://arxiv.org/abs/2101.00001v1 is about warm starts.\n",
    "private.md": "---\ntags: [seldom]\n---\n# Plans of mine\n\nThe quokka knows where the treasure lies buried.\n",
}
QUESTIONS = ("How many layers does GoogLeNet have?", "warm start", "gate", "treasure")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Somebody's machine: notes, a library with papers, and a file that it was exported to."""
    home = tmp_path_factory.mktemp("ada")
    notes = desks.write(home / "notes")
    desks.write(notes, NOTES)
    with ArxivServer({"2101.00001": WARM, "2202.00002": GATES}) as server:
        environ = environment(home) | server.environ()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("indexer.encode.load_encoder", "service.desk.load_encoder"):
                patch.setattr(name, lambda *_, **__: HashEncoder())
            patch.setenv("HOME", str(home))
            for command in (
                ["index", str(notes)],
                ["add", "2202.00002"],
                ["questions"],
                ["export", str(home / "a.zip")],
            ):
                assert main(command, environ) == 0
    return home


def environment(home: Path) -> dict[str, str]:
    return {
        "FOOTNOTE_LIBRARY": str(home / "library"),
        "FOOTNOTE_CACHE": str(home / "cache"),
        "FOOTNOTE_ARXIV_API": "http://127.0.0.1:9/",
        "FOOTNOTE_ARXIV_PDF": "http://127.0.0.1:9/",
    }


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Another machine, with nothing on it."""
    home = tmp_path / "bob"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def said(capsys):
    def run(environ, *argv):
        capsys.readouterr()
        code = main(argv, environ)
        return (code, *capsys.readouterr())

    return run


def found(environ, said):
    """What is found, with its score; of what is equally near, in no order."""
    hits = []
    for question in QUESTIONS:
        _, out, _ = said(environ, "search", question, "--json")
        hits.append(sorted((-hit["score"], hit["title"], hit["quote"]) for hit in json.loads(out)["hits"]))
    return hits


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def moved(rows, old, new):
    return {
        name: [tuple(new if cell == old else cell for cell in row) for row in table] for name, table in rows.items()
    }


def test_a_library_is_the_same_on_another_machine_and_nothing_is_embedded_again(home, there, said):
    (home / "notes").rename(there / "notes")  # as on a machine that has no such folder
    code, out, err = said(environment(there), "import", str(home / "a.zip"))
    shutil.copytree(there / "notes", home / "notes")
    assert (code, out) == (0, f"{there}/library: 7 documents with 13 passages, 2 PDFs of papers\n")
    assert err == (
        f"The notes of {home}/notes are now those of {there}/notes\n"
        f"Bring it up to date with footnote index, which reads {there}/notes\n"
    )
    assert stat.S_IMODE((there / "library").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "a.zip").stat().st_mode) == 0o600
    here = contents(there / "library" / CATALOGUE)
    assert here == moved(contents(home / "library" / CATALOGUE), f"{home}/notes", f"{there}/notes")
    shutil.rmtree(home / "library" / "lexical")  # which may still count words of what has gone
    assert found(environment(there), said) == found(environment(home), said)
    code, out, _ = said(environment(there), "index", "--json", "--no-papers")
    report = json.loads(out)
    assert (report["unchanged"], report["new"], report["removed"], report["embedded"]) == (5, 0, 0, 0)
    code, out, _ = said(environment(there), "questions", "--json")
    assert {item["changed"] for item in json.loads(out)["questions"]} == {"same"}
    assert json.loads(said(environment(there), "status", "--json")[1])["stale"] == []
    for file in ("2101.00001v1.pdf", "2202.00002v1.pdf"):
        assert (there / "library/papers" / file).read_bytes() == (home / "library/papers" / file).read_bytes()
    assert {one.name for one in there.iterdir()} == {"library", "notes", "cache"} - (
        set() if (there / "cache").exists() else {"cache"}
    )


def test_a_folder_that_cannot_be_renamed_gets_a_library_where_it_has_none(home, there, said, monkeypatch):
    library, moves = there / "library", []
    library.mkdir()
    replace = Path.replace
    monkeypatch.setattr(Path, "is_mount", lambda path: path == library)
    monkeypatch.setattr(Path, "replace", lambda one, to: moves.append(one.name) or replace(one, to))
    assert said(environment(there), "import", str(home / "a.zip"))[0] == 0
    assert moves[-1] == CATALOGUE
    assert not (library / ".importing").exists()
    assert found(environment(there), said) == found(environment(home), said)
    code, _, err = said(environment(there), "import", "--replace", str(home / "a.zip"))
    assert (code, "is a mount point, and cannot be replaced at once; empty it" in err) == (2, True)


def test_the_person_says_where_the_notes_lie_or_is_told_that_they_are_nowhere(home, there, said):
    environ, file = environment(there), str(home / "a.zip")
    hidden = home.with_name("hidden")
    home.joinpath("notes").rename(hidden)  # as on a machine that has no such folder
    try:
        code, _, err = said(environ, "import", file)
        assert code == 0
        assert err.startswith(
            f"The notes of {home}/notes are not here, and can be searched, but not opened; say where they lie: "
            f"footnote import {file} --replace --notes {home}/notes=FOLDER\n"
        )
        code, _, err = said(environ, "import", file, "--replace", "--notes", f"{home}/notes={there}/nowhere")
        assert (code, err) == (
            2,
            f"footnote: {there}/nowhere is no folder; say with --notes {home}/notes=FOLDER where these notes lie\n",
        )
        code, _, err = said(environ, "import", file, "--replace", "--notes", "/elsewhere=/x")
        assert code == 2
        assert "names no folder of that library" in err
        report = json.loads(said(environ, "index", str(hidden), "--json", "--no-papers")[1])
        assert (report["renamed"], report["new"], report["embedded"]) == (5, 0, 0)  # found again by what they hold
        shutil.copytree(hidden, there / "my=notes")
        for said_so in (str(hidden), f"{home}/notes={there}/my=notes", f"{home}={there}"):
            shutil.copytree(hidden, there / "notes", dirs_exist_ok=True)
            code, _, err = said(environ, "import", file, "--replace", "--notes", said_so)
            assert code == 0
            report = json.loads(said(environ, "index", "--json", "--no-papers")[1])
            assert (report["unchanged"], report["new"], report["embedded"]) == (5, 0, 0)
    finally:
        hidden.rename(home / "notes")


SENTENCES = (
    "quokka", "treasure", "Plans of mine", "zebra taught", "layers", "Adam", "Boltzmann", "learning rate", "seldom",
    "Question Dump", "group.md", "private.md",
)  # fmt: skip
"""Words that stand in notes, or name them, and in no paper."""


def test_without_notes_no_word_of_a_note_is_in_the_file_nor_anything_made_of_one(home, there, said):
    file = there / "papers.zip"
    code, out, err = said(environment(home), "export", str(file), "--without-notes")
    assert (code, err) == (0, "No note is in it, and nothing that was made of one\n")
    assert out.startswith(f"{file}: 2 documents with ")
    with ZipFile(file) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    everything = b"\0".join([file.read_bytes(), *members.values()]).lower()
    assert [word for word in (*SENTENCES, str(home)) if word.lower().encode() in everything] == []
    manifest = json.loads(members[MANIFEST])
    assert (manifest["notes"], manifest["roots"], manifest["home"], manifest["questions"]) == (False, [], "", 0)
    (there / "copy.db").write_bytes(members[CATALOGUE])
    with closing(sqlite3.connect(there / "copy.db")) as connection:
        count = lambda text: connection.execute(f"SELECT count(*) FROM {text}").fetchone()[0]  # noqa: E731
        for table in ("questions", "ledger", "answers", "paper_links", "passage_changes"):
            assert count(table) == 0
        own = "text_hash NOT IN (SELECT p.text_hash FROM passages p JOIN documents d ON d.id = document_id "
        own += "WHERE d.kind = 'paper')"
        assert (count(f"embeddings WHERE {own}"), count(f"token_codes WHERE {own}")) == (0, 0)
        assert count("embeddings") == count("token_codes") > 0
        assert connection.execute("SELECT path FROM roots").fetchall() == [("papers",)]


def test_papers_alone_are_a_library_that_answers_and_keeps_them(home, there, said):
    file = there / "papers.zip"
    said(environment(home), "export", str(file), "--without-notes")
    environ = environment(there)
    assert said(environ, "import", str(file))[0] == 0
    code, out, _ = said(environ, "ask", "what bounds the drift of a warm start?", "--json")
    answer = json.loads(out)
    assert (code, answer["sentences"][0]["text"], answer["citations"][0]["paper"]) == (0, DRIFT, "2101.00001")
    desks.write(there / "own", {"one.md": "# One\n\nA note of my own.\n"})
    report = json.loads(said(environ, "index", str(there / "own"), "--json", "--no-papers")[1])
    assert (report["new"], report["embedded"], report["papers"]["held"]) == (1, 1, 2)
    assert json.loads(said(environ, "ask", "what bounds the drift of a warm start?", "--json")[1])["sentences"]


def test_without_pdfs_they_are_fetched_again_and_nothing_is_embedded(home, there, said):
    file = there / "small.zip"
    assert said(environment(home), "export", str(file), "--without-pdfs")[0] == 0
    assert said(environment(there), "import", str(file))[0] == 0
    assert not (there / "library" / "papers").exists()
    with ArxivServer({"2101.00001": WARM, "2202.00002": GATES}) as server:
        report = json.loads(said(environment(there) | server.environ(), "index", "--json")[1])
    assert (report["papers"]["fetched"], report["papers"]["held"], report["embedded"]) == (2, 2, 0)
    answer = json.loads(said(environment(there), "ask", "what bounds the drift of a warm start?", "--json")[1])
    assert (answer["sentences"][0]["text"], answer["citations"][0]["stale"]) == (DRIFT, False)


def test_a_file_is_the_library_at_one_moment_while_it_is_written(there):
    settings_ = Settings(there / "library", there / "cache")
    desks.write(there / "notes", {f"{n}.md": f"# {n}\n\nWord {n} and again {n}.\n" for n in range(40)})
    build(settings_.library, [there / "notes"], HashEncoder(), settings_)
    wrote = threading.Event()

    def write() -> None:
        for n in range(40, 52):
            with writing(settings_.library, "test") as catalogue, catalogue.change() as change:
                change.add_root(f"/{n}a")
                change.add_root(f"/{n}b")
            wrote.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert wrote.wait(10)
    for n in range(3):
        export_library(settings_.library, there / f"{n}.zip")
    thread.join()
    for n in range(3):
        with checked(there / f"{n}.zip") as packed:
            roots = packed.manifest.about["roots"]
            assert len(roots) % 2 == 1
            target = there / f"{n}.db"
            with target.open("wb") as opened:
                packed.copy(CATALOGUE, opened)
        with Catalogue.open(target, write=False) as catalogue:
            assert (catalogue.roots(), catalogue.counts().documents) == (roots, 40)


def test_what_is_there_is_not_overwritten_by_mistake(home, there, said):
    environ, file = environment(there), str(home / "a.zip")
    (there / "diary.zip").write_text("mine")
    code, _, err = said(environment(home), "export", str(there / "diary.zip"))
    assert (code, err) == (2, f"footnote: {there}/diary.zip is there, and is no exported library; name another file\n")
    assert (there / "diary.zip").read_text() == "mine"
    with ZipFile(there / "extension.zip", "w") as other:  # as those of browsers are
        other.writestr(MANIFEST, "{}")
    assert said(environment(home), "export", str(there / "extension.zip"))[0] == 2
    assert said(environ, "import", file)[0] == 0
    before = bytes_of(there / "library")
    code, _, err = said(environ, "import", file)
    assert (code, err) == (
        2,
        f"footnote: a library is in {there}/library; put this one in its place with --replace, or name a --library\n",
    )
    assert bytes_of(there / "library") == before
    (there / "photos").mkdir()
    (there / "photos" / "cat.png").touch()
    code, _, err = said(environ, "import", file, "--library", str(there / "photos"), "--replace")
    assert (code, names(there / "photos")) == (2, ["cat.png"])
    assert "holds other files, and no library" in err
    with locked(there / "library", "footnote index", wait=0), pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.moving.LOCK_SECONDS", 0.05)
        with pytest.raises(LibraryLocked, match="by footnote index "):
            import_library(home / "a.zip", there / "library", replace=True)
    assert said(environ, "import", file, "--replace")[0] == 0
    assert said(environment(home), "export", file)[0] == 0  # one that was exported before is replaced


def test_a_link_to_the_library_stays_one(home, there, said):
    (there / "disk" / "library").mkdir(parents=True)
    (there / "library").symlink_to(there / "disk" / "library")
    for more in ([], ["--replace"]):
        assert said(environment(there), "import", str(home / "a.zip"), *more)[0] == 0
        assert (names(there / "disk"), (there / "library").is_symlink()) == (["library"], True)
        assert (there / "disk" / "library" / CATALOGUE).is_file()
    (there / "disk" / "library").rename(there / "disk" / ".library.replaced")  # as where the next one is killed
    assert said(environment(there), "search", "warm start")[0] == 0
    assert names(there / "disk") == ["library"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["export", "paper"], "paper is neither papers nor questions; for a file of that name write ./paper"),
        (["export", "a.zip", "--csv"], "a library in a file has a form of its own"),
        (["export", "papers", "--without-notes"], "are for a library in a file; footnote export FILE writes one"),
        (["import", "nothing.zip"], "nothing.zip is not there; name a file that footnote export has written"),
        (["import", "."], ". is a folder; name a file that footnote export has written"),
        (["export", "no/such/folder/a.zip"], "cannot write no/such/folder/a.zip (No such file or directory)"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(command, reason, home, there, said, monkeypatch):
    monkeypatch.chdir(there)
    code, out, err = said(environment(home), *command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert reason in err
    assert names(there) == []


def test_a_service_goes_over_to_the_library_that_took_its_place(home, there):
    settings_ = Settings(there / "library", there / "cache")
    desks.write(there / "other", {"one.md": "# One\n\nA cassowary lives here.\n"})
    build(settings_.library, [there / "other"], HashEncoder(), settings_)
    with Desk(settings_, Library.open(settings_.library), HashEncoder()) as desk:
        assert desk.search("cassowary").hits[0].quote == "A cassowary lives here."
        import_library(home / "a.zip", settings_.library, replace=True)
        assert desk.search("warm start").hits[0].title == "On Warm Starts"
        assert [hit.quote for hit in desk.search("cassowary").hits if "cassowary" in hit.quote] == []


# ------------------------------------------------------------------------------------------------ damage and malice


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small library in a file, and the file's bytes."""
    folder = tmp_path_factory.mktemp("small")
    settings_ = desks.settings_for(folder)
    build(
        settings_.library, [desks.write(folder / "notes", {"a.md": "# A\n\nOne sentence.\n"})], HashEncoder(), settings_
    )
    export_library(settings_.library, folder / "a.zip")
    return (folder / "a.zip").read_bytes()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_any_bit_turned_or_cut_anywhere_is_refused(data, small, tmp_path_factory):
    file = tmp_path_factory.getbasetemp() / "turned.zip"
    if data.draw(st.booleans(), "cut"):
        damaged = small[: data.draw(st.integers(0, len(small) - 1), "at")]
    else:
        at = data.draw(st.integers(0, len(small) - 1) | st.integers(len(small) - 900, len(small) - 1), "at")
        damaged = small[:at] + bytes([small[at] ^ 1 << data.draw(st.integers(0, 7), "bit")]) + small[at + 1 :]
    file.write_bytes(damaged)
    with pytest.raises(ArchiveError, match="or is damaged"), checked(file):
        pass


def resealed(file: Path, change) -> Path:
    """Another file, changed by somebody who knows how its checksums are made."""
    with ZipFile(file) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    manifest = json.loads(members.pop(MANIFEST))
    odd = file.with_name("odd.zip")
    odd.unlink(missing_ok=True)
    with odd.open("w+b") as opened:
        with ZipFile(opened, "w", ZIP_DEFLATED) as packed:
            packed.comment = b"0" * 64
            change(packed, members, manifest)
            for name, data in members.items():
                packed.writestr(name, data)
            packed.writestr(MANIFEST, json.dumps(manifest))
        length = opened.seek(-64, os.SEEK_END)
        opened.write(archive._digest(opened, length).encode())
    return odd


def member(packed, members, manifest, name, data=b"", *, size=None, mode=0o600 | stat.S_IFREG, stated=True):
    from hashlib import sha256
    from zipfile import ZipInfo

    info = ZipInfo(name)
    info.compress_type = ZIP_DEFLATED
    info.external_attr = mode << 16
    packed.writestr(info, data)
    if stated:
        size = len(data) if size is None else size
        manifest["members"][name] = {"size": size, "sha256": sha256(data).hexdigest()}


ODD = {
    "leads out": lambda *a: member(*a, "../evil.pdf"),
    "leads out of papers": lambda *a: member(*a, "papers/../../evil.pdf"),
    "absolute": lambda *a: member(*a, "/tmp/evil.pdf"),
    "backslash": lambda *a: member(*a, "papers/..\\..\\evil.pdf"),
    "drive": lambda *a: member(*a, "papers/c:evil.pdf"),
    "hidden": lambda *a: member(*a, "papers/.evil.pdf"),
    "no pdf": lambda *a: member(*a, "papers/evil.py"),
    "another store": lambda *a: member(*a, "vectors.faiss"),
    "settings": lambda *a: member(*a, "settings.toml"),
    "link": lambda *a: member(*a, "papers/link.pdf", b"/etc/passwd", mode=0o777 | stat.S_IFLNK),
    "device": lambda *a: member(*a, "papers/device.pdf", mode=0o600 | stat.S_IFCHR),
    "unstated": lambda *a: member(*a, "papers/more.pdf", stated=False),
    "larger than stated": lambda *a: member(*a, "papers/bomb.pdf", bytes(1 << 20), size=10),
    "smaller than stated": lambda *a: member(*a, "papers/thin.pdf", b"x", size=1 << 40),
    "twice, in another case": lambda *a: [member(*a, "papers/a.pdf"), member(*a, "papers/A.pdf")],
    "missing": lambda _, members, __: members.clear(),
    "other bytes": lambda _, members, __: members.update({CATALOGUE: members[CATALOGUE][:-1] + b"\1"}),
    "no size": lambda _, __, manifest: manifest["members"][CATALOGUE].update(size="many"),
    "no roots": lambda _, __, manifest: manifest.update(roots=None),
    "no members": lambda _, __, manifest: manifest.pop("members"),
    "a list": lambda _, __, manifest: manifest.update(members=[]),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_file_made_to_do_harm_is_refused_before_anything_is_written(odd, small, there):
    (there / "a.zip").write_bytes(small)
    file = resealed(there / "a.zip", ODD[odd])
    before = bytes_of(there.parent)
    with pytest.raises(ArchiveError):
        import_library(file, there / "library")
    assert bytes_of(there.parent) == before
    assert names(there) == ["a.zip", "odd.zip"]


def test_a_manifest_is_packed_as_ours_are(small, there):
    (there / "a.zip").write_bytes(small)

    def change(packed, _, manifest):
        packed.writestr(MANIFEST, json.dumps(manifest), ZIP_LZMA)
        packed.writestr = lambda name, data: None if name == MANIFEST else ZipFile.writestr(packed, name, data)

    odd = resealed(there / "a.zip", change)
    with pytest.raises(ArchiveError, match=r"'manifest.json' may not be in it"), checked(odd):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(small, there):
    (there / "a.zip").write_bytes(small)
    twice = lambda packed, members, _: packed.writestr(CATALOGUE, members[CATALOGUE])  # noqa: E731
    with (
        pytest.raises(ArchiveError, match="other files than its manifest says"),
        checked(resealed(there / "a.zip", twice)),
    ):
        pass


def test_a_newer_file_is_refused(small, there):
    (there / "a.zip").write_bytes(small)
    raised = lambda _, __, manifest: manifest.update(schema=SCHEMA_VERSION + 1, footnote="9.9")  # noqa: E731
    with pytest.raises(LibraryTooNew, match=r"newer version of Footnote \(9.9, format"):
        import_library(resealed(there / "a.zip", raised), there / "library")
    other = lambda _, __, manifest: manifest.update(format=2, footnote="9.9")  # noqa: E731
    with pytest.raises(ArchiveError, match=r"written by Footnote 9.9, in a way that this version does not know"):
        import_library(resealed(there / "a.zip", other), there / "library")
    assert names(there) == ["a.zip", "odd.zip"]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TRIGGER t AFTER UPDATE ON roots BEGIN DELETE FROM passages; END",
        "CREATE VIEW v AS SELECT * FROM passages",
        "CREATE VIRTUAL TABLE v USING fts5(text)",
        """CREATE VIRTUAL TABLE v USING fts5(text); PRAGMA writable_schema = ON;
        UPDATE sqlite_master SET sql = replace(sql, 'CREATE VIRTUAL', 'CREATE/**/VIRTUAL')""",
        "DROP TABLE passages",
        "INSERT INTO roots VALUES (99, '/etc', seal('roots', 99, '/etc'))",
    ],
)
def test_a_catalogue_that_is_none_of_ours_is_refused(script, small, there):
    (there / "a.zip").write_bytes(small)

    def change(packed, members, manifest):
        (there / "x.db").write_bytes(members.pop(CATALOGUE))
        with closing(sqlite3.connect(there / "x.db")) as connection:
            with_seals(connection).executescript(script)
        member(packed, members, manifest, CATALOGUE, (there / "x.db").read_bytes())
        (there / "x.db").unlink()

    with pytest.raises(ArchiveError, match="holds no catalogue"):
        import_library(resealed(there / "a.zip", change), there / "library")
    assert names(there) == ["a.zip", "odd.zip"]


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import indexer.map, indexer.moving, tantivy

file, before, work = map(Path, sys.argv[1:])
MADE = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "sqlite3.connect"}

def killed(at):
    place = work / str(at) / "library"
    shutil.copytree(before, place)
    if not (child := os.fork()):
        seen = []

        def counted(event, arguments):
            if event in MADE or (event == "open" and arguments[1] in ("xb", "wb", "w+b")):
                if len(seen) == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen.append(event)

        sys.addaudithook(counted)
        indexer.moving.import_library(file, place, replace=True)
        print(*seen, file=(work / "seen").open("w"), flush=True)
        os._exit(0)
    os.waitpid(child, 0)

killed(9999)
events = (work / "seen").read_text().split()
(work / "seen").unlink()
for at, event in enumerate(events):
    if at % 9 == 0 or event == "os.rename":
        killed(at)
"""


def test_a_process_that_is_killed_while_it_imports_leaves_the_old_or_the_new(small, there, home):
    """Killed before each folder that it renames, and before some of the files that it makes and removes."""
    (there / "a.zip").write_bytes(small)
    import_library(home / "a.zip", there / "before")
    (there / "killed").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, there / "a.zip", there / "before", there / "killed"],
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(names(there / "killed")) > 8
    old, new = counts(there / "before"), counts(there / "killed" / "9999" / "library")
    between = [one for one in (there / "killed").iterdir() if not (one / "library").exists()]
    assert len(between) == 1  # the moment in which neither is at its place
    seen = [counts(one / "library") for one in sorted((there / "killed").iterdir(), key=lambda one: int(one.name))]
    assert (new[0], old[0], set(seen)) == (1, 7, {old, new})
    assert seen == sorted(seen, reverse=True)  # the old one up to a point, the new one from there on
    import_library(there / "a.zip", between[0] / "library", replace=True)
    assert names(between[0]) == ["library"]


def counts(library):
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        found = snapshot.catalogue.counts()
        return (found.documents, found.passages, len(snapshot.vectors))


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=60)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(notes=st.dictionaries(st.sampled_from(["a.md", "b.org", "ö/c.txt", "d e.md"]), WORDS, min_size=1))
def test_any_library_comes_out_as_it_went_in(notes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    settings_ = desks.settings_for(folder)
    build(settings_.library, [desks.write(folder / "notes", notes)], HashEncoder(), settings_)
    export_library(settings_.library, folder / "x.zip")
    import_library(folder / "x.zip", folder / "other")
    assert contents(folder / "other" / CATALOGUE) == contents(settings_.library / CATALOGUE)
    report = build(folder / "other", [folder / "notes"], HashEncoder(), settings_)
    assert (report.embedded, report.unchanged) == (0, report.files - len(report.failures))
    export_library(settings_.library, folder / "y.zip", notes=False)
    with ZipFile(folder / "y.zip") as packed:
        assert json.loads(packed.read(MANIFEST))["passages"] == 0


def test_packing_holds_little_in_memory(there):
    """A member of 64 MB goes through in pieces."""
    import tracemalloc

    large = there / "large.bin"
    with large.open("wb") as opened:
        opened.truncate(64 << 20)
    tracemalloc.start()
    try:
        pack(there / "a.zip", {"footnote": "1"}, [("papers/large.pdf", large)])
        with checked(there / "a.zip") as packed:
            (there / "out").mkdir()
            packed.unpack(there / "out")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert (there / "out/papers/large.pdf").stat().st_size == 64 << 20


def test_no_settings_and_no_key_are_in_the_file(home):
    with ZipFile(home / "a.zip") as packed:
        assert sorted(packed.namelist()) == [
            CATALOGUE, MANIFEST, "papers/2101.00001v1.pdf", "papers/2202.00002v1.pdf",
        ]  # fmt: skip


def test_two_folders_of_notes_do_not_become_one():
    with pytest.raises(InputError, match="two folders of notes would become one"):
        _places({"roots": ["/a", "/b"], "home": ""}, ["/a=/tmp", "/b=/tmp"])


def test_what_has_no_room_is_refused_before_anything_is_written(home, there, said, monkeypatch):
    with ZipFile(home / "a.zip") as archive:
        size = sum(info.file_size for info in archive.infolist() if info.filename != "manifest.json")
    monkeypatch.setattr("indexer.moving.shutil.disk_usage", lambda _: SimpleNamespace(free=size - 1))
    before = names(there)
    code, out, err = said(environment(there), "import", str(home / "a.zip"))
    assert (code, out, names(there)) == (2, "", before)
    assert err.startswith(f"footnote: cannot unpack {home}/a.zip in {there}: that takes ")
    assert err.endswith(" MB are free; free space there or name another --library\n")
    monkeypatch.setattr("indexer.moving.shutil.disk_usage", lambda _: SimpleNamespace(free=size))
    assert said(environment(there), "import", str(home / "a.zip"))[0] == 0
