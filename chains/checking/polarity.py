"""Whether a claim affirms what its passage denies, or the other way round."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.lexicon import lexicon
from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.reading import Word

_SAID = 0.5  # a word that is merely alike may mean the opposite
_SHORT = 4  # words of a part like "but not outdoors", which takes up the words before it
_SLIGHT = 0.3  # share of a claim that may be turned by accident; twice that is none
_LEAST = 1.2  # weight of words that a part's turn is a share of, at least


def negation_breaks(cover: Cover) -> Iterator[Break]:
    """Breaks where much of what the claim and its best sentence share is affirmed by one and denied by the other."""
    if cover.statement.polar is False:
        return
    tally = _Tally(cover)
    if cover.statement.polar and (tally.agreeing > tally.against or tally.denied_alike):
        return  # a yes or no turns on the predicate, not on all that was asked
    if not tally.words:
        return
    share = tally.against / (tally.against + tally.agreeing)
    limits = any(
        lexicon(reading.language).only.search(reading.folded)
        for reading in (cover.primary.reading, cover.statement.reading)
    )  # "only" denies the rest
    sure = max(share, denied_predicate(cover), float(says_contrary(cover))) * (0.5 if limits else 1.0)
    yield Break("negation", sure, tally.words[-1].text, _denial(cover.primary))


def denied_predicate(cover: Cover) -> float:
    """How surely a word right behind a denial, on one side, is affirmed on the other."""
    statement, primary, worst = cover.statement, cover.primary, 0.0
    if statement.polar is False:
        return 0.0
    for at, word in enumerate(statement.words):
        said = primary.said_by[at]
        if not said or word.conditional or primary.credits[at] < _SAID:
            continue
        others = _with_ellipsis(cover, said)
        if word.negated:
            turned = word.direct and statement.polar is None and not any(other.negated for other in others)
        else:
            turned = all(other.negated and other.direct for other in others)
        worst = max(worst, primary.credits[at] * turned)
    return worst


def says_contrary(cover: Cover) -> bool:
    """Whether the claim says a word whose contrary its best sentence says, and neither denies its own."""
    if cover.statement.polar is not None:
        return False
    return any(
        cover.primary.opposed[at] and not word.conditional and all(other.negated != word.negated for other in said)
        for at, (word, said) in enumerate(zip(cover.statement.words, cover.primary.said_by, strict=True))
    )


def turned_share(cover: Cover) -> float:
    """The share of a claim that its best sentence surely turns round, 0 to 1."""
    share = 0.0 if cover.statement.polar is not None else _Tally(cover).turned()
    return min(1.0, max(0.0, share - _SLIGHT) / _SLIGHT)


def denied_part(cover: Cover) -> float:
    """How far one denied part, of the claim or of its best sentence, is wholly turned round, 0 to 1."""
    return 0.0 if cover.statement.polar is False else _Tally(cover).worst()


class _Tally:
    """The weights of shared words that are turned and of those that are not, in all and by part."""

    def __init__(self, cover: Cover) -> None:
        self.against = self.agreeing = 0.0
        self.denied_alike = False
        self.words: list[Word] = []
        self._parts: defaultdict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._sure = self._whole = 0.0
        primary = cover.primary
        for at, (word, weight) in enumerate(zip(cover.statement.words, cover.statement.weights, strict=True)):
            self._whole += 0.0 if word.name else weight
            said = _comparable(cover, at)
            if said:
                weight *= primary.credits[at] if not primary.opposed[at] else 1.0
                self._add(word, weight, said, _with_ellipsis(cover, said))

    def _add(self, word: Word, weight: float, said: list[Word], echoed: list[Word]) -> None:
        agrees = any(other.negated == word.negated for other in echoed)
        if agrees:
            self.agreeing += weight
            self.denied_alike |= word.negated
        else:
            weight *= max((other if other.negated else word).sure for other in said)
            self.against += weight
            self.words.append(word)
            self._sure += weight
        for side, one in (("claim", word), ("source", said[0])):
            if one.negated:
                self._parts[side, one.part][0 if agrees else 1] += weight

    def turned(self) -> float:
        """The share of what the claim says, names apart, that is surely turned round."""
        return self._sure / self._whole if self._whole else 0.0

    def worst(self) -> float:
        return max((turned / max(kept + turned, _LEAST) for kept, turned in self._parts.values()), default=0.0)


def _comparable(cover: Cover, at: int) -> list[Word]:
    """Where the best sentence says a word outside its conditions; nowhere for names, which no negation is about."""
    word = cover.statement.words[at]
    if cover.primary.credits[at] < _SAID or word.name:
        return []
    said = cover.primary.said_by[at]
    if word.conditional:
        return said
    return [other for other in said if not other.conditional] or said


def _with_ellipsis(cover: Cover, said: list[Word]) -> list[Word]:
    """The words, and once more negated where the next part is a short "but not outdoors" that the claim is about."""
    short = _short_negations(cover)
    again = [word for word in said if word.part + 1 in short]
    return [*said, *(replace(word, part=word.part + 1, negated=not word.negated) for word in again)]


_SHORT_PART = re.compile(
    r"\W*(?:but|mas|and|e)?\s*(?:not|nao|nor|nem)\b|.*\b(?:(?:is|are|does|do|has|can|may) not|nao)\W*$"
)


def _short_negations(cover: Cover) -> set[int]:
    matched, found = cover.primary, set()
    claimed = {word.stem for word in cover.statement.words}
    for index, (start, end) in enumerate(matched.reading.parts):
        own = {word.stem for word in matched.reading.words if word.part == index}
        new = own - {word.stem for word in matched.reading.words if word.part == index - 1}
        if index and len(own) <= _SHORT and new & claimed and _SHORT_PART.match(matched.reading.folded[start:end]):
            found.add(index)
    return found


def _denial(matched: Matched) -> str:
    known = lexicon(matched.reading.language)
    for match in re.finditer(r"[\w']+", matched.reading.folded):
        if match.group() in known.negators or match.group() in known.negative:
            return matched.source.text[match.start() : match.end()]
    return ""
