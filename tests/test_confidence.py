import time
from dataclasses import astuple, fields, replace

import numpy as np
import pytest
from desks import open_desk
from hypothesis import given
from hypothesis import strategies as st
from test_answer import hit

from service import confidence
from service.answer import candidates_of
from service.confidence import (
    AGAINST,
    LEAST_EVIDENCE,
    PARTIAL,
    READ,
    SUPPORTED,
    WEIGHTS,
    Candidate,
    Signs,
    log_odds,
    odds_of,
    probability,
    read_signs,
    verdict_of,
)
from service.retrieve import Met, Reading, read, read_hits, retrieve

QUESTION = "Why does ResNet-50 not overfit?"
WORDS = ((0, 3), (4, 8), (9, 15), (16, 18), (19, 22), (23, 30))


def candidate(text="ResNet-50 does not overfit.", met=(0.5, 0.5, 0.9, 0.9, 0.9, 0.9), *, question=QUESTION, **about):
    """A hit whose only sentence meets the words of the question so well."""
    row = np.array(met, np.float32)
    reading = Reading(row[:1], (Met(question, WORDS, np.ones(6, np.float32), row, row[None]),))
    return Candidate(hit(text, **about), (0,), reading)


def signs(found, hits=()):
    (read,) = read_signs([found], hits)
    return read


def test_the_signs_of_a_passage():
    beside = [hit("x", dense=0.9)] * 5 + [hit("x", dense=0.2)] * 15 + [hit("x", dense=0.9)] * 9
    found = signs(candidate(dense=0.7), beside)
    assert found.met == pytest.approx(0.7667, abs=1e-4)  # over all six words …
    assert found.sentence == pytest.approx(0.9)  # … over the three that carry meaning: ResNet, 50, overfit
    assert found.evidence == pytest.approx(2.7)
    assert signs(candidate(met=(0.1,) * 6)).evidence == LEAST_EVIDENCE
    assert found.distinct == pytest.approx(0.5)
    assert (found.lacks, found.contradicts, found.defines) == (0.0, 0.0, 0.0)


def test_what_a_reader_would_stumble_over():
    assert signs(candidate("ResNet-101 does not overfit.")).lacks == 1.0
    assert signs(candidate("DenseNet-50 does not overfit.")).lacks == 1.0
    assert signs(candidate("ResNet-50 does overfit.")).contradicts == 1.0
    assert signs(candidate("ResNet-50 does well.")).contradicts == pytest.approx(2 / 3)  # it does not say overfit


def test_what_is_asked_to_be_defined():
    question = "What is a Markov chain"
    for text, heading, expected in (
        ("A Markov chain is a sequence.", "Top", 1.0),
        ("Each state follows.", "2 Markov chain", 1.0),
        ("We sample by a Markov chain.", "Top", -1.0),
    ):
        found = candidate(text, question=question, headings=(heading,))
        assert signs(found).defines == expected
    row = candidate("Markov chain: 2 | 3", question=question, kind="table")
    assert signs(row).defines == -1.0


def test_a_small_library_is_taken_to_have_usual_passages_beside():
    few = signs(candidate(dense=0.6), [hit("x", dense=0.6)])
    assert few.distinct == pytest.approx(0.6 - confidence.USUAL_BESIDE)


def test_every_weight_has_its_side():
    for field in fields(Signs):
        weight = getattr(WEIGHTS, field.name)
        assert weight < 0 if field.name in AGAINST else weight > 0
    assert 0 < PARTIAL < SUPPORTED < 1


amounts = st.floats(-1, 1, allow_nan=False)


@given(st.builds(Signs, *[amounts] * 7), st.sampled_from(fields(Signs)), st.floats(0, 1))
def test_each_sign_counts_one_way(found, field, more):
    raised = replace(found, **{field.name: getattr(found, field.name) + more})
    change = log_odds(raised) - log_odds(found)
    assert change <= 1e-9 if field.name in AGAINST else change >= -1e-9


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6), max_size=6), st.data())
def test_a_passage_less_never_makes_surer(rows, data):
    found = [candidate(met=row) for row in rows]
    value = probability(odds_of(found[:READ], []))
    assert 0 <= value < 1
    if found:
        out = data.draw(st.integers(0, min(len(found), READ) - 1))
        assert probability(odds_of(found[:READ][:out] + found[:READ][out + 1 :], [])) <= value


