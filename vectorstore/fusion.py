"""Fusing evidence by its scores: a weighted sum of z-scores over the candidates of both searches.

Ranks forget how sure a search is of them: an embedder that does not speak a language gives flat, meaningless cosines,
and ranks them all the same. Weights and what else was tried: docs/decisions/011-what-fuses.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float64]

# Of what the words say; all of it is weighed against the cosine by the settings.
BM25_WEIGHT, GRAMS_WEIGHT, SHARE_WEIGHT, PAIRS_WEIGHT = 0.45, 0.95, 0.6, 0.3


def z_scores(values: Sequence[float] | Scores) -> Scores:
    """Standard scores; all 0 where no value differs from another.

    >>> z_scores([3.0, 1.0]).tolist(), z_scores([2.0, 2.0]).tolist()
    ([1.0, -1.0], [0.0, 0.0])
    """
    given = np.asarray(values, dtype=np.float64)
    if not given.size or float(given.std()) < 1e-12:
        return np.zeros(given.shape)
    standard: Scores = (given - given.mean()) / given.std()
    return standard


def fuse(evidence: Sequence[tuple[Sequence[float] | Scores, float]]) -> Scores:
    """One score a candidate from several kinds of evidence, each with its weight.

    >>> fuse([([0.9, 0.1], 1.0), ([0.0, 5.0], 3.0)]).tolist()
    [-2.0, 2.0]
    """
    fused: Scores = np.sum([weight * z_scores(values) for values, weight in evidence], axis=0)
    return fused
