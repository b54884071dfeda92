import sqlite3
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import ENCODER, document, embed, passage, passages, put, question

from indexer.catalogue import Catalogue
from indexer.change import text_hash
from indexer.records import Counts


@pytest.fixture
def catalogue(tmp_path):
    with Catalogue.open(tmp_path / "catalogue.db", write=True) as catalogue:
        yield catalogue


def sets(change):
    return change.added_ids, change.removed_ids, change.reindexed_ids


def test_a_passage_that_moves_keeps_its_number(catalogue):
    put(catalogue, "a.md", "one", "two", "three")
    change = put(catalogue, "a.md", "new", "three", "one", first_line=11)
    assert sets(change) == ({4}, {2}, set())
    assert [(one.id, one.passage.text, one.passage.lines) for one in catalogue.passages_of(1)] == [
        (4, "new", (11, 11)),
        (3, "three", (13, 13)),
        (1, "one", (15, 15)),
    ]
    assert change.generation == catalogue.generation == 2


def test_equal_passages_have_numbers_of_their_own(catalogue):
    put(catalogue, "a.md", "same", "same")
    assert sets(put(catalogue, "a.md", "same")) == (set(), {2}, set())
    assert sets(put(catalogue, "a.md", "same", "same")) == ({3}, set(), set())


def test_put_document_tells_what_came_and_went(catalogue):
    put(catalogue, "a.md", "one", "two")
    with catalogue.change() as change:
        assert change.put_document(document(), passages("two", "three"), [], size=1) == ([3], [1])


def test_numbers_are_never_given_twice(catalogue):
    put(catalogue, "a.md", "one")
    with catalogue.change() as change:
        change.remove(1)
    assert sets(put(catalogue, "b.md", "two"))[0] == {2}
    assert catalogue.documents()[0].id == 2


def test_other_titles_and_contexts_are_indexed_again(catalogue):
    put(catalogue, "a.md", "one")
    assert sets(put(catalogue, "a.md", "one", title="A")) == (set(), set(), {1})
    assert sets(put(catalogue, "a.md", "one", title="A")) == (set(), set(), set())
    with catalogue.change() as change:
        change.put_document(document(title="A"), [passage("x\none")], [], size=1)
    with catalogue.change() as change:
        change.put_document(document(title="A"), [passage("one", context="x")], [], size=1)
    assert sets(change) == (set(), set(), {2})


def test_a_rename_keeps_everything_but_the_place(catalogue):
    put(catalogue, "a.md", "one")
    before = catalogue.passages_of(1)
    with catalogue.change() as change:
        change.rename(1, "/elsewhere", "sub/b.org", 99)
    assert sets(change) == (set(), set(), {1})
    stored = catalogue.document(1)
    assert (stored.root, stored.file, stored.format, stored.mtime_ns) == ("/elsewhere", "sub/b.org", "org", 99)
    assert catalogue.passages_of(1) == before
    assert catalogue.generation == 2


def test_a_rename_onto_another_document_is_refused(catalogue):
    put(catalogue, "a.md", "one")
    put(catalogue, "b.md", "two")
    with pytest.raises(sqlite3.IntegrityError), catalogue.change() as change:
        change.rename(1, "/notes", "b.md", 1)
    assert [one.file for one in catalogue.documents()] == ["a.md", "b.md"]


def test_a_removed_document_leaves_nothing_behind(catalogue):
    with catalogue.change() as change:
        change.put_document(document(), passages("one", "two"), [question("Why?")], size=1)
    embed(catalogue, passages("one", "two"))
    with catalogue.change() as change:
        change.remove(1)
        assert change.drop_orphans() == 2
    assert sets(change) == (set(), {1, 2}, set())
    assert catalogue.counts() == Counts(0, 0, 0, 0)


def test_a_failure_replaces_what_the_file_held(catalogue):
    with catalogue.change() as change:
        change.put_document(document(), passages("one"), [question("Why?")], size=1)
    with catalogue.change() as change:
        change.put_failure("/notes", "a.md", size=9, mtime_ns=8, sha256=None, reason="binary data, not text")
    assert sets(change) == (set(), {1}, set())
    (failed,) = catalogue.documents()
    assert (failed.id, failed.failure, failed.size, failed.sha256) == (1, "binary data, not text", 9, None)
    assert catalogue.counts() == Counts(0, 1, 0, 0)
    put(catalogue, "a.md", "one")
    (read,) = catalogue.documents()
    assert (read.failure, read.passages) == (None, 1)


def failure(change):
    change.put_failure("/notes", "a.md", size=9, mtime_ns=8, sha256=None, reason="binary data")


@pytest.mark.parametrize(
    "act",
    [
        failure,
        lambda change: change.add_root("/notes"),
        lambda change: change.touch(1, 5, 6),
        lambda change: change.remove(99),
        lambda change: change.rename(99, "/notes", "z.md", 1),
        lambda change: change.set_fingerprint("hash"),
        lambda change: change.drop_orphans(),
    ],
)
def test_what_readers_cannot_see_makes_no_generation(catalogue, act):
    put(catalogue, "b.md", "one")
    with catalogue.change() as change:
        failure(change)
    before = catalogue.generation
    with catalogue.change() as change:
        act(change)
    assert (change.visible, change.generation, catalogue.generation) == (False, before, before)


def test_touch_keeps_the_new_stamps(catalogue):
    put(catalogue, "a.md", "one")
    with catalogue.change() as change:
        change.touch(1, 5, 6)
    stored = catalogue.document(1)
    assert (stored.size, stored.mtime_ns) == (5, 6)


def test_an_exception_takes_everything_back(catalogue):
    put(catalogue, "a.md", "one")
    with suppress(KeyboardInterrupt), catalogue.change() as change:
        change.remove(1)
        raise KeyboardInterrupt
    assert (catalogue.generation, catalogue.counts().passages) == (1, 1)
    assert sets(put(catalogue, "b.md", "two"))[0] == {2}


def test_what_comes_and_goes_in_one_change_is_no_difference(catalogue):
    with catalogue.change() as change:
        change.put_document(document(), passages("one"), [], size=1)
        change.rename(1, "/notes", "b.md", 1)
        change.remove(1)
    assert sets(change) == (set(), set(), set())


def test_orphans_of_every_model_are_dropped(catalogue):
    put(catalogue, "a.md", "one", "two")
    catalogue.add_embeddings("old", [text_hash("one"), text_hash("gone")], ENCODER.encode(["one", "gone"]))
    put(catalogue, "a.md", "one")
    with catalogue.change() as change:
        assert change.drop_orphans() == 2
    assert catalogue.known_hashes("old", [text_hash("one"), text_hash("gone")]) == {text_hash("one")}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6), min_size=1, max_size=6))
def test_the_difference_is_true_after_any_edits(tmp_path_factory, versions):
    known = set()
    with Catalogue.open(tmp_path_factory.mktemp("edits") / "catalogue.db", write=True) as catalogue:
        for texts in versions:
            change = put(catalogue, "a.md", *texts)
            assert change.removed_ids <= known
            known = known - change.removed_ids | change.added_ids
            assert known == set(catalogue.documents_of_passages()[0].tolist())
            assert [one.passage.text for one in catalogue.passages_of(1)] == texts