def test_nothing_found_is_no_confidence():
    assert probability(odds_of([], [])) == 0.0
    assert verdict_of(0.0) == "unsupported"


def test_a_question_without_words_is_judged():
    empty = np.zeros(0, np.float32)
    reading = Reading(np.zeros(1, np.float32), (Met("?", (), empty, empty, empty[None]),))
    assert 0 < probability(odds_of([Candidate(hit("x"), (0,), reading)], [])) < PARTIAL


def test_the_verdict_follows_from_the_thresholds():
    below = [np.nextafter(value, 0) for value in (PARTIAL, SUPPORTED)]
    assert [verdict_of(value) for value in (below[0], PARTIAL, below[1], SUPPORTED)] == [
        *("unsupported", "partial", "partial", "supported"),
    ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


def judged(desk, question, *, without=""):
    """The candidates for a question and its confidence, with the passages that hold a text left out."""
    with desk.library.snapshot() as snapshot:
        query = read(snapshot, desk.encoder, question)
        found = retrieve(snapshot, query, top=44)
        found = [one for one in found if not without or without not in one.passage.text]
        rest = candidates_of(found[:6], (), lambda hits: read_hits(snapshot, desk.encoder, query, hits))
        return rest, probability(odds_of(rest, found))


def test_an_answer_that_is_taken_out_is_missed(desk):
    question = "Adam divides the moving average by what root?"
    _, held = judged(desk, question)
    rest, taken_out = judged(desk, question, without="moving average")
    assert held > PARTIAL
    assert taken_out < held - 0.1
    assert rest


def test_a_near_miss_is_less_sure_than_the_question_it_resembles(desk):
    for question, near in (
        ("How many layers does GoogLeNet have?", "How many layers does AlexNet have?"),
        ("What is a 22-layers deep model?", "What is a 19-layers deep model?"),
        ("Both averages start at zero", "Both averages do not start at zero"),
    ):
        assert judged(desk, question)[1] > judged(desk, near)[1] + 0.05, near


def test_reading_the_signs_takes_under_two_milliseconds(desk):
    candidates, _ = judged(desk, "Why does Adam divide by the root of the average square?")
    row = candidates[0]
    longer = replace(row.hit, passage=replace(row.hit.passage, text=row.hit.passage.text * 10))
    candidates = [replace(row, hit=longer)] * READ
    times = []
    for _ in range(20):
        start = time.process_time()
        probability(odds_of(candidates, [row.hit] * 44))
        times.append(time.process_time() - start)
    assert sorted(times)[10] < 0.002
    assert len(astuple(read_signs(candidates, [])[0])) == 7


def test_what_answers_one_of_several_questions_answers_in_part():
    one = candidate(met=(0.9,) * 6)
    (whole,) = one.reading.met
    parts = replace(one, reading=replace(one.reading, met=(replace(whole, whole=False),)))
    (odds,), (in_part,) = odds_of([one], [one.hit]), odds_of([parts], [one.hit])
    assert verdict_of(probability([odds])) == "supported"
    assert verdict_of(probability([in_part])) == "partial"
    both = replace(one, reading=replace(one.reading, met=(whole, replace(whole, whole=False))))
    assert odds_of([both], [one.hit]) == [odds]


def test_a_word_that_is_said_again_is_no_more_evidence():
    question = "overfit nets"
    offsets = ((0, 7), (8, 12))
    row = np.array([0.9, 0.8], np.float32)

    def evidence(times):
        again = " ".join([question] * times)
        places = tuple((13 * n + start, 13 * n + end) for n in range(times) for start, end in offsets)
        cells = np.tile(row, times)
        met = Met(again, places, np.ones(len(cells), np.float32), cells, cells[None])
        return signs(replace(candidate(), reading=Reading(cells[:1], (met,)))).evidence

    assert evidence(1) == evidence(40) == pytest.approx(1.7)
