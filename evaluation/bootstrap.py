"""Intervals by resampling the questions, and paired comparisons by flipping the signs of their differences.

Intervals: Efron and Tibshirani (1993), percentile method. Comparisons: the paired randomisation test (Noreen, 1989;
Smucker, Allan and Carterette, CIKM 2007, of tests for retrieval).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

RESAMPLES = 10_000
SEED = 0
LEVEL = 0.95
EXACT = 12  # questions that differ, up to which every way to flip their signs is counted
_BATCH = 1_000_000  # draws made at once, so that any number of questions fits in memory
_SAME = 1e-12  # differences up to which two values are one


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences with its bootstrap interval; `p` is the two-sided one of `sign_flip`."""

    mean: float
    low: float
    high: float
    p: float


def drawn(questions: int, *, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[npt.NDArray[np.int64]]:
    """How often each question is drawn in each resample, in batches: resamples by questions."""
    draw = np.random.default_rng(seed)
    batch = max(1, _BATCH // questions)
    for first in range(0, resamples, batch):
        size = min(batch, resamples - first)
        rows = draw.integers(0, questions, (size, questions)) + np.arange(size)[:, None] * questions
        yield np.bincount(rows.ravel(), minlength=size * questions).reshape(size, questions)


def resampled_means(
    values: npt.NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> npt.NDArray[np.float64]:
    """The column means of `values` (questions by metrics) over resamples of its rows: resamples by metrics."""
    means = np.empty((resamples, values.shape[1]))
    first = 0
    for counts in drawn(len(values), resamples=resamples, seed=seed):
        means[first : first + len(counts)] = counts @ values / len(values)
        first += len(counts)
    return means.round(12)  # sums in another order differ in the last place, and would make a 0 more or less than 0


def intervals(
    values: npt.NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[tuple[float, float]]:
    """The percentile interval of each column's mean, at `LEVEL`.

    It says nothing of what the questions do not hold: where all values are equal, it is a point.
    """
    low, high = percentiles(resampled_means(values, resamples=resamples, seed=seed))
    return list(zip(low.tolist(), high.tolist(), strict=True))


def paired(
    before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Difference]:
    """How each column changes from `before` to `after`, row by row the same questions.

    Interval and p-value come of two methods, and where fewer than 6 questions differ they may contradict each other:
    the interval takes the sample for all there is, so it leaves out 0 wherever two questions rise and none falls.
    """
    change = after - before
    means = resampled_means(change, resamples=resamples, seed=seed)
    low, high = percentiles(means)
    p = [sign_flip(column, resamples=resamples, seed=seed) for column in change.T]
    columns = (change.mean(axis=0).tolist(), low.tolist(), high.tolist(), p)
    return [Difference(*row) for row in zip(*columns, strict=True)]


def sign_flip(change: npt.NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED) -> float:
    """The share of the ways to swap before and after, question by question, that end as far from 0 or further.

    Exact where at most `EXACT` questions differ, so that p is 2 / 2**n at the least; else of `resamples` random ways.

    >>> sign_flip(np.array([1.0, 1.0, 0.0, 0.0])), sign_flip(np.ones(6)), sign_flip(np.zeros(3))
    (0.5, 0.03125, 1.0)
    """
    differing = change[np.abs(change) > _SAME]
    count, total = len(differing), float(differing.sum())
    if not count:
        return 1.0
    least = abs(total) - 1e-9 * float(np.abs(differing).sum())  # sums in another order differ in the last place

    def far(flips: npt.NDArray[np.int8]) -> int:
        return int((np.abs(total - 2 * (flips @ differing)) >= least).sum())

    if count <= EXACT:
        every = (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.int8)
        return far(every) / len(every)
    draw = np.random.default_rng(seed)
    batch = max(1, _BATCH // count)
    sizes = [min(batch, resamples - first) for first in range(0, resamples, batch)]
    found = sum(far(draw.integers(0, 2, (size, count), dtype=np.int8)) for size in sizes)
    return (found + 1) / (resamples + 1)  # the way it did end is one of those possible: p is never 0


def percentiles(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The ends of the interval at `LEVEL` of each column of `values` (resamples by columns)."""
    tail = (1 - LEVEL) / 2 * 100
    low, high = np.percentile(values, [tail, 100 - tail], axis=0)
    return low, high
