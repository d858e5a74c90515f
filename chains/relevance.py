"""Whether passages answer a question, and the sentence of theirs that answers it best."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lastro.chains.evidence import Evidence, SourceSentence
from lastro.chains.facts import facts_of, names_of
from lastro.language import fold, terms
from lastro.types import Passage

# What kind of word must stand in an answer, by how the question begins.
_EXPECTS_NUMBER = re.compile(
    r"\b(quant[oa]s?|quando|qual (?:o|e o)? ?(?:valor|prazo|preco|data|percentual|ano|numero)|"
    r"em que (?:ano|data|dia)|how (?:many|much|long|old|often)|when|what (?:year|date|percentage|price|amount)|"
    r"which year)\b"
)
_EXPECTS_NAME = re.compile(r"\b(quem|who|whom|whose)\b")

_ASKS_WHAT = re.compile(
    r"\b(what|when|where|who|whom|whose|which|why|how|qual|quais|quando|onde|quem|que|quanto|quanta|quantos|quantas|como)\b"
)
_ENUMERATOR = re.compile(r"^\W*(?:\d+(?:\.\d+)*[.)]?|[ivxlc]+[.)]|[a-z][.)])\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quotation:
    """The sentences that answer best: characters `start` to `end` of the passage's text; scores from 0 to 1."""

    passage: Passage
    start: int
    end: int
    coverage: float  # share of the question's weight found in the passage, its title and headings
    closeness: float  # share found in the quotation and the sentences beside it


def coverage(question: str, text: str, evidence: Evidence, language: str) -> float:
    """The weighted share of a question's content terms that stand in a text, 0 to 1."""
    wanted = facts_of(question, evidence.language).stems
    if not wanted:
        return 0.0
    weights = evidence.weights(wanted)
    found = evidence.stems(text, language)
    return sum(weight for stem, weight in weights.items() if stem in found) / sum(weights.values())


def adds_something(text: str, question: str, evidence: Evidence) -> bool:
    """Whether a text says more than the question did; only a question that asks for yes or no may be said again.

    A heading that repeats the question's words is no answer to it.
    """
    bare = _ENUMERATOR.sub("", text)
    if bare.rstrip().endswith("?") or len(terms(bare, evidence.language)) < 3:
        return False
    asked = facts_of(question, evidence.language).stems
    return bool(facts_of(bare, evidence.language).stems - asked) or not _ASKS_WHAT.search(fold(question))


def passage_coverage(question: str, passage: Passage, evidence: Evidence) -> float:
    """`coverage` of a passage with its title and heading path."""
    return coverage(question, f"{passage.title}\n{passage.section}\n{passage.text}", evidence, passage.language)


def best_quotation(question: str, evidence: Evidence) -> Quotation | None:
    """The sentence among the passages that covers the question best, or None where there is none.

    A sentence is scored by the question terms in it, half those of its neighbours, whether it holds the kind of
    word that the question asks for (a number, a name), and the rank of its passage.
    """
    best: tuple[float, Quotation] | None = None
    for rank, group in enumerate(evidence.sentences):
        for at, source in enumerate(group):
            if not adds_something(source.text, question, evidence):
                continue
            own = coverage(question, source.text, evidence, source.passage.language)
            near = coverage(question, _around(group, at), evidence, source.passage.language)
            score = own + 0.5 * (near - own) - 0.02 * rank + _kind_bonus(question, source, evidence.language)
            if best is None or score > best[0]:
                whole = passage_coverage(question, source.passage, evidence)
                best = score, Quotation(source.passage, source.start, source.end, whole, near)
    return None if best is None else best[1]


def _around(group: Sequence[SourceSentence], at: int) -> str:
    return "\n".join(source.text for source in group[max(at - 1, 0) : at + 2])


def _kind_bonus(question: str, source: SourceSentence, language: str) -> float:
    folded = fold(question)
    if _EXPECTS_NUMBER.search(folded):
        return 0.15 if facts_of(source.text, language).numbers - facts_of(question, language).numbers else -0.05
    if _EXPECTS_NAME.search(folded):
        return 0.1 if names_of(source.text, language) - names_of(question, language) else -0.05
    return 0.0
