"""Which words of a claim stand in which sentences, and the few sentences that cover most of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lastro.chains.checking.alike import Alike, Vectors
from lastro.chains.checking.opposites import are_opposite
from lastro.chains.checking.quantities import Quantity
from lastro.chains.checking.reading import Reading, Word, read
from lastro.chains.evidence import Evidence, SourceSentence
from lastro.language import stem

_SOFT = 0.5  # a word that is only alike counts from here as said
_ALONE = 0.7  # least share of a claim that another sentence must say to back it alone
_AS_MUCH = 0.9  # and least part of what the best one says
_OTHERS = 2
_CANDIDATES = 8  # sentences looked at word by word
_OWN_FLOOR = 0.27  # of single words of one language, which look alike more often
_ACROSS = 0.05  # texts of two languages are by so much less alike
_NAME = 0.3  # a name's part in choosing the sentence: titles and sentences before may hold it
_GAIN = 0.1  # share of the claim's weight that another sentence must add
_OPPOSED = 0.6  # credit of a word that the sentence says by its contrary
_TITLED = 0.9  # credit of a word that only the title says


@dataclass(frozen=True)
class Statement:
    """What a claim says, its question included where it needs it."""

    text: str
    language: str
    words: tuple[Word, ...]
    quantities: tuple[Quantity, ...]
    reading: Reading
    weights: tuple[float, ...]  # of the words
    polar: bool | None = None  # False: it only names a thing, and neither affirms nor denies
    fragment: bool = False  # an answer that names a thing: what holds for it is not asked
    own: int | None = None  # where the claim itself begins, behind its question; None without one

    @property
    def folded(self) -> str:
        """The text folded, of the same length."""
        return self.reading.folded

    @property
    def total(self) -> float:
        """The weight of all words and quantities."""
        return sum(self.weights) + len(self.quantities)


@dataclass(eq=False)
class Matched:
    """A sentence met by a statement.

    `grid` holds how far each word of the statement (rows) is said by each of the sentence; `credits` the best of each
    row, `said_by` the words that say it, those that say its contrary turned round.
    """

    source: SourceSentence
    reading: Reading
    grid: Vectors
    credits: list[float]
    said_by: list[list[Word]]
    quantities: list[bool]
    opposed: list[bool]
    closeness: float = 0.0  # cosine to the claim, 0 without an embedder
    share: float = 0.0
    rank: float = 0.0  # how well it stands for the whole claim: names count less than what is said of them


@dataclass(eq=False)
class Cover:
    """The sentences that back a statement best, best first, with the share of its weight that they hold."""

    statement: Statement
    sentences: list[Matched] = field(default_factory=list)
    others: list[Matched] = field(default_factory=list)
    share: float = 0.0
    closeness: float = 0.0
    usual: float = 0.0  # the middle closeness of all sentences

    @property
    def primary(self) -> Matched:
        """The sentence that covers most."""
        return self.sentences[0]

    def credits(self) -> list[float]:
        """The best credit of each word in the covering sentences."""
        return [max(m.credits[at] for m in self.sentences) for at in range(len(self.statement.words))]


def weighted(
    text: str, evidence: Evidence, words: Sequence[Word], quantities: Sequence[Quantity], reading: Reading
) -> Statement:
    """A statement with a weight for each word, between 0.5 and 1: rare words weigh more."""
    idf = evidence.weights({word.stem for word in words})
    most = max(idf.values(), default=1.0)
    weights = tuple(0.5 + 0.5 * idf[word.stem] / most for word in words)
    counted = tuple(q for q in quantities if not (q.ordinal or _names_a_thing(text, q, evidence)))
    return Statement(text, evidence.language, tuple(words), counted, reading, weights)


def _names_a_thing(text: str, quantity: Quantity, evidence: Evidence) -> bool:
    """Whether a number is part of a name that a passage has: "Clause 7"."""
    before = re.search(r"[A-ZÀ-Ý]\w* $", text[: quantity.start])
    if before is None or quantity.unit or quantity.date is not None:
        return False
    name = before.group() + quantity.text
    return any(re.search(rf"{re.escape(name)}(?![\d.,]*\d)", f"{p.title} {p.text}") for p in evidence.passages)


def covers(statement: Statement, evidence: Evidence, alike: Alike) -> list[Cover]:
    """The one to three sentences that cover a statement best; then others that alone say nearly as much of it.

    None where there is nothing to compare.
    """
    flat = [source for group in evidence.sentences for source in group]
    if not flat or not (statement.words or statement.quantities):
        return []
    close = alike.matrix([statement.text], [source.text for source in flat])[0]
    close = close + [_ACROSS * bool(alike) * (s.passage.language != statement.language) for s in flat]
    matched = [_lexical(statement, source, float(c)) for source, c in zip(flat, close, strict=True)]
    best = sorted(matched, key=lambda m: m.rank + _rise(m.closeness, close), reverse=True)[:_CANDIDATES]
    if alike:
        _soften(statement, best, alike)
    best.sort(key=lambda m: m.rank + _rise(m.closeness, close), reverse=True)
    usual = float(np.median(close))
    found = _greedy(statement, best, matched, usual)
    least = max(_ALONE, _AS_MUCH * found.primary.share)
    rest = [other for other in best if other.share >= least and all(other is not one for one in found.sentences)]
    return [found, *(_greedy(statement, [other], matched, usual) for other in rest[:_OTHERS])]


def _rise(closeness: float, all_close: Vectors) -> float:
    middle = float(np.median(all_close))
    return max(0.0, (closeness - middle) / max(1 - middle, 1e-6)) * 0.7


def _lexical(statement: Statement, source: SourceSentence, closeness: float) -> Matched:
    reading = read(source.text, source.passage.language)
    grid = np.zeros((len(statement.words), len(reading.words)), dtype=np.float32)
    stems = [{word.stem, stem(word.text, statement.language)} for word in reading.words]
    titled = read(f"{source.passage.title} {source.passage.section}", source.passage.language).stems
    credits, said_by, opposed = [], [], []
    for row, word in enumerate(statement.words):
        at = [column for column, forms in enumerate(stems) if word.stem in forms]
        grid[row, at] = 1.0
        said = [reading.words[column] for column in at]
        contrary = (
            []
            if said
            else [
                other for other in (*reading.words, *reading.denials) if are_opposite(word, other, statement.language)
            ]
        )
        # "início e término": the sentence has both sides, so the word's own is said as well.
        alike = [w for w in reading.words if any(are_opposite(w, one, statement.language) for one in contrary)]
        if contrary and alike:
            said, contrary = alike, []
        credits.append(1.0 if said else _OPPOSED if contrary else _TITLED * (word.stem in titled))
        said_by.append(said or [replace(other, negated=not other.negated) for other in contrary])
        opposed.append(bool(contrary))
    have = [bool(reading.says(wanted)) for wanted in statement.quantities]
    matched = Matched(source, reading, grid, credits, said_by, have, opposed, closeness)
    _weigh(statement, matched)
    return matched


def _weigh(statement: Statement, matched: Matched) -> None:
    matched.share = share_of(statement, [matched])
    whole = got = 0.0
    for at, (word, weight) in enumerate(zip(statement.words, statement.weights, strict=True)):
        counts = weight * (_NAME if word.name else 1.0)
        whole, got = whole + counts, got + counts * matched.credits[at]
    whole, got = whole + len(statement.quantities), got + sum(matched.quantities)
    matched.rank = got / whole if whole else 0.0


def _soften(statement: Statement, candidates: Sequence[Matched], alike: Alike) -> None:
    """Give words that are only alike their credit."""
    if not statement.words:
        return
    spans = [(word.start, word.end) for word in statement.words]
    sentences = [(m.source.text, [(word.start, word.end) for word in m.reading.words]) for m in candidates]
    found = alike.aligned(statement.text, spans, sentences)
    for matched, credits in zip(candidates, found, strict=True):
        if matched.reading.words:
            own = matched.source.passage.language == statement.language
            _soften_one(statement, matched, credits, floor=0.0 if alike.contextual else 2 * _OWN_FLOOR * own)
            _weigh(statement, matched)


def _soften_one(statement: Statement, matched: Matched, credits: Vectors, *, floor: float) -> None:
    own = matched.source.passage.language == statement.language
    kept = np.where(credits >= floor, credits, 0)
    for row, word in enumerate(statement.words):
        if matched.credits[row] >= _OPPOSED or (own and word.name):
            continue  # a name is itself or another, but for its form in another language
        part = kept[row] * _namesakes(word, matched.reading.words)
        matched.grid[row] = np.maximum(matched.grid[row], np.minimum(part, 0.9))
        top = int(part.argmax())
        if part[top] > 0:
            matched.credits[row] = min(float(part[top]), 0.9)
            if part[top] >= _SOFT:
                matched.said_by[row] = [matched.reading.words[top]]


def _namesakes(word: Word, others: Sequence[Word]) -> Vectors:
    """0 where only one of two words is a name, else 1."""
    return np.array(
        [float(word.name == other.name or (word.name and not at)) for at, other in enumerate(others)], dtype=np.float32
    )


def share_of(statement: Statement, found: Sequence[Matched]) -> float:
    """The share of a statement's weight that sentences hold together."""
    if not statement.total:
        return 0.0
    words = sum(weight * max(matched.credits[at] for matched in found) for at, weight in enumerate(statement.weights))
    numbers = sum(any(matched.quantities[at] for matched in found) for at in range(len(statement.quantities)))
    return (words + numbers) / statement.total


def _greedy(statement: Statement, best: list[Matched], matched: list[Matched], usual: float) -> Cover:
    chosen = best[:1]
    while len(chosen) < 3:
        share = share_of(statement, chosen)
        rest = [other for other in best if other not in chosen]
        gains = [
            (share_of(statement, [*chosen, other]) - share + (0.03 if _beside(other, chosen) else 0.0), -at, other)
            for at, other in enumerate(rest)
        ]
        if not gains:
            break
        gain, _, other = max(gains, key=lambda entry: entry[:2])
        if gain < _GAIN + (0.03 if _beside(other, chosen) else 0.0):
            break
        chosen.append(other)
    others = [other for other in matched if all(other is not one for one in chosen)]
    return Cover(statement, chosen, others, share_of(statement, chosen), max(m.closeness for m in chosen), usual)


def _beside(one: Matched, chosen: Sequence[Matched]) -> bool:
    return any(one.source.passage.chunk_id == other.source.passage.chunk_id for other in chosen)
