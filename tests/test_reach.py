"""What an answer rests on, and what moves it."""

import numpy as np
import pytest
from desks import NOTES, open_desk
from hypothesis import given
from hypothesis import strategies as st
from stub_encoder import HashEncoder

from indexer.tokens import DIMENSION, max_similarities
from service.filters import Inquiry
from service.reach import Basis, Reach, _Tokens, files_changed
from service.retrieve import FUSED
from service.standing import file_state

WHY = "Why does Adam divide by the root of the average square?"


@pytest.fixture
def desk(tmp_path):
    with open_desk(tmp_path) as found:
        yield found


def found(desk, question, *, k=8):
    """A basis, the files, and the answer that they are of."""
    with desk.library.snapshot() as snapshot:
        one = desk._find(snapshot, Inquiry(question), k)
        basis, files = reach_of(desk, snapshot).rests_on(
            one.query, one.looked, one.answer, one.asked, k=k, files=one.standing.files
        )
        return basis, files, one.answer


def reach_of(desk, snapshot):
    return Reach(snapshot, desk._relations, desk._asked(snapshot), FUSED, desk.encoder.count_tokens)


def test_an_answer_rests_on_what_it_cites_and_not_on_the_dump(desk):
    basis, files, answer = found(desk, WHY, k=2)
    numbers = {document.file: document.id for document in desk.documents()}
    assert set(files) == {numbers[citation.file] for citation in answer.citations}
    assert numbers["todo.md"] not in files
    assert len(basis.passages) >= 2
    floor = min(citation.score for citation in answer.citations)
    assert basis.floors == {"note": floor, "paper": None}  # any paper would be the best of them
    assert basis.best < basis.best_asking  # the question itself is nearest to itself
    assert basis.forms == [WHY]
    assert [sum(words.values()) for words in basis.words] == [pytest.approx(1)]


def test_where_there_was_room_for_more_anything_may_take_part(desk):
    assert found(desk, WHY, k=50)[0].floors == {"note": None, "paper": None}


def test_a_paper_that_is_beside_notes_needs_no_more_than_to_be_looked_at(tmp_path):
    averages = {f"{n}.md": f"The average square of {'root ' * n}and other numbers.\n" for n in range(70)}
    with open_desk(tmp_path, NOTES | averages) as desk:
        basis, _, answer = found(desk, WHY)
        with desk.library.snapshot() as snapshot:
            looked = desk._find(snapshot, Inquiry(WHY), 8).looked
    assert 0 < basis.floors["paper"] == looked[-1][0].score < basis.floors["note"]
    shown = [hit.score for hit, _ in looked if hit.passage.text in {citation.passage for citation in answer.citations}]
    assert basis.floors["note"] == pytest.approx(min(shown), abs=1e-4)


def test_a_question_that_gets_other_words_is_asked_again(tmp_path):
    asked = "What does an NTM write to?"
    with open_desk(tmp_path) as desk:
        basis, _, _ = found(desk, asked)
        with desk.library.snapshot() as snapshot:
            assert not reach_of(desk, snapshot)._other_words(basis)
    note = {"ntm.md": "A neural Turing machine (NTM) writes to a memory.\n"}
    with open_desk(tmp_path, NOTES | note) as desk, desk.library.snapshot() as snapshot:
        assert reach_of(desk, snapshot)._other_words(basis)
        assert found(desk, asked)[0].forms == [asked, "What does an neural turing machine write to?"]


def test_a_question_with_a_short_name_is_asked_again_when_a_phrase_with_its_initials_comes_or_its_name_does(tmp_path):
    asked = "Why does OHEM help?"
    phrase = {"mining.md": "Online hard example mining picks the worst ones.\n"}
    with open_desk(tmp_path) as desk:
        before, _, _ = found(desk, asked)
    with open_desk(tmp_path, NOTES | phrase) as desk, desk.library.snapshot() as snapshot:
        assert reach_of(desk, snapshot)._other_words(before)
        after, _, _ = found(desk, asked)
        assert (before.forms, after.forms) == ([asked], [asked, "Why does online hard example mining help?"])
    name = {"name.md": "Some call it OHEM.\n"}
    with open_desk(tmp_path, NOTES | phrase | name) as desk, desk.library.snapshot() as snapshot:
        assert reach_of(desk, snapshot)._other_words(after)


