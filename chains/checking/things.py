"""The things that a text speaks of: quantities, names, and the parties of a contract or a dispute."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from lastro.chains.checking.parties import party_of
from lastro.chains.checking.quantities import Quantity, same
from lastro.chains.checking.reading import Reading, Word
from lastro.language import fold, is_stop_word, terms

Kind = Literal["number", "name", "role"]
_JOINED = re.compile(r"(?:\s+|\s+(?:de|da|do|das|dos|of|the|van|von|&)\s+|[-.]\s?)")
_ROMAN = re.compile(r"[ivxlc]+")
_SPELLED = 3  # letters of a name that is no code ("A2", "B")
_NUMBERED = re.compile(r" \d+\b(?![.,/:]\d|\s?[%€£$°])")
_NO_NAMES = frozenset(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays art "
    "clausula clause "
    "mr mrs ms dr sr sra dra prof ltd ltda inc cpf cnpj rg cep oab vat tel fax iban pix".split()
)


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing of a text, at characters `start` to `end`; `key` is what makes it the same thing elsewhere."""

    kind: Kind
    text: str
    start: int
    end: int
    key: tuple[str, ...] = ()
    quantity: Quantity | None = None
    head: str = ""  # the stem of what a bare number counts


def things_of(reading: Reading, quantities: Sequence[Quantity], names: frozenset[str] = frozenset()) -> list[Thing]:
    """The things of a text in order; `names` are words that are names where they open a sentence as well."""
    found = [*_names(reading, names), *_roles(reading)]
    for quantity in quantities:
        if not quantity.ordinal:
            head = head_of(reading, quantity)
            found.append(Thing("number", quantity.text.strip(), quantity.start, quantity.end, (), quantity, head))
    return sorted(found, key=lambda thing: thing.start)


def head_of(reading: Reading, quantity: Quantity) -> str:
    """The stem of the word behind a number, "" where it says nothing."""
    return _head_at(reading.text[quantity.end : quantity.end + 30], reading.language)


@lru_cache(maxsize=20_000)
def _head_at(text: str, language: str) -> str:
    after = [term for term in terms(text, language) if not term.text[0].isdigit()]
    return after[0].stem if after and not is_stop_word(after[0].text, language) else ""


def plain(word: Word) -> str:
    """A word folded, without the mark of possession."""
    return fold(word.text).removesuffix("'s").removesuffix("’s")


def _names(reading: Reading, names: frozenset[str]) -> list[Thing]:
    """Runs of capitalised words within a sentence; roles and months are none."""
    found: list[Thing] = []
    for at, word in enumerate(reading.words):
        key = plain(word)
        following = reading.words[at + 1] if at + 1 < len(reading.words) else None
        opener = word.text[0].isupper() and (
            key in names or (following is not None and following.name and following.start == word.end + 1)
        )
        if not (word.name or opener) or key in _NO_NAMES or _ROMAN.fullmatch(key) or party_of(key) is not None:
            continue
        number = _NUMBERED.match(reading.text, word.end)
        end = number.end() if number else word.end
        own = (key, number.group().strip()) if number else (key,)
        last = found[-1] if found else None
        if last is not None and _JOINED.fullmatch(reading.text, last.end, word.start):
            found[-1] = Thing("name", reading.text[last.start : end], last.start, end, (*last.key, *own))
        else:
            found.append(Thing("name", reading.text[word.start : end], word.start, end, own))
    return found


def _roles(reading: Reading) -> list[Thing]:
    found = []
    for match in re.finditer(r"[\w']+", reading.folded):
        party = party_of(match.group().removesuffix("'s"))
        if party is not None:
            key = tuple(map(str, party))
            found.append(Thing("role", reading.text[match.start() : match.end()], match.start(), match.end(), key))
    return found


def same_thing(one: Thing, other: Thing) -> bool:
    """Whether two things are one: equal quantities, names of which one holds the other, the same side."""
    if one.kind != other.kind:
        return False
    if one.quantity is not None and other.quantity is not None:
        return same(one.quantity, other.quantity)
    if one.kind == "role":
        return one.key == other.key
    short, long = sorted((one.key, other.key), key=len)
    return bool(short) and all(any(alike_names(mine, theirs) for theirs in long) for mine in short)


def alike_names(one: str, other: str) -> bool:
    """Whether two folded names are one, an ending apart."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) > 4 and long.startswith(short[: max(4, len(short) - 2)]) and short.isalpha())


def rivals(thing: Thing, other: Thing) -> bool:
    """Whether another thing could stand in a thing's place."""
    if thing.kind != other.kind or same_thing(thing, other):
        return False
    if thing.kind == "role":
        return thing.key[0] == other.key[0]
    if thing.quantity is not None and other.quantity is not None:
        return _measure_the_same(thing, other)
    if max(map(len, other.key)) < _SPELLED <= max(map(len, thing.key)):
        return False
    return any(map(_has_digit, thing.key)) == any(map(_has_digit, other.key))


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _measure_the_same(thing: Thing, other: Thing) -> bool:
    """Whether two numbers measure the same: two dates of one form, money, shares, or counts of the same."""
    one, two = thing.quantity, other.quantity
    if one is None or two is None or (one.date is None) != (two.date is None):
        return False
    if one.date is not None and two.date is not None:
        return (one.date.month is None) == (two.date.month is None)
    if one.unit or two.unit:
        return one.unit == two.unit and _scale(one) == _scale(two)
    return bool(thing.head) and thing.head == other.head


def _scale(quantity: Quantity) -> float:
    """The size of the unit as written: hours are no rivals of days."""
    return round(quantity.value / quantity.raw, 3) if quantity.raw else 1.0
