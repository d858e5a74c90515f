from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lastro.evaluation import bootstrap


def test_an_interval_is_scipys_but_for_chance():
    values = np.random.default_rng(1).random(200) ** 2
    ((low, high),) = bootstrap.intervals(values[:, None])
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=2).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.002)


def test_a_seed_repeats_and_columns_do_not_depend_on_one_another():
    values = np.random.default_rng(3).random((50, 3))
    assert bootstrap.intervals(values) == bootstrap.intervals(values)
    assert bootstrap.intervals(values)[1] == bootstrap.intervals(values[:, 1:2])[0]
    assert bootstrap.intervals(values) != bootstrap.intervals(values, seed=1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_mean_of_shares_lies_within_its_interval_where_there_are_enough_resamples(values):
    array = np.array(values)[:, None]
    ((low, high),) = bootstrap.intervals(array, resamples=500)
    assert array.min() - 1e-12 <= low <= high <= array.max() + 1e-12


def test_equal_values_have_a_point_for_an_interval():
    assert bootstrap.intervals(np.ones((20, 1))) == [(1.0, 1.0)]


def test_many_questions_are_resampled_in_pieces():
    values = np.random.default_rng(4).random((30_000, 1))
    means = bootstrap.resampled_means(values, resamples=100)
    assert means.shape == (100, 1)
    assert means.std() == pytest.approx(values.std() / 30_000**0.5, rel=0.3)


def test_a_difference_that_is_none_has_p_1():
    values = np.random.default_rng(5).random((40, 1))
    (change,) = bootstrap.paired(values, values)
    assert (change.mean, change.low, change.high, change.p) == (0, 0, 0, 1)


def test_a_clear_difference_is_found_in_pairs_though_the_means_are_near():
    chance = np.random.default_rng(6)
    before = chance.random((200, 1))
    after = before + 0.02 + chance.normal(0, 0.02, (200, 1))
    (change,) = bootstrap.paired(before, after)
    assert change.low > 0
    assert change.p < 0.001
    assert change.mean == pytest.approx(0.02, abs=0.005)


def test_p_agrees_with_the_interval_where_many_questions_differ():
    chance = np.random.default_rng(7)
    for shift in np.linspace(-0.1, 0.1, 9):
        before = chance.random((60, 1))
        (change,) = bootstrap.paired(before, before + shift + chance.normal(0, 0.2, (60, 1)))
        if not 0.03 < change.p < 0.07:
            assert (change.p < 0.05) == (change.low > 0 or change.high < 0)


def changed(better: int, worse: int, questions: int) -> bootstrap.Difference:
    """The difference of a metric that is 0 or 1."""
    change = np.zeros((questions, 1))
    change[:better], change[better : better + worse] = 1.0, -1.0
    (found,) = bootstrap.paired(np.zeros_like(change), change)
    return found


@pytest.mark.parametrize(
    ("better", "worse", "questions"), [(2, 0, 2), (3, 0, 20), (4, 0, 350), (6, 1, 350), (9, 3, 50)]
)
def test_p_of_shares_is_that_of_the_sign_test_where_few_questions_differ(better, worse, questions):
    theirs = stats.binomtest(worse, better + worse, 0.5).pvalue
    assert changed(better, worse, questions).p == pytest.approx(theirs, abs=1e-12)


def test_two_questions_prove_nothing_whatever_the_interval_says():
    assert changed(2, 0, 2).p == 0.5
    assert changed(5, 0, 350).p == 0.0625
    assert changed(5, 0, 350).low > 0  # which is why the report says so
    assert changed(6, 0, 350).p == 0.03125


def test_p_is_scipys_whether_every_way_is_counted_or_some_are_drawn():
    for count, tolerance in ((9, 1e-12), (40, 0.01)):
        change = np.random.default_rng(count).normal(0.2, 1, count)
        theirs = stats.permutation_test(
            (change, np.zeros(count)), lambda x, y: np.mean(x - y), permutation_type="samples",
            n_resamples=20_000 if count > 12 else np.inf, rng=3,
        ).pvalue  # fmt: skip
        assert bootstrap.sign_flip(change) == pytest.approx(theirs, abs=tolerance)


@given(st.lists(st.sampled_from([-1.0, -0.25, 0.0, 0.25, 1.0]), max_size=16), st.integers(0, 30))
def test_p_is_the_same_both_ways_and_questions_that_do_not_differ_do_not_count(values, others):
    change = np.array(values)
    p = bootstrap.sign_flip(change, resamples=200)
    assert 0 < p <= 1
    assert bootstrap.sign_flip(-change, resamples=200) == p
    assert bootstrap.sign_flip(np.append(change, np.zeros(others)), resamples=200) == p


def test_drawn_ways_need_no_more_memory_for_more_questions():
    change = np.random.default_rng(9).normal(0.01, 1, 30_000)
    assert bootstrap.sign_flip(change, resamples=100) == bootstrap.sign_flip(change, resamples=100)


@pytest.mark.parametrize("questions", [10, 80, 350])
def test_one_in_twenty_of_chance_differences_at_most_is_taken_for_real(questions):
    chance = np.random.default_rng(8)
    share = 0.006 if questions == 350 else 0.2  # about four questions differ, as of two good searches
    found = 0
    for _ in range(200):
        before, after = ((chance.random((questions, 1)) >= share).astype(float) for _ in range(2))
        (change,) = bootstrap.paired(before, after, resamples=1_000)
        found += change.p < 0.05
    assert found <= 20
