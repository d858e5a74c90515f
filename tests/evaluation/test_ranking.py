"""What a confidence is worth: scikit-learn's figures beside ours, ties by brute force, and hand-worked examples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from lastro.evaluation import bootstrap
from lastro.evaluation.answers.ranking import (
    Judgement,
    Ranked,
    accuracy_at,
    aurc,
    auroc,
    ece,
    reliability,
    risk_coverage,
    wilson,
)

JUDGED = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), st.booleans()), min_size=1)


def judged(rows):
    return [Judgement(sure, right) for sure, right in rows]


@given(JUDGED)
def test_auroc_is_that_of_scikit_learn(rows):
    found = auroc(Ranked.of(judged(rows)))[0]
    if len({right for _, right in rows}) < 2:
        assert math.isnan(found)
    else:
        expected = roc_auc_score([right for _, right in rows], [sure for sure, _ in rows])
        assert found == pytest.approx(expected)


def risks(order):
    return [sum(not right for _, right in order[:n]) / n for n in range(1, len(order) + 1)]


@settings(max_examples=30)
@given(JUDGED.filter(lambda rows: len(rows) <= 6))
def test_ties_count_as_the_mean_of_all_their_orders(rows):
    orders = [
        order
        for order in itertools.permutations(rows)
        if all(one[0] >= other[0] for one, other in itertools.pairwise(order))
    ]
    ranked = Ranked.of(judged(rows))
    assert aurc(ranked)[0] == pytest.approx(np.mean([np.mean(risks(order)) for order in orders]))
    for coverage in (0.01, 0.5, 0.8, 1.0):
        first = max(1, math.ceil(coverage * len(rows) - 1e-9))
        expected = np.mean([1 - risks(order)[first - 1] for order in orders])
        assert accuracy_at(ranked, coverage)[0] == pytest.approx(expected)


@given(JUDGED)
def test_figures_of_resamples_are_those_of_the_answers_drawn(rows):
    answers = judged(rows)
    (counts, *_) = bootstrap.drawn(len(answers), resamples=5)
    ranked = Ranked.of(answers, counts)
    for measure in (auroc, aurc, ece, lambda one: accuracy_at(one, 0.5)):
        found = measure(ranked)
        for row, value in zip(counts, found, strict=True):
            again = [answer for answer, times in zip(answers, row, strict=True) for _ in range(times)]
            expected = measure(Ranked.of(again))[0]
            assert value == pytest.approx(expected, nan_ok=True)


def test_a_risk_coverage_curve_by_hand():
    answers = judged([(0.9, True), (0.8, False), (0.8, True), (0.3, False)])
    points = [tuple(point) for point in risk_coverage(answers)]
    assert points == [(0.25, 0.0, 0.9), (0.75, pytest.approx(1 / 3), 0.8), (1.0, 0.5, 0.3)]
    # The second and third stand in either order: risks 0, (1/2 + 0)/2, 1/3, 1/2.
    assert aurc(Ranked.of(answers))[0] == pytest.approx((0 + 0.25 + 1 / 3 + 0.5) / 4)
    assert [tuple(point) for point in risk_coverage(answers[:1], of=4)] == [(0.25, 0.0, 0.9)]
    assert risk_coverage([]) == []


def test_a_confidence_that_tells_nothing_has_the_risk_of_all_and_half_an_auroc():
    answers = judged([(0.4, n % 4 == 0) for n in range(20)])
    ranked = Ranked.of(answers)
    assert auroc(ranked)[0] == 0.5
    assert aurc(ranked)[0] == pytest.approx(0.75)
    assert [accuracy_at(ranked, share)[0] for share in (0.1, 0.5, 1.0)] == pytest.approx([0.25] * 3)


def test_calibration_by_hand_and_beside_scikit_learn():
    answers = judged([(0.95, True), (0.91, False), (0.15, False), (0.12, True), (0.18, False)])
    low, high = abs(1 / 3 - 0.15), abs(0.5 - 0.93)
    assert ece(Ranked.of(answers))[0] == pytest.approx((3 * low + 2 * high) / 5)
    right, sure = calibration_curve([one.right for one in answers], [one.confidence for one in answers], n_bins=10)
    bins = reliability(answers)
    assert [one.right for one in bins] == pytest.approx(list(right))
    assert [one.confidence for one in bins] == pytest.approx(list(sure))
    assert [one.answers for one in bins] == [3, 2]
    assert all(one.low <= one.right <= one.high for one in bins)


def test_the_ends_of_the_scale_fall_in_the_outer_bins():
    bins = reliability(judged([(0.0, False), (1.0, True), (0.1, False), (0.3, False)]))
    assert [(one.confidence, one.answers) for one in bins] == [(0.0, 1), (0.1, 1), (0.3, 1), (1.0, 1)]
    assert reliability([]) == []


@pytest.mark.parametrize(
    ("right", "of", "low", "high"), [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (1, 1, 0.207, 1.0)]
)
def test_wilsons_interval_is_as_tabulated(right, of, low, high):
    assert wilson(right, of) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
