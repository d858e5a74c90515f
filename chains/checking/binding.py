"""Whether what a claim says of a thing is said of that thing: of this number, name or party, and not of another.

A passage often holds two things of a kind side by side ("2.1% of the vaccine group and 5.8% of the placebo group"). For
each thing of a claim, the words said of it are looked for near the thing itself and near its rivals; where they stand
nearer to a rival, the claim has bound them to the wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.reading import Reading, read
from lastro.chains.checking.things import Thing, plain, rivals, same_thing, things_of

_BEHIND = 0.9  # what stands before two things is mostly said of both
_OWN_HEAD = 0.5  # but less where the second has a head of its own
_PARALLEL = 0.25  # and least where it says the same words again ("the adult ticket costs 9 and the child ticket 4")
_PREPOSITION = re.compile(
    r"\b(?:in|at|on|of|from|to|near|for|with|into|em|n[ao]s?|d[aeo]s?|para|a|ao|aos|com|sobre)\s+"
    r"(?:the |o |a |os |as )?$"
)
_SAYS = 2  # words by which a part of its own says something
_ITS_OWN = 0.25  # what stands in the stretch of one thing is hardly said of the other
_OTHER_PART = 0.3  # what a claim says in another part is less said of a thing
_TITLE = 0.8  # what a passage is about, it says less surely than what a sentence names
_CARRIED = 0.6  # a sentence that names nobody goes on with whom the one before named
_ONE_OF_TWO = 0.5  # where the rival's sentence has another name of the claim, its place is taken
_LEAST = 1.5  # weight of words that a margin is a share of, at least


@dataclass(frozen=True, slots=True)
class Bound:
    """A thing of the claim, how far its words stand nearer to a rival (0 to 1, negative: to itself), and the rival."""

    thing: Thing
    margin: float
    rival: str = ""


@dataclass(frozen=True)
class _Place:
    """A thing where a text has it, beside which others, with the sentences that speak of it and how surely."""

    thing: Thing
    beside: tuple[Thing, ...]
    matched: Matched | None  # None: a title
    reach: tuple[tuple[Matched, float], ...]


def bindings(cover: Cover) -> list[Bound]:
    """Every thing of a claim that the passages speak of, with the rival that most claims its words."""
    statement = cover.statement
    names = known_names(cover)
    mine = things_of(statement.reading, statement.quantities, names)
    if not mine or not statement.words:
        return []
    places = _places(cover, names)
    contexts = {thing: _context(thing, mine, cover) for thing in mine}
    return [bound for thing in mine if (bound := _bound(thing, contexts, places, cover)) is not None]


def known_names(cover: Cover) -> frozenset[str]:
    """Folded words that stand capitalised within a sentence of the passages or the claim."""
    readings = [m.reading for m in (*cover.sentences, *cover.others)] + [cover.statement.reading]
    return frozenset(plain(word) for reading in readings for word in reading.words if word.name)


def _places(cover: Cover, names: frozenset[str]) -> list[_Place]:
    groups: dict[str, list[Matched]] = {}
    for matched in sorted((*cover.sentences, *cover.others), key=lambda m: m.source.start):
        groups.setdefault(matched.source.passage.chunk_id, []).append(matched)
    found: list[_Place] = []
    for group in groups.values():
        things = [things_of(m.reading, m.reading.quantities, names) for m in group]
        for at, matched in enumerate(group):
            found += [
                _Place(thing, tuple(things[at]), matched, _reach(thing, group, things, at)) for thing in things[at]
            ]
        passage = group[0].source.passage
        titled = things_of(read(f"{passage.title} {passage.section}", passage.language), (), names)
        found += [
            _Place(thing, (), None, tuple((m, _TITLE) for m in group)) for thing in titled if thing.kind == "name"
        ]
    return found


def _reach(
    thing: Thing, group: Sequence[Matched], things: Sequence[list[Thing]], at: int
) -> tuple[tuple[Matched, float], ...]:
    """The sentence of a thing, and for a name those after it that name nobody."""
    found = [(group[at], 1.0)]
    if thing.kind == "name":
        for matched, others in zip(group[at + 1 :], things[at + 1 :], strict=True):
            if any(other.kind != "number" for other in others):
                break
            found.append((matched, _CARRIED))
    return tuple(found)


def _bound(thing: Thing, contexts: dict[Thing, list[float]], places: Sequence[_Place], cover: Cover) -> Bound | None:
    own = [place for place in places if same_thing(thing, place.thing)]
    exact = [place for place in own if place.thing.key == thing.key]
    if thing.kind == "name" and exact:  # "R2 Pro" is not "R2" where the passage knows both
        own = [place for place in own if place.thing.key == thing.key or place.thing.key[-1] == thing.key[-1]]
    if not sum(contexts[thing]) or not own:
        return None
    against = [place for place in places if place.matched is not None and rivals(thing, place.thing)]
    claimed = _behind_preposition(cover.statement.reading, thing)
    best = Bound(thing, 1.0)
    for place in own:
        near = (
            [rival for rival in against if rival.matched is place.matched]
            if place.matched is cover.primary
            else against
        )
        found = [
            (_contested(place, rival, thing, contexts), rival.thing.text)
            for rival in near
            if _may_rival(place, rival, claimed)
        ]
        worst = max([*found, (_foreign(places, thing, contexts), "")], key=lambda pair: pair[0])
        if worst[0] < best.margin:
            best = Bound(thing, *worst)
    return best


def _may_rival(place: _Place, rival: _Place, claimed: bool) -> bool:
    """Whether a name stands where the claim's, or its own place, does: behind a preposition or not."""
    return place.thing.kind != "name" or _is_oblique(rival) in (_is_oblique(place), claimed)


