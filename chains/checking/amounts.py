"""Amounts that are written in several words: "two and a half million", "meia dúzia", "one in every four", "século XIX".

The numbers of a text are blotted out first, so that a pattern says what stands around a number however it is written.
What may be read in two ways is left alone: a number that is taken for another one hides what a claim says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lastro.chains.checking.units import CENTURIES, DECADES, MONTHS, OF_PARTS, PARTS, SCALE, SMALL_PARTS, UNITS
from lastro.chains.facts import spelled_numbers


class Amount(NamedTuple):
    """A value in a canonical unit, "" where there is none, and the characters that say it.

    `spoken` is a time of day that leaves open which half of the day it is of.
    """

    value: float
    unit: str
    start: int
    end: int
    spoken: bool = False


class _Number(NamedTuple):
    value: float
    step: float = 1.0  # what "and a half" is a half of: a million in "two million"
    spelled: bool = False


_Numbers = dict[int, _Number]
_Told = Callable[[re.Match[str], _Numbers], Iterator[Amount]]
_BLOT = "\ue000"  # of the private use area: no text's own
_WORDS = sorted((word for word in UNITS if word.isalpha() and len(word) > 2), key=len, reverse=True)
_UNIT = "|".join(_WORDS)
_UNIT_ONE = "|".join(word for word in _WORDS if not word.endswith("s"))
_UNITS = "|".join(word for word in _WORDS if word.endswith("s"))
_MEASURE = "|".join(word for word in UNITS if word.isalpha())  # short ones too: a dose "every 8 h" is no share
_TIMES = "year|month|week|hour|decade|century|ano|mes|semana|hora|fortnight|quinzena|bimestre|trimestre|semestre|"
_TIMES += "decada|seculo"
_SCALE = "|".join(SCALE)
_LENGTH = "|".join(word for word in UNITS if UNITS[word][1] == "m" and word != "m")
_PARTS = "|".join(word for word in SMALL_PARTS if word.endswith("s"))
_PART = "|".join(word for word in SMALL_PARTS if not word.endswith("s"))
_NTH = "|".join(sorted(CENTURIES, key=len, reverse=True))
_DIGITS = re.compile(rf"(?<![\w.,/])\d+(?:[.,]\d+)*(?:\s+(?P<scale>{_SCALE})\b)?")
_AS = re.compile(r"\bas\b")
_ROMAN = {"i": 1, "v": 5, "x": 10}
_ROUND = (3, 4, 5, 6, 8, 10, 12, 20, 100, 1000)  # what a ratio with "in" counts on
_NO_NUMBER = (*SCALE, "zero", "cento")  # by itself: "half a million", "below zero", "por cento"
_NEAR = 40  # characters before a number that can tell what it is
_LARGEST_COUNT = 20  # of parts: "three fifths"


def amounts_in(folded: str, text: str, language: str) -> Iterator[Amount]:
    """The amounts of a text (and the text folded, of the same length), by pattern; they may overlap, the first counts.

    >>> text = "two and a half million in half a dozen years"
    >>> [(one.value, text[one.start : one.end]) for one in amounts_in(text, text, "en")]
    [(2500000.0, 'two and a half million'), (6.0, 'half a dozen')]
    """
    numbers, blotted = _blotted(folded, text, language)
    for pattern, told in _PATTERNS:
        for match in pattern.finditer(blotted):
            yield from told(match, numbers)
    yield from _centuries(folded, text)


def single_units_in(folded: str, language: str) -> Iterator[Amount]:
    """Times that an article counts, said as how long ("for a year"): one of them, where another text gives the number.

    >>> [one.value for one in single_units_in("durante uma semana", "pt")]
    [604800.0]
    """
    for match in _SINGLE.get(language, _NOTHING).finditer(folded):
        factor, unit = UNITS[match["unit"]]
        yield Amount(float(factor), unit, *match.span("said"))


_NOTHING = re.compile(r"(?!)")
_SINGLE = {
    language: re.compile(rf"\b(?:{long})\s+(?P<said>(?:{articles})\s+(?P<unit>{_TIMES}))\b(?!\s+(?:e|and|ou|or)\b|-)")
    for language, articles, long in (
        ("en", "an?|one", "for|within|lasts?|lasted|takes?|took|after|period of|term of"),
        ("pt", "uma?", "por|durante|dentro de|apos|prazo de|dura|durou|leva|levou"),
    )
}


def _blotted(folded: str, text: str, language: str) -> tuple[_Numbers, str]:
    numbers: _Numbers = {}
    blotted = list(folded.replace(_BLOT, " "))
    for match in _AS.finditer(folded):
        blotted[match.start()] = "à" if text[match.start()] in "àÀ" else "a"  # "às duas", not "as duas"
    for start, end, spelled in spelled_numbers(text, language):
        if folded[start:end] in _NO_NUMBER and (folded[start:end] != "cento" or folded.endswith("por ", 0, start)):
            continue
        numbers[start] = _Number(float(spelled), SCALE.get(folded[start:end].rpartition(" ")[2], 1.0), spelled=True)
        blotted[start:end] = _BLOT * (end - start)
    for match in _DIGITS.finditer(folded):
        step = SCALE[match["scale"]] if match["scale"] else 1.0
        numbers[match.start()] = _Number(value_of(match.group().split()[0]) * step, step)
        blotted[match.start() : match.end()] = _BLOT * (match.end() - match.start())
    return numbers, "".join(blotted)


def value_of(digits: str) -> float:
    """The value of digits with the separators of either language.

    >>> [value_of(text) for text in ("1.234,56", "1,234.56", "2.350", "85,000", "5.2", "12,5")]
    [1234.56, 1234.56, 2350.0, 85000.0, 5.2, 12.5]
    """
    digits = re.sub(r"\s", "", digits)
    if re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?", digits):
        return float(digits.replace(".", "").replace(",", "."))
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", digits):
        return float(digits.replace(",", ""))
    whole = digits.replace(",", ".")
    return float(whole) if whole.count(".") < 2 else float(whole.replace(".", ""))


# What a pattern says -------------------------------------------------------------------------------------------------


def _and_a_half(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    groups = match.groupdict()
    number = numbers[match.start("n")] if groups.get("n") else _Number(1.0)
    scale = SCALE[groups["scale"]] if groups.get("scale") else 1.0
    value = (number.value + number.step / 2) * scale
    if groups.get("percent"):
        yield Amount(value / 100, "part", *match.span())
    else:
        factor, unit = UNITS.get(groups.get("sign") or groups.get("unit") or groups.get("after") or "", (1.0, ""))
        yield Amount(value * factor, unit, *match.span())


def _half_of(match: re.Match[str], _numbers: _Numbers) -> Iterator[Amount]:
    yield Amount(SCALE[match["scale"]] / 2, "", *match.span())


def _dozens(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    count = numbers[match.start("n")].value if match["n"] else 0.5 if match["half"] else 1.0
    yield Amount(12.0 * (count + 0.5 * bool(match["more"])), "", *match.span())


def _ratio(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    part = numbers[match.start("n")] if match.groupdict().get("n") else _Number(1.0, spelled=True)
    whole = numbers[match.start("m")]
    # "grade 3 in 12 patients" is no share
    sure = match["how"] != "in" or (part.spelled and whole.spelled and whole.value in _ROUND)
    if 0 < part.value < whole.value and sure:
        yield Amount(part.value / whole.value, "part", *match.span("ratio"))


def _small_parts(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    count = numbers[match.start("n")].value if match.groupdict().get("n") else 1.0
    groups = match.groupdict()
    part = OF_PARTS[groups["of"]] if groups.get("of") else SMALL_PARTS[groups["part"] or groups["share"]]
    if count <= _LARGEST_COUNT and count * part <= 1:
        yield Amount(count * part, "part", *match.span())


def _part_of_unit(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    count = numbers[match.start("n")].value if match["n"] else 1.0
    factor, unit = UNITS[match["unit"]]
    yield Amount(count * PARTS[match["part"]] * factor, unit, *match.span())


def _and_cents(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    whole = numbers[match.start("n")] if match["n"] else _Number(1.0, spelled=True)
    cents = numbers[match.start("m")]
    named = match["cents"] is not None
    between = _BETWEEN.search(match.string, max(match.start() - _NEAR, 0), match.start()) is not None
    if 0 < cents.value < 100 and (named or (whole.spelled and cents.spelled and not between)):
        factor, unit = UNITS[match["unit"]]
        yield Amount(whole.value * factor + cents.value / 100, unit, *match.span())


_BETWEEN = re.compile(r"\b(?:entre|between)\s+$|\ba\s+$")


def _clock(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    hour = numbers[match.start("n")].value
    shift = {"half": 30, "quarter": 15, "meia": 30, "to": -15}[match["past"]]
    if not 1 <= hour <= 24 or hour % 1:
        return
    early, late = match["am"] is not None, match["pm"] is not None
    if early or late:
        hour = hour % 12 + 12 * late
    yield Amount(hour * 3600 + shift * 60, "time", *match.span(), spoken=hour <= 12 and not (early or late))


def _noon(match: re.Match[str], _numbers: _Numbers) -> Iterator[Amount]:
    yield Amount(43_200.0 * bool(match["noon"]) + 1800 * bool(match["more"]), "time", *match.span())


def _decade(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    groups = match.groupdict()
    year = float(DECADES[groups["word"]]) if groups.get("word") else numbers[match.start("n")].value
    if year % 10 == 0 and year % 100 and (20 <= year <= 90 or 1400 < year < 2090):
        yield Amount(year, "decade", *match.span())


def _below_zero(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    yield Amount(-numbers[match.start("n")].value, "", *match.span())


def _area(match: re.Match[str], numbers: _Numbers) -> Iterator[Amount]:
    factor, _unit = UNITS[match["square"] or match["quadrado"] or match["symbol"]]
    yield Amount(numbers[match.start("n")].value * factor**2, "m2", *match.span())


_N, _M = (rf"(?P<{name}>{_BLOT}++)" for name in "nm")
_WHOLE = rf"{_M}(?!\s*(?:%|(?:{_MEASURE})\b))"
_PART_OF_DAY = (
    r"(?:\s+(?:(?P<am>da madrugada|da manha|in the morning)|(?P<pm>da tarde|da noite|in the (?:afternoon|evening)))\b)?"
)
_SIGN = r"(?:(?P<sign>r\$|us\$|\$|€|£)\s?)?"
_PERCENT = r"(?P<percent>\s?%|\s+per\s?cent\b|\s+por cento\b)"
_GO_ON = "e|d[aeo]s?|n[ao]s?|em|ou|a|o|os|as|ao|foi|era|foram|eram|quando|que"  # behind a decade, no count of things
_OF_WHAT = rf"\s+(?:of|d[aeo]s?)\b(?!\s+(?:the\s+)?(?:month|mes|{'|'.join(MONTHS)})\b)"
_ENDS = r"(?=\s*(?:[.,;:)!?]|$))"
_PATTERNS: tuple[tuple[re.Pattern[str], _Told], ...] = tuple(
    (re.compile(pattern), told)
    for pattern, told in (
        (rf"\bàs\s+{_N}\s+e\s+(?P<past>meia)\b{_PART_OF_DAY}(?!\s+(?:{_UNIT})\b)", _clock),
        (rf"\b(?P<past>half|quarter)[\s-]past\s+{_N}{_PART_OF_DAY}", _clock),
        (rf"\b(?:at|by|until)\s+(?:a\s+)?quarter\s+(?P<past>to)\s+{_N}{_PART_OF_DAY}{_ENDS}", _clock),
        (r"\b(?:(?P<noon>noon|midday|meio-dia)|midnight|meia-noite)\b(?P<more>\s+e meia\b)?", _noon),
        # Behind "e meia" something else may begin: "5 quilômetros e meia hora depois", "R$ 40 e meia-entrada".
        (rf"{_SIGN}(?:{_N}|\bone)[\s-]+and[\s-]+a[\s-]+half\b(?!\s+(?:{_UNIT_ONE}|dozen)\b)"
         rf"(?:{_PERCENT}|\s+(?P<scale>{_SCALE})\b(?:\s+(?P<unit>{_UNITS})\b)?|[\s-]+(?P<after>{_UNITS})\b)?",
         _and_a_half),
        (rf"{_SIGN}(?:{_N}|\buma?)\s+e\s+mei[oa]\b"
         rf"(?:{_PERCENT}|\s+(?P<scale>{_SCALE})\b(?:\s+de)?(?:\s+(?P<unit>{_UNITS})\b)?|"
         rf"\s+(?:de\s+)?(?P<after>{_UNITS})\b|(?=\s+(?:de|[^\W\d_]+s)\b)|{_ENDS})", _and_a_half),
        (rf"(?:{_N}|\b(?:an?|one|uma?))\s+(?P<unit>{_UNIT})\s+(?:and a half|e mei[oa])\b(?!-|\s+(?:{_UNIT}|dozen)\b)",
         _and_a_half),
        (rf"\b(?:an?|one|um)\s+(?P<scale>{_SCALE})\s+(?:and a half|e meio)\b(?!-|\s+(?:{_UNIT}|dozen)\b)"
         rf"(?:\s+(?:de\s+)?(?P<after>{_UNITS})\b)?", _and_a_half),
        (rf"\b(?:half\s+an?|meio)\s+(?P<scale>{_SCALE})\b", _half_of),
        (rf"(?:\b(?P<half>(?:an?\s+)?half[\s-](?:an?[\s-])?|meia\s+)|{_N}\s+|\b(?:an?|one|uma)\s+)(?:dozens?|duzias?)\b"
         r"(?P<more>\s+e meia\b)?", _dozens),
        (rf"(?P<ratio>(?:{_N}|\b(?:one|uma?))\s+(?P<how>in every|in|out of every|em cada|de cada)\s+"
         rf"{_WHOLE})", _ratio),
        (rf"\b(?:one|uma?)\s+[^\W\d_]+\s+(?P<ratio>(?P<how>in every|out of every|em cada|de cada)\s+{_WHOLE})",
         _ratio),
        (rf"{_N}[\s-]+(?P<part>{_PARTS})\b", _small_parts),
        (rf"\b(?:one-(?P<part>{_PART})\b|(?:an?|one|um)\s+(?P<share>{_PART})(?={_OF_WHAT}))", _small_parts),
        (rf"\b(?:uma|a)\s+(?P<of>{'|'.join(OF_PARTS)})\s+parte\b", _small_parts),
        (rf"(?:{_N}|\b(?:an?|one|um))\s+(?P<part>quarters?|quartos?|thirds?|tercos?)\s+(?:of\s+an?|de)\s+"
         rf"(?:uma?\s+)?(?P<unit>{_UNIT})\b", _part_of_unit),
        (rf"(?:{_N}|\bum)\s+(?P<unit>reais|real|euros?)\s+e\s+{_M}(?:(?P<cents>\s+(?:centavos?|centimos?)\b)|{_ENDS})",
         _and_cents),
        (rf"(?:{_N}|\bone)\s+(?P<unit>dollars?|euros?|pounds?)\s+and\s+{_M}(?P<cents>\s+(?:cents?|pence)\b)",
         _and_cents),
        (rf"(?:\bthe\s+|')(?:(?:early|mid|late)[\s-]+)?'?{_N}'?s\b", _decade),
        (rf"\bdecadas?\s+de\s+{_N}", _decade),
        (rf"\b[nd]?os\s+anos\s+{_N}(?!\s*(?:,|e|a|ate|-|–)\s*{_BLOT})(?=\s*(?:[.,;:)!?]|$|(?:{_GO_ON})\b))", _decade),
        (rf"\bthe\s+(?:(?:early|mid|late)[\s-]+)?(?P<word>{'|'.join(DECADES)})\b", _decade),
        (rf"\b(?:minus|menos)\s+{_N}(?=\s*(?:°|graus?\b|degrees?\b))", _below_zero),
        (rf"{_N}(?:\s*(?:°\s?[cf]\b|°|graus?\b|degrees?\b)(?:\s+(?:celsius|centigrados?))?)\s+"
         r"(?:negativ[oa]s?|below zero|abaixo de zero)\b", _below_zero),
        (rf"{_N}\s*(?:(?:square|sq\.?)\s+(?P<square>{_LENGTH}|m)\b|(?P<quadrado>{_LENGTH})\s+quadrad[oa]s?\b|"
         r"(?P<symbol>km|cm|mm|m)(?:2\b|²))", _area),
    )
)  # fmt: skip

_CENTURY = rf"(?:\d{{1,2}}(?:st|nd|rd|th)|{_NTH})"
_AND = r"\s*(?:,\s*(?:and\s+|e\s+)?|and\s+|to\s+|or\s+|e\s+|a\s+|ao\s+|[-–]\s*)(?:the\s+|o\s+)?(?:early\s+|late\s+)?"
_LISTED = (
    re.compile(r"\bseculo\s+(?:[ivx]+|\d{1,2})\b"),
    re.compile(rf"\bseculos\s+[ivx]+\b(?:{_AND}[ivx]+\b){{0,5}}"),
    re.compile(rf"\bseculos\s+\d{{1,2}}\b(?:{_AND}\d{{1,2}}\b){{0,5}}"),
    re.compile(rf"\b{_CENTURY}(?:{_AND}{_CENTURY}){{0,5}}[\s-]+centur(?:y|ies)\b"),
)
_ONE_CENTURY = re.compile(rf"\b(?:(?P<word>{_NTH})|(?P<digits>\d{{1,2}})(?:st|nd|rd|th)?|(?P<roman>[ivx]+))\b")
_BEFORE_CHRIST = re.compile(r"\s+(?:a\.\s?c\b|bc\b|b\.c\b|before christ|antes de cristo)")


def _centuries(folded: str, text: str) -> Iterator[Amount]:
    """Centuries, alone or in a list: "séculos XVII, XVIII e XIX", "the 18th and early 19th centuries"."""
    for pattern in _LISTED:
        for match in pattern.finditer(folded):
            sign = -1.0 if _BEFORE_CHRIST.match(folded, match.end()) else 1.0
            found = [
                one for one in _ONE_CENTURY.finditer(folded, match.start(), match.end())
                if not one["roman"] or text[one.start() : one.end()].isupper()
            ]  # fmt: skip
            for at, one in enumerate(found):
                number = CENTURIES.get(one["word"] or "") or int(one["digits"] or 0) or _roman(one["roman"])
                start = match.start() if not at else one.start()
                yield Amount(sign * number, "century", start, match.end() if at == len(found) - 1 else one.end())


def _roman(digits: str) -> int:
    values = [_ROMAN[digit] for digit in digits]
    return sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))
