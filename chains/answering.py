"""Whether a text answers a question, by a reader of claims: a true sentence may answer another question.

Read beside it are the sentences that it cites, and those of the passages that share most with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from lastro.chains.checking.alike import Alike
from lastro.chains.checking.reader import premise
from lastro.chains.evidence import Evidence


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
