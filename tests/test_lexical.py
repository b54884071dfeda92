import math
import shutil
from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import LibraryCorrupt, LibraryFull
from indexer.lexical import MAX_TERM_BYTES, Lexical, LexicalDocument

TEXTS = {
    1: "Residual connections let gradients flow through deep networks",
    2: "Batch normalisation rescales the activations of a layer",
    3: "Dropout switches units off at random",
}


def documents(texts=TEXTS):
    return [LexicalDocument(number, "notes", "", text) for number, text in texts.items()]


@pytest.fixture
def lexical(tmp_path):
    return Lexical.rebuild(tmp_path / "lexical", documents(), generation=4)


def found(lexical, query, k=10):
    return [number for number, _ in lexical.search(query, k)]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("residual", [1]),
        ("DROPOUT, unit!", [3]),
        ("how does a gradient flow?", [1, 2]),  # "a" is a word too, and stands in the second
        ("résidual connection", [1]),
        ("normalization", []),
        ("activation OR (nothing", [2]),
        ('text:"switches" AND -random^2 ~', [3]),
        ("", []),
        ("   \n", []),
        ("?! … 🙂 --- \x00", []),
        ("x" * 10_000, []),
    ],
)
def test_search_takes_any_text(lexical, query, ids):
    assert found(lexical, query) == ids


def test_search_is_bounded_and_best_first(lexical):
    hits = lexical.search("layer activations random", 10)
    assert [number for number, _ in hits] == [2, 3]
    assert hits[0][1] > hits[1][1] > 0
    assert lexical.search("layer activations random", 1) == hits[:1]
    assert lexical.search("layer", 0) == []


def test_words_that_most_passages_have_are_left_out_if_others_are_left(monkeypatch):
    monkeypatch.setattr("indexer.lexical.LEAST_COMMON", 10)
    texts = {number: f"the layer number {number}" for number in range(1, 41)} | {41: "dropout", 42: "the dropout"}
    lexical = Lexical.build(documents(texts), generation=1)
    assert len(found(lexical, "the dropout", 50)) == 42
    assert lexical.search("the dropout", 50, telling=True) == lexical.search("dropout", 50)
    assert lexical.search("the unheard", 50, telling=True) == lexical.search("the", 50)
    monkeypatch.setattr("indexer.lexical.LEAST_COMMON", 41)
    assert lexical.search("the dropout", 50, telling=True) == lexical.search("the dropout", 50)


WORDS = st.lists(st.sampled_from(["one", "two", "three", "four", "ones"]), min_size=1, max_size=6).map(" ".join)


@given(
    st.lists(WORDS, min_size=1, max_size=40),
    st.sets(st.integers(1, 40)),
    st.integers(1, 3),
)
@settings(max_examples=40)
def test_a_search_among_some_finds_what_a_search_among_all_finds_of_them(texts, among, k):
    lexical = Lexical.build(documents(dict(enumerate(texts, start=1))), generation=1)
    chosen = np.array(sorted(number for number in among if number <= len(texts)), np.int64)
    everything = [(number, pytest.approx(score)) for number, score in lexical.search("one two", 40)]
    assert lexical.search("one two", k, chosen) == [hit for hit in everything if hit[0] in chosen][:k]


@pytest.mark.parametrize(
    ("text", "ids"),
    [("gradient flow", [1]), ("FLOWING gradients!", [1]), ("layer", [2]), ("layer random", []), ("notes", [])],
)
def test_passages_that_hold_all_words_of_a_text(lexical, text, ids):
    assert lexical.holding(text).tolist() == ids


def test_of_a_text_without_words_nothing_can_be_said(lexical):
    assert lexical.holding("?! 🙂") is None


def test_equal_scores_come_by_number(tmp_path):
    lexical = Lexical.build(documents({5: "same", 2: "same", 9: "same"}), generation=1)
    assert found(lexical, "same") == [2, 5, 9]


def test_title_and_context_count_less_than_the_text():
    lexical = Lexical.build(
        [
            LexicalDocument(1, "dropout", "other", "other"),
            LexicalDocument(2, "other", "other", "dropout"),
            LexicalDocument(3, "other", "dropout", "other"),
            LexicalDocument(4, "other", "other", "other"),
        ],
        generation=1,
    )
    assert found(lexical, "dropout") == [2, 1, 3]


