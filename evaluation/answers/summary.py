"""From the answers of runs to figures: scores and costs by language, and what changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lastro.evaluation.answers.metrics import ANSWER_MEASURES, COSTS
from lastro.evaluation.figures import Pairs, compared, in_language, means, pooled, pooled_change
from lastro.evaluation.matching import pairs
from lastro.evaluation.measures import Measure, Metric, Pooled
from lastro.evaluation.records import ALL, AnswerCost, Comparison, Outcome, Run, Score


def answered(run: Run) -> list[Outcome]:
    """The outcomes of a run that were answered or refused, not only searched for."""
    return [outcome for outcome in run.outcomes if outcome.reply is not None]


def answer_languages(run: Run) -> list[str]:
    """What figures of answers are given for: all questions, then each language where there is more than one."""
    found = sorted({outcome.lang for outcome in answered(run)})
    return [ALL, *found] if len(found) > 1 else [ALL]


def answer_scores(run: Run) -> list[Score]:
    """The value of each measure, for all questions and by language, where it applies to any."""
    shown = _shown(answered(run))
    order = {measure.name: place for place, measure in enumerate(shown)}
    found = []
    for lang in answer_languages(run):
        outcomes = in_language(answered(run), lang)
        rows = means(run.name, lang, [one for one in shown if isinstance(one, Metric)], outcomes)
        rows += [row for one in shown if isinstance(one, Pooled) and (row := pooled(run.name, lang, one, outcomes))]
        found += sorted(rows, key=lambda row: order[row.metric])
    return found


def _shown(outcomes: Sequence[Outcome]) -> list[Measure]:
    """The measures that a report has rows of: those of a confidence only where answers have one."""
    sure = any(
        outcome.reply is not None and not outcome.reply.refused and outcome.reply.confidence is not None
        for outcome in outcomes
    )
    return [
        measure
        for name, measure in ANSWER_MEASURES.items()
        if name not in COSTS and (sure or not isinstance(measure, Pooled))
    ]


def answer_costs(run: Run) -> list[AnswerCost]:
    """Seconds and tokens of an answer, for all questions and by language."""
    found = []
    for lang in answer_languages(run):
        replies = [outcome.reply for outcome in in_language(run.outcomes, lang) if outcome.reply is not None]
        if replies:
            p50, p95 = np.percentile([reply.seconds for reply in replies], [50, 95]).tolist()
            tokens = np.mean([(r.prompt_tokens, r.cached_tokens, r.completion_tokens) for r in replies], axis=0)
            found.append(AnswerCost(run.name, lang, p50, p95, *tokens.tolist()))
    return found


def compare_answers(before: Run, after: Run) -> list[Comparison]:
    """Each measure of two runs over the questions that both have answered, by language; none where there are none."""
    both = [pair for pair in pairs(before, after) if _same(*pair)]
    shown = [*_shown([one for pair in both for one in pair]), *(ANSWER_MEASURES[name] for name in COSTS)]
    found = []
    for lang in answer_languages(after) if both else ():
        chosen = [pair for pair in both if lang in (ALL, pair[1].lang)]
        for measure in shown:
            row = _change(measure, lang, before.name, after.name, chosen)
            found += [row] if row is not None else []
    return found


def _change(measure: Measure, lang: str, before: str, after: str, chosen: Pairs) -> Comparison | None:
    if isinstance(measure, Metric):
        return compared(measure, lang, before, after, chosen)
    return pooled_change(measure, lang, before, after, chosen)


def _same(before: Outcome, after: Outcome) -> bool:
    """Whether two outcomes were answered, and judged by the same gold answers."""
    if before.reply is None or after.reply is None:
        return False
    return (before.answerable, set(before.answers)) == (after.answerable, set(after.answers))
