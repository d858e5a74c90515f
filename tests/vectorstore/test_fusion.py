from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.vectorstore.fusion import fuse, z_scores

SCORES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8)


@given(SCORES, st.floats(0.1, 50), st.floats(-100, 100))
def test_a_scale_or_an_offset_of_a_search_changes_nothing(scores: list[float], scale: float, offset: float):
    if np.std(scores) > 1e-3:
        assert z_scores([scale * score + offset for score in scores]) == pytest.approx(z_scores(scores), abs=1e-4)


@given(SCORES)
def test_evidence_without_weight_or_without_spread_decides_nothing(scores: list[float]):
    flat = [1.0] * len(scores)
    assert fuse([(scores, 1.0), (scores[::-1], 0.0)]).tolist() == fuse([(scores, 1.0)]).tolist()
    assert fuse([(scores, 1.0), (flat, 3.0)]).tolist() == fuse([(scores, 1.0)]).tolist()


def test_the_only_match_of_a_word_stands_above_what_lacks_it():
    assert int(np.argmax(fuse([([0.50, 0.48, 0.46], 1.0), ([0.0, 7.0, 0.0], 1.0)]))) == 1


def test_the_heavier_evidence_wins_a_disagreement():
    dense, lexical = [0.9, 0.1], [1.0, 9.0]
    assert int(np.argmax(fuse([(dense, 1.0), (lexical, 3.0)]))) == 1
    assert int(np.argmax(fuse([(dense, 1.0), (lexical, 0.5)]))) == 0


def test_no_candidate_has_no_score():
    assert fuse([([], 1.0), ([], 0.8)]).tolist() == []
