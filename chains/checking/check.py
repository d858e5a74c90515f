"""The check of one claim against passages: its state, a score, the spans that back it, and the reasons."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from lastro.chains.checking.alike import Alike
from lastro.chains.checking.claims import needs_question, says_no, states_something, without_yes_no
from lastro.chains.checking.clauses import clauses
from lastro.chains.checking.lexicon import lexicon
from lastro.chains.checking.matching import Matched, Statement, covers, weighted
from lastro.chains.checking.quantities import same
from lastro.chains.checking.reader import premise
from lastro.chains.checking.reading import (
    folded_text,
    is_negated,
    read,
    spans_of_attribution,
    spans_of_conditions,
)
from lastro.chains.checking.signals import Signals, hard, signals_of, worst_of
from lastro.chains.checking.verbatim import verbatim_span
from lastro.chains.checking.weighing import Case, Weights, weights_of
from lastro.chains.evidence import Evidence
from lastro.language import STOP_WORDS, is_stop_word, terms
from lastro.types import Passage, Reason, SentenceState

Span = tuple[Passage, int, int]  # passage, characters into its text
_STRETCH = re.compile(r";\s")
_SURELY_NOT = 0.05  # score of a claim that breaks a hard rule, at most
_TOLD = 0.5  # how surely a rule must be broken to be told
_SPOKEN_OF = 0.3  # least share of a claim that a passage must say to contradict the rest
_MISSING = 0.3  # credit below which a word is not said


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about a claim: each span's quote is `passage.text[start:end]`."""

    state: SentenceState
    score: float  # 0 to 1: the probability that the passages back it
    spans: tuple[Span, ...] = ()
    reasons: tuple[Reason, ...] = ()


def measure(
    claim: str, evidence: Evidence, *, question: str = "", alike: Alike | None = None, weights: Weights | None = None
) -> list[Signals]:
    """The signals of each clause of a claim; none where there is nothing to compare.

    With weights, a clause is measured against the sentences that back it best by them: one that contradicts a claim
    does not hide another that says it. A claim that a hard rule has decided is not read then.
    """
    alike = Alike() if alike is None else alike
    asked = question if question and needs_question(claim, evidence.language) else ""
    statements = [completed(claim, asked, evidence)] if asked else _statements(claim, evidence)
    measured = []
    for statement in statements:
        found = covers(statement, evidence, alike)
        if found:
            tried = [signals_of(one) for one in (found if weights is not None else found[:1])]
            measured.append(tried[0] if weights is None else max(tried, key=partial(_score, weights=weights)))
    if weights is not None and any(hard(one) for one in measured):
        return measured  # decided, whatever a reader finds, and reading takes time
    return _read(measured, f"{asked} {claim}".strip(), evidence, alike)


def _read(measured: list[Signals], said: str, evidence: Evidence, alike: Alike) -> list[Signals]:
    """The signals, each with how surely the passages say the whole claim, where there is what reads both."""
    reader = alike.pair_reader
    if not measured or reader is None or evidence.language not in reader.languages:
        return measured
    found = [matched.source for one in measured for matched in one.cover.sentences]
    read = alike.said(premise(said, evidence, found), said)
    return [replace(one, values={**one.values, "read": read}) for one in measured]


def _score(found: Signals, weights: Weights) -> float:
    score = weights.probability(found.values)
    return min(score, _SURELY_NOT) if hard(found) else score


def verbatim(claim: str, evidence: Evidence) -> Span | None:
    """Where a passage says a claim word for word, as a clause that nothing in its sentence attributes or limits."""
    span = verbatim_span(claim, evidence)
    return span if span is not None and not _hedged_around(span, evidence) else None


def _hedged_around(span: Span, evidence: Evidence) -> bool:
    """Whether the rest of the sentence, between semicolons, attributes or limits what the span says."""
    passage, start, end = span
    known = lexicon(passage.language)
    group = next(group for group in evidence.sentences if group and group[0].passage is passage)
    source = next(source for source in group if source.start <= start and end <= source.end)
    before = passage.text[source.start : start].rpartition(";")[2]
    after = passage.text[end : source.end].partition(";")[0]
    return any(
        spans_of_conditions(rest, known) or spans_of_attribution(rest, known)
        for rest in map(folded_text, (before, after))
    )


def _statements(claim: str, evidence: Evidence) -> list[Statement]:
    """The clauses of a claim, each read with its subject."""
    found = []
    for clause in clauses(claim, evidence.language):
        reading = read(clause.said, evidence.language)
        if reading.words or reading.quantities:
            found.append(weighted(reading.text, evidence, reading.words, reading.quantities, reading))
    return found