def test_a_question_of_many_words_is_answered(lexical):
    words = " ".join(f"word{n}" for n in range(20_000))
    assert found(lexical, f"dropout {words}") == [3]


def test_words_too_long_are_not_words(tmp_path):
    longest = "a" * MAX_TERM_BYTES
    lexical = Lexical.build(documents({1: longest[1:], 2: longest}), generation=1)
    assert (found(lexical, longest[1:]), found(lexical, longest)) == ([1], [])


def test_rarity_is_the_inverse_document_frequency():
    lexical = Lexical.build(documents({1: "common rare", 2: "common", 3: "common"}), generation=1)
    rarity = lexical.rarity(["Common", "rares", "absent", "_", "common_rare"])
    assert set(rarity) == {"Common", "rares", "absent", "_", "common_rare"}
    assert rarity["Common"] == rarity["_"] == pytest.approx(math.log(1 + 0.5 / 3.5))
    assert rarity["rares"] == rarity["common_rare"] == pytest.approx(math.log(1 + 2.5 / 1.5))
    assert rarity["absent"] == pytest.approx(math.log(1 + 3.5 / 0.5))


def test_rarity_of_an_empty_index_is_above_zero():
    assert Lexical.build([], generation=0).rarity(["word"])["word"] > 0


def test_passages_are_looked_up_by_the_initials_of_their_phrases(lexical):
    again = lexical.update([3], documents({4: "Stochastic residual connections let go"}), generation=5)
    assert sorted(again.with_initials("rcl", 10)) == [1, 4]
    assert len(again.with_initials("rcl", 1)) == 1
    assert again.with_initials("bnr", 10) == [2]
    assert again.with_initials("uoa", 10) == []  # no longer there
    assert found(again, "rcl") == []  # nothing is searched by them


def test_what_was_written_is_opened(lexical):
    again = Lexical.open(lexical.path)
    assert (again.generation, len(again)) == (4, 3)
    assert again.search("deep networks", 5) == lexical.search("deep networks", 5)
    assert [one.name for one in lexical.path.parent.iterdir()] == ["lexical"]


def test_an_update_takes_out_and_puts_in(lexical):
    new = LexicalDocument(7, "notes", "", "Dropout again")
    moved = LexicalDocument(1, "renamed", "", TEXTS[1])
    updated = lexical.update([1, 3], [new, moved], generation=5)
    for one in (updated, Lexical.open(lexical.path)):
        assert (one.generation, len(one)) == (5, 3)
        assert found(one, "dropout") == [7]
        assert found(one, "renamed") == [1]
        assert found(one, "residual") == [1]


def test_what_was_taken_out_does_not_count(tmp_path):
    texts = {n: f"common word{n % 7} lexeme{n}" for n in range(1, 101)}
    texts |= {n: f"rare{n % 2} words: The Quick Brown Fox (TQBF)" for n in range(11, 31)}
    lexical = Lexical.rebuild(tmp_path / "lexical", documents(texts), generation=1)
    for number in range(11, 31):
        del texts[number]
        texts[100 + number] = "the rare one" if number == 15 else f"common word{number % 7}"
        lexical = lexical.update([number], documents({100 + number: texts[100 + number]}), generation=number)
    clean = Lexical.build(documents(texts), generation=1)
    again = Lexical.open(lexical.path)
    assert lexical.dead == again.dead > 10  # some were merged away
    for one in (lexical, again):
        for query in ("rare", "common rare0 word3", "rare0", "lexeme7 rare", "quick fox"):
            near = [(number, pytest.approx(score, rel=0.02)) for number, score in clean.search(query, 10)]
            assert one.search(query, 10) == near, query
        assert one.rarity(["rare", "rare1", "common"]) == clean.rarity(["rare", "rare1", "common"])
        assert (one.is_spelt("rare"), one.is_spelt("tqbf")) == (True, False)
        assert one.names("tqbf") == one.meanings("TQBF") == []


def test_an_index_is_outlived_when_one_passage_in_eight_is_dead(lexical, monkeypatch):
    assert not lexical.outlived(32)
    assert lexical.outlived(33)
    monkeypatch.setattr("indexer.lexical.LEAST_DEAD", 0)
    assert lexical.outlived(1)
    larger = Lexical.build(documents(dict.fromkeys(range(1, 17), "word")), generation=1)
    assert (larger.outlived(2), larger.outlived(3)) == (False, True)


