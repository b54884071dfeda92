import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import ENCODER, document, embed, passages, put, put_and_publish, vector

from indexer.catalogue import Catalogue
from indexer.change import text_hash
from indexer.errors import LibraryCorrupt, LibraryFull, LibraryLocked, LibraryMissing
from indexer.lexical import Lexical
from indexer.library import AWAY_SECONDS, CATALOGUE, Library, publish, writing
from indexer.vectors import Vectors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "library"


@pytest.fixture
def notices():
    return []


def index(path, file, *texts):
    with writing(path, "footnote index") as catalogue:
        put_and_publish(path, catalogue, file, *texts)


def crash(path, file, *texts):
    """A writer that is killed between the catalogue's commit and the derived stores."""
    with writing(path, "footnote index") as catalogue:
        put(catalogue, file, *texts)


def found(snapshot, query):
    """The texts that both searches find, best first; the three stores have to agree on their numbers."""
    stored = snapshot.catalogue.passages(snapshot.catalogue.documents_of_passages()[0].tolist())
    lexical = [stored[number].passage.text for number, _ in snapshot.lexical.search(query, 99)]
    dense = [stored[number].passage.text for number, _ in snapshot.vectors.search(vector(query), 99)]
    assert len(snapshot.lexical) == len(snapshot.vectors) == len(stored) == len(dense)
    assert snapshot.lexical.generation == snapshot.vectors.generation == snapshot.catalogue.generation
    assert snapshot.edition or snapshot.catalogue.generation == snapshot.generation
    return lexical, dense


def test_what_is_published_is_found(path):
    index(path, "a.md", "gradient descent", "residual block")
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert found(snapshot, "residual") == (["residual block"], ["residual block", "gradient descent"])
        assert snapshot.generation == 1


def test_a_new_library_is_empty_and_can_be_read(path):
    with writing(path, "footnote index"):
        pass
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert found(snapshot, "anything") == ([], [])
        assert snapshot.generation == 0


def test_a_missing_library_is_said_and_not_made(path):
    with pytest.raises(LibraryMissing):
        Library.open(path)
    assert not path.exists()


def test_a_truncated_catalogue_is_corrupt(path):
    index(path, "a.md", "one")
    catalogue = path / CATALOGUE
    catalogue.write_bytes(catalogue.read_bytes()[:5000])
    with pytest.raises(LibraryCorrupt, match="repair it with: footnote index"):
        Library.open(path)
    with pytest.raises(LibraryCorrupt, match="repair it with: footnote index"), writing(path, "footnote index"):
        pass


def test_nothing_new_is_nothing_opened(path, monkeypatch):
    index(path, "a.md", "one")
    with Library.open(path) as library:
        with library.snapshot() as first:
            pass
        monkeypatch.delattr("indexer.library._load")
        with library.snapshot() as second:
            assert second is first


def test_a_snapshot_stays_while_the_next_generation_is_published(path):
    index(path, "a.md", "one")
    with Library.open(path) as library, library.snapshot() as old:
        index(path, "b.md", "two")
        index(path, "a.md", "three")
        with library.snapshot() as new:
            assert found(new, "two") == (["two"], ["two", "three"])
            assert found(new, "one")[0] == []
        assert found(old, "one") == (["one"], ["one"])
        assert (old.generation, new.generation) == (1, 3)


def test_an_old_snapshot_is_closed_by_its_last_user(path):
    index(path, "a.md", "one")
    with Library.open(path) as library:
        with library.snapshot() as old, library.snapshot():
            index(path, "b.md", "two")
            with library.snapshot():
                pass
            assert old.catalogue.generation == 1
        with pytest.raises(Exception, match="closed database"):
            assert old.catalogue.generation
        with library.snapshot() as new:
            assert new.generation == 2


def test_the_old_generation_is_served_until_the_new_one_is_complete(path):
    index(path, "a.md", "one")
    with Library.open(path) as library, writing(path, "footnote index") as catalogue:
        change = put(catalogue, "b.md", "two")
        for _ in range(2):
            with library.snapshot() as snapshot:
                assert found(snapshot, "one") == (["one"], ["one"])
        publish(path, catalogue, change)
        with library.snapshot() as snapshot:
            assert found(snapshot, "two")[0] == ["two"]


