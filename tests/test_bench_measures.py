import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError
from service.bench.measures import Bin, Judged, mean, of_ranks, package, percentile, ranked, refusal

GRADES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3), min_size=1)
RANKING = st.permutations("abcdefghijklmn")
SURE = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])


def judged(*pairs):
    return [Judged(answerable, confidence, answered=confidence >= 0.5) for answerable, confidence in pairs]


def test_a_ranking_computed_by_hand():
    figures = ranked([{"a": 1, "b": 2}, {"a": 1}], [["a", "c", "b"], ["x", "y", "a"]])
    first = (1 + 2 / math.log2(4)) / (2 + 1 / math.log2(3))
    second = 1 / math.log2(4)
    assert figures.ndcg_at_10 == pytest.approx((first + second) / 2)
    assert (figures.recall_at_10, figures.mrr_at_10) == (1.0, pytest.approx((1 + 1 / 3) / 2))
    assert (figures.hit_at_1, figures.hit_at_5, figures.hit_at_10) == (0.5, 1.0, 1.0)


def test_a_query_that_finds_nothing_counts():
    figures = ranked([{"a": 1}, {"a": 1}], [["a"], []])
    assert (figures.ndcg_at_10, figures.recall_at_10, figures.mrr_at_10, figures.hit_at_1) == (0.5, 0.5, 0.5, 0.5)


def test_without_queries_there_is_nothing_to_rank():
    assert ranked([], []).ndcg_at_10 == 0.0


@given(st.lists(st.tuples(GRADES, RANKING), min_size=1, max_size=4))
def test_rankings_agree_with_the_definitions(queries):
    figures = ranked([grades for grades, _ in queries], [found for _, found in queries])
    gains, recalls, firsts = [], [], []
    for grades, found in queries:
        ideal = sum(v / math.log2(k + 2) for k, v in enumerate(sorted(grades.values(), reverse=True)))
        gains.append(sum(grades.get(d, 0) / math.log2(k + 2) for k, d in enumerate(found[:10])) / ideal)
        recalls.append(len(set(found[:10]) & set(grades)) / len(grades))
        firsts.append(next((1 / rank for rank, d in enumerate(found[:10], start=1) if d in grades), 0.0))
    assert figures.ndcg_at_10 == pytest.approx(mean(gains))
    assert figures.recall_at_10 == pytest.approx(mean(recalls))
    assert figures.mrr_at_10 == pytest.approx(mean(firsts))


@given(st.lists(st.one_of(st.none(), st.integers(1, 15)), min_size=1, max_size=8))
def test_ranks_agree_with_the_definitions(ranks):
    figures = of_ranks(ranks)
    for k, value in ((1, figures.hit_at_1), (5, figures.hit_at_5), (10, figures.hit_at_10)):
        assert value == pytest.approx(mean([rank is not None and rank <= k for rank in ranks]))
    assert figures.mrr_at_10 == pytest.approx(mean([1 / rank if rank and rank <= 10 else 0.0 for rank in ranks]))


def test_auroc_of_known_confidences():
    assert refusal(judged((True, 0.9), (True, 0.8), (False, 0.1), (False, 0.2))).auroc == 1
    assert refusal(judged((True, 0.5), (False, 0.5))).auroc == 0.5
    assert refusal(judged((True, 0.9), (True, 0.1), (False, 0.5), (False, 0.2))).auroc == 0.5
    assert refusal(judged((True, 0.5))).auroc is None


def test_lost_and_false_answers_are_rates_of_their_kind():
    figures = refusal(judged((True, 0.9), (True, 0.1), (True, 0.2), (False, 0.6), (False, 0.1)))
    assert (figures.lost, figures.false) == (pytest.approx(2 / 3), 0.5)


def test_calibration_computed_by_hand():
    figures = refusal(judged((True, 0.95), (False, 0.91), (True, 1.0), (False, 0.12), (False, 0.18)))
    assert figures.reliability == (
        Bin(2, pytest.approx(0.15), 0.0),
        Bin(3, pytest.approx(2.86 / 3), pytest.approx(2 / 3)),
    )
    assert figures.ece == pytest.approx((2 * 0.15 + 3 * (2.86 / 3 - 2 / 3)) / 5)
    assert figures.brier == pytest.approx((0.05**2 + 0.91**2 + 0.0 + 0.12**2 + 0.18**2) / 5)
    assert figures.ece_adaptive == pytest.approx((0.05 + 0.91 + 0.0 + 0.12 + 0.18) / 5)  # each has a bin of its own


@given(st.lists(st.tuples(st.booleans(), SURE), min_size=1, max_size=30))
def test_all_questions_are_in_the_bins_and_all_figures_are_shares(pairs):
    figures = refusal(judged(*pairs))
    assert sum(one.questions for one in figures.reliability) == len(pairs)
    assert all(0 <= value <= 1 for value in (figures.brier, figures.ece, figures.ece_adaptive, figures.lost))
    turned = refusal([Judged(not one, sure, answered=True) for one, sure in pairs])
    if figures.auroc is not None:
        assert figures.auroc + turned.auroc == pytest.approx(1)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_who_is_always_right_is_calibrated(share):
    figures = refusal(judged(*((bool(share), share) for _ in range(20))))
    assert (figures.brier, figures.ece, figures.ece_adaptive) == (0, 0, 0)


def test_numbers_of_nothing_are_0():
    assert (mean([]), percentile([], 95), percentile([1.0, 3.0], 50)) == (0.0, 0.0, 2.0)


def test_a_package_that_is_missing_is_named_with_the_remedy():
    with pytest.raises(InputError, match=r"measuring needs no_such_package, .*pip install 'footnote\[bench\]'"):
        package("no_such_package.metrics")
