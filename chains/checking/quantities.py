"""Numbers of a text as quantities: value, unit, currency or date, and whether it is a least or a most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from lastro.chains.checking.amounts import amounts_in, single_units_in, value_of
from lastro.chains.checking.dates import Date, dates_in
from lastro.chains.checking.units import ONE_OF, ORDINALS, PARTS, SCALE, SCALE_OF_MONEY, UNITS
from lastro.chains.facts import spelled_numbers
from lastro.language import Term, fold, terms


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a text; `unit` is canonical, "" where there is none; characters `start` to `end` of the text."""

    value: float
    unit: str
    start: int
    end: int
    text: str
    date: Date | None = None
    bound: str = ""  # "least", "most" or ""
    ordinal: bool = False  # "first": what another text may write as 1
    raw: float | None = None  # the number as written, where the unit changed the value
    period: str = ""  # "day", "week", "month" or "year", where it is so much for each
    side: str = ""  # "since" or "until", where it is an end of a time
    spoken: bool = False  # a time of day in words, of either half of the day


_NUMBER = re.compile(
    r"(?P<sign>r\$|us\$|\$|€|£|\b(?:usd|eur|gbp|brl|"
    r"chf)\b)?\s?(?<![\w.,/])(?P<digits>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?![\d.,]*\d)|\d+(?:[.,]\d+)*)"
    r"(?:\s?/\s?(?P<under>\d+)(?!\d|/))?"
    r"(?P<percent>\s?%|\s?per\s?cent\b|\s?por cento\b)?"
    r"(?P<scale>\s+(?:" + "|".join((*SCALE, *SCALE_OF_MONEY)) + r")\b(?!-))?"
    r"(?:\s?h\s?(?P<minutes>\d\d)(?:\s?min)?\b|:(?P<colon>\d\d)\b)?"
)
# What these number has a name, not a size: clause 4.1 is not clause 4.10.
_LABEL = re.compile(r"\b(?:clauses?|sections?|articles?|arts?\.?|clausulas?|secao|secoes|artigos?|itens|item|"
                    r"paragraphs?|chapters?|paragrafos?|capitulos?|version|versao|§)\s*$")  # fmt: skip
_MINUS = re.compile(r"(?:^|[\s(])[-−]$")
_AFTER = re.compile(r"[\s-]*(?P<working>working |business )?(?P<unit>[^\W\d_]+)(?P<useful> uteis| util)?")
_PERIODS = {
    "day": r"(?:a|per|por|ao|by|each|every) (?:day|dia)\b|\bdaily\b|\bdiari",
    "week": r"(?:a|per|por|each|every) (?:week|semana)\b|\bweekly\b|\bsemana(?:l|is)\b",
    "month": r"(?:a|per|por|ao|each|every|per calendar) (?:month|mes)\b|\bmonthly\b|\bmensa(?:l|is)\b",
    "year": r"(?:a|per|por|ao|each|every) (?:year|ano)\b|\bannual|\byearly\b|\banua(?:l|is)\b",
}
_PERIOD = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PERIODS.items()))
_UP = r"more than|above|over|exceed\w*|mais de|acima de|superior(?:es)? a|ultrapass\w*|passar? de|exced\w*|longer than|"
_UP += r"older than"
_DOWN = r"less than|fewer than|below|under|menos (?:de|do que)|abaixo de|inferior(?:es)? a|menor(?:es)? (?:de|que)|"
_DOWN += r"younger than"
_BEFORE = re.compile(
    rf"(?P<not>\b(?:no|not|nunca|nao|never|nor|cannot|must not|\w+n't)\b(?:\s+\w+){{0,2}}?\s+)?\b(?:(?P<up>{_UP})|"
    rf"(?P<down>{_DOWN})|(?P<least>at least|minimum|pelo menos|no minimo|ao menos|minim[oa]s?(?: de)?|starting at|"
    r"a partir d\w+|no earlier than|not earlier than|not before)|"
    r"(?P<most>at most|up to|maximum|no maximo|ate|maxim[oa]s?(?: de)?|limited to|limitad[oa] a|within))"
    r"\s+(?:\w+\s+){0,2}?[r$us€£\s]*$"
)
_BEHIND = re.compile(r"\s*(?:\S+\s+){0,2}?(?:(?P<least>or (?:more|above)|ou mais|at least|no minimo)|"
                     r"(?P<most>or (?:less|below)|ou menos|at most|no maximo))\b")  # fmt: skip


