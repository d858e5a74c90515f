"""Why a passage was found, in words: what each search gave it, what it shares with the question, what it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lastro.detection import detect_language
from lastro.language import stem, telling_terms, terms
from lastro.types import Passage

if TYPE_CHECKING:
    from lastro.vectorstore.library import Library

_WORDS_SHOWN = 12
_DUPLICATES_SHOWN = 5


def explain(library: Library, passages: Sequence[Passage], query: str) -> dict[str, list[str]]:
    """The reasons of each passage of a search, by chunk id."""
    told = detect_language(query)
    language = library.main_language() if told == "und" else told
    others = library.passages([key for passage in passages for key in passage.duplicates])
    return {one.chunk_id: reasons(one, query, language=language, others=others) for one in passages}


def legend(passages: Sequence[Passage]) -> str:
    """What the scores of a search are, in one line."""
    reranked = any(passage.rerank_score is not None for passage in passages)
    told = ["the reranker gives the order, 0 to 1" if reranked else "score gives the order"]
    if any(passage.cosine is not None for passage in passages):
        told.append("cosine is nearness of meaning, at most 1")
    if any(passage.keyword_score is not None for passage in passages):
        told.append("keyword is the weight of shared words (BM25), none where no word is shared")
    return "; ".join(told)


def reasons(passage: Passage, query: str, *, language: str, others: Mapping[str, Passage] | None = None) -> list[str]:
    """One line a reason; `language` is the question's, and `others` are passages by id, to name duplicates by."""
    told = [_by_meaning(passage), _by_words(passage, shared_words(passage, query, language))]
    if passage.rerank_score is not None:
        told.append(f"reranker: {passage.rerank_score:.3f}")
    if passage.duplicates:
        told.append(_stands_for(passage, others or {}))
    return told


def shared_words(passage: Passage, query: str, language: str) -> list[str]:
    """The words of a question that stand in a passage, its title or its headings, in some form, as they were asked.

    >>> lease = Passage("c", "d", "Lease", "It ends in May.", 0, 15, None, None, "", 1, 1.0, language="en")
    >>> shared_words(lease, "When will the lease of Acme end?", "en")
    ['lease', 'end']
    """
    found = {term.stem for term in terms(f"{passage.title}\n{passage.section}\n{passage.text}", passage.language)}
    asked = (term.text for term in telling_terms(query, language))
    return [word for word in dict.fromkeys(asked) if stem(word, passage.language) in found]


def _by_meaning(passage: Passage) -> str:
    if passage.cosine is None:
        return "meaning: not compared"
    return f"meaning: cosine {passage.cosine:.3f}, {_ranked(passage.cosine_rank)}"


def _by_words(passage: Passage, words: Sequence[str]) -> str:
    if passage.keyword_score is None:
        return "words: not found by them"
    more = f" and {len(words) - _WORDS_SHOWN} more" if len(words) > _WORDS_SHOWN else ""
    shown = f": {', '.join(words[:_WORDS_SHOWN])}{more}" if words else ""
    return f"words: keyword {passage.keyword_score:.2f}, {_ranked(passage.keyword_rank)}{shown}"


def _ranked(rank: int | None) -> str:
    return "not found by it" if rank is None else f"rank {rank} by it"


def _stands_for(passage: Passage, others: Mapping[str, Passage]) -> str:
    named = [
        f"{one.title}, p. {one.pages}" if one.pages else one.title
        for one in (others.get(key) for key in passage.duplicates[:_DUPLICATES_SHOWN])
        if one is not None
    ]
    count = len(passage.duplicates)
    return f"says the same as {count} other passage{'s' if count > 1 else ''}" + (
        f": {'; '.join(named)}" if named else ""
    )
