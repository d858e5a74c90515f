"""Reports as tables for a terminal or a pipe; what may come from a file is text to them, never markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lastro.evaluation.metrics import unit_of
from lastro.evaluation.records import Comparison, Report, Score

if TYPE_CHECKING:
    from rich.table import Table

    from lastro.chains.confidence import Calibration

MANY = 4  # languages shown beside "all"; the JSON and the HTML have every one


class Titled(NamedTuple):
    """A table and the line above it."""

    title: str
    table: Table


def tables(report: Report) -> Iterator[Titled]:
    """A table of figures for each run that was made now, one of its answers, then one or two for each comparison."""
    for run in report.runs:
        if any(score.run == run.name for score in report.scores):
            yield _figures(report, run.name)
        if any(score.run == run.name for score in report.answer_scores):
            yield _answers(report, run.name)
    for pair in dict.fromkeys((row.before, row.after) for row in (*report.comparisons, *report.answer_comparisons)):
        for what, rows in (("", report.comparisons), ("answers, ", report.answer_comparisons)):
            chosen = [row for row in rows if (row.before, row.after) == pair]
            if chosen:
                yield _changes(chosen, what)


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(Text(column), overflow="fold", justify="right" if place else "left")
    return table


def _add(table: Table, *cells: str) -> None:
    from rich.text import Text

    table.add_row(*(Text(cell) for cell in cells))


def _figures(report: Report, name: str) -> Titled:
    scores = [score for score in report.scores if score.run == name]
    costs = {cost.lang: cost for cost in report.costs if cost.run == name}
    table, shown = _shares(scores)
    _add(table, "ms, p50 / p95", *(f"{costs[lang].p50_ms:.0f} / {costs[lang].p95_ms:.0f}" for lang in shown))
    _add(table, f"tokens@{costs[shown[0]].k}", *(f"{costs[lang].tokens:.0f}" for lang in shown))
    return Titled(f"{name}: mean and its 95 % interval, by language (questions)", table)


def _answers(report: Report, name: str) -> Titled:
    scores = [score for score in report.answer_scores if score.run == name]
    costs = {cost.lang: cost for cost in report.answer_costs if cost.run == name}
    table, shown = _shares(scores, each=True)
    _add(table, "seconds, p50 / p95", *(f"{costs[lang].p50_s:.1f} / {costs[lang].p95_s:.1f}" for lang in shown))
    tokens = (f"{costs[lang].prompt_tokens:.0f} + {costs[lang].completion_tokens:.0f}" for lang in shown)
    _add(table, "tokens, read + written", *tokens)
    return Titled(f"{name}, answers: value, its 95 % interval and (questions that it is of), by language", table)


def _shares(scores: Sequence[Score], *, each: bool = False) -> tuple[Table, list[str]]:
    """A table of scores by language, and the languages shown; with `each`, every cell says of how many questions."""
    shown = list(dict.fromkeys(score.lang for score in scores))[: MANY + 1]
    table = _table("", *(lang if each else _heading(scores, lang) for lang in shown))
    for metric in dict.fromkeys(score.metric for score in scores):
        by_language = {score.lang: score for score in scores if score.metric == metric}
        _add(table, metric, *(_share(by_language.get(lang), each=each) for lang in shown))
    return table, shown


def _heading(scores: Sequence[Score], lang: str) -> str:
    return f"{lang} ({max(score.questions for score in scores if score.lang == lang)})"


def _share(score: Score | None, *, each: bool) -> str:
    if score is None:
        return ""
    return f"{score.value:.3f}  {score.low:.3f}–{score.high:.3f}{f' ({score.questions})' if each else ''}"


def _changes(rows: Sequence[Comparison], what: str) -> Titled:
    first = rows[0]
    shown = [row for row in rows if row.better != 0 or row.worse != 0]
    questions = max(row.questions for row in rows) if what else first.questions
    title = f"{first.before} -> {first.after}: {what}{questions} questions, paired"
    if hidden := len(rows) - len(shown):
        title += f"; {hidden} of {len(rows)} rows hidden, where no question differs"
    table = _table("", "before", "after", "difference and its 95 % interval", "p", "better / worse")
    several = len({row.lang for row in rows}) > 1
    for row in shown:
        lang = f" {row.lang}" if several else ""
        form = "{:.3f}" if unit_of(row.metric) == "" else "{:.1f}"
        signed = form.replace(":", ":+")
        _add(
            table, row.metric + lang, form.format(row.before_value), form.format(row.after_value),
            f"{signed.format(row.difference)}  {signed.format(row.low)} to {signed.format(row.high)}",
            _p(row.p), "" if row.better is None else f"{row.better} / {row.worse}",
        )  # fmt: skip
    return Titled(title, table)


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if value >= 0.001 else "< .001"


def calibration_table(entries: Sequence[Calibration]) -> Table:
    """What fitted calibrations are worth, by cross-validation: a column for each."""
    rows: dict[str, list[str]] = {}
    for entry in entries:
        found = entry.provenance["cross_validated"]
        cells = {
            "right answers": str(entry.provenance["right"]),
            "wrong answers": str(entry.provenance["wrong"]),
            "auroc": f"{found['auroc']:.3f}  {found['auroc_low']:.3f}–{found['auroc_high']:.3f}",
            "ece": f"{found['ece']:.3f}",
            "threshold": f"{entry.threshold:.4f}",
            "right answers shown": f"{found['right_kept']:.1%}",
            "wrong answers refused": f"{found['wrong_refused']:.1%}",
            "wrong among those shown": f"{found['risk']:.1%}",
            "wrong among all": f"{found['risk_without']:.1%}",
        }
        for name, cell in cells.items():
            rows.setdefault(name, []).append(cell)
    table = _table("cross-validated", *(entry.language or "any" for entry in entries))
    for name, row in rows.items():
        _add(table, name, *row)
    return table
