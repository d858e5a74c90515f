"""Whether the passages speak of the names of a claim, and say what it says of them and not of others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lastro.chains.checking.binding import bindings, known_names
from lastro.chains.checking.breaks import Break
from lastro.chains.checking.lexicon import lexicon
from lastro.chains.checking.matching import Cover
from lastro.chains.checking.reading import Reading, read
from lastro.chains.checking.things import Thing, plain, same_thing, things_of
from lastro.language import fold, is_stop_word

_SURE = 0.35  # margin from which a thing is surely bound to another


def name_breaks(cover: Cover) -> Iterator[Break]:
    """Names of the claim that no passage speaks of."""
    statement = cover.statement
    names = known_names(cover)
    mine = [thing for thing in things_of(statement.reading, (), names) if thing.kind == "name"]
    if not mine:
        return
    everywhere = [
        thing
        for m in (*cover.sentences, *cover.others)
        for thing in things_of(m.reading, (), names)
        if thing.kind == "name"
    ] + _titled(cover)
    spoken = {word for m in (*cover.sentences, *cover.others) for word in m.reading.stems}
    for thing in mine:
        if any(same_thing(thing, other) for other in everywhere) or _soft(thing, cover):
            continue
        rows = [word for word in statement.words if thing.start <= word.start < thing.end]
        known = all(word.stem in spoken for word in rows)
        short = thing.text.isupper() and len(thing.text) < _SHORT
        yield Break("name", 0.5 if known or short else 1.0, thing.text, contradicts=False)


def _titled(cover: Cover) -> list[Thing]:
    passages = {m.source.passage.chunk_id: m.source.passage for m in (*cover.sentences, *cover.others)}
    return [
        Thing("name", word.text, word.start, word.end, (plain(word),))
        for p in passages.values()
        for word in read(f"{p.title} {p.section}", p.language).words
    ]


def _soft(thing: Thing, cover: Cover) -> bool:
    """Whether a sentence has the name in its own language ("Lisbon", "Lisboa")."""
    rows = [at for at, word in enumerate(cover.statement.words) if thing.start <= word.start < thing.end]
    return bool(rows) and all(max(m.credits[at] for m in cover.sentences) >= 0.5 for at in rows)


def binding_breaks(cover: Cover) -> Iterator[Break]:
    """Things of the claim whose words the passages say of a rival."""
    yield from _changed_places(cover)
    yield from _exchanged(cover)
    for bound in bindings(cover):
        if bound.margin > 0:
            kind = bound.thing.kind
            yield Break(kind, min(1.0, bound.margin / _SURE), bound.thing.text, bound.rival)


_SHORT = 5  # letters; a passage may have spelled out what a shorter acronym stands for
_BY = {"en": re.compile(r"\bby\b"), "pt": re.compile(r"\b(?:pel[oa]s?|por)\b")}


_TOKEN = re.compile(r"\w+(?:[-'’]\w+)*")
_LONGEST = 5  # words of a name
_COMPARED = ("er", "or", "ores", "velho", "velhos", "novo", "novos", "jovem", "jovens")


def _changed_places(cover: Cover) -> Iterator[Break]:
    """The two sides of one pair in the other order around the same verb, both in the active or both in the passive."""
    claim, source = cover.statement.reading, cover.primary.reading
    mine, theirs = (_sides(reading) for reading in (claim, source))
    passive = [_passive(reading) for reading in (claim, source)]
    for pair, order in mine.items():
        if len(order) == 2 and theirs.get(pair) == order[::-1] and passive[0] == passive[1]:
            yield Break("role", 1.0, order[0], order[1])


_PARTICLES = frozenset("de da do das dos of the o a os as".split())  # inside a name


def _exchanged(cover: Cover) -> Iterator[Break]:
    """Two names that changed places in a sentence that is the claim word for word otherwise ("Anna sued Peter")."""
    mine, theirs = (_TOKEN.findall(text) for text in (cover.statement.text, cover.primary.source.text))
    if len(mine) != len(theirs) or mine == theirs:
        return
    start = next((at for at, (a, b) in enumerate(zip(mine, theirs, strict=True)) if fold(a) != fold(b)), None)
    if start is None:
        return
    end = len(mine) - next(
        at for at, (a, b) in enumerate(zip(mine[::-1], theirs[::-1], strict=True)) if fold(a) != fold(b)
    )
    for first in range(1, _LONGEST + 1):
        for last in range(1, _LONGEST + 1):
            one, between, other = mine[start : start + first], mine[start + first : end - last], mine[end - last : end]
            if [*map(fold, (*other, *between, *one))] == [*map(fold, theirs[start:end])] and _act(
                one, between, other, cover.statement.language
            ):
                yield Break("role", 1.0, " ".join(one), " ".join(other))
                return


def _act(one: Sequence[str], between: Sequence[str], other: Sequence[str], language: str) -> bool:
    """Whether two names stand around a word that is no name, such as a verb, and not of what two do together."""
    mutual = lexicon(language).mutual
    words = {fold(word) for word in between if word.islower()}
    said = {word for word in words if len(word) > 2 and not is_stop_word(word, language)}
    return _is_name(one) and _is_name(other) and bool(mutual and said) and not words & mutual


def _is_name(words: Sequence[str]) -> bool:
    """Whether words are a name: capitalised, but for particles."""
    return any(word[0].isupper() for word in words) and all(word[0].isupper() or word in _PARTICLES for word in words)


def _sides(reading: Reading) -> dict[str, list[str]]:
    """For each pair of contraries that a text speaks of, its sides in their order."""
    found: dict[str, list[str]] = {}
    for thing in things_of(reading, ()):
        if thing.kind == "role":
            found.setdefault(thing.key[0], []).append(thing.key[1])
    opposites = lexicon(reading.language).opposites
    folded = [fold(word.text) for word in reading.words]
    for word in folded:
        contrary = sorted({other for other in folded if other in opposites.get(word, ())})
        if contrary and word.endswith(_COMPARED):
            found.setdefault("/".join(sorted((word, contrary[0]))), []).append(word)
    return {
        pair: [side for at, side in enumerate(sides) if not at or side != sides[at - 1]]
        for pair, sides in found.items()
    }


def _passive(reading: Reading) -> bool:
    by = _BY.get(reading.language)
    return by is not None and by.search(reading.folded) is not None
