"""What a reader should know before believing the figures of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lastro.evaluation.matching import other_golds
from lastro.evaluation.metrics import first_rank
from lastro.evaluation.records import ALL, Comparison, Report, Run

FEW = 30  # questions below which an interval says little
FEW_DIFFER = 6  # five that all rise have p = 2 / 2**5 = .0625


def notes(
    runs: Sequence[Run], comparisons: Sequence[Comparison], *, depth: int, against: Run | None = None
) -> list[str]:
    """A line for each thing to know; `depth` is the number of passages that was asked for."""
    found = [*_of_questions(runs[0]), *(line for run in runs for line in _of_depth(run, depth))]
    if against is not None and (changed := other_golds(against, runs[0])):
        count = f"{changed} of {len(runs[0].outcomes)} questions"
        found.append(f"{count} have other gold ids or grades than in {against.name}: not compared with it")
    for pair in dict.fromkeys((row.before, row.after) for row in comparisons):
        found += _of_comparison([row for row in comparisons if (row.before, row.after) == pair])
    return found


def differences(before: Report, after: Report) -> str:
    """One line on what is not the same in the first runs of two reports: library, settings of search and answers."""
    one, other = before.runs[0], after.runs[0]
    values = [
        ("embedder", before.setting.embedder, after.setting.embedder),
        ("documents", before.setting.documents, after.setting.documents),
        ("passages", before.setting.chunks, after.setting.chunks),
        *((f"retrieval.{name}", old, other.settings[name])
          for name, old in one.settings.items() if name in other.settings),
        *((f"answer.{name}", old, other.answering[name])
          for name, old in one.answering.items() if name in other.answering),
    ]  # fmt: skip
    found = [f"{name} {old} -> {new}" for name, old, new in values if old != new]
    same = f"embedder {after.setting.embedder} and {after.setting.chunks} passages in both"
    return f"{one.name} -> {other.name}: {', '.join(found) or same}"


def _of_questions(run: Run) -> Iterator[str]:
    scored = sum(bool(outcome.relevant) for outcome in run.outcomes)
    others = len(run.outcomes) - scored
    drafts = sum(outcome.draft for outcome in run.outcomes)
    if others:
        yield f"{others} of {len(run.outcomes)} questions name no gold passage: searched, timed, not scored"
    if drafts:
        yield (
            f"{drafts} of {len(run.outcomes)} questions are still drafts: read them, correct them, and take "
            f'"draft" out of their meta; until then the figures say little'
        )
    if scored < FEW:
        yield f"{scored} questions are few: a share is known to within {_within(scored)} points or so"
    elif all(first_rank(outcome, 1) for outcome in run.outcomes if outcome.relevant):
        yield f"every question hits, so the interval is a point; up to {3 / scored:.1%} may still miss"


def _within(questions: int) -> str:
    """The half width of a 95 % interval of a share near one half."""
    return f"{100 * min(1.0, 1.96 * 0.5 / max(questions, 1) ** 0.5):.0f}"


def _of_depth(run: Run, depth: int) -> Iterator[str]:
    """Where a search as deep as was asked for is not the search of an answer."""
    grows, reranks = run.settings.get("context_tokens", 0), run.settings.get("reranker", "")
    if grows and run.depth != depth:
        yield (
            f"{run.name}: passages share retrieval.context_tokens = {grows} to grow, so it was searched as for an "
            f"answer, for retrieval.k = {run.depth} passages and not for {depth}; no figure goes deeper"
        )
    limits = {"candidates": run.settings.get("candidates", run.depth)}
    if reranks:
        limits["rerank_candidates"] = run.settings.get("rerank_candidates", run.depth)
    for name, limit in limits.items():
        if run.depth > max(limit, run.context_k):
            yield (
                f"{run.name}: searched for {run.depth} passages, more than retrieval.{name} = {limit}: their order may "
                f"not be that of an answer's search"
            )


def _of_comparison(rows: Sequence[Comparison]) -> Iterator[str]:
    """Where so few questions differ that p cannot be small, whatever the interval is."""
    few = [row for row in rows if 0 < (row.better or 0) + (row.worse or 0) < FEW_DIFFER]
    if not few:
        return
    names = [row.metric for row in few if row.lang == ALL]
    names += ["figures of single languages"] if len(names) < len(few) else []
    yield (
        f"{rows[0].before} -> {rows[0].after}: fewer than {FEW_DIFFER} questions differ in {', '.join(names)}; p "
        f"cannot be under .05 there, so do not rest anything on an interval that leaves out 0"
    )
