"""Whether a passage says a claim word for word, as a whole clause that nothing around it turns round."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lastro.chains.evidence import Evidence, SourceSentence
from lastro.chains.facts import qualifiers_of, word_at
from lastro.language import fold, terms
from lastro.types import Passage

_REASONS = frozenset({"because", "since", "porque", "pois"})  # a clause of its own follows
_JOINS = frozenset({"and", "but", "e", "mas"})  # behind a comma one may
# Before them, these govern all that is joined: "he says that A, and B", "perhaps A, and B", "either A, and B, or C".
_GOVERN = frozenset(
    "that whether if when while because since although though unless until perhaps maybe possibly probably either "
    "neither false untrue had were should which who whom whose que se quando enquanto porque pois embora caso talvez "
    "ou falso cujo cuja quem como".split()
)
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
    """Whether terms `first` to `after` stand between clause breaks, and nothing in the sentence turns them round."""
    if not (_begins(source, first) and _CLAUSE_BREAK.search(_between(source, after))):
        return False
    return not qualifiers_of((*source.terms[:first], *source.terms[after:]))


def _between(source: SourceSentence, at: int) -> str:
    """What stands before a term, behind the one before it; a break at both ends of a sentence."""
    if not 0 < at < len(source.terms):
        return "."
    return source.text[source.terms[at - 1].end : source.terms[at].start]


def _begins(source: SourceSentence, first: int) -> bool:
    """Whether a clause begins with a term: behind a break, or behind a word that joins it to another clause."""
    if _CLAUSE_BREAK.search(_between(source, first)):
        return True
    words = [fold(term.text) for term in source.terms[:first]]
    if words[-1] in _REASONS:
        return True
    joined = words[-1] in _JOINS and _CLAUSE_BREAK.search(_between(source, first - 1)) is not None
    return joined and _GOVERN.isdisjoint(words) and not source.text.rstrip().endswith("?") and ":" not in source.text
