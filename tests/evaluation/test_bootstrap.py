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


def test_p_is_below_5_percent_exactly_where_the_interval_leaves_out_0():
    chance = np.random.default_rng(7)
    for shift in np.linspace(-0.1, 0.1, 9):
        before = chance.random((60, 1))
        (change,) = bootstrap.paired(before, before + shift + chance.normal(0, 0.2, (60, 1)))
        if abs(change.p - 0.05) > 0.002:
            assert (change.p < 0.05) == (change.low > 0 or change.high < 0)


def test_one_in_twenty_of_chance_differences_is_taken_for_real():
    chance = np.random.default_rng(8)
    found = 0
    for _ in range(200):
        before, after = (chance.random((80, 1)) < 0.8).astype(float), (chance.random((80, 1)) < 0.8).astype(float)
        (change,) = bootstrap.paired(before, after, resamples=1_000)
        found += change.p < 0.05
    assert 2 <= found <= 22
