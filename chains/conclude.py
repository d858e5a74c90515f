"""From generated text to an `Answer`: check it, weigh it, and quote or refuse where it does not hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from lastro.chains.citations import PageOf, Verified, check_text, cite, put_together
from lastro.chains.confidence import WITH_READER, Calibration
from lastro.chains.declining import declines
from lastro.chains.relevance import Quotation, adds_something, expected_kind, holds_kind, passage_coverage, quotations
from lastro.chains.review import Review
from lastro.chains.signals import Draft, signals_of
from lastro.config import AnswerSettings
from lastro.prompts import load_text, refusal
from lastro.sentences import sentences
from lastro.types import Answer, AnswerState, Citation, Language, Passage, Policy, Sentence, Usage

_BRACKETED = re.compile(r"\[(\d{1,3})\]")
_LEAST = 0.0  # confidence, where there is no calibration
_MOSTLY = 0.5  # least share of an answer's claims that must be backed
NEAREST = 3  # passages told beside a refusal


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that may be shown; `counting` says whether any claim of it is backed and on the point."""

    verified: Verified
    counting: bool
    signals: dict[str, float] = field(default_factory=dict)
    confidence: float | None = None
    extracted: bool = False
    retried: bool = False
    generated: str = ""

    @property
    def declined(self) -> bool:
        """Whether the model itself says that the passages do not answer."""
        said = [self.generated[start:end] for start, end in sentences(self.generated)]
        return not self.counting and any(map(declines, said))


@dataclass(frozen=True)
class Judge:
    """Decides what the user is told: whether a draft counts, and how far it can be trusted."""

    review: Review
    settings: AnswerSettings
    page_of: PageOf
    language: Language
    calibration: Calibration | None = None

    @property
    def threshold(self) -> float:
        """The least confidence of an answer that is shown."""
        own = self.settings.confidence_threshold
        if own is not None:
            return own
        return _LEAST if self.calibration is None else self.calibration.threshold

    @property
    def _reading(self) -> bool:
        """Whether the answer is read with its question: it takes time, so only where that is weighed, or collected."""
        return self.calibration is None or not self.calibration.weights.keys().isdisjoint(WITH_READER)

    def accepts(self, candidate: Candidate) -> bool:
        """Whether an answer is shown: some of it counts, no more than half lacks backing, and it is likely."""
        mostly = candidate.signals.get("backed", 1.0) >= _MOSTLY
        return (
            candidate.counting and mostly and (candidate.confidence is None or candidate.confidence >= self.threshold)
        )

    @cached_property
    def best(self) -> tuple[Quotation, ...]:
        """The sentences that may be quoted, best first."""
        return tuple(quotations(self.review.question, self.review.evidence))

    def read(self, text: str, *, labels: Sequence[str] = (), retried: bool = False) -> Candidate:
        """A text of the model, checked."""
        clean, found = check_text(text, self.review.evidence, check=self.review.check, labels=labels)
        whole = put_together(clean, found, language=self.language, page_of=self.page_of)
        shown = whole
        if self.settings.policy == "strict":
            shown = put_together(clean, found, language=self.language, page_of=self.page_of, policy="strict")
        counting = tuple(one for one in whole.backed if self._on_the_point(one, whole.citations))
        draft = Draft(whole.claims, counting, whole.citations, retried=retried)
        return self._weighed(draft, shown, text)

    def quote(self) -> Candidate | None:
        """The sentence of the passages that answers best; None where there is none."""
        if not self.best:
            return None
        verified = _quoted(self.best[0], self.language, self.page_of)
        said = replace(verified.sentences[0], text=verified.citations[0].quote)
        return self._weighed(Draft((said,), (said,), verified.citations, extracted=True), verified, "")

    def _weighed(self, draft: Draft, shown: Verified, generated: str) -> Candidate:
        if not draft.counting:
            return Candidate(shown, False, retried=draft.retried, generated=generated)
        signals = signals_of(
            draft, self.review.question, replace(self.review.evidence, passages=self.review.passages),
            alike=self.review.alike, best=self.best, reading=self._reading,
        )  # fmt: skip
        confidence = None if self.calibration is None else round(self.calibration.confidence(signals), 4)
        return Candidate(shown, True, signals, confidence, draft.extracted, draft.retried, generated)

    def _on_the_point(self, sentence: Sentence, citations: Sequence[Citation]) -> bool:
        """Whether a backed claim says more than the question did, from a passage that speaks of what was asked."""
        question, evidence = self.review.question, self.review.evidence
        if not question:
            return True
        cited = {citations[index].chunk_id for index in sentence.citations}
        spoken = any(
            passage_coverage(question, passage, evidence) > 0
            for passage in self.review.passages
            if passage.chunk_id in cited
        )
        kind = expected_kind(question)
        if kind and self.best and not holds_kind(kind, sentence.text, question, evidence.language):
            best = self.best[0]
            if holds_kind(kind, best.passage.text[best.start : best.end], question, evidence.language):
                return False  # a passage holds what was asked for, and the claim does not
        return spoken and (len(sentence.text.split()) < 3 or adds_something(sentence.text, question, evidence))

    def nearest(self) -> tuple[Citation, ...]:
        """The best sentence of each passage that is nearest to the question."""
        firsts = {one.passage.chunk_id: one for one in reversed(self.best)}
        chosen = sorted(firsts.values(), key=lambda one: -one.score)[:NEAREST]
        return tuple(cite(one.passage, one.start, one.end, self.page_of) for one in chosen)