def completed(claim: str, question: str, evidence: Evidence) -> Statement:
    """A fragment and its question as one statement: "No." denies what the question asks."""
    asked = question.rstrip("? ")
    reading = read(f"{asked}: {claim}", evidence.language)
    no, at = says_no(claim), len(asked) + 1
    asked_no = is_negated(folded_text(asked), evidence.language)
    turned = asked_no if no is None else asked_no != no
    if no is None and is_negated(folded_text(without_yes_no(claim)), evidence.language):
        turned = not turned
    words = [replace(word, negated=turned, sure=1.0, direct=False) for word in reading.words if word.start < at]
    known = {word.stem for word in words}
    extra = [word for word in reading.words if word.start >= at and word.stem not in known]
    quantities = [quantity for quantity in reading.quantities if quantity.start >= at]
    whole = weighted(reading.text, evidence, [*words, *extra], quantities, reading)
    return replace(whole, fragment=no is None, polar=no is not None and len(extra) < 2, own=at)


def check_claim(
    claim: str, evidence: Evidence, *, question: str = "", alike: Alike | None = None, threshold: float = 0.5
) -> Check:
    """Check one claim, with the question where the claim is a fragment without it."""
    if not states_something(claim, evidence.language):
        return Check("no_claim", 0.0)
    span = verbatim(claim, evidence)
    if span is not None:
        return Check("verbatim", 1.0, (span,))
    alike = Alike() if alike is None else alike
    if says_no(claim) is None and not _has_content(claim, evidence.language):
        return Check("unsupported", 0.0, reasons=(Reason("missing", claim.strip()[:80]),))
    weights = weights_of(case_of(alike, evidence.language))
    found = measure(claim, evidence, question=question, alike=alike, weights=weights)
    if not found:
        return Check("unsupported", 0.0, reasons=(Reason("missing", claim.strip()[:80]),))
    return _judged(found, weights, threshold)


def _has_content(claim: str, language: str) -> bool:
    """Whether a claim has a word that no language of ours counts among its common ones ("The the the")."""
    return any(
        not any(is_stop_word(term.text, code) for code in (*STOP_WORDS, language)) for term in terms(claim, language)
    )


def case_of(alike: Alike, language: str) -> Case:
    """Which weights hold: by whether there is an embedder, speaks the language, and has a reader of claims."""
    if not alike:
        return "none"
    if language not in alike.languages:
        return "foreign"
    if alike.pair_reader is not None and language in alike.pair_reader.languages:
        return "reading"
    return "contextual" if alike.contextual else "speaks"


def _judged(found: Sequence[Signals], weights: Weights, threshold: float) -> Check:
    score = weights.probability(worst_of(found))
    broken = [item for one in found for item in one.breaks]
    sure = [item for one in found for item in hard(one)]
    if sure:
        score = min(score, _SURELY_NOT)
    score = round(score, 4)
    if score >= threshold:
        return Check("supported", score, _spans(found))
    told = [item for item in broken if item.sure >= _TOLD] or broken[:1]
    contradicts = [item for item in (*sure, *told) if item.contradicts and item.sure >= _TOLD]
    reasons = tuple(dict.fromkeys(Reason(item.kind, item.claim, item.source) for item in told)) or _missing(found)
    if contradicts and max(one.cover.primary.share for one in found) >= _SPOKEN_OF:
        turned = [one for one in found if any(item in contradicts for item in one.breaks)]
        against = dict.fromkeys(_span(one.cover.primary, one.cover.statement) for one in turned)
        return Check("contradicted", score, tuple(against), reasons)
    return Check("unsupported", score, _spans(found), reasons)


def _missing(found: Sequence[Signals]) -> tuple[Reason, ...]:
    """The words of a claim that its sentences do not say."""
    words = [
        word.text
        for one in found
        for word, credit in zip(one.cover.statement.words, one.cover.credits(), strict=True)
        if credit < _MISSING
    ]
    return (Reason("missing", ", ".join(words[:6])),)


def _spans(found: Sequence[Signals]) -> tuple[Span, ...]:
    return tuple(dict.fromkeys(_span(matched, one.cover.statement) for one in found for matched in one.cover.sentences))


def _span(matched: Matched, statement: Statement) -> Span:
    """The stretches between semicolons that the claim uses, from the first to the last; else the sentence."""
    source = matched.source
    used = [word.start for said in matched.said_by for word in said[:1]]
    used += [q.start for q in matched.reading.quantities if any(same(wanted, q) for wanted in statement.quantities)]
    edges = [0, *(match.end() for match in _STRETCH.finditer(source.text)), len(source.text)]
    held = [(a, b) for a, b in itertools.pairwise(edges) if any(a <= at < b for at in used)] or [(0, len(source.text))]
    start, end = held[0][0], held[-1][1]
    text = source.text[start:end]
    if not text.strip(" ;"):
        return source.passage, source.start, source.end
    start, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip(" ;"))
    return source.passage, source.start + start, source.start + end
