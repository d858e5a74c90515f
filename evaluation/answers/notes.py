"""What a reader should know before believing the figures of answers."""

from __future__ import annotations

from collections.abc import Iterator

from lastro.evaluation.answers.metrics import judgement
from lastro.evaluation.records import Outcome, Reply, Run

FEW_RIGHT = 50  # right answers, and as many others, below which a ranking says little


def answer_notes(run: Run) -> list[str]:
    """A line for each thing to know; none where nothing was answered."""
    both = [(outcome, outcome.reply) for outcome in run.outcomes if outcome.reply is not None]
    return [*_of_questions(both), *_of_confidence(both)] if both else []


def _of_questions(both: list[tuple[Outcome, Reply]]) -> Iterator[str]:
    unjudged = sum(reply.right is None for _, reply in both)
    failed = sum(bool(reply.error) for _, reply in both)
    if unjudged:
        yield (
            f"{unjudged} of {len(both)} questions have no gold answers: nobody can tell whether theirs are right; "
            f"citations, claims and refusals are counted"
        )
    if all(outcome.answerable for outcome, _ in both):
        yield "every question can be answered, so nothing is known of refusals where they would be right"
    if failed:
        yield f"{failed} of {len(both)} questions did not fit the context window: counted as refused"


def _of_confidence(both: list[tuple[Outcome, Reply]]) -> Iterator[str]:
    unsure = sum(not reply.refused and reply.confidence is None for _, reply in both)
    given = sum(not reply.refused for _, reply in both)
    if unsure:
        yield f"{unsure} of {given} answers have no confidence: not in auroc, aurc, accuracy@ and ece"
    judged = [one for outcome, _ in both if (one := judgement(outcome)) is not None]
    right = sum(one.right for one in judged)
    if judged and unsure < given and min(right, len(judged) - right) < FEW_RIGHT:
        yield (
            f"{right} answers are right and {len(judged) - right} questions have none that is: with fewer than "
            f"{FEW_RIGHT} of either, auroc, aurc and ece say little"
        )
