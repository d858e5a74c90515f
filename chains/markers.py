"""The markers that models write behind their sentences: "[1]", "[2, 3]", "[Fonte 2]", "【1】"."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SOURCE = r"(?:sources?|fontes?|doc(?:ument)?s?)"
_PAGE = r"(?:,?\s*(?:p{1,2}|pages?|p[áa]gs?|p[áa]ginas?)\.?\s*\d{1,4}(?:\s*[–-]\s*\d{1,4})?)?"
_NUMBERS = r"[1-9]\d{0,2}(?:\s*(?:[,;–-]|and|e)\s*[1-9]\d{0,2})*"
_ONE = (
    rf"(?:[\[［]\s*(?:\^|{_SOURCE}\s*:?\s*)?{_NUMBERS}{_PAGE}\s*[\]］]|\[\s*{_SOURCE}\s*:[^\]\n]{{1,80}}\]|"
    rf"【[^】]{{0,8}}\d[^】]{{0,12}}】|\[⚠[^\]\n]*\])"
)
_SEVERAL = rf"{_ONE}(?:\((?:https?:[^)\s]*|#[^)\s]*)\))?(?:[^\S\n]*(?:,|and|e)?[^\S\n]*{_ONE})*"
_MARKER = re.compile(
    r"(?P<code>```.*?(?:```|\Z)|`[^`\n]*`)|"
    rf"(?P<marker>\n\s*\[\^\d{{1,3}}\]:[^\n]*|\s*\(\s*(?:see|ver|vide|cf\.?|source:?|fonte:?)?\s*{_SEVERAL}\s*\)|"
    rf"\b(?:according to|segundo|conforme|de acordo com)\s+{_SEVERAL},?\s*|\s*(?<![\w\]]){_SEVERAL}|"
    rf"(?:(?<=\w\w)|(?<=[.!?\"”’)%])){_SEVERAL})",
    re.IGNORECASE | re.DOTALL,
)
_PLACE = re.compile(
    r",?\s*(?:p{1,2}|pages?|p[áa]gs?|p[áa]ginas?)\.?\s*\d[\d\s–-]*|\((?:https?:|#)[^)]*\)|^.*\]:.*$", re.IGNORECASE
)
_RANGE = re.compile(r"(\d{1,3})\s*[–-]\s*(\d{1,3})|(\d{1,3})")
_MOST = 20  # numbers of a range; a longer one is no list of sources


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker that was taken out: where it stood in the text without markers, and the sources that it named."""

    at: int
    numbers: tuple[int, ...]  # from 1


def strip_markers(text: str) -> str:
    """The text without [1]-like markers.

    >>> strip_markers("It ends in May [1], as agreed [2, 3].")
    'It ends in May, as agreed.'
    """
    return take_markers(text)[0]


def take_markers(text: str) -> tuple[str, tuple[Marker, ...]]:
    """The text without markers, and the markers.

    >>> take_markers("It ends in May [1-3].")
    ('It ends in May.', (Marker(at=14, numbers=(1, 2, 3)),))
    """
    found, parts, at, length = list[Marker](), list[str](), 0, 0
    for match in _MARKER.finditer(text):
        if match["code"] is not None:
            continue
        parts.append(text[at : match.start()])
        length += len(parts[-1])
        found.append(Marker(length, _numbers(match.group())))
        at = match.end()
    return "".join([*parts, text[at:]]), tuple(found)


def _numbers(marker: str) -> tuple[int, ...]:
    found = dict[int, None]()
    for first, last, single in _RANGE.findall(_PLACE.sub("", marker)):
        low, high = (int(first), int(last)) if first else (int(single), int(single))
        if high - low < _MOST:
            found.update(dict.fromkeys(range(low, high + 1)))
    return tuple(found)
