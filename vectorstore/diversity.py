"""Passages that say the same, or stand in the same document, make room for others."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lastro.language import fold
from lastro.types import Passage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_RUN = 3  # words that are compared together
_WORD = re.compile(r"\w+")
_MARKS = re.compile("[\u0300-\u036f]")
# All that may differ between passages that say the same. Any other word can turn a clause round: "may" and "must",
# "before" and "after", "landlord" and "tenant", "approved" and "rejected".
_ARTICLES = frozenset("the a an o os as um uma uns umas".split())

Runs = frozenset[tuple[str, ...]]


def runs_of_words(text: str) -> Runs:
    """Every run of three words of a text, without case and accents; a shorter text is one run.

    >>> sorted(runs_of_words("O prazo é de dias"))
    [('e', 'de', 'dias'), ('o', 'prazo', 'e'), ('prazo', 'e', 'de')]
    """
    # `fold` sorts out marks one character at a time, which for 50 passages costs more than all the rest of a search.
    words = _WORD.findall(_MARKS.sub("", unicodedata.normalize("NFKD", text.casefold())))
    if len(words) <= _RUN:
        return frozenset([tuple(words)])
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def resemblance(one: Runs, other: Runs) -> float:
    """The share of runs of words that two texts have in common, 0 to 1 (Broder, SEQUENCES 1997).

    >>> resemblance(runs_of_words("a b c d"), runs_of_words("a b c e"))
    0.3333333333333333
    """
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def telling_words(text: str) -> list[str]:
    """The words of a text but its articles, in order, without case and accents.

    >>> telling_words("A tenant of the Acme does not owe 4,250.00.")
    ['tenant', 'of', 'acme', 'does', 'not', 'owe', '4', '250', '00']
    """
    return [word for word in map(fold, _WORD.findall(text)) if word not in _ARTICLES]


@dataclass
class _Standing:
    """A passage that stays, with the ids of those that it stands for."""

    passage: Passage
    merged: list[str] = dataclasses.field(default_factory=list)

    @cached_property
    def runs(self) -> Runs:
        return runs_of_words(self.passage.text)

    @cached_property
    def telling(self) -> list[str]:
        return telling_words(self.passage.text)

    def says_the_same(self, other: _Standing, threshold: float) -> bool:
        """Whether two passages are one to a reader: alike in length and runs of words, equal in all that tells."""
        one, two = self.passage, other.passage
        if one.text == two.text:
            return True
        shorter, longer = sorted((len(one.text), len(two.text)))
        if shorter < threshold * longer or resemblance(self.runs, other.runs) < threshold:
            return False
        return self.telling == other.telling

    def standing(self) -> Passage:
        """The passage, with the ids."""
        if not self.merged:
            return self.passage
        return dataclasses.replace(self.passage, duplicates=(*self.passage.duplicates, *self.merged))


def merge_duplicates(
    ranked: Iterable[Passage],
    threshold: float,
    *,
    enough: int | None = None,
    accept: Callable[[Passage], bool] = lambda _passage: True,
) -> list[Passage]:
    """The passages of which none says the same as a better one; each names in `duplicates` those it stands for.

    Two say the same where the share of runs of words in common is `threshold` or more and all words but articles are
    equal, in the same order: contracts from one template differ in one word that means the world. Only a passage that
    is accepted stands. Of more than `enough` the first do; the others are looked through for their duplicates.
    """
    kept: list[_Standing] = []
    for passage in ranked:
        new = _Standing(passage)
        same = next((one for one in kept if one.says_the_same(new, threshold)), None)
        if same is not None:
            same.merged += [passage.chunk_id, *passage.duplicates]
        elif (enough is None or len(kept) < enough) and accept(passage):
            kept.append(new)
    return [one.standing() for one in kept]


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
