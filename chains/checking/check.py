"""The check of one claim against passages: its state, a score, the spans that back it, and the reasons in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lastro.chains.checking.alike import Alike
from lastro.chains.checking.breaks import Break
from lastro.chains.checking.claims import coordinated, needs_question, says_no, states_something, without_yes_no
from lastro.chains.checking.matching import Cover, Matched, Statement, cover, weighted
from lastro.chains.checking.reading import (
    Word,
    folded_text,
    is_negated,
    read,
    spans_of_attribution,
    spans_of_conditions,
)
from lastro.chains.checking.rules import breaks
from lastro.chains.checking.verbatim import verbatim_span
from lastro.chains.evidence import Evidence
from lastro.types import Passage, SentenceState

Span = tuple[Passage, int, int]  # passage, characters into its text

_ALIKE_WEIGHT = 0.5
_MATCHED = 0.3  # least share for a passage to be able to contradict


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about a claim: each span's quote is `passage.text[start:end]`."""

    state: SentenceState
    score: float  # 0 to 1
    spans: tuple[Span, ...] = ()
    reasons: tuple[str, ...] = ()
    share: float = 0.0  # of the claim's weight found word by word
    closeness: float = 0.0  # of its best sentence, by the embedder


def check_claim(
    claim: str, evidence: Evidence, *, question: str = "", alike: Alike | None = None, threshold: float = 0.5
) -> Check:
    """Check one claim, with the question where the claim is a fragment without it."""
    if not states_something(claim, evidence.language):
        return Check("no_claim", 0.0, reasons=("the text claims nothing",))
    span = verbatim_span(claim, evidence)
    if span is not None and not _hedged_around(span, evidence):
        return Check("verbatim", 1.0, (span,), ("the passage says it word for word",), 1.0, 1.0)
    alike = Alike() if alike is None else alike
    if question and needs_question(claim, evidence.language):
        return _judge([completed(claim, question, evidence)], evidence, alike, threshold)
    return _judge(_statements(claim, evidence), evidence, alike, threshold)


def _hedged_around(span: Span, evidence: Evidence) -> bool:
    """Whether the rest of the sentence, between semicolons, attributes or limits what the span says."""
    passage, start, end = span
    group = next(group for group in evidence.sentences if group and group[0].passage is passage)
    source = next(source for source in group if source.start <= start and end <= source.end)
    before = passage.text[source.start : start].rpartition(";")[2]
    after = passage.text[end : source.end].partition(";")[0]
    return any(spans_of_conditions(rest) or spans_of_attribution(rest) for rest in map(folded_text, (before, after)))


def _statements(claim: str, evidence: Evidence) -> list[Statement]:
    """The clauses of a claim, each read by itself."""
    found = []
    for start, end in coordinated(claim, evidence.language):
        reading = read(claim[start:end], evidence.language)
        if reading.words or reading.quantities:
            found.append(weighted(reading.text, evidence, reading.words, reading.quantities, reading.folded))
    return found


def completed(claim: str, question: str, evidence: Evidence) -> Statement:
    """A fragment and its question as one statement: "No." denies what the question asks."""
    asked = read(question.rstrip("? "), evidence.language)
    rest = without_yes_no(claim)
    said = read(rest, evidence.language)
    no = says_no(claim)
    asked_no = is_negated(asked.folded, evidence.language)
    turned = asked_no if no is None else asked_no != no
    if no is None and is_negated(said.folded, evidence.language):
        turned = not turned
    words = [replace(word, negated=turned) for word in asked.words]
    known = {word.stem for word in words}
    extra: list[Word] = [word for word in said.words if word.stem not in known]
    text = f"{question.rstrip('? ')}: {claim}"
    quantities = [*asked.quantities, *said.quantities]
    whole = weighted(text, evidence, [*words, *extra], quantities, folded_text(text))
    return replace(whole, fragment=no is not False, polar=no is not None and len(extra) < 2)


def _judge(statements: Sequence[Statement], evidence: Evidence, alike: Alike, threshold: float) -> Check:
    parts = [_one(statement, evidence, alike, threshold) for statement in statements]
    if not parts:
        return Check("unsupported", 0.0, reasons=("nothing to compare",))
    worst = min(parts, key=lambda part: (_ORDER[part.state], part.score))
    spans = tuple(dict.fromkeys(span for part in parts for span in part.spans))
    reasons = tuple(dict.fromkeys(reason for part in parts if part.state == worst.state for reason in part.reasons))
    return replace(worst, spans=spans if worst.state in ("supported", "contradicted") else (), reasons=reasons)


_ORDER: dict[SentenceState, int] = {"contradicted": 0, "unsupported": 1, "supported": 2}


def _one(statement: Statement, evidence: Evidence, alike: Alike, threshold: float) -> Check:
    found = cover(statement, evidence, alike)
    if found is None:
        return Check("unsupported", 0.0, reasons=("no passage to compare with",))
    score = round(_score(found, alike), 4)
    broken = breaks(found)
    state, reasons = _state(found, broken, score, threshold)
    return Check(state, score if state == "supported" else min(score, threshold), _spans(found), reasons, found.share,
                 found.closeness)  # fmt: skip


def _score(found: Cover, alike: Alike) -> float:
    if not alike:
        return found.share
    rise = max(0.0, min(1.0, (found.closeness - 0.8) / 0.15))
    return found.share * (1 - _ALIKE_WEIGHT) + rise * _ALIKE_WEIGHT


def _state(
    found: Cover, broken: Sequence[Break], score: float, threshold: float
) -> tuple[SentenceState, tuple[str, ...]]:
    reasons = tuple(dict.fromkeys(item.reason for item in broken))
    if any(item.contradicts for item in broken) and found.share >= _MATCHED:
        return "contradicted", reasons
    if broken:
        return "unsupported", reasons
    if score < threshold:
        missing = [
            word.text
            for at, word in enumerate(found.statement.words)
            if max(matched.credits[at] for matched in found.sentences) < 0.3
        ]
        words = ", ".join(f'"{word}"' for word in missing[:4])
        return "unsupported", (f"too little of it is in the passages{': ' + words + ' missing' if words else ''}",)
    return "supported", ()


def _spans(found: Cover) -> tuple[Span, ...]:
    return tuple(_span(matched) for matched in found.sentences)


def _span(matched: Matched) -> Span:
    """The whole sentence."""
    return (matched.source.passage, matched.source.start, matched.source.end)