def _folded(text: str) -> str:
    """Folded text of the same length, so that offsets hold."""
    return "".join(folded if len(folded := fold(char)) == 1 else char for char in text)


@lru_cache(maxsize=20_000)
def quantities_of(text: str, language: str) -> tuple[Quantity, ...]:
    """The quantities of a text in order.

    >>> [(q.value, q.unit) for q in quantities_of("R$ 1.234,56 em trinta dias", "pt")]
    [(1234.56, 'BRL'), (2592000.0, 's')]
    """
    folded = _folded(text)
    found: list[Quantity] = []
    taken: set[int] = set()
    dated = list(_dated(folded, text, language))
    amounts = [one for one in _amounts(folded, text, language) if not any(_is_date(one, date) for date in dated)]
    for quantity in (*amounts, *dated, *_digits(folded, text), *_words(folded, text, language)):
        span = range(quantity.start, quantity.end)
        if not taken.intersection(span):
            taken.update(span)
            found.append(_with_side(quantity, folded) if quantity.date else _with_bound(quantity, folded))
    return tuple(sorted(found, key=lambda quantity: quantity.start))


def _is_date(amount: Quantity, dated: Quantity) -> bool:
    """Whether what looks like an amount is a date: all that overlaps one, but for the decade of a bare year."""
    if amount.start >= dated.end or dated.start >= amount.end or dated.date is None:
        return False
    return amount.unit != "decade" or dated.date.month is not None


@lru_cache(maxsize=20_000)
def single_units_of(text: str, language: str) -> tuple[Quantity, ...]:
    """The times that an article counts ("a year"): nobody has to say one again, but "12 months" is said by it."""
    return tuple(Quantity(one.value, one.unit, one.start, one.end, text[one.start : one.end])
                 for one in single_units_in(_folded(text), language))  # fmt: skip


def _amounts(folded: str, text: str, language: str) -> Iterator[Quantity]:
    for value, unit, start, end, spoken in amounts_in(folded, text, language):
        yield Quantity(value, unit, start, end, text[start:end], spoken=spoken)


def _dated(folded: str, text: str, language: str) -> Iterator[Quantity]:
    for date, start, end in dates_in(folded, text, language):
        yield Quantity(float(date.day or date.year or date.month or 0), "date", start, end, text[start:end], date)


def _digits(folded: str, text: str) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(folded):
        value = value_of(match["digits"])
        if _LABEL.search(folded[max(match.start("digits") - 60, 0) : match.start("digits")]):
            start, end = match.span("digits")
            yield Quantity(value, "label", start, end, text[start:end])
            continue
        if match["under"] and float(match["under"]):
            value, unit, end = value / float(match["under"]), "part", match.end("under")
        elif match["minutes"] or match["colon"]:
            value, unit, end = value * 3600 + 60 * float(match["minutes"] or match["colon"]), "clock", match.end()
            if half := _HALF_OF_DAY.match(folded, end):
                value, end = value % 43_200 + 43_200 * (half[1] == "p"), half.end()
        elif match["percent"]:
            value, unit, end = value / 100, "part", match.end("percent")
        else:
            value, end = _scaled(value, match)
            value, unit, end = _unit(folded, end, value, match["sign"] or "")
        start = match.start("digits") if not match["sign"] else match.start("sign")
        value = -value if _MINUS.search(folded[max(start - 2, 0) : start]) else value
        raw = value_of(match["digits"]) if unit in ("s", "month", "m", "g", "l", "m2") else None
        yield Quantity(value, unit, start, end, text[start:end].strip(), raw=raw)


