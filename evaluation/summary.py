"""From the outcomes of runs to figures: means with intervals, costs, comparisons, and what a reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from lastro.errors import ConfigError
from lastro.evaluation import bootstrap
from lastro.evaluation.metrics import Metric, find_metric, usual_metrics
from lastro.evaluation.records import Comparison, Cost, Outcome, Report, Run, Score, Setting

ALL = "all"  # the row of every language together
FEW = 30  # questions below which an interval says little


def make_report(setting: Setting, runs: Sequence[Run], *, depth: int, against: Run | None = None) -> Report:
    """Everything to be said of runs; the first is compared with each other one, and with a saved one.

    Raises:
        ConfigError: the saved run has none of these questions.
    """
    shown = [*runs, *([against] if against is not None else [])]
    deep = min([depth, *([_depth_of(against)] if against is not None else [])])
    comparisons = [row for run in runs[1:] for row in compare(runs[0], run, depth=depth)]
    if against is not None:
        comparisons += compare(against, runs[0], depth=deep)
    return Report(
        setting=setting, depth=depth, runs=tuple(shown),
        scores=tuple(row for run in runs for row in scores(run, usual_metrics(depth, run.outcomes))),
        costs=tuple(row for run in runs for row in costs(run)),
        comparisons=tuple(comparisons), made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        lastro=version("lastro"), notes=tuple(_notes(runs[0])),
    )  # fmt: skip


def _depth_of(run: Run) -> int:
    return max([1, *(len(outcome.found) for outcome in run.outcomes)])


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


def costs(run: Run) -> list[Cost]:
    """Milliseconds and tokens of a question, for all questions and by language."""
    tokens = find_metric(f"tokens@{run.context_k}", depth=run.context_k)
    found = []
    for lang in languages(run):
        outcomes = in_language(run.outcomes, lang)
        p50, p95 = np.percentile([outcome.ms for outcome in outcomes], [50, 95]).tolist()
        mean = float(np.mean([tokens.compute(outcome) or 0.0 for outcome in outcomes]))
        found.append(Cost(run.name, lang, p50, p95, mean))
    return found


def compare(before: Run, after: Run, *, depth: int) -> list[Comparison]:
    """Each metric and cost of two runs over the questions that both have, by language.

    Raises:
        ConfigError: they have no question in common.
    """
    old = {_key(outcome): outcome for outcome in before.outcomes}
    pairs = [(old[_key(outcome)], outcome) for outcome in after.outcomes if _key(outcome) in old]
    if not pairs:
        raise ConfigError(
            f"{before.name} and {after.name} have no question in common (by id and text); compare runs of one set"
        )
    context = min(before.context_k, after.context_k, depth)
    metrics = usual_metrics(depth, after.outcomes)
    metrics += [find_metric(f"tokens@{context}", depth=depth), find_metric("ms", depth=depth)]
    found = []
    for lang in languages(after):
        chosen = [pair for pair in pairs if lang in (ALL, pair[1].lang)]
        for metric in metrics:
            row = _compared(metric, lang, before.name, after.name, chosen)
            found += [row] if row is not None else []
    return found


def _key(outcome: Outcome) -> tuple[str, str]:
    return outcome.question_id, outcome.question


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


def _notes(run: Run) -> list[str]:
    scored = sum(bool(outcome.relevant) for outcome in run.outcomes)
    others = len(run.outcomes) - scored
    drafts = sum(outcome.draft for outcome in run.outcomes)
    notes = []
    if others:
        notes.append(f"{others} of {len(run.outcomes)} questions name no gold passage: searched, timed, not scored")
    if drafts:
        notes.append(
            f"{drafts} of {len(run.outcomes)} questions are still drafts: read them, correct them, and take "
            f'"draft" out of their meta; until then the figures say little'
        )
    if scored < FEW:
        notes.append(f"{scored} questions are few: a share is known to within {_few(scored)} points or so")
    elif all(metric == 1.0 for outcome in run.outcomes if (metric := _best(outcome)) is not None):
        notes.append(f"every question hits, so the interval is a point; up to {3 / scored:.1%} may still miss")
    return notes


def _few(questions: int) -> str:
    """The half width of a 95 % interval of a share near one half."""
    return f"{100 * min(1.0, 1.96 * 0.5 / max(questions, 1) ** 0.5):.0f}"


def _best(outcome: Outcome) -> float | None:
    return find_metric("hit@1", depth=1).compute(outcome)


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
