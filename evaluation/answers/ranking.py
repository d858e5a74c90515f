"""How well a confidence tells right answers from wrong ones.

Answers of one confidence are one group, and nothing is made of the order that they happen to stand in: every order
within a group is as likely as any other, and a figure is what they give on average. So a confidence that is the same
for all answers has an AUROC of one half, and the risk of all of them at each coverage.

All figures are computed for many samples at once, which is what their bootstrap intervals need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

BINS = 10  # of equal width, for calibration (Guo et al., ICML 2017)
_Z = 1.959964  # of a normal distribution, for 95 %


class Judgement(NamedTuple):
    """One answer: how sure it was, from 0 to 1, and whether it was right."""

    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """Samples of answers, counted by groups of one confidence, the highest first."""

    confidence: Floats  # (groups,)
    right: Floats  # (samples, groups): how many of a group are right
    wrong: Floats  # (samples, groups)

    @classmethod
    def of(cls, judged: Sequence[Judgement], counts: npt.NDArray[np.number] | None = None) -> Ranked:
        """The answers as one sample; with `counts` (samples by answers), how often each is in each sample."""
        sure = np.array([one.confidence for one in judged], dtype=np.float64)
        right = np.array([one.right for one in judged], dtype=np.float64)
        order = np.argsort(-sure, kind="stable")
        sure, right = sure[order], right[order]
        first = np.flatnonzero(np.r_[True, sure[1:] != sure[:-1]])
        taken = np.ones((1, len(judged))) if counts is None else counts[:, order].astype(np.float64)
        return cls(
            sure[first], np.add.reduceat(taken * right, first, axis=1),
            np.add.reduceat(taken * (1 - right), first, axis=1),
        )  # fmt: skip

    @property
    def all(self) -> Floats:
        """Answers by samples and groups."""
        return self.right + self.wrong


def auroc(ranked: Ranked) -> Floats:
    """How often a right answer is surer than a wrong one, ties counting one half; nan where one kind is missing.

    >>> auroc(Ranked.of([Judgement(0.9, True), Judgement(0.5, False), Judgement(0.5, True)])).tolist()
    [0.75]
    """
    right, wrong = ranked.right.sum(axis=1), ranked.wrong.sum(axis=1)
    less_sure = wrong[:, None] - ranked.wrong.cumsum(axis=1)
    won = (ranked.right * (less_sure + ranked.wrong / 2)).sum(axis=1)
    return _divided(won, right * wrong)


def aurc(ranked: Ranked) -> Floats:
    """The area under the risk-coverage curve: the mean risk of the 1, 2, 3, ... surest answers.

    Geifman, Uziel and El-Yaniv (ICLR 2019). Risk is the share of wrong answers; 0 is best.

    >>> told = aurc(Ranked.of([Judgement(0.9, True), Judgement(0.5, False)]))
    >>> told.tolist(), aurc(Ranked.of([Judgement(0.5, True), Judgement(0.5, False)])).tolist()
    ([0.25], [0.5])
    """
    total = ranked.all.sum(axis=1)
    last = ranked.all.cumsum(axis=1)
    first = last - ranked.all
    before = ranked.wrong.cumsum(axis=1) - ranked.wrong
    share = _divided(ranked.wrong, ranked.all, empty=0.0)
    harmonic = np.r_[0.0, (1 / np.arange(1, int(total.max()) + 1)).cumsum()]
    steps = harmonic[last.astype(int)] - harmonic[first.astype(int)]
    # The i-th answer, in a group, has (before + (i - first) * share) wrong ones up to it: summed over i of that / i.
    risks = (before - first * share) * steps + ranked.wrong
    return _divided(risks.sum(axis=1), total)


def accuracy_at(ranked: Ranked, coverage: float) -> Floats:
    """The share of right answers among the surest `coverage` (0 to 1) of them, rounded up to whole answers.

    >>> accuracy_at(Ranked.of([Judgement(0.9, True), Judgement(0.5, False)]), 0.5).tolist()
    [1.0]
    """
    last = ranked.all.cumsum(axis=1)
    wanted = np.maximum(1.0, np.ceil(last[:, -1] * coverage - 1e-9))
    at = (last >= wanted[:, None] - 1e-9).argmax(axis=1)[:, None]

    def of_group(values: Floats) -> Floats:
        found: Floats = np.take_along_axis(values, at, axis=1)[:, 0]
        return found

    before, size = of_group(last - ranked.all), of_group(ranked.all)
    right = of_group(ranked.right.cumsum(axis=1) - ranked.right)
    right = right + (wanted - before) * _divided(of_group(ranked.right), size, empty=0.0)
    return _divided(right, wanted)


def ece(ranked: Ranked) -> Floats:
    """The expected calibration error: how far confidence and share of right answers lie apart, weighed over bins.

    Naeini, Cooper and Hauskrecht (AAAI 2015), in `BINS` bins of equal width; 0 is best.

    >>> ece(Ranked.of([Judgement(0.75, True), Judgement(0.75, False)])).tolist()
    [0.25]
    """
    bins = bin_of(ranked.confidence)
    gaps = ranked.right - ranked.all * ranked.confidence
    apart = sum(np.abs(gaps[:, bins == one].sum(axis=1)) for one in range(BINS))
    return _divided(np.asarray(apart, dtype=np.float64), ranked.all.sum(axis=1))


def bin_of(confidence: Floats) -> npt.NDArray[np.int64]:
    """The number of the bin of each confidence, from 0."""
    found: npt.NDArray[np.int64] = np.clip(np.floor(confidence * BINS + 1e-9), 0, BINS - 1).astype(np.int64)
    return found


def _divided(values: Floats, by: Floats, *, empty: float = math.nan) -> Floats:
    """Quotients; `empty` where the divisor is 0."""
    found: Floats = np.full(np.broadcast_shapes(values.shape, by.shape), empty)
    return np.divide(values, by, out=found, where=by != 0)


# What is drawn ------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    """A point of the risk-coverage curve: answering what is at least this sure."""

    coverage: float  # share of all questions
    risk: float  # share of wrong answers among those given
    confidence: float


def risk_coverage(judged: Sequence[Judgement], *, of: int | None = None) -> list[Point]:
    """A point for each confidence, the highest first; coverage is the share of `of` questions, or of those judged.

    >>> [tuple(point) for point in risk_coverage([Judgement(0.9, True), Judgement(0.5, False)], of=4)]
    [(0.25, 0.0, 0.9), (0.5, 0.5, 0.5)]
    """
    if not judged:
        return []
    ranked = Ranked.of(judged)
    given, wrong = ranked.all[0].cumsum(), ranked.wrong[0].cumsum()
    total = len(judged) if of is None else of
    columns = (given / total).tolist(), (wrong / given).tolist(), ranked.confidence.tolist()
    return [Point(*row) for row in zip(*columns, strict=True)]


class Bin(NamedTuple):
    """The answers of a range of confidence: their mean confidence, and the share that is right with its interval."""

    confidence: float
    right: float
    low: float
    high: float
    answers: int


def reliability(judged: Sequence[Judgement]) -> list[Bin]:
    """The bins that hold an answer, the lowest first; intervals are Wilson's, at 95 %."""
    found = []
    bins = bin_of(np.array([one.confidence for one in judged], dtype=np.float64)).tolist()
    for number in sorted(set(bins)):
        inside = [one for one, at in zip(judged, bins, strict=True) if at == number]
        right = sum(one.right for one in inside)
        low, high = wilson(right, len(inside))
        sure = sum(one.confidence for one in inside) / len(inside)
        found.append(Bin(sure, right / len(inside), low, high, len(inside)))
    return found


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927), which is no point where all are right.

    >>> [round(value, 3) for value in wilson(10, 10)]
    [0.722, 1.0]
    """
    share, spread = right / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / of + spread / of / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
