"""From the candidates of a search to the passages that are returned.

In this order, each step only where its option is on: the reranker reads the first candidates; those of too little
relevance leave; near-duplicates become one; a document keeps its best few; diversity decides what comes next; the first
`k` stay; they grow by their neighbours; they are ranked from 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypedDict

from lastro.config import RetrievalSettings
from lastro.language import stem, telling_terms, terms
from lastro.types import Passage
from lastro.vectorstore.diversity import diversify, from_0_to_1, limit_per_document, merge_duplicates

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lastro.vectorstore.rerank import Reranker
    from lastro.vectorstore.search import SearchType

# Settings under which a search returns what it found, as it found it.
PLAIN = RetrievalSettings(merge_duplicates=False)


class SearchOptions(TypedDict, total=False):
    """What one search may say otherwise than the settings; `RetrievalSettings` says what each means.

    `wordings` are other wordings of the question, searched beside it. `stand_in` is a text, such as an invented answer,
    that is embedded as a passage in place of the question, whose own words remain those of the keyword search.
    """

    candidates: int
    min_relevance: float
    merge_duplicates: bool
    mmr_lambda: float
    max_per_document: int
    context_tokens: int
    reranker: str
    rerank_candidates: int
    wordings: Sequence[str]
    stand_in: str


@dataclass(frozen=True, slots=True)
class Selection:
    """How passages are chosen, as `RetrievalSettings` says; `reranks` is whether there is a reranker."""

    k: int
    candidates: int = 50
    min_relevance: float = 0.0
    merge_duplicates: bool = False
    max_per_document: int = 0
    mmr_lambda: float = 1.0
    context_tokens: int = 0
    reranks: bool = False
    rerank_candidates: int = 30

    @classmethod
    def of(cls, settings: RetrievalSettings, *, k: int) -> Selection:
        """The part of the settings that chooses."""
        return cls(
            k=k,
            candidates=settings.candidates,
            min_relevance=settings.min_relevance,
            merge_duplicates=settings.merge_duplicates,
            max_per_document=settings.max_per_document,
            mmr_lambda=settings.mmr_lambda,
            context_tokens=settings.context_tokens,
            reranks=bool(settings.reranker),
            rerank_candidates=settings.rerank_candidates,
        )

    @property
    def wanted(self) -> int:
        """How many candidates to begin with: more than `k` only where some may leave or change places."""
        chooses = self.reranks or self.min_relevance > 0 or self.merge_duplicates
        chooses = chooses or self.max_per_document > 0 or self.mmr_lambda < 1
        return max(self.k, self.candidates) if chooses else self.k


@dataclass(frozen=True, slots=True)
class Means:
    """What choosing asks of the library; each is asked only where an option needs it."""

    query: str
    relevance: Callable[[Passage], float]  # without a reranker, 0 to 1
    reranker: Callable[[], Reranker]
    vectors: Callable[[Sequence[str]], npt.NDArray[np.float32]]  # of chunks, row by row; zeros for one that is gone
    grow: Callable[[Sequence[Passage], int], list[Passage]]  # passages and their budget in tokens


def select(candidates: Sequence[Passage], selection: Selection, means: Means) -> list[Passage]:
    """The passages to return, from candidates in rank order; the steps are those of this module's docstring."""
    ranked: Iterable[Passage] = candidates
    if selection.reranks:
        ranked = _reranked(candidates, selection, means)
    ranked = _different(ranked, selection, _by_reranker if selection.reranks else means.relevance)
    if selection.max_per_document > 0:
        ranked = limit_per_document(ranked, selection.max_per_document)
    if selection.mmr_lambda < 1:
        ranked = _diverse(list(ranked), selection, means)
    chosen = list(islice(ranked, selection.k))
    if selection.context_tokens > 0:
        chosen = means.grow(chosen, selection.context_tokens)
    return [dataclasses.replace(passage, rank=rank) for rank, passage in enumerate(chosen, start=1)]


def _different(
    ranked: Iterable[Passage], selection: Selection, relevance: Callable[[Passage], float]
) -> Iterable[Passage]:
    """The passages that are relevant enough, near-duplicates merged; no more is judged than is asked for."""

    def accept(passage: Passage) -> bool:
        return selection.min_relevance <= 0 or relevance(passage) >= selection.min_relevance

    if not selection.merge_duplicates:
        return filter(accept, ranked)
    chooses = selection.max_per_document > 0 or selection.mmr_lambda < 1  # whether later steps choose among all
    enough = None if chooses else selection.k
    return merge_duplicates(ranked, enough=enough, accept=accept)


def _reranked(ranked: Sequence[Passage], selection: Selection, means: Means) -> list[Passage]:
    """The passages that the reranker read, by its scores, then those that it did not read."""
    count = max(selection.k, selection.rerank_candidates)
    read, unread = ranked[:count], ranked[count:]
    if not read:
        return []
    texts = [f"{passage.section}\n{passage.text}" if passage.section else passage.text for passage in read]
    scores = means.reranker().scores(means.query, texts)
    scored = [dataclasses.replace(one, rerank_score=float(score)) for one, score in zip(read, scores, strict=True)]
    return sorted(scored, key=lambda passage: -_by_reranker(passage)) + list(unread)


def _by_reranker(passage: Passage) -> float:
    """The reranker's score; what it did not read has no relevance that is known."""
    return 0.0 if passage.rerank_score is None else passage.rerank_score


def _diverse(ranked: Sequence[Passage], selection: Selection, means: Means) -> list[Passage]:
    scores = [_by_reranker(passage) if selection.reranks else passage.score for passage in ranked]
    order = diversify(
        from_0_to_1(scores),
        means.vectors([passage.chunk_id for passage in ranked]),
        weight=selection.mmr_lambda,
        count=selection.k,
    )
    return [ranked[at] for at in order]


@dataclass(frozen=True)
class Relevance:
    """How much a passage has to do with a question, 0 to 1, from what found it.

    Two things count: the cosine, and the share of the question's words that stand in the passage, its title or its
    headings, each word weighed by its rarity (`idf`). A cosine search goes by the cosine; a keyword search, and any
    search with an embedder that does not speak the question's language, by the words; else the larger one counts.
    """

    query: str
    language: str  # of the question
    kind: SearchType
    spoken: bool  # whether the embedder speaks that language
    idf: Callable[[Iterable[str]], Mapping[str, float]]
    _wanted: dict[str, Mapping[str, float]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, passage: Passage) -> float:
        """The relevance of a passage."""
        cosine = min(1.0, max(0.0, passage.cosine or 0.0))
        if self.kind == "similarity":
            return cosine
        share = self.share_of_words(passage)
        return share if self.kind == "keyword" or not self.spoken else max(share, cosine)

    def share_of_words(self, passage: Passage) -> float:
        """The weighted share of the question's content words that stand in a passage; 0 for a question without any."""
        language = passage.language
        if language not in self._wanted:
            self._wanted[language] = self.idf(
                stem(one.text, language) for one in telling_terms(self.query, self.language)
            )
        wanted = self._wanted[language]
        total = sum(wanted.values())
        if total <= 0:
            return 0.0
        found = {term.stem for term in terms(f"{passage.title}\n{passage.section}\n{passage.text}", language)}
        return sum(weight for word, weight in wanted.items() if word in found) / total