def _is_oblique(place: _Place) -> bool:
    return place.matched is not None and _behind_preposition(place.matched.reading, place.thing)


def _behind_preposition(reading: Reading, thing: Thing) -> bool:
    """Whether a name stands behind a preposition, where no one who acts stands."""
    return _PREPOSITION.search(reading.folded[: thing.start]) is not None


def _contested(own: _Place, rival: _Place, thing: Thing, contexts: dict[Thing, list[float]]) -> float:
    """The margin of a rival; where the claim speaks of it too, both must have changed places."""
    margin = _margin(own, rival, contexts[thing])
    if thing.kind == "name" and margin > 0 and any(
        other is not thing and other.kind == "name" and any(same_thing(other, found) for found in rival.beside)
        for other in contexts
    ):  # fmt: skip
        margin *= _ONE_OF_TWO
    for other, context in contexts.items():
        if margin > 0 and other is not thing and same_thing(other, rival.thing):
            margin = min(margin, _margin(rival, own, context))
    return margin


def _foreign(places: Sequence[_Place], thing: Thing, contexts: dict[Thing, list[float]]) -> float:
    """By how much one sentence of a passage that never names a thing says more of what is claimed of it."""
    if thing.kind != "name":
        return -1.0
    home = {m.source.passage.chunk_id for place in places if same_thing(thing, place.thing) for m, _ in place.reach}
    every = {id(m): m for place in places for m, _ in place.reach}.values()
    mine = [m for m in every if m.source.passage.chunk_id in home]
    context = [(row, weight) for row, weight in enumerate(contexts[thing]) if weight]
    best = -1.0
    for other in every:
        if other.source.passage.chunk_id in home:
            continue
        pairs = [(weight, max(m.credits[row] for m in mine), other.credits[row]) for row, weight in context]
        held = sum(weight * max(pair) for weight, *pair in pairs)
        best = max(best, sum(weight * (theirs - ours) for weight, ours, theirs in pairs) / max(held, _LEAST))
    return best


def _margin(own: _Place, rival: _Place, context: Sequence[float]) -> float:
    """By how much a rival holds more of the words said of a thing, as a share of those that either holds."""
    pairs = [(weight, _near(own, rival, row), _near(rival, own, row)) for row, weight in enumerate(context) if weight]
    held = sum(weight * max(mine, theirs) for weight, mine, theirs in pairs)
    return sum(weight * (theirs - mine) for weight, mine, theirs in pairs) / max(held, _LEAST)


def _near(place: _Place, other: _Place, row: int) -> float:
    """How far a word of the claim is said near a thing, seen beside another thing."""
    together = place.matched is not None and place.matched is other.matched
    return max(
        factor * (_beside(matched, place.thing, other.thing, row) if together and matched is place.matched
                  else matched.credits[row])
        for matched, factor in place.reach
    )  # fmt: skip


