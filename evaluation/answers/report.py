"""The part of an HTML report that is on answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lastro.evaluation.answers.metrics import judgement, judgement_given
from lastro.evaluation.answers.plots import reliability_plot, risk_coverage_plot
from lastro.evaluation.answers.ranking import Point, reliability, risk_coverage
from lastro.evaluation.answers.summary import answer_languages, answered
from lastro.evaluation.figures import in_language
from lastro.evaluation.matching import pairs
from lastro.evaluation.page import filled
from lastro.evaluation.records import ALL, Outcome, Reply, Report, Run

MOST = 300  # answers that are listed
KINDS = {
    "wrong": "answered, without a gold answer in it",
    "invented": "answered, though it cannot be",
    "refused": "refused, though it can be answered",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that was not answered as it should be."""

    outcome: Outcome
    reply: Reply
    kind: str  # of KINDS


def answers_section(report: Report) -> Markup:
    """What a report says of answers; empty where none were asked for."""
    run = report.runs[0]
    if not answered(run):
        return Markup("")
    failed = answer_failures(run)
    counts = Counter(failure.kind for failure in failed)
    names = dict.fromkeys(score.run for score in report.answer_scores)
    return filled(
        "answers.html.jinja", run=run, tables=[_table(report, name) for name in names], plots=list(_plots(report)),
        failed=failed[:MOST], failures=len(failed), kinds={kind: (KINDS[kind], counts[kind]) for kind in KINDS},
        pairs=list(_pairs(report)), asked=len(answered(run)),
    )  # fmt: skip


def answer_failures(run: Run) -> list[Failure]:
    """The questions that were not answered as they should be: answers before refusals, the surest first."""
    found = []
    for outcome in answered(run):
        if outcome.reply is not None and (kind := _kind(outcome, outcome.reply)):
            found.append(Failure(outcome, outcome.reply, kind))
    return sorted(found, key=lambda failure: (failure.reply.refused, -(failure.reply.confidence or 0.0)))


def _kind(outcome: Outcome, reply: Reply) -> str:
    if reply.refused:
        return "refused" if outcome.answerable else ""
    if not outcome.answerable:
        return "invented"
    return "wrong" if reply.right is False else ""


def _table(report: Report, name: str) -> dict[str, Any]:
    scores = {(score.metric, score.lang): score for score in report.answer_scores if score.run == name}
    return {
        "name": name, "langs": list(dict.fromkeys(lang for _, lang in scores)),
        "metrics": list(dict.fromkeys(metric for metric, _ in scores)), "scores": scores,
        "costs": {cost.lang: cost for cost in report.answer_costs if cost.run == name},
        "answering": next(run.answering for run in report.runs if run.name == name),
    }  # fmt: skip


def _pairs(report: Report) -> Iterator[dict[str, Any]]:
    """For each pair of runs its rows, and the questions that only one of them answers right."""
    runs = {run.name: run for run in report.runs}
    rows = report.answer_comparisons
    for before, after in dict.fromkeys((row.before, row.after) for row in rows):
        both = [(one.reply, other.reply, other) for one, other in pairs(runs[before], runs[after])]
        known = [(one.right, other.right, outcome) for one, other, outcome in both if one and other]
        yield {
            "before": before, "after": after,
            "rows": [row for row in rows if (row.before, row.after) == (before, after)],
            "lost": [outcome for old, new, outcome in known if old and not new][:MOST],
            "won": [outcome for old, new, outcome in known if new and not old][:MOST],
        }  # fmt: skip


# Plots --------------------------------------------------------------------------------------------------------------


def _plots(report: Report) -> Iterator[tuple[str, str, Markup]]:
    """Title, how to read it, and the plot; none where no answer has a confidence."""
    series = dict(_curves(report))
    if series:
        yield (
            "Risk and coverage",
            "Answer only what is at least so sure: the share of wrong answers among those given, by the share of all "
            "questions that get one. Lower is better. A line ends where the rest was refused; level, the confidence "
            "tells nothing.",
            risk_coverage_plot(series, label="Share of wrong answers by share of questions answered"),
        )
    bins = reliability([one for outcome in answered(report.runs[0]) if (one := judgement_given(outcome)) is not None])
    if bins:
        yield (
            "Reliability",
            "A point is the answers of a tenth of the scale: their mean confidence, the share of them that is right, "
            "and its 95 % interval (Wilson). On the line, a confidence of 70 % is right 70 times in 100; below it, "
            "answers are surer than they should be.",
            reliability_plot(bins, label="Share of right answers by confidence, with intervals"),
        )


def _curves(report: Report) -> Iterator[tuple[str, list[Point]]]:
    """The curve of each run, and of each language of the first."""
    for run in report.runs:
        label = "" if len(report.runs) == 1 else f"{run.name} "
        for lang in answer_languages(run) if run is report.runs[0] else [ALL]:
            outcomes = in_language(answered(run), lang)
            given = [one for outcome in outcomes if (one := judgement_given(outcome)) is not None]
            if given:
                judged = sum(judgement(outcome) is not None for outcome in outcomes)
                yield f"{label}{lang}", risk_coverage(given, of=judged)
