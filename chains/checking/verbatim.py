"""Whether a passage says a claim word for word, as a whole clause that nothing around it turns round."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lastro.chains.checking.clauses import clauses
from lastro.chains.evidence import Evidence, SourceSentence
from lastro.chains.facts import qualifiers_of, word_at
from lastro.language import fold, terms
from lastro.types import Passage

_REASONS = frozenset({"because", "since", "porque", "pois"})  # a clause of its own follows
_JOINS = frozenset({"and", "but", "e", "mas"})  # behind a comma one may
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
    """Whether terms `first` to `after` are whole clauses, and nothing around them turns them round.

    What stands beyond a semicolon does not.
    """
    start, end = source.terms[first].start, source.terms[after - 1].end
    if not (_begins(source, first) or any(start == at for at, _ in _stretches(source))):
        return False
    if not (_CLAUSE_BREAK.search(_between(source, after)) or any(end == at for _, at in _stretches(source))):
        return False
    starts = [at for at in range(1, first + 1) if ";" in _between(source, at)]
    ends = [at for at in range(after, len(source.terms)) if ";" in _between(source, at)]
    before, behind = max(starts, default=0), min(ends, default=len(source.terms))
    return not qualifiers_of((*source.terms[before:first], *source.terms[after:behind]))


def _stretches(source: SourceSentence) -> list[tuple[int, int]]:
    """Where the clauses of a sentence begin and end that have facts of their own."""
    return [(clause.start, clause.end) for clause in clauses(source.text, source.passage.language)]


def _between(source: SourceSentence, at: int) -> str:
    """What stands before a term, behind the one before it; a break at both ends of a sentence."""
    if not 0 < at < len(source.terms):
        return "."
    return source.text[source.terms[at - 1].end : source.terms[at].start]


def _begins(source: SourceSentence, first: int) -> bool:
    """Whether a clause begins with a term: behind a break, or behind a word that joins clauses."""
    if _CLAUSE_BREAK.search(_between(source, first)):
        return True
    word = fold(source.terms[first - 1].text)
    return word in _REASONS or (word in _JOINS and _CLAUSE_BREAK.search(_between(source, first - 1)) is not None)
