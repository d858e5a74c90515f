"""A report as one HTML file that opens anywhere: no script, no address, nothing loaded from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lastro.evaluation import plots
from lastro.evaluation.answers.report import answers_section
from lastro.evaluation.figures import in_language
from lastro.evaluation.matching import pairs
from lastro.evaluation.metrics import find_metric, first_rank
from lastro.evaluation.page import filled, text_of
from lastro.evaluation.records import ALL, Outcome, Report, Run
from lastro.evaluation.run import READ
from lastro.evaluation.summary import languages

MOST = 300  # failing questions that are listed
KINDS = {
    "below": "the right passage was found, but below the first {k}",
    "page": "right page, other passage",
    "document": "right document, other place in it",
    "elsewhere": "other documents only",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A question whose right passage is not among the first few."""

    outcome: Outcome
    kind: str  # of KINDS
    rank: int | None  # of the first right passage


def html(report: Report) -> str:
    """The report as an HTML page."""
    style = Markup(text_of("report.css"))
    return str(filled("report.html.jinja", style=style, **context(report)))


def context(report: Report) -> dict[str, Any]:
    """What the template shows."""
    run, k = report.runs[0], min(READ, report.depth)
    failed = failures(run, k)
    scored = sum(bool(outcome.relevant) for outcome in run.outcomes)
    counts = Counter(failure.kind for failure in failed)
    return {
        "report": report, "run": run, "k": k, "scored": scored, "failed": failed[:MOST], "failures": len(failed),
        "kinds": {kind: (text.format(k=k), counts[kind]) for kind, text in KINDS.items() if counts[kind]},
        "tables": [_table(report, name) for name in dict.fromkeys(score.run for score in report.scores)],
        "pairs": [
            [row for row in report.comparisons if (row.before, row.after) == pair]
            for pair in dict.fromkeys((row.before, row.after) for row in report.comparisons)
        ],
        "changes": _changes(report, k), "plots": _plots(report, run, k) if scored else [],
        "file": Path(report.setting.questions_file).name, "answers": answers_section(report),
    }  # fmt: skip


def _table(report: Report, name: str) -> dict[str, Any]:
    scores = {(score.metric, score.lang): score for score in report.scores if score.run == name}
    return {
        "name": name,
        "langs": list(dict.fromkeys(lang for _, lang in scores)),
        "metrics": list(dict.fromkeys(metric for metric, _ in scores)),
        "scores": scores,
        "costs": {cost.lang: cost for cost in report.costs if cost.run == name},
    }


def failures(run: Run, k: int) -> list[Failure]:
    """The questions whose right passage is not among the first k, the furthest from it first."""
    found = [_failure(outcome, k) for outcome in run.outcomes if outcome.relevant and first_rank(outcome, k) is None]
    order = list(KINDS)
    return sorted(found, key=lambda failure: -order.index(failure.kind))


def _failure(outcome: Outcome, k: int) -> Failure:
    rank = first_rank(outcome)
    if rank is not None:
        return Failure(outcome, "below", rank)
    for kind, name in (("page", "page_hit"), ("document", "document_hit")):
        if find_metric(name, depth=k).compute(outcome):
            return Failure(outcome, kind, None)
    return Failure(outcome, "elsewhere", None)


def _changes(report: Report, k: int) -> list[dict[str, Any]]:
    """For each pair of runs, the questions that only one of them answers within the first k."""
    runs = {run.name: run for run in report.runs}
    found = []
    for before, after in dict.fromkeys((row.before, row.after) for row in report.comparisons):
        both = pairs(runs[before], runs[after])
        ranks = [(one, first_rank(one, k), first_rank(other, k)) for one, other in both if one.relevant]
        found.append(
            {
                "before": before,
                "after": after,
                "lost": [one for one, old, new in ranks if old is not None and new is None][:MOST],
                "won": [one for one, old, new in ranks if old is None and new is not None][:MOST],
            }
        )
    return found


# Plots --------------------------------------------------------------------------------------------------------------


def _plots(report: Report, run: Run, k: int) -> list[tuple[str, str, Markup]]:
    """Title, one sentence on how to read it, and the plot."""
    found = [_curve(report, run), _ranks(run, report.depth)]
    rows = [score for score in report.scores if score.metric == f"hit@{k}"]
    several = len({score.run for score in rows}) > 1
    found.append(
        (
            f"hit@{k} by language",
            "A point is the share of questions, its line the 95 % interval. The axis need not begin at 0.",
            plots.spans(
                [
                    (f"{score.run} {score.lang}" if several else score.lang, score.value, score.low, score.high)
                    for score in rows
                ],
                label=f"hit@{k} by language, with intervals",
            ),
        )
    )
    for title, name in (("Cosine of the best passage", "cosine"), ("Score of the first passage", "score")):
        groups = _groups(run, k, name)
        if groups:
            help_text = "Where the strips lie apart, a threshold could tell a hit from a miss."
            found.append((title, help_text, plots.distributions(groups, label=title, x_label=name)))
    return found


def _curve(report: Report, run: Run) -> tuple[str, str, Markup]:
    series = {}
    for other in report.runs:
        label = "" if len(report.runs) == 1 else f"{other.name} "
        for lang in languages(other) if other is run else [ALL]:
            series[f"{label}{lang}"] = _shares(in_language(other.outcomes, lang), report.depth)
    help_text = "The share of questions with a right passage among the first k. The axis need not begin at 0."
    return "hit@k", help_text, plots.curves(series, label="hit@k for k from 1", x_label="k")


def _shares(outcomes: Sequence[Outcome], depth: int) -> list[float]:
    ranks = [first_rank(outcome) for outcome in outcomes if outcome.relevant]
    return [sum(rank is not None and rank <= k for rank in ranks) / len(ranks) for k in range(1, depth + 1)]


def _ranks(run: Run, depth: int) -> tuple[str, str, Markup]:
    ranks = [first_rank(outcome, depth) for outcome in run.outcomes if outcome.relevant]
    step = -(-depth // 10)
    counts = {
        f"{low}" if step == 1 else f"{low}-{low + step - 1}": sum(
            rank is not None and low <= rank < low + step for rank in ranks
        )
        for low in range(1, depth + 1, step)
    }
    counts["none"] = ranks.count(None)
    help_text = f"Where the first right passage stands; “none” is not among the first {depth}."
    picture = plots.bars(counts, label="Questions by rank of the right passage", x_label="rank", marked="none")
    return "Rank of the first right passage", help_text, picture


def _groups(run: Run, k: int, name: str) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = {f"right in the first {k}": [], f"not in the first {k}": [], "nothing to find": []}
    hit, miss, nothing = groups
    for outcome in run.outcomes:
        values = [value for found in outcome.found[:k] if (value := getattr(found, name)) is not None]
        if not values:
            continue
        key = nothing if not outcome.relevant else miss if first_rank(outcome, k) is None else hit
        groups[key].append(max(values) if name == "cosine" else values[0])
    return {name: values for name, values in groups.items() if values}
