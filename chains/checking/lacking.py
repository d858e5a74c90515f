"""What a claim brings that its sentences do not: an answer's own words, and what a number is said of."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.parties import party_of
from lastro.chains.checking.placing import in_its_place
from lastro.chains.checking.quantities import Quantity, of_a_kind, same
from lastro.language import fold

_OWN = 0.5  # least share of a fragment's own weight that its sentences must say
_SHORT = 10  # words and numbers of a claim that hang together
_SAID = 0.35  # credit from which a word is said at all


def lacking(cover: Cover) -> Iterator[Break]:
    """Breaks that decide alone, whatever else speaks for a claim."""
    yield from _own_words(cover)
    yield from _numbers_alone(cover)
    yield from in_its_place(cover)
    yield from _swapped(cover)
    yield from _borrowed(cover)
    yield from _contrary(cover)


def _own_words(cover: Cover) -> Iterator[Break]:
    """A fragment is completed by its question, but the words of the question cannot back it."""
    statement = cover.statement
    if statement.own is None:
        return
    credits = cover.credits()
    own = [at for at, word in enumerate(statement.words) if word.start >= statement.own]
    said = sum(statement.weights[at] * credits[at] for at in own)
    whole = sum(statement.weights[at] for at in own)
    said += sum(any(m.quantities[at] for m in cover.sentences) for at in range(len(statement.quantities)))
    whole += len(statement.quantities)
    if whole and said / whole < _OWN:
        missing = [statement.words[at].text for at in own if credits[at] < _SAID]
        yield Break("missing", 1.0, ", ".join(missing[:6]), contradicts=False)


def _numbers_alone(cover: Cover) -> Iterator[Break]:
    """A number that stands only in sentences which say nothing else of the claim is the number of something else."""
    statement = cover.statement
    if not statement.words or statement.own is not None:
        return
    for at, wanted in enumerate(statement.quantities):
        holding = [m for m in (*cover.sentences, *cover.others) if m.quantities[at]]
        own = all(m.source.passage.language == statement.language for m in holding)
        if holding and own and not any(_speaks(m) for m in holding):
            yield Break("number", 1.0, wanted.text.strip(), holding[0].source.text[:80])


def _borrowed(cover: Cover) -> Iterator[Break]:
    """A claim that takes a party or a name from a sentence which says nothing else of it ("the manager is the tenant").

    What a document is about ("the contract") stands in its other sentences by right.
    """
    statement = cover.statement
    if not 1 < len(statement.words) + len(statement.quantities) <= _SHORT or statement.own is not None:
        return
    joined = [m for m in cover.sentences if m is cover.primary or _said_by(m) > 1]
    for at, word in enumerate(statement.words):
        if not word.name and party_of(fold(word.text)) is None:
            continue
        if all(m.credits[at] < _SAID for m in joined) and any(m.credits[at] >= _SAID for m in cover.sentences):
            yield Break("missing", 1.0, word.text, contradicts=False)
            return


def _said_by(matched: Matched) -> int:
    """How many words and numbers of the claim a sentence says."""
    return sum(credit >= _SAID for credit in matched.credits) + sum(matched.quantities)


def _swapped(cover: Cover) -> Iterator[Break]:
    """Two numbers of a kind that changed places: by the prepositions before them, or by the order of all else."""
    matched, wanted = cover.primary, cover.statement.quantities
    places = [_place(quantity, matched) for quantity in wanted]
    for (one, here), (other, there) in itertools.combinations(zip(wanted, places, strict=True), 2):
        if here is None or there is None or same(one, other) or not of_a_kind(one, other) or here.start == there.start:
            continue
        mine = _before(cover.statement.text, one), _before(cover.statement.text, other)
        theirs = _before(matched.source.text, here), _before(matched.source.text, there)
        if mine[0] != mine[1] and set(mine) == set(theirs):
            swapped = mine != theirs
        else:
            swapped = (one.start < other.start) != (here.start < there.start) and _in_order(cover, wanted, places)
        if swapped:
            yield Break("number", 1.0, f"{one.text.strip()}, {other.text.strip()}", matched.source.text[:80])
            return


def _place(wanted: Quantity, matched: Matched) -> Quantity | None:
    """Where a sentence has a quantity; None where nowhere, or twice."""
    found = [have for have in matched.reading.quantities if same(wanted, have)]
    return found[0] if len(found) == 1 else None


def _before(text: str, quantity: Quantity) -> str:
    """The word before a quantity, signs of money left out."""
    words = re.findall(r"[^\W\d_]+", text[max(quantity.start - 20, 0) : quantity.start].replace("R$", "").casefold())
    return words[-1] if words else ""


def _in_order(cover: Cover, wanted: Sequence[Quantity], places: Sequence[Quantity | None]) -> bool:
    """Whether the words of a claim stand in its sentence in the claim's order."""
    kept = [
        (word.start, said[0].start)
        for word, said in zip(cover.statement.words, cover.primary.said_by, strict=True)
        if len(said) == 1 and not said[0].negated
    ]
    pairs = list(itertools.combinations(kept, 2))
    turned = sum((one[0] < other[0]) != (one[1] < other[1]) for one, other in pairs)
    enough = len(kept) >= 2 and len(kept) >= 0.6 * len(cover.statement.words)
    return enough and turned <= 0.2 * len(pairs) and all(place is not None for place in places[: len(wanted)])


def _contrary(cover: Cover) -> Iterator[Break]:
    """A word turned into its contrary in a claim that is the sentence's own in all else."""
    matched, statement = cover.primary, cover.statement
    if statement.own is not None or matched.source.passage.language != statement.language:
        return
    stems = {word.stem for word in matched.reading.words}
    turned = [
        at for at, word in enumerate(statement.words)
        if matched.opposed[at] and not word.conditional and word.stem not in stems
        and all(other.negated != word.negated for other in matched.said_by[at])
    ]  # fmt: skip
    rest = [credit for at, credit in enumerate(matched.credits) if at not in turned]
    if turned and len(rest) >= 2 and min(rest) >= _SAID and not any(word.negated for word in statement.words):
        yield Break("negation", 1.0, statement.words[turned[0]].text, matched.said_by[turned[0]][0].text)


def _speaks(matched: Matched) -> bool:
    return max(matched.credits, default=0.0) >= _SAID