def test_a_new_reader_waits_for_the_writer_and_then_says_who_it_is(path, monkeypatch):
    index(path, "a.md", "one")
    with writing(path, "footnote index"):
        shutil.rmtree(path / "lexical")
        monkeypatch.setattr("indexer.library.READER_WAIT_SECONDS", 0)
        with pytest.raises(LibraryLocked, match=f"by footnote index \\(process {os.getpid()}, "):
            Library.open(path)
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert found(snapshot, "one")[0] == ["one"]


def test_a_new_reader_gets_in_when_the_writer_is_done(path):
    index(path, "a.md", "one")
    published = threading.Event()

    def read():
        with Library.open(path) as library, library.snapshot() as snapshot:
            assert published.is_set()
            generations.append(snapshot.generation)

    generations = []
    with writing(path, "footnote index") as catalogue:
        change = put(catalogue, "b.md", "two")
        reader = threading.Thread(target=read)
        reader.start()
        published.set()
        publish(path, catalogue, change)
    reader.join()
    assert generations == [2]


def test_a_second_writer_is_told_of_the_first(path, monkeypatch):
    monkeypatch.setattr("indexer.library.WRITER_WAIT_SECONDS", 0)
    with (
        writing(path, "footnote index /notes"),
        pytest.raises(LibraryLocked, match=rf"by footnote index /notes \(process {os.getpid()}, "),
        writing(path, "another"),
    ):
        pass


SIX = ("one", "three", "four", "five", "six", "seven")


def test_a_crash_between_commit_and_publish_is_made_good_by_the_next_reader(path, notices):
    index(path, "a.md", *SIX)
    before = (path / "vectors.faiss").read_bytes()
    with Library.open(path, notice=notices.append) as library:
        crash(path, "b.md", "two")
        with library.snapshot() as snapshot:
            assert found(snapshot, "two")[0] == ["two"]
        crash(path, "a.md", *SIX[1:])
        with library.snapshot() as snapshot:
            assert found(snapshot, "one")[0] == []
            assert found(snapshot, "two")[0] == ["two"]
    assert notices == []
    assert (path / "vectors.faiss").read_bytes() == before


def test_a_crash_is_made_good_by_the_next_writer(path, notices):
    index(path, "a.md", *SIX)
    crash(path, "b.md", "two")
    with writing(path, "footnote index", notice=notices.append):
        assert Lexical.open(path / "lexical").generation == Vectors.open(path / "vectors.faiss").generation == 2
    assert notices == []


def test_stores_of_another_catalogue_are_made_again(path, tmp_path, notices):
    index(path, "a.md", *SIX)
    other = tmp_path / "other"
    index(other, "b.md", *(f"{text} more" for text in SIX))
    index(other, "c.md", "last")
    shutil.copyfile(other / "catalogue.db", path / "catalogue.db")
    with Library.open(path, notice=notices.append) as library, library.snapshot() as snapshot:
        assert found(snapshot, "last")[0] == ["last"]
    assert [notice.split(" from")[0] for notice in notices] == [
        f"making {path / 'lexical'} again",
        f"making {path / 'vectors.faiss'} again",
    ]


def lose(path):
    while path.is_dir():  # a thread of the index may be putting a file there
        shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def turn(path):
    """A bit of a vector, with all else as it was."""
    data = bytearray(path.read_bytes())
    data[4096 + 5] ^= 1
    path.write_bytes(data)


def miscount(path):
    path.write_text(path.read_text().replace('"max_doc": 3', '"max_doc": 2'))


def garble(path):
    path.write_bytes(b"garbage" * 100)


@pytest.mark.parametrize(
    ("store", "damage"),
    [
        ("vectors.faiss", lose),
        ("vectors.faiss", cut),
        ("vectors.faiss", garble),
        ("vectors.faiss", turn),
        ("lexical", lose),
        ("lexical/meta.json", lose),
        ("lexical/meta.json", cut),
        ("lexical/meta.json", garble),
        ("lexical/meta.json", miscount),
    ],
)
@pytest.mark.parametrize("when", ["before", "while"])
def test_a_damaged_store_is_made_again(path, notices, store, damage, when):
    index(path, "a.md", "one", "two")
    if when == "before":
        damage(path / store)
    with Library.open(path, notice=notices.append) as library:
        if when == "while":
            damage(path / store)
        with library.snapshot() as snapshot:
            assert found(snapshot, "two")[0] == ["two"]
        with library.snapshot():
            pass
    assert [notice.split(" again")[0] for notice in notices] == [f"making {path / store.split('/')[0]}"]


