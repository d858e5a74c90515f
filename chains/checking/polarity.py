"""Whether a claim affirms what its passage denies, or the other way round."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.reading import Word, parts_of

_NEGATION_SHARE = 0.5  # of the weight of matched words
_ONLY = re.compile(r"\b(?:only|so|somente|apenas|exclusivamente)\b")
_SURE = 0.5  # a word that is merely alike may mean the opposite


_CERTAIN = 100.0  # more than any weight: such a word decides alone


def negation_breaks(cover: Cover) -> Iterator[Break]:
    """A break where most of what the claim and its best sentence share is affirmed by one and denied by the other."""
    if cover.statement.polar is False:
        return
    against, agreeing, words = _weigh(cover)
    if cover.statement.polar and agreeing and against < _CERTAIN:
        return  # a yes or no turns on the predicate, not on all that was asked
    if any(word.negated for word in words) and _ONLY.search(cover.primary.reading.folded):
        return  # "only" denies the rest
    enough = against >= _CERTAIN or against + agreeing >= 0.4 * _common(cover)
    if against and enough and against / (against + agreeing) > _NEGATION_SHARE:
        says, other = ("denies", "affirms") if words[0].negated else ("says", "denies")
        yield Break("negation", f'the claim {says} "{words[-1].text}", the passage {other} it')


def _weigh(cover: Cover) -> tuple[float, float, list[Word]]:
    """The weight of shared words that are turned, that of those that are not, and the turned ones."""
    against = agreeing = 0.0
    words, affirmed = list[Word](), 0
    short = _short_negations(cover.primary)
    for at, (word, weight) in enumerate(zip(cover.statement.words, cover.statement.weights, strict=True)):
        said = _comparable(cover, at)
        if not said:
            continue
        if any(other.negated == word.negated for other in _with_ellipsis(cover.primary, said)):
            agreeing += weight
            continue
        words.append(word)
        affirmed += not word.negated and cover.primary.credits[at] == 1
        against += weight + _CERTAIN * (not word.negated and all(other.part in short for other in said))
    # Two words that the claim affirms, and that the sentence has only where it denies, are no accident.
    return against + _CERTAIN * (affirmed >= 2), agreeing, words


def _comparable(cover: Cover, at: int) -> list[Word]:
    """Where the best sentence says a word outside its conditions; nowhere for names, which no negation is about."""
    word = cover.statement.words[at]
    if cover.primary.credits[at] < _SURE or word.text[0].isupper() or word.conditional:
        return []
    return [other for other in cover.primary.said_by[at] if not other.conditional]


def _common(cover: Cover) -> float:
    pairs = zip(cover.statement.words, cover.statement.weights, strict=True)
    return sum(weight for word, weight in pairs if not word.text[0].isupper())


def _with_ellipsis(matched: Matched, said: list[Word]) -> list[Word]:
    """The words, and once more negated where the next part is a short "but not outdoors"."""
    short = _short_negations(matched)
    again = [
        Word(w.text, w.stem, w.start, w.end, w.part + 1, not w.negated, w.attributed, w.conditional)
        for w in said
        if w.part + 1 in short
    ]
    return [*said, *again]


def _short_negations(matched: Matched) -> set[int]:
    found = set()
    folded = matched.reading.folded
    for index, (start, end) in enumerate(parts_of(folded)):
        head = re.match(r"\W*(?:but|mas|and|e)?\s*(?:not|nao|nor|nem)\b", folded[start:end])
        if index and head and sum(word.part == index for word in matched.reading.words) <= 4:
            found.add(index)
    return found
