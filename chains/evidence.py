"""Passages cut into sentences, ready to be compared with a claim or a question."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from lastro.chains.facts import facts_of
from lastro.language import Term, terms
from lastro.sentences import sentences
from lastro.types import Passage

Idf = Callable[[Iterable[str]], Mapping[str, float]]  # stems to weights, as `Library.idf`


@dataclass(frozen=True)
class SourceSentence:
    """A sentence of a passage: `text == passage.text[start:end]`."""

    passage: Passage
    text: str
    start: int
    end: int

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Every term, stop words included, counted within the sentence."""
        return tuple(terms(self.text, self.passage.language))


@dataclass(frozen=True)
class Evidence:
    """The passages of one answer, best first, with a weight for every term."""

    passages: tuple[Passage, ...]
    language: str  # of the question; stems are compared in it and in each passage's own
    idf: Idf
    _weights: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def sentences(self) -> tuple[tuple[SourceSentence, ...], ...]:
        """The sentences of each passage, in order."""
        return tuple(
            tuple(SourceSentence(passage, passage.text[a:b], a, b) for a, b in sentences(passage.text))
            for passage in self.passages
        )

    def only(self, chunk_ids: Collection[str]) -> Evidence:
        """The evidence of some of the passages, weighed as in all."""
        return replace(self, passages=tuple(one for one in self.passages if one.chunk_id in chunk_ids))

    def weights(self, stems: Iterable[str]) -> dict[str, float]:
        """A positive weight for each stem: rare terms of the library weigh more."""
        wanted = set(stems)
        new = wanted - self._weights.keys()
        if new:
            found = self.idf(new)
            self._weights.update({stem: max(found.get(stem, 1.0), 0.05) for stem in new})
        return {stem: self._weights[stem] for stem in wanted}

    def stems(self, text: str, language: str) -> frozenset[str]:
        """The stems of a text in its own language and in the question's."""
        own = facts_of(text, language).stems
        return own if language == self.language else own | facts_of(text, self.language).stems


def idf_of_passages(passages: Sequence[Passage]) -> Idf:
    """Inverse document frequencies counted over the passages themselves, for retrievers that know no library.

    The formula is BM25's (Robertson and Zaragoza, 2009): ln((N - df + 0.5) / (df + 0.5) + 1).
    """
    count = Counter(stem for passage in passages for stem in facts_of(passage.text, passage.language).stems)
    total = len(passages)
    return lambda stems: {s: math.log((total - count[s] + 0.5) / (count[s] + 0.5) + 1) for s in stems}
