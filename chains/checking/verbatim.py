"""Whether a passage says a claim word for word, as a whole clause that nothing around it turns round."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lastro.chains.evidence import Evidence, SourceSentence
from lastro.chains.facts import qualifiers_of, word_at
from lastro.language import fold, terms
from lastro.types import Passage

_REASONS = frozenset({"because", "since", "porque", "pois"})  # a clause of its own follows
_CLAUSE_BREAK = re.compile(r"[.,;:!?…()\[\]–—\n\"“”«»|]")


def verbatim_span(claim: str, evidence: Evidence) -> tuple[Passage, int, int] | None:
    """Where a passage says a claim word for word as a whole clause: the passage, characters into its text."""
    words = [word_at(claim, term) for term in terms(claim, evidence.language)]
    for group in evidence.sentences:
        for source in group:
            span = _verbatim(words, source) if words else None
            if span is not None:
                return source.passage, source.start + span[0], source.start + span[1]
    return None


def _verbatim(wanted: Sequence[str], source: SourceSentence) -> tuple[int, int] | None:
    """Where a source sentence says the claim word for word, as a whole clause; characters of the sentence."""
    have = [word_at(source.text, term) for term in source.terms]
    if len(wanted) < 3 and wanted != have:
        return None
    for at in range(len(have) - len(wanted) + 1):
        if have[at : at + len(wanted)] == wanted and _whole_clause(source, at, at + len(wanted)):
            return source.terms[at].start, source.terms[at + len(wanted) - 1].end
    return None


def _whole_clause(source: SourceSentence, first: int, after: int) -> bool:
    """Whether terms `first` to `after` stand between clause breaks, and nothing around them turns them round."""
    found, text = source.terms, source.text
    head = text[found[first - 1].end : found[first].start] if first else "."
    tail = text[found[after - 1].end : found[after].start] if after < len(found) else "."
    reason = bool(first) and fold(found[first - 1].text) in _REASONS
    if not (reason or _CLAUSE_BREAK.search(head)) or not _CLAUSE_BREAK.search(tail):
        return False
    return not qualifiers_of((*found[:first], *found[after:]))
