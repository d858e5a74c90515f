"""What is known of an answer before it is shown, as numbers: the signals that its confidence is computed from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lastro.chains.checking.alike import Alike
from lastro.chains.checking.reader import premise
from lastro.chains.evidence import Evidence
from lastro.chains.facts import facts_of
from lastro.chains.relevance import (
    Quotation,
    coverage,
    expected_kind,
    holds_kind,
    missing,
    passage_coverage,
    unnamed,
)
from lastro.language import terms
from lastro.types import Citation, Passage, Sentence


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that may be shown: its claims, those of them that count, and what they cite."""

    claims: Sequence[Sentence]  # all that claim something
    counting: Sequence[Sentence]  # those that are backed and on the point
    citations: Sequence[Citation]
    extracted: bool = False
    retried: bool = False

    @property
    def text(self) -> str:
        """The claims that count."""
        return " ".join(sentence.text for sentence in self.counting)


def signals_of(
    draft: Draft, question: str, evidence: Evidence, *, alike: Alike, best: Sequence[Quotation], reading: bool = True
) -> dict[str, float]:
    """The signals of a draft whose `counting` claims are not none; `best` are the sentences that would be quoted.

    What cannot be known is left out: likenesses without an embedder, the passage's where no search told it, and without
    a reader, or `reading`, how surely it answers the question.
    """
    cited = [draft.citations[index] for sentence in draft.counting for index in sentence.citations]
    passages = {passage.chunk_id: passage for passage in evidence.passages}
    sources = [passages[one.chunk_id] for one in cited if one.chunk_id in passages]
    quotes = "\n".join(_beside(one, passages.get(one.chunk_id), evidence) for one in cited)
    language = sources[0].language if sources else evidence.language
    quoted = " ".join(one.quote for one in cited)
    asked = facts_of(question, evidence.language).stems
    kind, claims = expected_kind(question), len(draft.claims) or 1
    return {
        "support": sum(one.score for one in draft.counting) / len(draft.counting),
        "backed": sum(one.backed for one in draft.claims) / claims,
        "contradicted": sum(one.state == "contradicted" for one in draft.claims) / claims,
        "span_coverage": coverage(question, quotes, evidence, language),
        "passage_coverage": max((passage_coverage(question, one, evidence) for one in sources), default=0.0),
        "missing": missing(question, quoted, evidence, language),
        "unnamed": min((unnamed(question, _whole(one), evidence, language) for one in sources), default=1.0),
        "lead": _lead(best),
        "kind": 0.5 if not kind else float(holds_kind(kind, draft.text, question, evidence.language)),
        "rank": max((1 / one.rank for one in sources), default=0.0),
        "agreement": _agreement(cited, best[0] if best else None),
        "extracted": float(draft.extracted),
        "retried": float(draft.retried),
        "added": math.log1p(len(facts_of(draft.text, evidence.language).stems - asked)),
        "length": math.log1p(len(terms(draft.text, evidence.language))),
        **_likenesses(question, [draft.text, quoted], sources, alike),
        **(_answering(question, draft, cited, evidence, alike) if reading else {}),
    }


def _likenesses(question: str, texts: Sequence[str], sources: Sequence[Passage], alike: Alike) -> dict[str, float]:
    found = dict[str, float]()
    if alike:
        close = alike.matrix([question], texts)[0]
        found |= {"likeness": float(close[0]), "span_likeness": float(close[1])}
    cosines = [one.cosine for one in sources if one.cosine is not None]
    return found | ({"passage_cosine": max(cosines)} if cosines else {})


def _answering(
    question: str, draft: Draft, cited: Sequence[Citation], evidence: Evidence, alike: Alike
) -> dict[str, float]:
    """How surely the passages say the draft to the question: a true sentence may answer another one.

    Beside it are read the sentences that it cites, and those that share most with it.
    """
    reader = alike.pair_reader
    if reader is None or evidence.language not in reader.languages or not question.strip():
        return {}
    found = [
        source
        for group in evidence.sentences
        for source in group
        for one in cited
        if source.passage.chunk_id == one.chunk_id
        and source.passage.start + source.start < one.end
        and one.start < source.passage.start + source.end
    ]
    said = f"{question} {draft.text}"
    return {"answers": alike.said(premise(said, evidence, found), said)}


def _whole(passage: Passage) -> str:
    return f"{passage.title}\n{passage.section}\n{passage.text}"


def _beside(citation: Citation, passage: Passage | None, evidence: Evidence) -> str:
    """A quote with the sentences that touch it."""
    if passage is None:
        return citation.quote
    start, end = citation.start - passage.start, citation.end - passage.start
    group = next((group for group in evidence.sentences if group and group[0].passage is passage), ())
    touched = [at for at, source in enumerate(group) if source.start < end and start < source.end]
    if not touched:
        return citation.quote
    return "\n".join(source.text for source in group[max(touched[0] - 1, 0) : touched[-1] + 2])


def _agreement(cited: Sequence[Citation], best: Quotation | None) -> float:
    if best is None:
        return 0.0
    start, end = best.passage.start + best.start, best.passage.start + best.end
    same = [one for one in cited if one.document_id == best.passage.document_id]
    if any(one.start < end and start < one.end for one in same):
        return 1.0
    return 0.5 * any(one.chunk_id == best.passage.chunk_id for one in same)


def _lead(best: Sequence[Quotation]) -> float:
    """How far the first is before the second; one alone is before nothing."""
    if not best:
        return 0.0
    return best[0].score - (best[1].score if len(best) > 1 else 0.0)
