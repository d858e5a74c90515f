"""Which words of a claim stand in which sentences, and the few sentences that cover most of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lastro.chains.checking.alike import Alike, Vectors
from lastro.chains.checking.quantities import Quantity, same
from lastro.chains.checking.reading import Reading, Word, read
from lastro.chains.evidence import Evidence, SourceSentence
from lastro.language import stem

_SOFT = 0.5  # a word that is only alike counts from here as said
_CANDIDATES = 8  # sentences looked at word by word
_OWN_FLOOR = 0.27  # of words of one language, which look alike more often
_FLOOR = 0.18  # of the lift of a similarity; lower ones are noise
_ACROSS = 0.05  # texts of two languages are by so much less alike
_NAME = 0.3  # a name's part in choosing the sentence: titles and sentences before may hold it
_GAIN = 0.1  # share of the claim's weight that another sentence must add


@dataclass(frozen=True)
class Statement:
    """What a claim says, its question included where it needs it."""

    text: str
    language: str
    words: tuple[Word, ...]
    quantities: tuple[Quantity, ...]
    folded: str
    weights: tuple[float, ...]  # of the words
    polar: bool | None = None  # False: it only names a thing, and neither affirms nor denies
    fragment: bool = False  # an answer that names a thing: what holds for it is not asked

    @property
    def total(self) -> float:
        """The weight of all words and quantities."""
        return sum(self.weights) + len(self.quantities)


@dataclass
class Matched:
    """A sentence met by a statement: per word its credit, and the source words that say it; the quantities it has."""

    source: SourceSentence
    reading: Reading
    credits: list[float]
    said_by: list[list[Word]]
    quantities: list[bool]
    closeness: float = 0.0  # cosine to the claim, 0 without an embedder
    share: float = 0.0
    rank: float = 0.0  # how well it stands for the whole claim: names count less than what is said of them


@dataclass
class Cover:
    """The sentences that back a statement best, best first, with the share of its weight that they hold."""

    statement: Statement
    sentences: list[Matched] = field(default_factory=list)
    others: list[Matched] = field(default_factory=list)
    share: float = 0.0
    closeness: float = 0.0

    @property
    def primary(self) -> Matched:
        """The sentence that covers most."""
        return self.sentences[0]


def statement_of(text: str, evidence: Evidence) -> Statement:
    """Read a claim on its own."""
    reading = read(text, evidence.language)
    return weighted(reading.text, evidence, reading.words, reading.quantities, reading.folded)


def weighted(
    text: str, evidence: Evidence, words: Sequence[Word], quantities: Sequence[Quantity], folded: str
) -> Statement:
    """A statement with a weight for each word, between 0.5 and 1: rare words weigh more."""
    idf = evidence.weights({word.stem for word in words})
    most = max(idf.values(), default=1.0)
    weights = tuple(0.5 + 0.5 * idf[word.stem] / most for word in words)
    counted = tuple(q for q in quantities if not (q.ordinal or _names_a_thing(text, q, evidence)))
    return Statement(text, evidence.language, tuple(words), counted, folded, weights)


def _names_a_thing(text: str, quantity: Quantity, evidence: Evidence) -> bool:
    """Whether a number is part of a name that a passage has: "Clause 7"."""
    before = re.search(r"[A-ZÀ-Ý]\w* $", text[: quantity.start])
    if before is None or quantity.unit or quantity.date is not None:
        return False
    name = before.group() + quantity.text
    return any(re.search(rf"{re.escape(name)}(?![\d.,]*\d)", f"{p.title} {p.text}") for p in evidence.passages)


def cover(statement: Statement, evidence: Evidence, alike: Alike) -> Cover | None:
    """The one to three sentences that cover a statement best; None where there is nothing to compare."""
    flat = [source for group in evidence.sentences for source in group]
    if not flat or not (statement.words or statement.quantities):
        return None
    close = alike.matrix([statement.text], [source.text for source in flat])[0]
    close = close + [_ACROSS * bool(alike) * (s.passage.language != statement.language) for s in flat]
    matched = [_lexical(statement, source, float(c)) for source, c in zip(flat, close, strict=True)]
    best = sorted(matched, key=lambda m: m.rank + _rise(m.closeness, close), reverse=True)[:_CANDIDATES]
    if alike:
        _soften(statement, best, alike)
    best.sort(key=lambda m: m.rank + _rise(m.closeness, close), reverse=True)
    return _greedy(statement, best, matched)


def _rise(closeness: float, all_close: Vectors) -> float:
    middle = float(np.median(all_close))
    return max(0.0, (closeness - middle) / max(1 - middle, 1e-6)) * 0.7


def _lexical(statement: Statement, source: SourceSentence, closeness: float) -> Matched:
    reading = read(source.text, source.passage.language)
    by_stem: dict[str, list[Word]] = {}
    for word in reading.words:
        for form in {word.stem, stem(word.text, statement.language)}:
            by_stem.setdefault(form, []).append(word)
    said = [by_stem.get(word.stem, []) for word in statement.words]
    titled = read(f"{source.passage.title} {source.passage.section}", source.passage.language).stems
    matched = Matched(
        source,
        reading,
        [1.0 if found else 0.9 * (word.stem in titled) for word, found in zip(statement.words, said, strict=True)],
        said,
        [any(same(wanted, have) for have in reading.quantities) for wanted in statement.quantities],
        closeness,
    )
    _weigh(statement, matched)
    return matched


def _weigh(statement: Statement, matched: Matched) -> None:
    matched.share = _share(statement, [matched])
    whole = got = 0.0
    for at, (word, weight) in enumerate(zip(statement.words, statement.weights, strict=True)):
        counts = weight * (_NAME if at and word.text[0].isupper() else 1.0)
        whole, got = whole + counts, got + counts * matched.credits[at]
    whole, got = whole + len(statement.quantities), got + sum(matched.quantities)
    matched.rank = got / whole if whole else 0.0


def _soften(statement: Statement, candidates: Sequence[Matched], alike: Alike) -> None:
    """Give words that are only alike their credit."""
    wanted = [word.text.casefold() for word in statement.words]
    have = [word for matched in candidates for word in matched.reading.words]
    if not wanted or not have:
        return
    credits = alike.credits(wanted, [word.text.casefold() for word in have], floor=_FLOOR)
    at = 0
    for matched in candidates:
        size = len(matched.reading.words)
        for row in range(len(wanted)):
            own = matched.source.passage.language == statement.language
            if matched.credits[row] or not size or (own and row and statement.words[row].text[0].isupper()):
                continue  # a name is itself or another, but for its form in another language
            kept = credits[row, at : at + size]
            kept = np.where(kept >= (2 * _OWN_FLOOR if own else 0), kept, 0)
            part = kept * _namesakes(statement.words[row], row, matched.reading.words)
            top = int(part.argmax())
            if part[top] > 0:
                matched.credits[row] = min(float(part[top]), 0.9)
                if part[top] >= _SOFT:
                    matched.said_by[row] = [matched.reading.words[top]]
        at += size
        _weigh(statement, matched)


def _namesakes(word: Word, at: int, others: Sequence[Word]) -> Vectors:
    """0 where only one of two words is a name, else 1."""
    mine = at > 0 and word.text[0].isupper()
    theirs = [position > 0 and other.text[0].isupper() for position, other in enumerate(others)]
    return np.array(
        [float(mine == other or (mine and not position)) for position, other in enumerate(theirs)], dtype=np.float32
    )


def _share(statement: Statement, found: Sequence[Matched]) -> float:
    if not statement.total:
        return 0.0
    words = sum(weight * max(matched.credits[at] for matched in found) for at, weight in enumerate(statement.weights))
    numbers = sum(any(matched.quantities[at] for matched in found) for at in range(len(statement.quantities)))
    return (words + numbers) / statement.total


def _greedy(statement: Statement, best: list[Matched], matched: list[Matched]) -> Cover:
    chosen = best[:1]
    while len(chosen) < 3:
        share = _share(statement, chosen)
        rest = [other for other in best if other not in chosen]
        gains = [
            (_share(statement, [*chosen, other]) - share + (0.03 if _beside(other, chosen) else 0.0), -at, other)
            for at, other in enumerate(rest)
        ]
        if not gains:
            break
        gain, _, other = max(gains, key=lambda entry: entry[:2])
        if gain < _GAIN + (0.03 if _beside(other, chosen) else 0.0):
            break
        chosen.append(other)
    others = [other for other in matched if other not in chosen]
    return Cover(statement, chosen, others, _share(statement, chosen), max(m.closeness for m in chosen))


def _beside(one: Matched, chosen: Sequence[Matched]) -> bool:
    return any(one.source.passage.chunk_id == other.source.passage.chunk_id for other in chosen)


_STRETCH = re.compile(r";|,(?= (?:and|but|e|mas|while|whereas|enquanto)\b)")


def used_stretch(matched: Matched) -> tuple[int, int]:
    """The stretch between strong breaks that holds most of what the claim uses; characters of the sentence."""
    edges = [0, *[m.start() + 1 for m in _STRETCH.finditer(matched.reading.folded)], len(matched.reading.folded)]
    counts = [
        sum(any(a <= word.start < b and not word.text[0].isupper() for word in said) for said in matched.said_by)
        for a, b in itertools.pairwise(edges)
    ]
    best = counts.index(max(counts))
    return edges[best], edges[best + 1]
