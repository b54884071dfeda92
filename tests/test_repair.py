import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from stub_encoder import HashEncoder

from indexer import repair as repairing
from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE, SUSPECT
from indexer.errors import LibraryCorrupt, LibraryFull
from indexer.library import Library
from indexer.records import LedgerEntry
from indexer.repair import is_suspect, note_folders, noted_folders, repair
from indexer.settings import Settings
from indexer.sweep import find_flaws, sweep
from indexer.types import PaperId, PaperLink

TEXTS = {
    "adam.md": "# Adam\n\nAdam keeps a moving average of the gradient.\n\n## Bias\n\nIt divides by one minus it.\n",
    "zebra.md": "# Zebra\n\nZebras migrate with the rains.\n\n### Question Dump:\n- [ ] Which zebras migrate?\n",
    "bread.md": "# Bread\n\nFlour, water, salt and yeast. See arXiv:1706.03762.\n",
}
WANTED = PaperLink(0, PaperId("2101.00001"))


class Shelf:
    """A small library with something in every table, and what is in it as a person sees it."""

    def __init__(self, folder: Path) -> None:
        self.notes, self.library = folder / "notes", folder / "library"
        self.settings = Settings(library=self.library, cache=folder / "cache")
        self.notices: list[str] = []
        self.notes.mkdir()
        for name, text in TEXTS.items():
            (self.notes / name).write_text(text)
        self.run(self.notes)
        with Catalogue.open(self.library / CATALOGUE, write=True) as catalogue:
            catalogue.put_ledger([LedgerEntry("k", "supported", 5.0)])
            catalogue.add_papers([WANTED], 6.0)

    def run(self, *paths: Path) -> int:
        """Index; how many texts were embedded."""
        encoder = HashEncoder()
        report = build(self.library, paths, encoder, self.settings, notice=self.notices.append)
        assert report.embedded == encoder.encoded
        return encoder.encoded

    def hurt(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.library / CATALOGUE)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def scribble(self, data: bytes, at: int = 0) -> None:
        """Write over the catalogue itself."""
        with closing(sqlite3.connect(self.library / CATALOGUE)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with (self.library / CATALOGUE).open("r+b") as file:
            file.seek(at)
            file.write(data)

    def contents(self) -> object:
        with Library.open(self.library) as library, library.snapshot() as snapshot:
            catalogue = snapshot.catalogue
            ids = catalogue.passage_ids()
            assert len(snapshot.lexical) == len(snapshot.vectors) == len(catalogue.token_codes("hash", ids)) == len(ids)
            vectors = snapshot.vectors.get(ids)
            texts = [catalogue.passages(ids)[number].passage for number in ids]
            passages = sorted((one.text, one.lines, row.tobytes()) for one, row in zip(texts, vectors, strict=True))
            questions = [one.question for one in catalogue.questions()]
            documents = [(d.file, d.sha256, d.passages, d.title) for d in catalogue.documents()]
            papers = [paper.key for paper in catalogue.papers()]
            about = (catalogue.roots(), catalogue.ledger(), catalogue.added_papers(), papers)
            return documents, passages, questions, about


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


ROW = "(SELECT text_hash FROM passages ORDER BY id LIMIT 1)"


@pytest.mark.parametrize(
    ("statement", "embedded", "said"),
    [
        (
            "UPDATE passages SET text = 'Adam keeps nothing.' WHERE id = 1",
            0,
            "passages: 1): what was is taken out, and 1 file is read again",
        ),
        (
            "UPDATE passages SET document_id = 2 WHERE id = 1",
            0,
            "passages: 1): what was is taken out, and 2 files are read again",
        ),
        ("DELETE FROM passages WHERE id = 2", 0, "rows are missing): what was is taken out, and 1 file is read again"),
        (
            "UPDATE documents SET stated_title = 'Eve' WHERE id = 1",
            0,
            "documents: 1): what was is taken out, and 1 file is read again",
        ),
        (
            f"UPDATE embeddings SET vector = zeroblob(512) WHERE text_hash = {ROW}",
            1,
            "embeddings: 1): what was is taken out",
        ),
        (
            f"UPDATE token_codes SET codes = zeroblob(32) WHERE text_hash = {ROW}",
            1,
            "codes of passages: 1): what was is taken out",
        ),
        (f"DELETE FROM token_codes WHERE text_hash = {ROW}", 1, ""),
        ("UPDATE questions SET text = 'Which?'", 0, "questions: 1): what was is taken out, and 1 file is read again"),
        ("DELETE FROM questions", 0, "rows are missing): what was is taken out, and 1 file is read again"),
        ("UPDATE paper_links SET line = 99", 0, "links to papers: 1): what was is taken out, and 1 file is read again"),
        ("UPDATE papers SET title = 'x'", 0, "papers: 2): what was is taken out"),
        ("UPDATE roots SET path = '/elsewhere'", 0, "catalogue.db.damaged is the old one"),
    ],
)
def test_a_damaged_row_is_put_right_by_the_next_run(shelf, statement, embedded, said):
    shelf.run()
    before = shelf.contents()
    shelf.hurt("PRAGMA foreign_keys = ON", statement)
    assert shelf.run() == embedded
    assert shelf.contents() == before
    assert not is_suspect(shelf.library)
    assert ("\n".join(shelf.notices).find(said) >= 0) if said else shelf.notices == []
    shelf.notices.clear()
    assert (shelf.run(), shelf.notices) == (0, [])


def test_codes_that_are_lost_without_their_vector_are_missed_by_whoever_asks_for_them(shelf):
    shelf.run()
    shelf.hurt(f"DELETE FROM token_codes WHERE text_hash = {ROW}")
    with Library.open(shelf.library) as library, library.snapshot() as snapshot:
        ids = snapshot.catalogue.passage_ids()
        with pytest.raises(LibraryCorrupt, match="a page of its codes"):
            snapshot.catalogue.token_codes("hash", ids)
    shelf.hurt(f"DELETE FROM embeddings WHERE text_hash = {ROW}")
    with Library.open(shelf.library) as library, library.snapshot() as snapshot:
        assert len(snapshot.catalogue.token_codes("hash", ids)) == len(ids) - 1  # it waits to be embedded


def test_an_embedding_that_is_lost_with_the_vectors_is_in_them_again_after_one_run(shelf):
    shelf.run()
    before = shelf.contents()
    shelf.hurt(f"UPDATE embeddings SET vector = zeroblob(512) WHERE text_hash = {ROW}")
    for name in ("vectors.faiss", "vectors.delta"):
        (shelf.library / name).unlink(missing_ok=True)
    assert shelf.run() == 1
    assert shelf.contents() == before


def test_embeddings_that_are_all_lost_are_made_again(shelf):
    shelf.run()
    before, count = shelf.contents(), 5
    shelf.hurt("UPDATE embeddings SET vector = zeroblob(512)")
    assert shelf.run() == count
    assert shelf.contents() == before


def test_what_the_files_do_not_say_any_more_is_not_embedded_again(shelf):
    shelf.run()
    shelf.hurt("UPDATE embeddings SET vector = zeroblob(512)")
    for note in shelf.notes.rglob("*.md"):
        note.unlink()
    (shelf.notes / "new.md").write_text("# New\n\nThe one passage that is left.\n")
    assert shelf.run() == 1


@pytest.mark.parametrize("path", ["NULL", "'/elsewhere'"])
def test_a_damaged_folder_is_said_by_whoever_opens_the_library(shelf, path):
    weaker = "UPDATE sqlite_master SET sql = replace(sql, 'path TEXT NOT NULL', 'path TEXT') WHERE name = 'roots'"
    shelf.hurt("PRAGMA writable_schema = ON", weaker)
    shelf.hurt(f"UPDATE roots SET path = {path} WHERE path != 'papers'")
    with pytest.raises(LibraryCorrupt, match=r"a folder is not as it was written.*repair it with: footnote index"):
        Library.open(shelf.library)


@pytest.mark.parametrize("at", [0, 16, 100, 105, 4096, 3 * 4096, 5 * 4096 + 8])
def test_a_damaged_file_is_replaced_and_what_is_whole_is_carried_over(shelf, at):
    shelf.run()
    before = shelf.contents()
    shelf.scribble(b"\xff" * 64, at)
    with pytest.raises(LibraryCorrupt, match="repair it with: footnote index"):
        find_flaws(Catalogue.open(shelf.library / CATALOGUE, write=False))
    assert shelf.run() <= 5
    documents, passages, questions, about = shelf.contents()
    assert (documents, passages, questions, about[0]) == (*before[:3], before[3][0])
    assert (shelf.library / "catalogue.db.damaged").stat().st_size > 4096
    assert f"{shelf.library / CATALOGUE}.damaged is the old one" in shelf.notices[0]


def test_with_the_header_gone_nothing_is_embedded_again_and_nothing_told_is_lost(shelf):
    shelf.run()
    before = shelf.contents()
    shelf.scribble(bytes(100))
    assert shelf.run() == 0
    assert shelf.contents() == before
    path = shelf.library / CATALOGUE
    (said,) = shelf.notices
    assert said == (
        f"{path} was damaged and is made anew of what was whole in it (embeddings: 5, answers that you were told: 1); "
        f"all files are read again. {path}.damaged is the old one; delete it when all is well"
    )


def test_a_catalogue_that_is_lost_is_made_again_of_the_folders_that_were_noted(shelf):
    before = shelf.contents()
    for file in shelf.library.glob("catalogue.db*"):
        file.unlink()
    assert shelf.run() == 5
    assert shelf.contents()[:3] == before[:3]


def test_a_repair_that_is_stopped_is_done_by_the_next_run(shelf, monkeypatch):
    """Wherever it ends: the folders and the embeddings are not lost."""
    shelf.run()
    before = shelf.contents()
    shelf.scribble(bytes(100))
    for name in ("create", "salvage", "sync", "sync_folder"):
        with monkeypatch.context() as patched:
            patched.setattr(repairing, name, _stop)
            with pytest.raises(KeyboardInterrupt):
                shelf.run()
    assert shelf.run() == 0
    assert shelf.contents()[:3] == before[:3]


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_full_disk_is_said_and_leaves_the_damaged_catalogue(shelf, monkeypatch):
    shelf.scribble(bytes(100))
    before = (shelf.library / CATALOGUE).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(repairing, "sync", full)
    with pytest.raises(LibraryFull, match="No space left on device"):
        repair(shelf.library, "footnote index", shelf.notices.append)
    assert (shelf.library / CATALOGUE).read_bytes() == before
    assert (shelf.library / SUSPECT).exists()


def test_the_old_log_is_not_replayed_into_the_new_catalogue(shelf):
    shelf.run()
    before = shelf.contents()
    with Catalogue.open(shelf.library / CATALOGUE, write=True) as catalogue:
        catalogue.put_ledger([LedgerEntry("l", "partial", 7.0)])
        log = (shelf.library / "catalogue.db-wal").read_bytes()
    shelf.scribble(bytes(100))
    (shelf.library / "catalogue.db-wal").write_bytes(log)
    assert shelf.run() == 0
    assert shelf.contents()[:3] == before[:3]
    assert shelf.contents()[3][1].keys() == {"k", "l"}


def test_a_sweep_goes_round_in_steps_and_finds_what_nobody_reads(shelf, monkeypatch):
    monkeypatch.setattr("indexer.sweep.ROWS", 2)
    monkeypatch.setattr("indexer.sweep.ROWS_A_RUN", 0)
    monkeypatch.setattr("indexer.sweep.SMALL", 0)

    def rounds():
        places = []
        with Catalogue.open(shelf.library / CATALOGUE, write=True) as catalogue:
            for _ in range(100):
                places.append(sweep(catalogue))
                catalogue.swept = places[-1]
                if not places[-1]:
                    return places
        raise AssertionError("it does not end")

    places = rounds()
    assert json.loads(places[0]) == ["passages"]
    assert json.loads(places[1])[0] == "passages"
    assert len(places) == len(set(places)) > 14
    shelf.hurt("UPDATE answers SET answer = 'x'", "UPDATE ledger SET verdict = 'partial'")
    with pytest.raises(LibraryCorrupt, match="a row of its ledger"):
        rounds()


def test_all_of_a_small_catalogue_is_gone_through_wherever_a_sweep_stopped(shelf, monkeypatch):
    monkeypatch.setattr("indexer.sweep.ROWS", 1)
    monkeypatch.setattr("indexer.sweep.ROWS_A_RUN", 0)
    shelf.hurt("INSERT INTO meta VALUES ('swept', '[\"ledger\"]')", "UPDATE token_codes SET codes = zeroblob(32)")
    with (
        Catalogue.open(shelf.library / CATALOGUE, write=True) as catalogue,
        pytest.raises(LibraryCorrupt, match="a row of its token_codes"),
    ):
        sweep(catalogue)


@pytest.mark.parametrize("written", ["", "{", "[]", '["nothing"]', '["passages", "x"]', '["embeddings", "hash", "00"]'])
def test_a_sweep_begins_somewhere_wherever_it_is_said_to_have_stopped(shelf, written):
    with Catalogue.open(shelf.library / CATALOGUE, write=True) as catalogue:
        catalogue.swept = written
        assert sweep(catalogue) == ""


def test_folders_are_noted_once_and_believed_only_whole(tmp_path):
    note_folders(tmp_path, ["/a", "/bé"])
    stamp = (tmp_path / "folders.json").stat().st_mtime_ns
    note_folders(tmp_path, ["/a", "/bé"])
    assert (tmp_path / "folders.json").stat().st_mtime_ns == stamp
    assert noted_folders(tmp_path) == ["/a", "/bé"]
    text = (tmp_path / "folders.json").read_text()
    for other in (text.replace("/a", "/b"), text[:-3], "[]", "{}", '{"folders": 1, "checksum": 2}', "\0"):
        (tmp_path / "folders.json").write_text(other)
        assert noted_folders(tmp_path) == []


def test_what_is_renamed_into_place_was_written_down_before_and_its_name_after(shelf, monkeypatch):
    """What a power cut may not take: the catalogue, when it is made and when it is replaced, and the noted folders."""
    done: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def renamed(old: os.PathLike[str], new: os.PathLike[str]) -> None:
        done.append(("rename", Path(old).name))
        rename(old, new)

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("os.replace", renamed)
    made = shelf.library.with_name("made") / CATALOGUE
    Catalogue.open(made, write=True).close()
    assert done == [("sync", "catalogue.db.new"), ("rename", "catalogue.db.new"), ("sync", "made")]
    done.clear()
    shelf.scribble(bytes(100))
    repair(shelf.library, "footnote index", shelf.notices.append)
    at = done.index(("rename", CATALOGUE))
    assert done.index(("sync", CATALOGUE)) < done.index(("rename", "catalogue.db-wal")) < at
    assert done[at - 1 : at + 2] == [("sync", "library"), ("rename", CATALOGUE), ("sync", "library")]
    done.clear()
    note_folders(shelf.library, ["/elsewhere"])
    assert done == [("sync", "folders.json.new"), ("rename", "folders.json.new")]