@pytest.mark.parametrize("damage", [lose, cut, garble])
@pytest.mark.parametrize("when", ["before", "while"])
def test_damage_of_what_changed_since_is_mended(path, notices, damage, when):
    index(path, "a.md", "one", "two")
    index(path, "b.md", "three")
    if when == "before":
        damage(path / "vectors.delta")
    with Library.open(path, notice=notices.append) as library:
        if when == "while":
            damage(path / "vectors.delta")
        with library.snapshot() as snapshot:
            assert found(snapshot, "three")[1][0] == "three"
    again = [f"making {path / 'vectors.faiss'}"]
    assert [notice.split(" again")[0] for notice in notices] == ([] if damage is lose else again)
    assert (path / "vectors.delta").exists() == (damage is lose)  # what is lost is told by what is left


def test_a_new_generation_shares_the_vectors_of_the_one_before(path):
    index(path, "a.md", "one", "two")
    with Library.open(path) as library, library.snapshot() as old:
        index(path, "b.md", "three")
        with library.snapshot() as new:
            assert new.vectors.base is old.vectors.base
            assert (len(old.vectors), len(new.vectors)) == (2, 3)


def test_a_store_that_cannot_be_repaired_is_made_in_memory(path, notices, monkeypatch):
    index(path, "a.md", "one", "two")
    garble(path / "vectors.faiss")
    shutil.rmtree(path / "lexical")

    def refuse(*_, **__):
        raise LibraryFull(f"cannot write {path}")

    monkeypatch.setattr("indexer.library.locked", refuse)
    with Library.open(path, notice=notices.append) as library, library.snapshot() as snapshot:
        assert found(snapshot, "two") == (["two"], ["two", "one"])
    assert notices == [f"cannot write {path}; until then parts of the library are made in memory"]
    assert not (path / "lexical").exists()


def test_a_library_that_is_deleted_is_missing_after_a_while_and_a_new_one_is_seen(path, monkeypatch):
    index(path, "a.md", "one")
    with Library.open(path) as library:
        shutil.rmtree(path)
        for seconds in (1e6, 1e6 + AWAY_SECONDS):
            monkeypatch.setattr("time.monotonic", lambda seconds=seconds: seconds)
            with library.snapshot() as snapshot:
                assert found(snapshot, "one") == (["one"], ["one"])
        monkeypatch.setattr("time.monotonic", lambda: 1e6 + AWAY_SECONDS + 1)
        for _ in range(2):
            with pytest.raises(LibraryMissing), library.snapshot():
                pass
        monkeypatch.undo()
        index(path, "b.md", "two")
        with library.snapshot() as snapshot:
            assert found(snapshot, "two") == (["two"], ["two"])
            assert snapshot.generation == 2  # none is seen twice
        shutil.rmtree(path)
        with library.snapshot() as snapshot:
            assert found(snapshot, "two") == (["two"], ["two"])  # it is borne with anew


def test_a_library_that_is_made_anew_is_served_when_something_is_in_it(path):
    index(path, "a.md", "one")
    with Library.open(path) as library:
        shutil.rmtree(path)
        with writing(path, "test") as catalogue:
            for _ in range(2):
                with library.snapshot() as snapshot:
                    assert found(snapshot, "one") == (["one"], ["one"])
            put_and_publish(path, catalogue, "b.md", "two")
            with library.snapshot() as snapshot:
                assert found(snapshot, "two") == (["two"], ["two"])
        shutil.rmtree(path)
        with writing(path, "test"):
            pass
        with library.snapshot() as snapshot:
            assert len(snapshot.vectors) == 0  # nobody is putting anything in


