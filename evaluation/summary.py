"""From the outcomes of runs to figures: means with intervals, costs, comparisons, and what a reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from lastro.errors import ConfigError
from lastro.evaluation import bootstrap
from lastro.evaluation.matching import pairs
from lastro.evaluation.metrics import Metric, find_metric, usual_metrics
from lastro.evaluation.notes import notes
from lastro.evaluation.records import ALL, Comparison, Cost, Outcome, Report, Run, Score, Setting


def make_report(setting: Setting, runs: Sequence[Run], *, depth: int, against: Run | None = None) -> Report:
    """Everything to be said of runs; the first is compared with each other one, and with a saved one.

    All figures are of the same number of passages: `depth`, or fewer where a run was not searched so deep.

    Raises:
        ConfigError: the saved run has none of these questions.
    """
    shown = [*runs, *([against] if against is not None else [])]
    known = min([depth, *(run.depth for run in runs if run.depth)])
    comparisons = [row for run in runs[1:] for row in compare(runs[0], run, depth=known)]
    if against is not None:
        rows = compare(against, runs[0], depth=min(known, _depth_of(against)))
        comparisons += [_without_verdict(row) if row.metric == "ms" else row for row in rows]
    return Report(
        setting=setting, depth=known, runs=tuple(shown),
        scores=tuple(row for run in runs for row in scores(run, usual_metrics(known, run.outcomes))),
        costs=tuple(row for run in runs for row in costs(run, depth=depth)),
        comparisons=tuple(comparisons), made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        lastro=version("lastro"), notes=tuple(notes(runs, comparisons, depth=depth, against=against)),
    )  # fmt: skip


def _without_verdict(row: Comparison) -> Comparison:
    """A comparison that says what changed, not how much that tells: times of another day are not paired."""
    return replace(row, p=None, better=None, worse=None)


def _depth_of(run: Run) -> int:
    return run.depth or max([1, *(len(outcome.found) for outcome in run.outcomes)])


def languages(run: Run) -> list[str]:
    """What figures are given for: all questions, then each language of those scored, where there is more than one."""
    found = sorted({outcome.lang for outcome in run.outcomes if outcome.relevant})
    return [ALL, *found] if len(found) > 1 else [ALL]


def in_language(outcomes: Sequence[Outcome], lang: str) -> list[Outcome]:
    """The outcomes of a language's questions."""
    return [outcome for outcome in outcomes if lang in (ALL, outcome.lang)]


def scores(run: Run, metrics: Sequence[Metric]) -> list[Score]:
    """The mean of each metric, for all questions and by language, where it applies to any."""
    found = []
    for lang in languages(run):
        outcomes = in_language(run.outcomes, lang)
        for metrics_alike, values in _columns(metrics, outcomes):
            spans = bootstrap.intervals(values)
            means = values.mean(axis=0).tolist()
            found += [
                Score(run.name, lang, metric.name, mean, low, high, len(values))
                for metric, mean, (low, high) in zip(metrics_alike, means, spans, strict=True)
            ]
    order = {metric.name: place for place, metric in enumerate(metrics)}
    return sorted(found, key=lambda score: (score.lang != ALL, score.lang, order[score.metric]))


def _columns(metrics: Sequence[Metric], outcomes: Sequence[Outcome]) -> list[tuple[list[Metric], np.ndarray]]:
    """Metrics that apply to the same questions, with their values: questions by metrics."""
    groups: dict[tuple[bool, ...], list[tuple[Metric, list[float]]]] = {}
    for metric in metrics:
        values = [metric.compute(outcome) for outcome in outcomes]
        applies = tuple(value is not None for value in values)
        if any(applies):
            groups.setdefault(applies, []).append((metric, [value for value in values if value is not None]))
    return [([metric for metric, _ in group], np.array([v for _, v in group]).T) for group in groups.values()]


def costs(run: Run, *, depth: int) -> list[Cost]:
    """Milliseconds and tokens of a question, for all questions and by language; `depth` where the run has none."""
    k = min(run.context_k, run.depth or depth)
    tokens = find_metric(f"tokens@{k}", depth=k)
    found = []
    for lang in languages(run):
        outcomes = in_language(run.outcomes, lang)
        p50, p95 = np.percentile([outcome.ms for outcome in outcomes], [50, 95]).tolist()
        mean = float(np.mean([tokens.compute(outcome) or 0.0 for outcome in outcomes]))
        found.append(Cost(run.name, lang, p50, p95, mean, k))
    return found


def compare(before: Run, after: Run, *, depth: int) -> list[Comparison]:
    """Each metric and cost of two runs over the questions that both have, by language.

    Raises:
        ConfigError: they have no question in common.
    """
    both = pairs(before, after)
    if not both:
        raise ConfigError(
            f"{before.name} and {after.name} have no question in common (by id, text and gold ids); compare runs of "
            f"one set"
        )
    context = min(before.context_k, after.context_k, depth)
    metrics = usual_metrics(depth, after.outcomes)
    metrics += [find_metric(f"tokens@{context}", depth=depth), find_metric("ms", depth=depth)]
    found = []
    for lang in languages(after):
        chosen = [pair for pair in both if lang in (ALL, pair[1].lang)]
        for metric in metrics:
            row = _compared(metric, lang, before.name, after.name, chosen)
            found += [row] if row is not None else []
    return found


def _compared(
    metric: Metric, lang: str, before: str, after: str, pairs: Sequence[tuple[Outcome, Outcome]]
) -> Comparison | None:  # fmt: skip
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


# Limits -------------------------------------------------------------------------------------------------------------


def parse_limit(text: str, *, depth: int) -> tuple[Metric, float]:
    """The metric and least value of a limit such as "hit@5=0.95".

    Raises:
        ConfigError: it has no number, or no such metric.
    """
    name, sign, number = text.partition("=")
    metric = find_metric(name.strip(), depth=depth)
    try:
        least = float(number)
    except ValueError:
        least = float("nan")
    if not sign or not 0 <= least <= 1 or not metric.higher_is_better:
        raise ConfigError(f"--fail-under {text}: give a metric of quality and a share from 0 to 1, as in hit@5=0.95")
    return metric, least


def failures(run: Run, limits: Sequence[tuple[Metric, float]]) -> list[str]:
    """A line for each limit that a run is under."""
    found = []
    for metric, least in limits:
        values = [value for outcome in run.outcomes if (value := metric.compute(outcome)) is not None]
        if not values:
            found.append(f"{metric.name}: no question has a gold passage, so it cannot reach {least:g}")
        elif (mean := float(np.mean(values))) < least:
            found.append(f"{metric.name} = {mean:.4f} is under {least:g} (over {len(values)} questions)")
    return found
