"""Whether passages answer a question, and the sentence of theirs that answers it best."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lastro.chains.checking.quantities import quantities_of
from lastro.chains.evidence import Evidence, SourceSentence
from lastro.chains.facts import facts_of, names_of
from lastro.language import fold, terms
from lastro.types import Passage

Kind = Literal["date", "number", "name", ""]
# What kind of thing must stand in an answer, by how the question asks; folded.
_EXPECTS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(
            r"\b(quando|ate quando|em que (?:ano|data|dia|mes|seculo)|qual (?:o|e o|foi o)? ?(?:ano|data|dia)|"
            r"when|(?:what|which) (?:year|date|day|month|century))\b"
        ),
    ),
    (
        "number",
        re.compile(
            r"\b(quant[oa]s?|qual (?:o|e o|a|e a)? ?(?:valor|prazo|preco|percentual|porcentagem|numero|total|altura|"
            r"area|populacao|temperatura|distancia|idade|taxa|multa)|"
            r"how (?:many|much|long|old|often|far|tall|high|large|big)|"
            r"what (?:percentage|percent|price|amount|number|proportion|share|fraction))\b"
        ),
    ),
    ("name", re.compile(r"\b(quem|who|whom|whose|onde|where|(?:em )?que (?:pais|cidade|estado)|"
                        r"(?:what|which) (?:country|city|state|person|company))\b")),
)  # fmt: skip
_ASKS_WHAT = re.compile(
    r"\b(what|when|where|who|whom|whose|which|why|how|qual|quais|quando|onde|quem|que|quanto|quanta|quantos|quantas|como)\b"
)
_ENUMERATOR = re.compile(r"^\W*(?:\d+(?:\.\d+)*[.)]?|[ivxlc]+[.)]|[a-z][.)])\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quotation:
    """The sentence that answers best: characters `start` to `end` of the passage's text; `score` orders quotations."""

    passage: Passage
    start: int
    end: int
    score: float


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


def missing(question: str, text: str, evidence: Evidence, language: str) -> float:
    """How much of a question hangs on the heaviest term that a text has not, 0 to 1; 0 where it has all.

    A question that nothing answers often differs from one that is answered in a single word.
    """
    weights = evidence.weights(facts_of(question, evidence.language).stems)
    absent = weights.keys() - evidence.stems(text, language)
    return max((weights[stem] for stem in absent), default=0.0) / max(weights.values(), default=1.0)


def unnamed(question: str, text: str, evidence: Evidence, language: str) -> float:
    """The share of a question's names and numbers that a text has not, 0 to 1; 0 where it has none."""
    facts = facts_of(question, evidence.language)
    wanted = names_of(question, evidence.language) | facts.numbers
    return len(wanted - evidence.stems(text, language)) / len(wanted) if wanted else 0.0


def expected_kind(question: str) -> Kind:
    """The kind of thing that a question asks for; "" where it may be anything.

    >>> [expected_kind(text) for text in ("Quando vence?", "How much is it?", "Who signed?", "Why?")]
    ['date', 'number', 'name', '']
    """
    folded = fold(question)
    return next((kind for kind, pattern in _EXPECTS if pattern.search(folded)), "")


def holds_kind(kind: Kind, text: str, question: str, language: str) -> bool:
    """Whether a text holds a date, a number or a name that the question does not."""
    if kind == "name":
        return bool(names_of(f"x {text}", language) - names_of(question, language))
    known = {quantity.text.casefold() for quantity in quantities_of(question, language)}
    found = [one for one in quantities_of(text, language) if one.text.casefold() not in known]
    if kind == "date":
        return any(one.date is not None or one.unit == "s" for one in found)
    return bool(found)


def quotations(question: str, evidence: Evidence) -> list[Quotation]:
    """The sentences of the passages that cover a question best, best first.

    A sentence is scored by the question terms in it, half those of its neighbours, whether it holds the kind of thing
    that the question asks for, and the rank of its passage.
    """
    kind = expected_kind(question)
    found = []
    for rank, group in enumerate(evidence.sentences):
        for at, source in enumerate(group):
            if not adds_something(source.text, question, evidence):
                continue
            own = coverage(question, source.text, evidence, source.passage.language)
            near = coverage(question, around(group, at), evidence, source.passage.language)
            bonus = 0.0 if not kind else (-0.05, 0.15)[holds_kind(kind, source.text, question, evidence.language)]
            score = own + 0.5 * (near - own) - 0.02 * rank + bonus
            found.append(Quotation(source.passage, source.start, source.end, score))
    return sorted(found, key=lambda one: -one.score)


def around(group: Sequence[SourceSentence], at: int) -> str:
    """A sentence of a passage with those beside it."""
    return "\n".join(source.text for source in group[max(at - 1, 0) : at + 2])
