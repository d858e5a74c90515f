"""The dates of a text, as both languages write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lastro.chains.checking.units import MONTHS

# Short forms are words as well ("set", "mar"): a month only beside a day.
_LONG = "|".join(sorted((word for word in MONTHS if len(word) > 3 or word == "may"), key=len, reverse=True))
_ANY = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = r"(?<![\d.,/])(?P<day>\d{1,2})(?:st|nd|rd|th|º|o)?"
_YEAR = r"(?P<year>1[5-9]\d\d|20\d\d)\b"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![\d/.-])(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>\d{4}|\d{2})(?![\d/])",
        r"(?<!\d)(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?!\d)",
        rf"{_DAY}(?:\s*(?:a|to|and|e|-|–)\s*(?P<day2>\d{{1,2}}))?\s+(?:de\s+|of\s+)?(?P<word>{_ANY})\b\.?"
        rf"(?:,?\s+(?:de\s+)?{_YEAR})?",
        rf"\b(?P<word>{_ANY})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,?\s+{_YEAR})?",
        rf"\b(?P<word>{_LONG})(?:\s+(?:de\s+)?|/){_YEAR}",
        rf"\b(?:in|by|since|from|until|to|between|and|em|de|desde|ate|a|entre|e)\s+(?P<word>{_LONG})\b",
        rf"(?<![\d.,/$€£-]){_YEAR}(?![.,/-]?\d)(?!\s*(?:%|km|kg|reais|euros?|dollars|pounds|horas|hours|exemplares))",
    )
)


@dataclass(frozen=True, slots=True)
class Date:
    """A day, month and year, each None where the text leaves it out; `swapped` is the other reading of 3/4/2026."""

    day: int | None = None
    month: int | None = None
    year: int | None = None
    swapped: bool = False

    def fits(self, other: Date) -> bool:
        """Whether two dates can be the same day: what both say is equal, and they say something in common."""
        pairs = [(self.day, other.day), (self.month, other.month), (self.year, other.year)]
        said = [(a, b) for a, b in pairs if a is not None and b is not None]
        if said and all(a == b for a, b in said):
            return True
        return self.swapped and replace(self, day=self.month, month=self.day, swapped=False).fits(other)


def dates_in(folded: str, text: str, language: str) -> Iterator[tuple[Date, int, int]]:
    """Every date that some way of writing finds, with its characters; those that overlap are the reader's to choose."""
    for at, pattern in enumerate(_DATES):
        for match in pattern.finditer(folded):
            word = match.groupdict().get("word")
            if word == "may" and not text[match.start("word")].isupper():
                continue
            if word == "out" and folded.startswith(" of ", match.end("word")):  # "7 out of 10"
                continue
            yield from _dates(match, text, slashed=at == 0, language=language)


def _dates(match: re.Match[str], text: str, *, slashed: bool, language: str) -> Iterator[tuple[Date, int, int]]:
    parts = match.groupdict()
    month = MONTHS[parts["word"]] if parts.get("word") else int(parts["month"]) if parts.get("month") else None
    year = int(parts["year"]) if parts.get("year") else None
    year = year + 2000 if year is not None and year < 100 else year
    day = int(parts["day"]) if parts.get("day") else None
    if slashed and month is not None and day is not None:
        yield _trimmed(_slashed(day, month, year, language), text, match.start(), match.end())
    elif parts.get("day2") and day is not None:
        second = match.start("day2")
        yield _trimmed(Date(day, month, year), text, match.start(), second)
        yield _trimmed(Date(int(parts["day2"]), month, year), text, second, match.end())
    else:
        yield _trimmed(Date(day, month, year), text, match.start(), match.end())


def _slashed(day: int, month: int, year: int | None, language: str) -> Date:
    """Day first in Portuguese; English may mean either, unless only one is a date."""
    if month > 12:
        return Date(month, day, year)
    return Date(day, month, year, swapped=language == "en" and day <= 12)


def _trimmed(date: Date, text: str, start: int, end: int) -> tuple[Date, int, int]:
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return date, start, end