def test_a_basis_comes_back_as_it_was_written(desk):
    basis, _, _ = found(desk, WHY)
    again = Basis.from_json(basis.to_json())
    assert again == basis
    for name in ("vectors", "tokens", "shares"):
        assert getattr(again, name).shape == getattr(basis, name).shape
        assert np.allclose(getattr(again, name), getattr(basis, name), atol=1e-3)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"passages": {}, "vector": 1}'])
def test_what_is_no_basis_is_refused(text):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Basis.from_json(text)


@given(
    texts=st.lists(st.text(st.sampled_from("ab cd")), max_size=5), asked=st.text(st.sampled_from("ab cd"), min_size=1)
)
def test_tokens_match_as_they_do_when_a_question_is_asked(texts, asked):
    encoder = HashEncoder()
    codes, tokens = encoder.encode(texts).tokens, encoder.begin_queries([asked])()[0].tokens
    weights = np.arange(1, len(tokens) + 1, dtype=np.float32)
    shares = np.stack([weights / max(weights.sum(), 1), np.zeros_like(weights)])
    basis = Basis({}, ["asked", "otherwise"], [], {}, 0.0, 0.0, np.zeros((2, 1), np.float32), tokens, shares)
    matches = _Tokens.of(codes).matches(basis)
    assert matches.shape == (len(texts), 2)
    assert np.allclose(matches, max_similarities(tokens, codes) @ shares.T, atol=1e-5)
    assert tokens.shape[1] == DIMENSION


def test_the_state_of_a_file_is_empty_until_it_changes(desk, tmp_path):
    (document,) = [one for one in desk.documents() if one.file == "adam.md"]
    assert file_state(document) == ""
    resting = {"adam": {document.id: ""}, "lost": {999: ""}, "none": {}}
    with desk.library.snapshot() as snapshot:
        assert files_changed(snapshot.catalogue, resting) == {"lost"}
        path = tmp_path / "notes" / "adam.md"
        path.write_text("other")
        changed = file_state(document)
        assert changed.split()[1] == "5"
        assert files_changed(snapshot.catalogue, resting) == {"adam", "lost"}
        assert files_changed(snapshot.catalogue, {"adam": {document.id: changed}}) == set()
        path.unlink()
        assert file_state(document) == "gone"


def reached(folder, changes, question=WHY):
    """Whether an answer of the notes has to be found again after the changes."""
    with open_desk(folder) as desk:
        basis, _, _ = found(desk, question)
        with desk.library.snapshot() as snapshot:
            since = snapshot.generation
    with open_desk(folder, NOTES | changes) as desk, desk.library.snapshot() as snapshot:
        reach = reach_of(desk, snapshot)
        items = {item.question.text: item.question for item in snapshot.catalogue.questions()}
        return reach.reached({"it": (items[question], basis)}, since=since, closed=()), reach._drift(basis)


def test_words_that_become_more_common_move_the_weight_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(Reach, "_near", lambda *_: set())
    changed = {f"root {n}.md": "A root grows below the ground, and below it another root.\n" for n in range(5)}
    keys, drift = reached(tmp_path, changed)
    assert keys == {"it"}
    assert drift > 0.05


def test_words_that_stay_as_rare_as_they_were_leave_an_answer_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(Reach, "_near", lambda *_: set())
    keys, drift = reached(tmp_path, {"zebra.md": "Zebras follow rains.\n"})
    assert (keys, drift < 0.01) == (set(), True)
