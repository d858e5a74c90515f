"""From the outcomes of runs to figures: means with intervals, costs, comparisons, and what a reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import NoReturn

import numpy as np

from lastro.errors import ConfigError
from lastro.evaluation.answers.metrics import ANSWER_MEASURES
from lastro.evaluation.answers.notes import answer_notes
from lastro.evaluation.answers.summary import answer_costs, answer_scores, compare_answers
from lastro.evaluation.figures import compared, in_language, means, pooled_value
from lastro.evaluation.matching import pairs
from lastro.evaluation.measures import Measure, Metric, Pooled
from lastro.evaluation.metrics import find_measure, find_metric, usual_metrics
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
    answers = [row for run in runs[1:] for row in compare_answers(runs[0], run)]
    if against is not None:
        comparisons += map(_of_another_day, compare(against, runs[0], depth=min(known, _depth_of(against))))
        answers += map(_of_another_day, compare_answers(against, runs[0]))
    said = [*notes(runs, [*comparisons, *answers], depth=depth, against=against), *answer_notes(runs[0])]
    return Report(
        setting=setting, depth=known, runs=tuple(shown),
        scores=tuple(row for run in runs for row in scores(run, usual_metrics(known, run.outcomes))),
        costs=tuple(row for run in runs for row in costs(run, depth=depth)),
        comparisons=tuple(comparisons), made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        lastro=version("lastro"), notes=tuple(said),
        answer_scores=tuple(row for run in runs for row in answer_scores(run)),
        answer_costs=tuple(row for run in runs for row in answer_costs(run)), answer_comparisons=tuple(answers),
    )  # fmt: skip


def _of_another_day(row: Comparison) -> Comparison:
    """A row that says of times what changed, not how much that tells: those of another day are not paired."""
    return replace(row, p=None, better=None, worse=None) if row.metric in ("ms", "seconds") else row


def _depth_of(run: Run) -> int:
    return run.depth or max([1, *(len(outcome.found) for outcome in run.outcomes)])


def languages(run: Run) -> list[str]:
    """What figures are given for: all questions, then each language of those scored, where there is more than one."""
    found = sorted({outcome.lang for outcome in run.outcomes if outcome.relevant})
    return [ALL, *found] if len(found) > 1 else [ALL]


def scores(run: Run, metrics: Sequence[Metric]) -> list[Score]:
    """The mean of each metric, for all questions and by language, where it applies to any."""
    found = [row for lang in languages(run) for row in means(run.name, lang, metrics, in_language(run.outcomes, lang))]
    order = {metric.name: place for place, metric in enumerate(metrics)}
    return sorted(found, key=lambda score: (score.lang != ALL, score.lang, order[score.metric]))


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
            row = compared(metric, lang, before.name, after.name, chosen)
            found += [row] if row is not None else []
    return found


# Limits -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limit:
    """The least value of a measure; with `over`, the most."""

    measure: Measure
    bound: float
    over: bool = False

    def kept_by(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return value <= self.bound if self.over else value >= self.bound


def parse_limit(text: str, *, depth: int, over: bool = False) -> Limit:
    """A limit such as "hit@5=0.95"; one that a metric may not be over is of a metric of which less is better.

    Raises:
        ConfigError: it has no number, or no such metric.
    """
    name, sign, number = text.partition("=")
    measure = find_measure(name.strip(), depth=depth)
    try:
        bound = float(number)
    except ValueError:
        bound = float("nan")
    if not sign or not 0 <= bound <= 1 or measure.unit:
        _refuse(text, over, "give a metric and a share from 0 to 1")
    if measure.higher_is_better is over:
        _refuse(text, over, f"of {measure.name} {'more' if over else 'less'} is better")
    return Limit(measure, bound, over)


def _refuse(text: str, over: bool, why: str) -> NoReturn:
    option, other = ("--fail-over", "--fail-under") if over else ("--fail-under", "--fail-over")
    example, opposite = ("false_refusal=0.1", "hit@5=0.95") if over else ("hit@5=0.95", "false_refusal=0.1")
    raise ConfigError(f"{option} {text}: {why}, as in {option} {example} or {other} {opposite}")


def failures(run: Run, limits: Sequence[Limit]) -> list[str]:
    """A line for each limit that a run does not keep."""
    found = []
    for limit in limits:
        name, side = limit.measure.name, "over" if limit.over else "under"
        value, questions = _value(limit.measure, run.outcomes)
        if value is None:
            found.append(f"{name}: {_nothing(limit.measure)}, so it cannot keep to {limit.bound:g}")
        elif not limit.kept_by(value):
            found.append(f"{name} = {value:.4f} is {side} {limit.bound:g} (over {questions} questions)")
    return found


def _value(measure: Measure, outcomes: Sequence[Outcome]) -> tuple[float | None, int]:
    """A measure of a run, and how many questions it is of."""
    if isinstance(measure, Pooled):
        judged = sum(measure.judgement(outcome) is not None for outcome in outcomes)
        return pooled_value(measure, outcomes), judged
    values = [value for outcome in outcomes if (value := measure.compute(outcome)) is not None]
    return float(np.mean(values)) if values else None, len(values)


def _nothing(measure: Measure) -> str:
    return "there is no answer that it is of" if measure.name in ANSWER_MEASURES else "no question has a gold passage"