def _scaled(value: float, match: re.Match[str]) -> tuple[float, int]:
    """A value in millions or so, and where that ends; "bi" is such a word beside a sign of money alone."""
    word = (match["scale"] or "").strip()
    factor = SCALE.get(word) or (SCALE_OF_MONEY.get(word) if match["sign"] else None)
    return (value * factor, match.end()) if factor else (value, match.start("scale") if word else match.end())


_HALF_OF_DAY = re.compile(r"\s?([ap])\.?m\b\.?")


def _unit(folded: str, at: int, value: float, sign: str = "") -> tuple[float, str, int]:
    """A value in its canonical unit, and where the unit ends."""
    if sign:
        factor, unit = UNITS[sign]
        return value * factor, unit, at
    if clock := _HALF_OF_DAY.match(folded, at):
        hours = value // 1 % 12 + (value % 1) / 0.6 + 12 * (clock[1] == "p")  # 4.30 p.m.
        return hours * 3600, "clock", clock.end()
    after = _AFTER.match(folded, at)
    if after is None or after["unit"] not in UNITS:
        symbol = re.match(r"\s?(us\$|r\$|€|£|°c)", folded[at:])
        return (value, UNITS.get(symbol[1], (1, symbol[1]))[1], at + symbol.end()) if symbol else (value, "", at)
    if after["unit"] in ONE_OF and value != 1 and folded[at : at + 1] != "-":
        return value, "", at  # "two century-old trees", "30 Century Park"
    factor, unit = UNITS[after["unit"]]
    if after["working"] or after["useful"]:
        unit = "workday"
        factor = 1
    return value * factor, unit, after.end()


def _words(folded: str, text: str, language: str) -> Iterator[Quantity]:
    for start, end, spelled in spelled_numbers(text, language):
        part = re.match(r"[\s-]+([^\W\d_]+)", folded[end:])
        if percent := re.match(r"\s?%|\s+per\s?cent\b|\s+por cento\b", folded[end:]):
            last = end + percent.end()
            yield Quantity(float(spelled) / 100, "part", start, last, text[start:last])
            continue
        if part and part[1] in PARTS:
            yield Quantity(
                float(spelled) * PARTS[part[1]], "part", start, end + part.end(), text[start : end + part.end()]
            )
            continue
        value, unit, last = _unit(folded, end, float(spelled))
        yield Quantity(value, unit, start, last, text[start:last], raw=float(spelled))
    for term in terms(text, language):
        yield from _part_or_place(term, folded)


def _part_or_place(term: Term, folded: str) -> Iterator[Quantity]:
    """What "half", "third" and "twice" count."""
    word, start, end = folded[term.start : term.end], term.start, term.end
    counts = word not in _PLACES or re.search(r"\b(?:one|a|um)[ -]$", folded[max(start - 5, 0) : start]) is not None
    if word in PARTS and counts:
        after = re.match(r"[\s-]+(?:an?[\s-]+)?([^\W\d_]+)", folded[end:])
        factor, unit = UNITS.get(after[1], (1, "part")) if after else (1, "part")
        yield Quantity(PARTS[word] * factor, unit, start, end, term.text)
    elif word in ORDINALS:
        yield Quantity(float(ORDINALS[word]), "", start, end, term.text, ordinal=True)
    elif word == "twice":
        yield Quantity(2.0, "", start, end, term.text)


_PLACES = ("quarto", "quartos", "third", "terco", "quarter")  # alone, they count a place


