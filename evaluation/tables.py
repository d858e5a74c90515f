"""Reports as tables for a terminal or a pipe; what may come from a file is text to them, never markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lastro.evaluation.metrics import find_metric
from lastro.evaluation.records import Comparison, Report, Score

if TYPE_CHECKING:
    from rich.table import Table

MANY = 4  # languages shown beside "all"; the JSON and the HTML have every one


class Titled(NamedTuple):
    """A table and the line above it."""

    title: str
    table: Table


def tables(report: Report) -> Iterator[Titled]:
    """A table of figures for each run that was made now, then one for each comparison."""
    for name in dict.fromkeys(score.run for score in report.scores):
        yield _figures(report, name)
    for pair in dict.fromkeys((row.before, row.after) for row in report.comparisons):
        yield _changes([row for row in report.comparisons if (row.before, row.after) == pair])


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
    shown = list(dict.fromkeys(score.lang for score in scores))[: MANY + 1]
    table = _table("", *(_heading(scores, lang) for lang in shown))
    for metric in dict.fromkeys(score.metric for score in scores):
        by_language = {score.lang: score for score in scores if score.metric == metric}
        _add(table, metric, *(_share(by_language.get(lang)) for lang in shown))
    _add(table, "ms, p50 / p95", *(f"{costs[lang].p50_ms:.0f} / {costs[lang].p95_ms:.0f}" for lang in shown))
    _add(table, f"tokens@{costs[shown[0]].k}", *(f"{costs[lang].tokens:.0f}" for lang in shown))
    return Titled(f"{name}: mean and its 95 % interval, by language (questions)", table)


def _heading(scores: Sequence[Score], lang: str) -> str:
    return f"{lang} ({max(score.questions for score in scores if score.lang == lang)})"


def _share(score: Score | None) -> str:
    return "" if score is None else f"{score.value:.3f}  {score.low:.3f}–{score.high:.3f}"


def _changes(rows: Sequence[Comparison]) -> Titled:
    first = rows[0]
    shown = [row for row in rows if row.better != 0 or row.worse != 0]
    title = f"{first.before} -> {first.after}: {first.questions} questions, paired"
    if hidden := len(rows) - len(shown):
        title += f"; {hidden} of {len(rows)} rows hidden, where no question differs"
    table = _table("", "before", "after", "difference and its 95 % interval", "p", "better / worse")
    several = len({row.lang for row in rows}) > 1
    for row in shown:
        lang = f" {row.lang}" if several else ""
        form = "{:.3f}" if find_metric(row.metric.partition("@")[0], depth=1).unit == "" else "{:.1f}"
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
