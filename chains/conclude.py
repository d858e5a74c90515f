"""From generated text to an `Answer`: check it, and quote or refuse where nothing of it is backed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lastro.chains.citations import Backing, PageOf, Verified, cite, verify
from lastro.chains.evidence import Evidence
from lastro.chains.relevance import Quotation, adds_something, best_quotation, passage_coverage
from lastro.config import AnswerSettings
from lastro.prompts import load_text, refusal
from lastro.types import Answer, AnswerState, Language, Passage, Sentence, Usage

_BRACKETED = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was asked, found and generated, before it is checked."""

    question: str  # as the user wrote it
    standalone: str  # as it would be asked without the conversation
    generated: str
    passages: tuple[Passage, ...]  # those that stood in the prompt
    dropped: tuple[Passage, ...]
    usage: Usage
    language: Language
    turns_dropped: int = 0


def conclude(outcome: Outcome, evidence: Evidence, *, settings: AnswerSettings, page_of: PageOf) -> Answer:
    """Check the generated text and decide what the user is told.

    A backed sentence counts only where its passage speaks of what was asked. If none is left, the best quotation
    answers in its place where a passage clearly does; otherwise the refusal sentence.
    """
    relevant = {
        passage.chunk_id
        for passage in outcome.passages
        if passage_coverage(outcome.standalone, passage, evidence) >= settings.answerable_threshold
    }

    def keep(claim: str, backing: Backing) -> bool:
        on_the_point = any(passage.chunk_id in relevant for passage, _, _ in backing.spans)
        return on_the_point and adds_something(claim, outcome.standalone, evidence)

    checked = verify(outcome.generated, evidence, threshold=settings.support_threshold, page_of=page_of, keep=keep)
    backed = [sentence for sentence in checked.sentences if sentence.state != "unsupported"]
    if backed:
        state: AnswerState = "answered" if len(backed) == len(checked.sentences) else "partial"
        return _answer(outcome, checked, state)
    quotation = best_quotation(outcome.standalone, evidence) if relevant else None
    if quotation is not None and _clearly_answers(quotation, settings):
        return _answer(outcome, _quoted(quotation, outcome.language, page_of), "answered", extracted=True)
    return _answer(outcome, _refused(outcome.language), "not_found")


def _clearly_answers(quotation: Quotation, settings: AnswerSettings) -> bool:
    return quotation.coverage >= settings.answerable_threshold and quotation.closeness >= settings.quotation_threshold


def _quoted(quotation: Quotation, language: Language, page_of: PageOf) -> Verified:
    citation = cite(quotation.passage, quotation.start, quotation.end, page_of)
    shown = _BRACKETED.sub(r"(\1)", " ".join(citation.quote.split()))  # the document's own [2] is no marker of ours
    said = load_text("extract", language).format(quote=shown)
    text = f"{said} [1]"
    sentence = Sentence(said, 0, len(text), "verbatim", 1.0, (0,))
    return Verified(text, (sentence,), (citation,))


def _refused(language: Language) -> Verified:
    return Verified(refusal(language), (), ())


def _answer(outcome: Outcome, checked: Verified, state: AnswerState, *, extracted: bool = False) -> Answer:
    return Answer(
        question=outcome.question,
        text=checked.text,
        state=state,
        sentences=checked.sentences,
        citations=checked.citations,
        passages=outcome.passages,
        dropped=outcome.dropped,
        usage=outcome.usage,
        language=outcome.language,
        extracted=extracted,
        generated=outcome.generated,
        turns_dropped=outcome.turns_dropped,
    )
