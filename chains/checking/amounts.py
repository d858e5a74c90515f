"""Amounts that are written in several words: "two and a half million", "meia dúzia", "one in four", "século XIX".

The numbers of a text are blotted out with "#" first, so that a pattern says what stands around a number however it is
written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lastro.chains.checking.units import CENTURIES, DECADES, PARTS, SCALE, SMALL_PARTS, UNITS
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
    step: float  # what "and a half" is a half of: a million in "two million"


_Told = Callable[[re.Match[str], dict[int, _Number]], Iterator[Amount]]
_WORDS = sorted((word for word in UNITS if word.isalpha() and len(word) > 2), key=len, reverse=True)
_UNIT = "|".join(_WORDS)
_MEASURES = "|".join(word for word in _WORDS if UNITS[word][1] in ("s", "month", "g", "m", "l", "m2")
                     and word not in ("second", "segundo"))  # fmt: skip
_SCALE = "|".join(SCALE)
_DIGITS = re.compile(rf"(?<![\w.,/#])\d+(?:[.,]\d+)*(?:\s+(?P<scale>{_SCALE})\b)?")
_SIGNS = r"(?:(?P<sign>r\$|us\$|\$|€|£)\s?)?"
_ONE = r"\b(?:an?|one|uma?)"
_ROUND = (*range(2, 11), 12, 15, 20, 25, 50, 100, 1000)  # what a ratio with "in" counts on
_MOST_OF = 1000
_ROMAN = {"i": 1, "v": 5, "x": 10}


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


def single_units_in(folded: str) -> Iterator[Amount]:
    """Units that an article counts ("a year", "um quilo"): one of them, where another text gives the number.

    >>> [one.value for one in single_units_in("uma semana depois")]
    [604800.0]
    """
    for match in _SINGLE.finditer(folded):
        factor, unit = UNITS[match["unit"]]
        yield Amount(factor, unit, *match.span())


_SINGLE = re.compile(rf"{_ONE}\s+(?P<unit>{_MEASURES})\b(?!\s+(?:e mei[oa]|and a half)\b)")


def _blotted(folded: str, text: str, language: str) -> tuple[dict[int, _Number], str]:
    numbers = dict[int, _Number]()
    spans = list[tuple[int, int]]()
    for start, end, spelled in spelled_numbers(text, language):
        if folded[start:end] in SCALE:  # "a million", "two and a half million"
            continue
        last = folded[start:end].rpartition(" ")[2]
        numbers[start] = _Number(float(spelled), SCALE.get(last, 1.0))
        spans.append((start, end))
    for match in _DIGITS.finditer(folded):
        step = SCALE[match["scale"]] if match["scale"] else 1.0
        digits = match.group().partition(" ")[0]
        numbers[match.start()] = _Number(value_of(digits) * step, step)
        spans.append(match.span())
    for start, end in spans:
        folded = folded[:start] + "#" * (end - start) + folded[end:]
    return numbers, folded


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


def _and_a_half(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    number = numbers[match.start("n")] if match["n"] else _Number(1.0, 1.0)
    scale = SCALE[match["scale"]] if match["scale"] else 1.0
    name = match["sign"] or match["unit"] or match["after"] or ""
    factor, unit = UNITS.get(name, (1.0, ""))
    yield Amount((number.value + number.step / 2) * scale * factor, unit, *match.span())


def _one_and_a_half(match: re.Match[str], _numbers: dict[int, _Number]) -> Iterator[Amount]:
    factor, unit = UNITS.get(match["unit"]) or (SCALE[match["unit"]], "")
    yield Amount(1.5 * factor, unit, *match.span())


def _dozens(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    count = numbers[match.start("n")].value if match["n"] else 0.5 if match["half"] else 1.0
    yield Amount(12.0 * count, "", *match.span())


def _ratio(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    part = numbers[match.start("n")].value if match["n"] else 1.0
    whole = numbers[match.start("m")].value
    likely = whole in _ROUND if match["how"] in ("in", "em") else whole <= _MOST_OF
    if 0 < part < whole and likely:
        yield Amount(part / whole, "part", *match.span("ratio" if "ratio" in match.groupdict() else 0))


def _small_part(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    count = numbers[match.start("n")].value if match["n"] else 1.0
    end = match.end("part") if not match["whole"] else match.end("whole")
    yield Amount(count * SMALL_PARTS[match["part"]], "part", match.start(), end)


def _part_of_unit(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    count = numbers[match.start("n")].value if match["n"] else 1.0
    factor, unit = UNITS[match["unit"]]
    yield Amount(count * PARTS[match["part"]] * factor, unit, *match.span())


def _and_cents(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    cents = numbers[match.start("m")].value
    if cents < 100:
        factor, unit = UNITS[match["unit"]]
        yield Amount(numbers[match.start("n")].value * factor + cents / 100, unit, *match.span())


def _clock(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    groups = match.groupdict()
    hour = numbers[match.start("n")].value
    minutes = {"half": 30, "quarter": 15, "meia": 30}.get(groups.get("past") or "", 0) - 15 * bool(groups.get("to"))
    if hour <= 24:
        yield Amount(hour * 3600 + minutes * 60, "clock", *match.span(), spoken=hour <= 12)


def _noon(match: re.Match[str], _numbers: dict[int, _Number]) -> Iterator[Amount]:
    at = 43_200.0 if match["noon"] else 0.0
    yield Amount(at + 1800 * bool(match["more"]), "clock", *match.span())


def _centuries(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    groups = match.groupdict()
    if groups.get("n"):
        yield Amount(numbers[match.start("n")].value, "century", *match.span())
    elif groups.get("word"):
        yield Amount(CENTURIES[groups["word"]], "century", *match.span())
    else:
        yield Amount(_roman(groups["roman"]), "century", match.start(), match.end("roman"))
        if groups["second"]:
            yield Amount(_roman(groups["second"]), "century", *match.span("second"))


def _roman(digits: str) -> int:
    values = [_ROMAN[digit] for digit in digits]
    return sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))


def _decade(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    groups = match.groupdict()
    year = float(DECADES[groups["word"]]) if groups.get("word") else numbers[match.start("n")].value
    if year % 10 == 0 and (10 <= year <= 90 or 1400 <= year <= 2090):
        yield Amount(year, "decade", *match.span())


def _below_zero(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    yield Amount(-numbers[match.start("n")].value, "", *match.span())


def _area(match: re.Match[str], numbers: dict[int, _Number]) -> Iterator[Amount]:
    factor, unit = UNITS[match["square"] or match["quadrado"] or match["symbol"]]
    if unit == "m":
        yield Amount(numbers[match.start("n")].value * factor**2, "m2", *match.span())


_OF = r"(?P<how>in every|in|out of every|out of|of every|em cada|a cada|de cada|em)\s+(?P<m>#++)"
_LENGTHS = "|".join(word for word in UNITS if UNITS[word][1] == "m" and word != "m")
_PARTS = "|".join(sorted(SMALL_PARTS, key=len, reverse=True))
_NTH = "|".join(sorted(CENTURIES, key=len, reverse=True))
_PATTERNS: tuple[tuple[re.Pattern[str], _Told], ...] = tuple(
    (re.compile(pattern), told)
    for pattern, told in (
        (rf"\bas\s+(?P<n>#++)\s+e\s+(?P<past>meia)\b(?!\s+(?:{_UNIT})\b)", _clock),
        (rf"{_SIGNS}(?:(?<!#)(?P<n>#++)|\b(?:one|uma?))(?:\s+(?P<unit>{_UNIT}))?\s+(?:e mei[oa]|and a half)\b"
         rf"(?:\s+(?P<scale>{_SCALE})\b)?(?:\s+(?:de\s+)?(?P<after>{_UNIT})\b)?", _and_a_half),
        (rf"{_ONE}\s+(?P<unit>{_UNIT}|{_SCALE})\s+(?:e mei[oa]|and a half)\b", _one_and_a_half),
        (r"(?:\b(?P<half>half[\s-]an?|meia)|(?P<n>#++)|\b(?:an?|one|uma))\s+(?:dozens?|duzias?)\b", _dozens),
        (rf"(?:(?P<n>#++)|\b(?:one|uma?))\s+{_OF}(?!\s*(?:%|{_UNIT})\b)", _ratio),
        (rf"\b(?P<n>)(?:one|uma?)\s+[^\W\d_#]+\s+(?P<ratio>{_OF})(?!\s*(?:%|{_UNIT})\b)", _ratio),
        (rf"(?:(?P<n>#++)|\bone)[\s-]+(?P<part>{_PARTS})\b(?P<whole>\s+partes?\b)?", _small_part),
        (rf"\b(?P<n>)(?:an?|um)\s+(?P<part>{_PARTS})\b(?P<whole>)(?=\s+(?:of|d[aeo]s?)\b)", _small_part),
        (rf"\b(?P<n>)(?:uma|a)\s+(?P<part>{_PARTS})(?P<whole>\s+parte\b)", _small_part),
        (rf"(?:(?P<n>#++)|\b(?:an?|one|um))\s+(?P<part>quarters?|quartos?|thirds?|tercos?)\s+(?:of\s+an?|d[ea])\s+"
         rf"(?:uma?\s+)?(?P<unit>{_UNIT})\b", _part_of_unit),
        (r"(?P<n>#++)\s+(?P<unit>reais|real|euros?)\s+e\s+(?P<m>#++)(?:\s+(?:centavos?|centimos?)\b|(?=\s*(?:[.,;:)]|$)))",
         _and_cents),
        (r"(?P<n>#++)\s+(?P<unit>dollars?|euros?|pounds?)\s+and\s+(?P<m>#++)\s+(?:cents?|pence)\b", _and_cents),
        (r"\b(?P<past>half|quarter)\s+past\s+(?P<n>#++)", _clock),
        (r"\b(?P<to>quarter)\s+to\s+(?P<n>#++)", _clock),
        (r"(?P<n>#++)\s+(?:o'?clock\b|em ponto\b)", _clock),
        (r"\b(?:(?P<noon>noon|midday|meio-dia)|midnight|meia-noite)\b(?P<more>\s+e\s+meia\b)?", _noon),
        (r"\bseculos?\s+(?:(?P<roman>[ivx]+)\b(?:\s*(?:e|a|ao|-)\s*(?P<second>[ivx]+)\b)?|(?P<n>#++))", _centuries),
        (r"(?P<n>#++)(?:st|nd|rd|th)[\s-]+centur(?:y|ies)\b", _centuries),
        (rf"\b(?P<word>{_NTH})[\s-]+centur(?:y|ies)\b", _centuries),
        (r"(?P<n>#++)'?s\b", _decade),
        (r"\b(?:decadas?|(?<!#\s)anos)\s+(?:de\s+)?(?P<n>#++)", _decade),
        (rf"\bthe\s+(?:(?:early|mid|late)[\s-]+)?(?P<word>{'|'.join(DECADES)})\b", _decade),
        (r"\b(?:minus|menos)\s+(?P<n>#++)(?=\s*(?:°|graus?\b|degrees?\b))", _below_zero),
        (r"(?P<n>#++)(?:\s*(?:°\s?[cf]\b|°|graus?|degrees?)(?:\s+(?:celsius|centigrados?))?)\s+"
         r"(?:negativ[oa]s?|below zero|abaixo de zero)\b", _below_zero),
        (rf"(?P<n>#++)\s*(?:(?:square|sq\.?)\s+(?P<square>{_LENGTHS}|m)\b|(?P<quadrado>{_LENGTHS})\s+quadrad[oa]s?\b|"
         r"(?P<symbol>km|cm|mm|m)(?:2\b|²))", _area),
    )
)  # fmt: skip