@pytest.mark.parametrize("error", [LibraryFull("disk I/O error"), LibraryCorrupt("no generation")])
def test_what_cannot_be_read_any_more_is_let_go_of_and_opened_anew(path, monkeypatch, error):
    """SQLite has a process share what lies beside a catalogue as long as anything there has it open."""
    index(path, "a.md", "gates")
    generation, held = Catalogue.generation.fget, []

    def read(catalogue):
        if catalogue in held:
            raise error
        return generation(catalogue)

    monkeypatch.setattr(Catalogue, "generation", property(read))
    with Library.open(path) as library:
        with library.snapshot() as before:
            held += [library._probe, before.catalogue]
        with library.snapshot() as now:
            assert (now.generation, now.edition) == (before.generation, before.edition)
            assert found(now, "gates") == (["gates"], ["gates"])
        for one in held:
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                one._connection.execute("SELECT 1")


@pytest.mark.parametrize("times", [1, 2])
def test_a_library_that_is_made_anew_during_a_repair_is_looked_at_again(path, tmp_path, monkeypatch, times):
    index(path, "a.md", "one")
    others = [tmp_path / f"other {n}" for n in range(times)]
    for other in others:
        crash(other, "b.md", "two")

    def replaced(library, *arguments, **options):
        publish(library, *arguments, **options)
        if others:
            shutil.copytree(others.pop(), library, dirs_exist_ok=True)

    (path / "vectors.faiss").unlink()
    monkeypatch.setattr("indexer.library.publish", replaced)
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert found(snapshot, "two") == (["two"], ["two"])


def test_a_library_that_vanishes_during_a_repair_is_missing(path, monkeypatch):
    index(path, "a.md", "one")
    (path / "vectors.faiss").unlink()
    monkeypatch.setattr("indexer.library.publish", lambda *_, **__: shutil.rmtree(path))
    with pytest.raises(LibraryMissing):
        Library.open(path)


def test_a_disk_that_keeps_nothing_is_said(path, monkeypatch):
    index(path, "a.md", "one")
    (path / "vectors.faiss").unlink()
    monkeypatch.setattr("indexer.library.publish", lambda *_, **__: None)
    with pytest.raises(LibraryCorrupt, match=r"was repaired 3 times and is not whole yet.*look after the disk"):
        Library.open(path)


def test_stores_of_a_lost_catalogue_are_not_believed(path):
    index(path, "a.md", "one")
    (path / CATALOGUE).unlink()
    with writing(path, "footnote index") as catalogue:
        with catalogue.change() as change:
            change.add_root("/notes")
        assert catalogue.generation == 1
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert found(snapshot, "one") == ([], [])


@pytest.mark.parametrize("again", [True, False])
def test_a_document_that_vanished_from_the_catalogue_leaves_no_ghost(path, notices, again):
    index(path, "a.md", "one")
    index(path, "b.md", "two", "three")
    with sqlite3.connect(path / CATALOGUE) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM documents WHERE file = 'b.md'")
    connection.close()
    with writing(path, "footnote index", notice=notices.append) as catalogue:
        assert [notice.split()[1] for notice in notices] == [str(path / "lexical"), str(path / "vectors.faiss")]
        if again:
            put_and_publish(path, catalogue, "b.md", "two", "three")
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert snapshot.catalogue.passage_sums() == ((3, 1 + 4 + 5) if again else (1, 1))
        assert sorted(found(snapshot, "three")[1]) == (["one", "three", "two"] if again else ["one"])
    with writing(path, "footnote index", notice=notices.append):
        assert len(notices) == 2


def test_an_index_with_many_dead_is_made_anew(path, notices, monkeypatch):
    monkeypatch.setattr("indexer.lexical.LEAST_DEAD", 3)
    monkeypatch.setattr("indexer.lexical.DEAD_SHARE", 2)
    dead = []
    with writing(path, "footnote index", notice=notices.append) as catalogue:
        put_and_publish(path, catalogue, "a.md", *(f"word{n}" for n in range(8)))
        for n in range(8):
            put_and_publish(path, catalogue, "a.md", *(f"word{m}" if m > n else f"new{m}" for m in range(8)))
            dead.append(Lexical.open(path / "lexical").dead)
    assert max(dead) == 4
    assert dead.count(0) > 1  # made anew, which takes the dead out
    assert notices == []


def test_passages_without_an_embedding_are_found_by_their_words_only(path):
    with writing(path, "footnote index") as catalogue:
        change = put(catalogue, "a.md", "one", "two")
        publish(path, catalogue, change)
        with catalogue.change() as change:
            change.put_document(document("b.md"), passages("three"), [], size=1)
        publish(path, catalogue, change)
    for _ in range(2):
        with Library.open(path) as library, library.snapshot() as snapshot:
            assert (len(snapshot.lexical), len(snapshot.vectors)) == (3, 2)
            assert [number for number, _ in snapshot.lexical.search("three", 5)] == [3]
        (path / "vectors.faiss").unlink()


