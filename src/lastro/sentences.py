"""Where the sentences of a text end, in Portuguese and English."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lastro.language import STOP_WORDS, is_stop_word

# After these a full stop ends no sentence.
_ABBREVIATIONS = frozenset(
    "art arts inc incs al als par cap caps p pp pág págs pag fl fls nº sr sra srs dr dra drs prof profa exmo exma ltda "
    "cia s.a etc cf vs op cit vol fig figs tab tel av mr mrs ms jr ltd corp dept approx aprox e.g i.e "
    "u.s u.k d.c a.c".split()
)
# These are words as well: abbreviations only before a number ("no. 5", "31 mar. 2026").
_ABBREVIATIONS_BEFORE_NUMBERS = frozenset(
    "no n ap apt apto co st sec eq ed ex v r "
    "jan fev mar abr mai jun jul ago set out nov dez feb apr may aug sept oct dec".split()
)
# A blank line, or a line that opens an item, row, heading or clause, ends a sentence whatever stands before it.
_BREAK = re.compile(
    r"(?P<hard>\n\s*\n|\n(?=\s*(?:[-*•–]\s|\d+[.)]\s|\d+(?:\.\d+)+[.)]?\s+[^\W\d_]|#{1,6}\s|\||§|Art\.\s|"
    r"(?:Cl[áa]usula|CL[ÁA]USULA|Par[áa]grafo|PAR[ÁA]GRAFO)\s))|(?<=[:;])\s*\n)"
    r"|(?<=[.!?…])[\"'”’)\]]*\s+"
)


def _ends_sentence(text: str, start: int, at: int) -> bool:
    """Whether the stop before `at` ends the sentence that began at `start`."""
    head = text[max(start, at - 200) : at].rstrip().rstrip("\"'”’)]")  # the last word is enough
    if not head.endswith("."):
        return True
    words = head[:-1].split()
    word = words[-1].casefold().lstrip("([\"'“") if words else ""
    following = text[at : at + 1]
    if following and following.islower():
        return False
    if len(word) == 1 and word.isalpha():  # an initial
        return False
    if word in _ABBREVIATIONS or (word in _ABBREVIATIONS_BEFORE_NUMBERS and following.isdigit()):
        return False
    return not (len(words) == 1 and re.fullmatch(r"\d+(?:\.\d+)*|[ivxlc]+", word))  # "2." opens an item


def iter_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the character spans of a text's sentences, without surrounding white space.

    List items and table rows stand alone; abbreviations of law and science in Portuguese and English, initials and
    item numbers do not end a sentence.
    """
    for first, last in _lines_apart(text):
        start = first
        for match in _BREAK.finditer(text, first, last):
            if match["hard"] is None and not _ends_sentence(text, start, match.end()):
                continue
            closers = 0 if match["hard"] else len(match.group().rstrip())  # a closing quote belongs to its sentence
            yield from _stripped(text, start, match.start() + closers)
            start = match.end()
        yield from _stripped(text, start, last)


_SHORT_LINE = 0.75  # of the longest: a wrapped line fills its column


def _lines_apart(text: str) -> Iterator[tuple[int, int]]:
    """Spans that no sentence crosses: a line that ends early before a capital or a digit is a heading or a table row.

    So is a line with a number that ends on a content word, since PDFs hand over tables as lines.
    """
    if "\n" not in text:
        yield 0, len(text)
        return
    longest = max(len(line) for line in text.splitlines())
    start = position = 0
    for line in text.splitlines(keepends=True):
        position += len(line)
        bare = line.rstrip()
        following = text[position : position + 1]
        if not bare or not (following.isupper() or following.isdigit() or following in "$€£"):
            continue
        word = bare.split()[-1]
        if bare.endswith((",", "-", "–", "(")) or (
            word.islower() and any(is_stop_word(word, code) for code in STOP_WORDS)
        ):
            continue
        row = any(char.isdigit() for char in bare) and not bare.endswith((".", ";", ":"))
        if len(bare) < _SHORT_LINE * longest or (row and _looks_like_row(bare)):
            yield start, position
            start = position
    yield start, len(text)


_AMOUNT = re.compile(r"(?:R\$|US\$|\$|€|£)\s?\d|\d\s?%|\s\d[\d.,]*$")


def _looks_like_row(line: str) -> bool:
    return _AMOUNT.search(line) is not None


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def sentences(text: str) -> list[tuple[int, int]]:
    """The character spans of a text's sentences.

    >>> text = "O art. 5 diz isso. Sim."
    >>> [text[a:b] for a, b in sentences(text)]
    ['O art. 5 diz isso.', 'Sim.']
    """
    return list(iter_sentences(text))