def _beside(matched: Matched, thing: Thing, other: Thing, row: int) -> float:
    best = 0.0
    for column, word in enumerate(matched.reading.words):
        credit = float(matched.grid[row, column])
        if credit > best and not thing.start <= word.start < thing.end:
            best = max(best, credit * _region(matched, word.start, thing, other))
    return best


def _region(matched: Matched, at: int, thing: Thing, other: Thing) -> float:
    """How far what stands at a place is said of a thing, where another of its kind is in the same sentence."""
    first, second = (thing, other) if thing.start <= other.start else (other, thing)
    reading = matched.reading
    if _side_by_side(reading, first, second):
        return 1.0  # "from 1 June to 15 July"
    if reading.text[: second.start].endswith("("):
        return 1.0  # what a source in brackets backs is all that stands before it
    edge = _edge(reading, first, second)
    if at < first.start:
        return 1.0 if thing is first else _shared(matched, edge, second)
    if at < edge and reading.text[second.end :].startswith(","):
        return _BEHIND  # "the seller bears the taxes before; the buyer, those after"
    owner = first if at < edge else second
    return 1.0 if owner is thing else _ITS_OWN


def _side_by_side(reading: Reading, first: Thing, second: Thing) -> bool:
    """Whether nothing is said between two things, so that what is said of one is said of both."""
    apart = any(first.end <= end < second.start for _, end in reading.parts)
    return not apart and not any(first.end <= word.start < second.start and not word.name for word in reading.words)


def _shared(matched: Matched, edge: int, second: Thing) -> float:
    """How far what stands before two things is said of the second."""
    reading = matched.reading
    end = next((at for at in reading.weak if at >= second.end), len(reading.text))
    stretch = [
        (at, word)
        for at, word in enumerate(reading.words)
        if edge <= word.start < end and not second.start <= word.start < second.end
    ]
    if any(word.start < second.start and word.stem in _stems(reading, edge) for _, word in stretch):
        return _PARALLEL
    parted = any(end == edge for _, end in reading.parts[:-1])
    headed = any(word.start < second.start and not matched.grid[:, at].any() for at, word in stretch)
    unclaimed = bool(stretch) and not any(matched.grid[:, at].any() for at, _ in stretch)
    if parted and len(stretch) >= _SAYS:
        return _PARALLEL
    return _OWN_HEAD if headed or unclaimed or (parted and stretch) else _BEHIND


def _stems(reading: Reading, before: int) -> set[str]:
    return {word.stem for word in reading.words if word.start < before}


def _edge(reading: Reading, first: Thing, second: Thing) -> int:
    """Where the stretch of the first thing ends and that of the second begins."""
    between = [end for _, end in reading.parts if first.end <= end < second.start and reading.text[end] != "("]
    if between:
        return between[0]
    weak = [at for at in reading.weak if first.end <= at < second.start and reading.text[at] != "("]
    joined = [at for at in weak if reading.folded[at].isalpha()]
    return (joined or weak or [(first.end + second.start) // 2])[0]


def _context(thing: Thing, mine: Sequence[Thing], cover: Cover) -> list[float]:
    """How far each word of the claim is said of a thing of it.

    Less so in another part of the claim, or where another thing of its kind stands between.
    """
    statement = cover.statement
    reading = statement.reading
    others = [other for other in mine if other is not thing and other.kind == thing.kind]
    own_part = sum(start <= thing.start for start, _ in reading.parts) - 1
    found = []
    for word, weight in zip(statement.words, statement.weights, strict=True):
        inside = thing.start <= word.start < thing.end
        near = min((_claimed(reading, word.start, thing, other) for other in others), default=1.0)
        found.append(0.0 if inside else weight * near * (1.0 if word.part == own_part else _OTHER_PART))
    return found


def _claimed(reading: Reading, at: int, thing: Thing, other: Thing) -> float:
    first, second = (thing, other) if thing.start <= other.start else (other, thing)
    if _side_by_side(reading, first, second):
        return 1.0
    if at < first.start:
        return 1.0 if thing is first else _OWN_HEAD
    return 1.0 if (first if at < _edge(reading, first, second) else second) is thing else _ITS_OWN
