"""The metrics, beside trec_eval's own where it has them."""

from __future__ import annotations

import dataclasses
import math

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from lastro.errors import ConfigError
from lastro.evaluation.metrics import find_metric, usual_metrics
from lastro.evaluation.records import Gold
from tests.evaluation.outcomes import outcome

DOCUMENTS = [f"d{number}" for number in range(30)]
# Ours by name, and trec_eval's: the measure, and the key of its result.
TREC = {
    "hit@1": "success_1", "hit@5": "success_5", "hit@10": "success_10", "recall@5": "recall_5",
    "recall@10": "recall_10", "mrr@20": "recip_rank", "ndcg@5": "ndcg_cut_5", "ndcg@10": "ndcg_cut_10",
}  # fmt: skip

judged = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(1, 3), min_size=1, max_size=12)
rankings = st.permutations(DOCUMENTS).flatmap(lambda order: st.integers(1, 20).map(lambda length: order[:length]))


@given(ranking=rankings, grades=judged)
def test_each_metric_is_trec_evals(ranking, grades):
    one = outcome(ranking, grades)
    measures = {"success", "recall", "recip_rank", "ndcg_cut"}
    evaluator = pytrec_eval.RelevanceEvaluator({"q": grades}, measures)
    theirs = evaluator.evaluate({"q": {name: float(len(ranking) - at) for at, name in enumerate(ranking)}})["q"]
    for name, key in TREC.items():
        ours = find_metric(name, depth=20).compute(one)
        assert ours == pytest.approx(theirs[key], abs=1e-9), name


@given(ranking=rankings, grades=judged, k=st.integers(1, 20))
def test_metrics_are_shares_and_grow_with_k(ranking, grades, k):
    one = outcome(ranking, grades)
    for family in ("hit", "recall", "mrr", "all_gold", "document_hit"):
        now = find_metric(f"{family}@{k}", depth=20).compute(one)
        deeper = find_metric(f"{family}@20", depth=20).compute(one)
        assert 0 <= now <= deeper <= 1


def test_all_gold_wants_every_gold():
    one = outcome(["a", "x", "b"], {"a": 1, "b": 1})
    values = [find_metric(f"all_gold@{k}", depth=3).compute(one) for k in (1, 2, 3)]
    assert values == [0, 0, 1]


def test_a_gold_that_only_has_a_grade_counts_for_ndcg_alone():
    one = outcome(["b", "a"], {"a": 3, "b": 1}, relevant=["a"])
    assert find_metric("hit@1", depth=2).compute(one) == 0
    assert find_metric("ndcg@2", depth=2).compute(one) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


def test_a_question_without_gold_has_no_value():
    one = outcome(["a"], {})
    assert all(metric.compute(one) is None for metric in usual_metrics(10, [one]))


def test_a_second_passage_of_a_gold_earns_nothing_and_one_that_is_two_golds_earns_both():
    twice = outcome(["a", "a"], {"a": 1, "b": 1})
    assert find_metric("ndcg@2", depth=2).compute(twice) == pytest.approx(1 / (1 + 1 / math.log2(3)))
    both = outcome(["a"], {"a": 1, "b": 1})
    both = dataclasses.replace(both, found=(dataclasses.replace(both.found[0], golds=(0, 1)),))
    assert find_metric("ndcg@2", depth=2).compute(both) == 1
    assert find_metric("all_gold@1", depth=2).compute(both) == 1


def test_page_hits_are_counted_over_golds_with_pages():
    one = outcome(["a", "b"], {"b": 1})
    assert find_metric("page_hit@2", depth=2).compute(one) is None
    paged = dataclasses.replace(
        one, golds=(Gold("b#page=2", "b", "b", pages=(2, 2)),),
        found=(one.found[0], dataclasses.replace(one.found[1], golds=(), golds_by_page=(0,))),
    )  # fmt: skip
    values = [find_metric(name, depth=2).compute(paged) for name in ("hit@2", "page_hit@1", "page_hit@2")]
    assert values == [0, 0, 1]


def test_what_cannot_differ_is_not_shown_twice():
    single, several = outcome(["a"], {"a": 1}), outcome(["a"], {"a": 1, "b": 1})
    assert "recall@10" not in {metric.name for metric in usual_metrics(10, [single])}
    assert "recall@10" in {metric.name for metric in usual_metrics(10, [single, several])}


def test_costs_are_metrics_of_which_less_is_better():
    one = outcome(["a", "b", "c"], {"a": 1}, ms=7.5)
    tokens, ms = find_metric("tokens@2", depth=3), find_metric("ms", depth=3)
    assert (tokens.compute(one), ms.compute(one)) == (20, 7.5)
    assert not tokens.higher_is_better
    assert not ms.higher_is_better


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("hits@5", r"no such metric; did you mean hit@5\?; there are hit@k, recall@k"),
        ("beauty", "no such metric; there are hit@k"),
        ("hit@0", "k is 1 to 10"),
        ("hit@50", "k is 1 to 10; give --k 50"),
    ],
)
def test_a_metric_that_does_not_exist_says_which_do(name, problem):
    with pytest.raises(ConfigError, match=problem):
        find_metric(name, depth=10)


def test_a_metric_without_a_number_is_over_all_that_was_searched():
    assert find_metric("mrr", depth=7).name == "mrr@7"
