"""Intervals and paired comparisons by resampling the questions (Efron and Tibshirani, 1993; percentile method)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

RESAMPLES = 10_000
SEED = 0
LEVEL = 0.95
_BATCH = 1_000_000  # draws made at once, so that any number of questions fits in memory


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences with its interval; `p` is two-sided, that the mean is nothing but chance."""

    mean: float
    low: float
    high: float
    p: float


def resampled_means(
    values: npt.NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> npt.NDArray[np.float64]:
    """The column means of `values` (questions by metrics) over resamples of its rows: resamples by metrics."""
    questions = len(values)
    draw = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    batch = max(1, _BATCH // questions)
    for first in range(0, resamples, batch):
        size = min(batch, resamples - first)
        rows = draw.integers(0, questions, (size, questions)) + np.arange(size)[:, None] * questions
        counts = np.bincount(rows.ravel(), minlength=size * questions).reshape(size, questions)
        means[first : first + size] = counts @ values / questions
    return means.round(12)  # sums in another order differ in the last place, and would make a 0 more or less than 0


def intervals(
    values: npt.NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[tuple[float, float]]:
    """The percentile interval of each column's mean, at `LEVEL`.

    It says nothing of what the questions do not hold: where all values are equal, it is a point.
    """
    low, high = _percentiles(resampled_means(values, resamples=resamples, seed=seed))
    return list(zip(low.tolist(), high.tolist(), strict=True))


def paired(
    before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Difference]:
    """How each column changes from `before` to `after`, row by row the same questions.

    The p-value inverts the percentile interval: it is below .05 where the 95 % interval leaves out 0.
    """
    change = after - before
    means = resampled_means(change, resamples=resamples, seed=seed)
    low, high = _percentiles(means)
    # One more than counted, since a resample like the sample itself is always possible: p is never 0.
    below = ((means <= 0).sum(axis=0) + 1) / (resamples + 1)
    above = ((means >= 0).sum(axis=0) + 1) / (resamples + 1)
    p = np.minimum(1.0, 2 * np.minimum(below, above))
    columns = (change.mean(axis=0), low, high, p)
    return [Difference(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _percentiles(means: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    tail = (1 - LEVEL) / 2 * 100
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    return low, high
