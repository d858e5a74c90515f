"""Passages that say the same, or stand in the same document, make room for others."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lastro.types import Passage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Words, and the signs that say something: "-5" is not "5", "$" is not "€". The others are punctuation.
_TELLING = re.compile(r"\w+|[-\u2212](?=\d)|[^\w\s.,;:!?\"'“”‘’«»()\[\]…–—-]")


def telling_words(text: str) -> tuple[str, ...]:
    """The words and signs of a text without punctuation, in order and in lower case.

    >>> telling_words("The tenant does not owe €4,250.00.")
    ('the', 'tenant', 'does', 'not', 'owe', '€', '4', '250', '00')
    """
    return tuple(_TELLING.findall(text.casefold()))


def merge_duplicates(
    ranked: Iterable[Passage],
    *,
    enough: int | None = None,
    accept: Callable[[Passage], bool] = lambda _passage: True,
) -> list[Passage]:
    """The passages of which none says the same as a better one; each names in `duplicates` those it stands for.

    Two say the same where their telling words are equal. Nothing less will do: contracts from one template differ in
    "may" and "must", leaflets in "hepatitis" and "hepatitis A", Portuguese clauses in "e" and "é". Only a passage that
    is accepted stands. Of more than `enough` the first do; the others are looked through for their duplicates.
    """
    standing: dict[tuple[str, ...], Passage] = {}
    merged: dict[tuple[str, ...], list[str]] = {}
    for passage in ranked:
        key = telling_words(passage.text) or (passage.text,)
        if key in standing:
            merged[key] += [passage.chunk_id, *passage.duplicates]
        elif (enough is None or len(standing) < enough) and accept(passage):
            standing[key], merged[key] = passage, []
    return [
        dataclasses.replace(one, duplicates=(*one.duplicates, *merged[key])) if merged[key] else one
        for key, one in standing.items()
    ]


def limit_per_document(ranked: Iterable[Passage], most: int) -> Iterator[Passage]:
    """Yield the passages in order, without those that come after `most` others of their document."""
    seen: Counter[str] = Counter()
    for passage in ranked:
        seen[passage.document_id] += 1
        if seen[passage.document_id] <= most:
            yield passage


def diversify(relevance: Sequence[float], vectors: npt.NDArray[np.float32], *, weight: float, count: int) -> list[int]:
    """Positions of `count` items by maximal marginal relevance, in the order they were picked.

    The next item is the one whose `weight * relevance - (1 - weight) * nearness` is greatest, where nearness is the
    cosine to the nearest item picked before (Carbonell and Goldstein, SIGIR 1998); the earlier one of equals. The most
    relevant comes first, whatever the weight. `relevance` counts from 0 to 1, `vectors` are rows of length 1.
    """
    import numpy as np

    given = np.asarray(relevance, dtype=np.float64)
    picked: list[int] = []
    nearness = np.full(len(given), -1.0)
    while len(picked) < min(count, len(given)):
        value = weight * given - (1 - weight) * nearness if picked else given.copy()
        value[picked] = -np.inf
        picked.append(int(np.argmax(value)))
        nearness = np.maximum(nearness, vectors @ vectors[picked[-1]])
    return picked


def from_0_to_1(scores: Sequence[float]) -> list[float]:
    """Scores stretched so that the least is 0 and the greatest 1; all 1 where they are equal.

    >>> from_0_to_1([3.0, 1.0, 2.0]), from_0_to_1([2.0, 2.0])
    ([1.0, 0.0, 0.5], [1.0, 1.0])
    """
    least, greatest = min(scores, default=0.0), max(scores, default=0.0)
    if greatest - least < 1e-12:
        return [1.0] * len(scores)
    return [(score - least) / (greatest - least) for score in scores]