def test_another_model_changes_the_vectors(path):
    index(path, "a.md", "one", "two")
    other = ENCODER.encode(["two", "one"])
    with writing(path, "footnote index") as catalogue:
        catalogue.add_embeddings("other", [text_hash("one"), text_hash("two")], other)
        with catalogue.change() as change:
            change.set_fingerprint("other")
        publish(path, catalogue, change)
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert snapshot.vectors.fingerprint == "other"
        assert snapshot.vectors.get([1, 2]) == pytest.approx(other.vectors, abs=1e-3)


def test_small_changes_are_published_as_differences(path, monkeypatch):
    index(path, "a.md", *(f"text {n}" for n in range(20)))
    monkeypatch.delattr("indexer.lexical.Lexical.rebuild")
    monkeypatch.delattr("indexer.derived.build_vectors")
    with writing(path, "footnote index") as catalogue:
        changes = [put(catalogue, "b.md", "one", "two"), put(catalogue, "b.md", "two", "three")]
        publish(path, catalogue, *changes)
        with catalogue.change() as change:
            change.touch(1, 1, 1)
        publish(path, catalogue, change)
        with catalogue.change() as change:
            change.rename(2, "/notes", "zeppelin.md", 1)
        publish(path, catalogue, change)
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert found(snapshot, "three")[0] == ["three"]
        assert found(snapshot, "one")[0] == []
        assert sorted(found(snapshot, "zeppelin")[0]) == ["three", "two"]


def test_changes_with_a_gap_are_not_taken_for_a_difference(path):
    index(path, "a.md", *(f"text {n}" for n in range(20)))
    with writing(path, "footnote index") as catalogue:
        put(catalogue, "b.md", "lost")
        publish(path, catalogue, put(catalogue, "c.md", "told"))
    with Library.open(path) as library, library.snapshot() as snapshot:
        assert (found(snapshot, "lost")[0], found(snapshot, "told")[0]) == (["lost"], ["told"])


def test_embeddings_kept_during_a_run_do_not_disturb_readers(path, monkeypatch):
    index(path, "a.md", "one")
    with Library.open(path) as library, writing(path, "footnote index") as catalogue:
        with library.snapshot() as before:
            pass
        embed(catalogue, passages("work that is kept"))
        monkeypatch.delattr("indexer.library._load")
        with library.snapshot() as after:
            assert after is before


def test_threads_share_a_library_while_it_changes(path):
    index(path, "a.md", "word 0")
    errors = []
    done = threading.Event()

    def read():
        try:
            while not done.is_set():
                with library.snapshot() as snapshot:
                    texts = [one.passage.text for one in snapshot.catalogue.passages_of(1)]
                    assert texts == [f"word {snapshot.generation - 1}"]
                    assert found(snapshot, "word")[1] == texts
        except BaseException as error:  # noqa: BLE001 - of a thread, to be seen by the test
            errors.append(error)

    with Library.open(path) as library:
        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for n in range(1, 6):
            index(path, "a.md", f"word {n}")
        done.set()
        for reader in readers:
            reader.join()
    assert errors == []


def test_importing_the_library_loads_nothing_heavy():
    heavy = "{'faiss', 'tantivy', 'torch', 'filelock'}"
    code = f"import sys, indexer.library; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


FILES = st.sampled_from(["a.md", "b.md", "c.md"])
TEXTS = st.lists(st.sampled_from(["alpha", "beta", "gamma delta", "delta"]), max_size=4)
ACTIONS = st.one_of(
    st.tuples(st.just("put"), FILES, TEXTS),
    st.tuples(st.just("rename"), FILES, FILES),
    st.tuples(st.just("remove"), FILES, st.none()),
    st.tuples(st.just("crash"), st.none(), st.none()),
)


def act(change: object, catalogue: Catalogue, kind: str, file: str, other: object) -> None:
    files = {one.file: one for one in catalogue.documents()}
    here = files.get(file)
    if kind == "put":
        change.put_document(document(file), passages(*other), [], size=1)
    elif here is not None and kind == "remove":
        change.remove(here.id)
    elif here is not None and kind == "rename" and other not in files:
        change.rename(here.id, here.root, other, 1)