def narrowed(judge: Judge, *, beside: int = 1) -> tuple[Passage, ...]:
    """The sentences that would be quoted, each with those beside it, as passages of their own, best first."""
    found = dict[str, Passage]()
    for one in judge.best[:3]:
        group = next(group for group in judge.review.evidence.sentences if group and group[0].passage is one.passage)
        at = next(index for index, source in enumerate(group) if source.start == one.start)
        near = group[max(at - beside, 0) : at + beside + 1]
        start, end = near[0].start, near[-1].end
        key = f"{one.passage.chunk_id}:{start}-{end}"
        piece = one.passage.text[start:end]
        found[key] = replace(
            one.passage, chunk_id=key, text=piece, start=one.passage.start + start, end=one.passage.start + end
        )  # fmt: skip
    return tuple(found.values())


def conclude(outcome: Outcome, judge: Judge, candidates: Sequence[Candidate], *, stopped: bool = False) -> Answer:
    """What the user is told: the first candidate that is accepted, a quotation, or the refusal.

    `candidates` are the model's tries. Where it said itself, each time, that it found no answer, nothing is quoted
    against its word; nor where somebody `stopped` it, who wants no other text.
    """
    accepted = next((one for one in candidates if judge.accepts(one)), None)
    declined = bool(candidates) and all(one.declined for one in candidates)
    if accepted is None and not declined and not stopped:
        quotation = judge.quote()
        accepted = quotation if quotation is not None and judge.accepts(quotation) else None
    if accepted is None:
        return _refused(outcome, judge, candidates)
    state: AnswerState = "answered"
    if any(not one.backed for one in accepted.verified.claims):
        state = "partial"
    return replace(
        _answer(outcome, accepted.verified, state, judge),
        extracted=accepted.extracted, confidence=accepted.confidence, signals=accepted.signals,
        retried=accepted.retried, generated=accepted.generated or outcome.generated,
    )  # fmt: skip


def _refused(outcome: Outcome, judge: Judge, candidates: Sequence[Candidate]) -> Answer:
    """The refusal, with the signals of the best answer that was withheld; it has no confidence of its own."""
    withheld = [one for one in candidates if one.counting]
    best = max(withheld, key=lambda one: one.confidence or 0.0, default=None)
    nothing = Verified(refusal(outcome.language), (), ())
    return replace(
        _answer(outcome, nothing, "not_found", judge), nearest=judge.nearest(),
        signals={} if best is None else best.signals,
    )  # fmt: skip


def refused(outcome: Outcome, *, policy: Policy) -> Answer:
    """The refusal alone."""
    return replace(unchecked(outcome), text=refusal(outcome.language), state="not_found", policy=policy)


def unchecked(outcome: Outcome) -> Answer:
    """The model's text as it stands, under the policy `off`."""
    return Answer(
        question=outcome.question, text=outcome.generated.strip(), state="unchecked", sentences=(), citations=(),
        passages=outcome.passages, dropped=outcome.dropped, usage=outcome.usage, language=outcome.language,
        generated=outcome.generated, turns_dropped=outcome.turns_dropped, policy="off",
    )  # fmt: skip


def _quoted(quotation: Quotation, language: Language, page_of: PageOf) -> Verified:
    citation = cite(quotation.passage, quotation.start, quotation.end, page_of)
    shown = _BRACKETED.sub(r"(\1)", " ".join(citation.quote.split()))  # the document's own [2] is no marker of ours
    said = load_text("extract", language).format(quote=shown)
    text = f"{said} [1]"
    sentence = Sentence(said, 0, len(text), "verbatim", 1.0, (0,))
    return Verified(text, (sentence,), (citation,))


def _answer(outcome: Outcome, checked: Verified, state: AnswerState, judge: Judge) -> Answer:
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
        generated=outcome.generated,
        turns_dropped=outcome.turns_dropped,
        policy=judge.settings.policy,
        removed=checked.removed,
    )
