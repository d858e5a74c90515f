"""Whether a text answers a question by what it cites, by a reader of claims: a true sentence may answer another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lastro.chains.checking.alike import Alike
from lastro.chains.checking.reader import premise
from lastro.chains.evidence import Evidence
from lastro.chains.relevance import Quotation

READ_AGAIN = 5  # of the sentences that may be quoted
_WORTH = 0.4  # what a sentence that surely answers is put before one that surely does not, on a quotation's scale


def answers(
    question: str, text: str, evidence: Evidence, alike: Alike, *, cited: Iterable[tuple[str, int, int]]
) -> float | None:
    """How surely a text answers a question, 0 to 1; None where nothing can tell.

    `cited` are chunk ids with characters into their passages.
    """
    reader = alike.pair_reader
    if reader is None or evidence.language not in reader.languages or not question.strip():
        return None
    spans = list(cited)
    found = [
        source
        for group in evidence.sentences
        for source in group
        if any(
            source.passage.chunk_id == key and source.start < end and start < source.end for key, start, end in spans
        )
    ]
    said = f"{question} {text}"
    return alike.said(premise(said, evidence, found), said)


def by_answer(found: Sequence[Quotation], question: str, evidence: Evidence, alike: Alike) -> tuple[Quotation, ...]:
    """Quotations, the first ones again in the order of how surely they answer too; as they are without a reader.

    Their scores stay those of words: the confidence was fitted on them.
    """
    read = list[tuple[float, Quotation]]()
    for one in found[:READ_AGAIN]:
        own = replace(evidence, passages=(one.passage,))
        text = one.passage.text[one.start : one.end]
        sure = answers(question, text, own, alike, cited=[(one.passage.chunk_id, one.start, one.end)])
        if sure is None:
            return tuple(found)
        read.append((one.score + _WORTH * sure, one))
    return (*(one for _, one in sorted(read, key=lambda pair: -pair[0])), *found[READ_AGAIN:])