def searchable(path: Path) -> list:
    """Everything that can be found, without numbers: for each document what each word finds, and the vectors."""
    with Library.open(path) as library, library.snapshot() as snapshot:
        stored = snapshot.catalogue.passages(snapshot.catalogue.documents_of_passages()[0].tolist())
        files = {one.id: one.file for one in snapshot.catalogue.documents()}
        place = {n: (files[one.document_id], one.passage) for n, one in stored.items()}
        words = ["alpha", "beta", "gamma", "delta", "a", "b", "c"]  # the last are names of files
        lexical = [sorted(repr(place[n]) for n, _ in snapshot.lexical.search(word, 99)) for word in words]
        dense = sorted(
            (repr(place[n]), np.round(score, 5)) for n, score in snapshot.vectors.search(vector("delta"), 99)
        )
        return [sorted(map(repr, place.values())), lexical, dense]


@given(st.lists(ACTIONS, max_size=8))
@settings(max_examples=15, deadline=None)
def test_any_history_can_be_searched_like_a_library_made_afresh(tmp_path_factory, actions):
    folder = tmp_path_factory.mktemp("history")
    lived, fresh = folder / "lived", folder / "fresh"
    with writing(lived, "test") as catalogue:
        embed(catalogue, passages("alpha", "beta", "gamma delta", "delta"))
        with catalogue.change() as change:
            change.set_fingerprint(ENCODER.fingerprint)
        publish(lived, catalogue, change)
        changes = []
        for kind, file, other in actions:
            if kind == "crash":
                changes = []
                continue
            with catalogue.change() as change:
                act(change, catalogue, kind, file, other)
            changes.append(change)
            if kind != "remove":  # so that some are published together
                publish(lived, catalogue, *changes)
                changes = []
        texts = {
            one.file: [found.passage.text for found in catalogue.passages_of(one.id)] for one in catalogue.documents()
        }
    with writing(fresh, "test") as catalogue:
        for file, found_texts in texts.items():
            put_and_publish(fresh, catalogue, file, *found_texts)
    assert searchable(lived) == searchable(fresh)


def test_vectors_stay_on_a_gpu_and_new_ones_get_there(path, monkeypatch):
    monkeypatch.setattr("indexer.delta.LEAST_FOLDED", 2)
    moved = []

    def to_gpu(vectors, _notice):
        if vectors.gpu is None:
            moved.append(len(vectors.base.ids))
            vectors = Vectors(vectors.base, vectors.delta, gpu=object())
        return vectors

    monkeypatch.setattr("indexer.library.to_gpu", to_gpu)
    index(path, "a.md", "one", "two")
    with Library.open(path, gpu=True) as library:
        for file in ("b.md", "c.md", "d.md"):
            index(path, file, file)
            with library.snapshot() as snapshot:
                assert snapshot.vectors.gpu is not None
    assert moved == [2, 5]


def test_a_gpu_is_tried_once_and_its_absence_said_once(path, notices):
    index(path, "a.md", "one")
    with Library.open(path, notice=notices.append, gpu=True) as library:
        index(path, "b.md", "two")
        with library.snapshot() as snapshot:
            assert len(snapshot.vectors) == 2
    assert notices == ["The installed faiss has no GPU to work on; vectors are searched on the CPU."]


def test_another_library_in_its_place_goes_on_with_the_generations(path):
    index(path, "a.md", "gradient descent")
    with Library.open(path) as library:
        with library.snapshot() as snapshot:
            assert (snapshot.generation, snapshot.edition) == (1, 0)
        shutil.rmtree(path)
        index(path, "b.md", "residual block")
        with library.snapshot() as snapshot:
            assert (snapshot.catalogue.generation, snapshot.generation, snapshot.edition) == (1, 2, 1)
            (number,) = (number for number, _ in snapshot.vectors.search(vector("anything"), 99))
            assert snapshot.catalogue.passages([number])[number].passage.text == "residual block"
        index(path, "c.md", "layer norm")
        with library.snapshot() as snapshot:
            assert (snapshot.catalogue.generation, snapshot.generation, snapshot.edition) == (2, 3, 1)
