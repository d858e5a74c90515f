"""Asking a question and judging what comes back: from an `Answer` to the record of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lastro.errors import ContextOverflow
from lastro.evaluation.answers import wording
from lastro.evaluation.places import excerpt, is_on_page, is_place
from lastro.evaluation.records import Cited, Gold, Reply
from lastro.prompts import LANGUAGES, refusal

if TYPE_CHECKING:
    from lastro.evaluation.datasets import Question
    from lastro.types import Answer, Citation, Passage

Duplicates = Callable[[Sequence[str]], Mapping[str, "Passage"]]  # as `Library.passages`


class Chain(Protocol):
    """What answers: an `AnswerChain`, or anything else from a question to an `Answer`."""

    def invoke(self, input: str, /) -> Answer:
        """The answer to a question."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking: an answer, or why there is none."""

    answer: Answer | None
    seconds: float
    error: str = ""


def ask(chain: Chain, question: str) -> Asked:
    """The answer to a question, with the time it took; one that does not fit the context window gets none."""
    start = time.perf_counter()
    try:
        answer = chain.invoke(question)
    except ContextOverflow as error:  # of this question alone; any other error would be that of the next one too
        return Asked(None, time.perf_counter() - start, str(error))
    return Asked(answer, time.perf_counter() - start)


def is_refusal(answer: Answer) -> bool:
    """Whether an answer says that there is none: by its state, or in the words of the refusal sentence."""
    said = answer.words.strip()
    return answer.state == "not_found" or not said or said in {refusal(language) for language in LANGUAGES}


def is_right(answer: Answer, question: Question) -> bool | None:
    """Whether an answer is right; None where nobody can tell, since the question has no gold answers."""
    if not question.answerable:
        return False
    if not question.answers:
        return None
    return not is_refusal(answer) and wording.is_right(answer.words, question.answers, question.lang)


def judge(question: Question, golds: tuple[Gold, ...], asked: Asked, *, duplicates: Duplicates) -> Reply:
    """The record of what came of asking; `duplicates` gives the passages that were merged into another."""
    judged = question.answerable and bool(question.answers)
    none = 0.0 if judged else None
    if asked.answer is None:
        return Reply(
            text="", state="not_found", refused=True, confidence=None, exact=none, f1=none, contains=none,
            right=False if judged or not question.answerable else None, claims={}, citations=(),
            seconds=asked.seconds, error=asked.error,
        )  # fmt: skip
    answer, refused = asked.answer, is_refusal(asked.answer)
    said = "" if refused else answer.words

    def measured(measure: Callable[[str, Sequence[str], str], float]) -> float | None:
        return measure(said, question.answers, question.lang) if judged else None

    return Reply(
        text=answer.text, state=answer.state, refused=refused, confidence=answer.confidence,
        exact=measured(wording.exact), f1=measured(wording.f1), contains=measured(wording.contains),
        right=is_right(answer, question), claims=dict(Counter(one.state for one in answer.sentences)),
        citations=_cited(answer, golds, duplicates), seconds=asked.seconds,
        prompt_tokens=answer.usage.prompt_tokens, cached_tokens=answer.usage.cached_tokens,
        completion_tokens=answer.usage.completion_tokens, extracted=answer.extracted, retried=answer.retried,
        removed=len(answer.removed), signals=dict(answer.signals),
    )  # fmt: skip


def _cited(answer: Answer, golds: tuple[Gold, ...], duplicates: Duplicates) -> tuple[Cited, ...]:
    passages = {passage.chunk_id: passage for passage in answer.passages}
    found = []
    for citation in answer.citations:
        cited, passage = _record(citation), passages.get(citation.chunk_id)
        same = [cited, *(_elsewhere(cited, passage, duplicates) if passage and golds else ())]
        found.append(_judged(cited, golds, same))
    return tuple(found)


def _judged(cited: Cited, golds: tuple[Gold, ...], same: Sequence[Cited]) -> Cited:
    """A citation with the golds that it meets; `same` are the places that hold its words."""

    def those(test: Callable[[Gold], bool]) -> tuple[int, ...]:
        return tuple(at for at, gold in enumerate(golds) if test(gold))

    return replace(
        cited,
        golds=those(lambda gold: any(is_place(gold, one) for one in same)),
        # A reader of this citation sees its own page and document, not those of a duplicate.
        golds_by_page=those(lambda gold: is_on_page(gold, cited)),
        golds_by_document=those(lambda gold: gold.document_id == cited.document_id),
    )


def _record(citation: Citation) -> Cited:
    return Cited(
        document_id=citation.document_id, chunk_id=citation.chunk_id, title=citation.title, page=citation.page,
        section=citation.section, start=citation.start, end=citation.end, quote=excerpt(citation.quote),
    )  # fmt: skip


def _elsewhere(cited: Cited, passage: Passage, duplicates: Duplicates) -> list[Cited]:
    """The same words in the passages that were merged into the one that is cited."""
    if not passage.duplicates:
        return []
    a, b = cited.start - passage.start, cited.end - passage.start
    return [
        replace(cited, document_id=other.document_id, page=other.page_start, start=other.start + a, end=other.start + b)
        for other in duplicates(passage.duplicates).values()
    ]