def test_a_reader_keeps_what_it_opened(lexical):
    reader = Lexical.open(lexical.path)
    before = reader.search("dropout residual", 5)
    for generation in range(5, 25):  # often enough for the segments to be merged, and their files deleted
        lexical = lexical.update(
            [generation, generation - 1], documents({generation: "dropout"}), generation=generation
        )
    Lexical.rebuild(lexical.path, [], generation=30)
    assert (reader.generation, len(reader)) == (4, 3)
    assert reader.search("dropout residual", 5) == before
    assert len(Lexical.open(lexical.path)) == 0


def test_a_missing_index_is_corrupt(tmp_path):
    with pytest.raises(LibraryCorrupt, match="lexical cannot be used"):
        Lexical.open(tmp_path / "lexical")


def damaged(data, kind):
    return {
        "cut": data[: len(data) // 2],
        "empty": b"",
        "garbage": b"\xa5" * len(data),
        "flip": bytes([data[0] ^ 1]) + data[1:],
    }[kind]


@pytest.mark.parametrize("kind", ["cut", "empty", "garbage", "flip", "lost"])
def test_damage_is_noticed_when_opened(lexical, tmp_path, kind):
    lexical.update([1], documents({8: "more"}), generation=5)
    files = [one.name for one in lexical.path.iterdir() if not one.name.startswith(".")]
    assert len(files) > 10
    if kind == "lost":
        files.remove("meta.crc")  # an index from before there was one is believed
    for name in files:
        copy = tmp_path / "copy"
        shutil.copytree(lexical.path, copy)
        if kind == "lost":
            (copy / name).unlink()
        else:
            (copy / name).write_bytes(damaged((copy / name).read_bytes(), kind))
        with pytest.raises(LibraryCorrupt, match=str(copy)):
            Lexical.open(copy)
        shutil.rmtree(copy)


def test_what_was_found_to_be_sound_is_not_read_again(lexical, monkeypatch):
    monkeypatch.setattr("indexer.lexical.TICK_SECONDS", -1)  # as if the files were not of this moment
    read = []

    def heard(data: bytes, start: int) -> int:
        if not data.startswith(b"{"):  # the list of segments, which each change replaces
            read.append(len(data))
        return crc32(data, start)

    monkeypatch.setattr("indexer.lexical.crc32", heard)
    Lexical.open(lexical.path)
    assert sum(read) > 1000
    read.clear()
    Lexical.open(lexical.path)
    assert read == []
    lexical.update([], documents({8: "more"}), generation=5)
    whole = sum(one.stat().st_size for one in lexical.path.iterdir())
    Lexical.open(lexical.path)
    assert 0 < sum(read) < whole / 2
    file = next(one for one in lexical.path.iterdir() if one.suffix == ".store")
    new = file.with_suffix(".new")  # tantivy maps the old one, and one that is cut off while it reads ends the process
    new.write_bytes(damaged(file.read_bytes(), "flip"))
    new.replace(file)
    with pytest.raises(LibraryCorrupt, match="is damaged"):
        Lexical.open(lexical.path)


def test_an_index_without_a_generation_is_corrupt(lexical, monkeypatch):
    monkeypatch.setattr("indexer.lexical.STAMP_ID", 77)
    with pytest.raises(LibraryCorrupt, match="no generation"):
        Lexical.open(lexical.path)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryFull, match="cannot write"):
        Lexical.rebuild(tmp_path / "file" / "lexical", [], generation=0)


def test_what_a_killed_rebuild_left_is_cleared(lexical):
    for leftover in (".new", ".old"):
        shutil.copytree(lexical.path, lexical.path.with_name("lexical" + leftover))
    Lexical.rebuild(lexical.path, documents(), generation=9)
    assert [one.name for one in lexical.path.parent.iterdir()] == ["lexical"]


@given(st.text(max_size=200))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # it is only read
def test_no_text_is_a_syntax_error(lexical, query):
    for number, score in lexical.search(query, 5):
        assert number in TEXTS
        assert score > 0


@settings(deadline=None)
@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "größe"]), min_size=1), st.integers(1, 5))
def test_a_word_that_is_in_a_passage_finds_it(words, k):
    lexical = Lexical.build(documents({1: " ".join(words), 2: "nothing of it"}), generation=1)
    assert found(lexical, words[0], k) == [1]
