"""From outcomes to figures: means with intervals, what is pooled, and what changed between two runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from lastro.evaluation import bootstrap
from lastro.evaluation.answers.ranking import Judgement, Ranked
from lastro.evaluation.measures import Metric, Pooled
from lastro.evaluation.records import ALL, Comparison, Outcome, Score

POOLED_RESAMPLES = 2_000  # each sorts and sums all answers; the ends of an interval still stand to about a hundredth
Pairs = Sequence[tuple[Outcome, Outcome]]


def in_language(outcomes: Sequence[Outcome], lang: str) -> list[Outcome]:
    """The outcomes of a language's questions."""
    return [outcome for outcome in outcomes if lang in (ALL, outcome.lang)]


def means(run: str, lang: str, metrics: Sequence[Metric], outcomes: Sequence[Outcome]) -> list[Score]:
    """The mean of each metric that applies to any of these outcomes, with its interval."""
    found = []
    for metrics_alike, values in _columns(metrics, outcomes):
        spans = bootstrap.intervals(values)
        averages = values.mean(axis=0).tolist()
        found += [
            Score(run, lang, metric.name, mean, low, high, len(values))
            for metric, mean, (low, high) in zip(metrics_alike, averages, spans, strict=True)
        ]
    return found


def _columns(metrics: Sequence[Metric], outcomes: Sequence[Outcome]) -> list[tuple[list[Metric], np.ndarray]]:
    """Metrics that apply to the same questions, with their values: questions by metrics."""
    groups: dict[tuple[bool, ...], list[tuple[Metric, list[float]]]] = {}
    for metric in metrics:
        values = [metric.compute(outcome) for outcome in outcomes]
        applies = tuple(value is not None for value in values)
        if any(applies):
            groups.setdefault(applies, []).append((metric, [value for value in values if value is not None]))
    return [([metric for metric, _ in group], np.array([v for _, v in group]).T) for group in groups.values()]


def compared(metric: Metric, lang: str, before: str, after: str, pairs: Pairs) -> Comparison | None:
    """How the mean of a metric changes over pairs of outcomes; None where it applies to none."""
    both = [(metric.compute(one), metric.compute(other)) for one, other in pairs]
    values = np.array([(a, b) for a, b in both if a is not None and b is not None])
    if not len(values):
        return None
    old, new = values[:, :1], values[:, 1:]
    (change,) = bootstrap.paired(old, new)
    rises, falls = int((new > old).sum()), int((new < old).sum())
    better, worse = (rises, falls) if metric.higher_is_better else (falls, rises)
    return Comparison(
        metric=metric.name, lang=lang, before=before, after=after, before_value=float(old.mean()),
        after_value=float(new.mean()), difference=change.mean, low=change.low, high=change.high, p=change.p,
        better=better, worse=worse, questions=len(values), higher_is_better=metric.higher_is_better,
    )  # fmt: skip


# What is pooled -----------------------------------------------------------------------------------------------------


def pooled_value(measure: Pooled, outcomes: Sequence[Outcome]) -> float | None:
    """The value of a measure over many answers; None where they have none, as an AUROC without a wrong answer."""
    judged = _judged(measure, outcomes)
    value = float(measure.compute(Ranked.of(judged))[0]) if judged else math.nan
    return None if math.isnan(value) else value


def _judged(measure: Pooled, outcomes: Sequence[Outcome]) -> list[Judgement]:
    return [judged for outcome in outcomes if (judged := measure.judgement(outcome)) is not None]


def pooled(run: str, lang: str, measure: Pooled, outcomes: Sequence[Outcome]) -> Score | None:
    """The value of a measure with the interval of its resamples; those without a value are left out."""
    value, judged = pooled_value(measure, outcomes), _judged(measure, outcomes)
    if value is None:
        return None
    low, high = _interval([measure.compute(Ranked.of(judged, counts)) for counts in _draws(len(judged))])
    return Score(run, lang, measure.name, value, low, high, len(judged))


def pooled_change(measure: Pooled, lang: str, before: str, after: str, pairs: Pairs) -> Comparison | None:
    """How a measure changes over the questions that are judged in both runs, which are resampled together."""
    both = [(measure.judgement(one), measure.judgement(other)) for one, other in pairs]
    old = [one for one, other in both if one is not None and other is not None]
    new = [other for one, other in both if one is not None and other is not None]
    if not old:
        return None
    was, is_now = (float(measure.compute(Ranked.of(judged))[0]) for judged in (old, new))
    if math.isnan(was) or math.isnan(is_now):
        return None
    changes = [
        measure.compute(Ranked.of(new, counts)) - measure.compute(Ranked.of(old, counts)) for counts in _draws(len(old))
    ]
    low, high = _interval(changes)
    return Comparison(
        metric=measure.name, lang=lang, before=before, after=after, before_value=was, after_value=is_now,
        difference=is_now - was, low=low, high=high, p=None, better=None, worse=None, questions=len(old),
        higher_is_better=measure.higher_is_better,
    )  # fmt: skip


def _draws(answers: int) -> Iterator[np.ndarray]:
    return bootstrap.drawn(answers, resamples=POOLED_RESAMPLES)


def _interval(batches: Sequence[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate(batches)
    low, high = bootstrap.percentiles(values[~np.isnan(values)].round(12)[:, None])
    return float(low[0]), float(high[0])
