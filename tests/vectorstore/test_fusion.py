from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lastro.vectorstore.fusion import Leg, fuse, z_scores

SCORES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-1e3, 1e3), max_size=8)


@given(SCORES, SCORES, st.floats(0, 10))
def test_fusion_ranks_every_candidate_once_best_first(dense: dict, lexical: dict, weight: float):
    found = fuse([Leg(dense, 1.0), Leg(lexical, weight)])
    assert sorted(key for key, _score in found) == sorted({*dense, *lexical})
    assert [score for _key, score in found] == sorted((score for _key, score in found), reverse=True)


def test_a_leg_without_scores_or_without_spread_decides_nothing():
    assert [key for key, _ in fuse([Leg({"a": 0.1, "b": 0.9}, 1.0), Leg({}, 3.0)])] == ["b", "a"]
    assert z_scores(Leg({"a": 1.0, "b": 1.0}, 1.0), ["a", "b"]) == {"a": 0.0, "b": 0.0}


def test_the_only_match_of_a_word_stands_above_what_lacks_it():
    dense = {"a": 0.50, "b": 0.48, "c": 0.46}
    assert fuse([Leg(dense, 1.0), Leg({"b": 7.0}, 1.0)])[0][0] == "b"


def test_the_heavier_leg_wins_a_disagreement():
    dense, lexical = {"a": 0.9, "b": 0.1}, {"a": 1.0, "b": 9.0}
    assert fuse([Leg(dense, 1.0), Leg(lexical, 3.0)])[0][0] == "b"
    assert fuse([Leg(dense, 1.0), Leg(lexical, 0.5)])[0][0] == "a"