def _with_bound(quantity: Quantity, folded: str) -> Quantity:
    head = re.split(r"[;.]\s", folded[max(quantity.start - 60, 0) : quantity.start])[-1]
    before, behind = _BEFORE.search(head), _BEHIND.match(folded[quantity.end :])
    period = _PERIOD.search(re.split(r"[,;.]\s", folded[quantity.end : quantity.end + 25])[0])
    bound = ""
    if before is not None:
        low = before["least"] or before["up"]
        turned = before["not"] is not None and (before["up"] or before["down"]) is not None
        bound = "least" if bool(low) != turned else "most"
    elif behind is not None:
        bound = "least" if behind["least"] else "most"
    return replace(quantity, bound=bound, period=(period.lastgroup or "") if period else "")


_SINCE = re.compile(r"\b(?:from|since|after|as of|starting|beginning|desde|a partir de|apos|depois de|a contar de)\s+"
                    r"(?:(?:the|o|a|dia|evening|morning|of)\s+)*$")  # fmt: skip
_UNTIL = re.compile(
    r"\b(?:until|till|by|before|up to|no later than|ate|antes de)\s+(?:(?:the|o|a|dia|evening|of)\s+)*$"
)


def _with_side(quantity: Quantity, folded: str) -> Quantity:
    head = folded[max(quantity.start - 30, 0) : quantity.start]
    side = "since" if _SINCE.search(head) else "until" if _UNTIL.search(head) else ""
    return replace(quantity, side=side) if side else quantity


def same(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are equal: dates as days, numbers by value, and by unit where both have one.

    A share may be written as a number ("half" is 0.5), and the day of a date as a bare one.
    """
    if one.date is not None and other.date is not None:
        return one.date.fits(other.date)
    if one.date is not None or other.date is not None:
        if one.date is None:
            return _day_of(one, other)
        return one.date.month is None and _day_of(other, one)
    units = {one.unit, other.unit}
    if "label" in units:
        return one.text.strip(".") == other.text.strip(".")
    if (one.ordinal or other.ordinal) and units != {""}:
        return False
    mine, theirs = _compared(one, other)
    return _measure_one_thing(units) and abs(mine - theirs) <= 1e-6 * max(abs(mine), 1.0)


def _measure_one_thing(units: set[str]) -> bool:
    if len(units) == 1 or units in ({"s", "clock"}, {"time", "clock"}):
        return True
    return "" in units and not units & _OWN_KIND


_OWN_KIND = {"time", "decade", "century"}  # a bare number may be anything else
_HALF_DAY, _HUNDRED = 43_200, 100


def _compared(one: Quantity, other: Quantity) -> tuple[float, float]:
    """The values of two quantities as their forms let them be compared."""
    units = {one.unit, other.unit}
    if "" in units:
        return _raw(one), _raw(other)
    mine, theirs = one.value, other.value
    if one.spoken or other.spoken:
        return mine % _HALF_DAY, theirs % _HALF_DAY
    if units == {"decade"} and min(mine, theirs) < _HUNDRED <= max(mine, theirs):  # "the nineties"
        return mine % _HUNDRED, theirs % _HUNDRED
    return mine, theirs


def of_a_kind(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are both days, or both not and of one unit."""
    return (one.date is None) == (other.date is None) and one.unit == other.unit


def holds(wanted: Quantity, have: Quantity) -> bool:
    """Whether a text that has one quantity says another: an equal one, or the decade or century of a year."""
    year = have.date.year if have.date is not None else None
    if wanted.unit == "century" and year:
        return (year - 1) // 100 + 1 == wanted.value
    if wanted.unit == "decade" and year:
        return wanted.value in (year - year % 10, year % 100 - year % 10)
    return same(wanted, have)


def _day_of(bare: Quantity, dated: Quantity) -> bool:
    """Whether a bare number is the day or the year of a date."""
    if bare.ordinal or bare.unit not in ("", "s") or dated.date is None:
        return False
    return bare.value / (86400 if bare.unit else 1) in (dated.date.day, dated.date.year)


def _raw(quantity: Quantity) -> float:
    return quantity.value if quantity.raw is None else quantity.raw
