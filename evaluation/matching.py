"""Which questions of two runs are the same question."""

from __future__ import annotations

from collections.abc import Iterator

from lastro.evaluation.records import Outcome, Run


def pairs(before: Run, after: Run) -> list[tuple[Outcome, Outcome]]:
    """The outcomes of each question that both runs have, by id and text, where the same is to be found."""
    return [(one, other) for one, other in _both(before, after) if _wanted(one) == _wanted(other)]


def other_golds(before: Run, after: Run) -> int:
    """The number of questions that both runs have, and that something else is to be found for now."""
    return sum(_wanted(one) != _wanted(other) for one, other in _both(before, after))


def _both(before: Run, after: Run) -> Iterator[tuple[Outcome, Outcome]]:
    old = {(outcome.question_id, outcome.question): outcome for outcome in before.outcomes}
    for outcome in after.outcomes:
        same = old.get((outcome.question_id, outcome.question))
        if same is not None:
            yield same, outcome


def _wanted(outcome: Outcome) -> set[tuple[str, int, bool]]:
    return {(gold.id, gold.grade, gold.relevant) for gold in outcome.golds}
